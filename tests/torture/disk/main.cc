// The suites of ops/torture that need no server: on simulated disks, or on damaged files.
//
//   citas_torture SUITE --cycles N --seed S [--canary NAME]
//
// Prints what was done as JSON. Exit code 0: every promise was kept; 1: one was not, and `failure`
// says which.
#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tests/torture/disk/report.h"

namespace citas::torture {
namespace {

const std::map<std::string, Canary> kCanaries{{"none", Canary::kNone},
                                              {"no-sync", Canary::kNoSync},
                                              {"early-acknowledge", Canary::kEarlyAcknowledge},
                                              {"no-deduplication", Canary::kNoDeduplication},
                                              {"no-marker-check", Canary::kNoMarkerCheck},
                                              {"no-mark", Canary::kNoMark},
                                              {"no-checksums", Canary::kNoChecksums}};
// Of the log, also while it is restored, and of a country's store.
void run_all_io(const Plan& plan, Report& report) {
  run_io(plan, report);
  run_io_restores(plan, report);
  run_io_countries(plan, report);
}

using Suite = void (*)(const Plan&, Report&);
const std::map<std::string, Suite> kSuites{{"power", run_power},
                                           {"power-restores", run_power_restores},
                                           {"io", run_all_io},
                                           {"rot", run_rot},
                                           {"rot-projections", run_rot_projections},
                                           {"rot-countries", run_rot_countries}};

int run(const std::string& suite, const Plan& plan) {
  Report report;
  nlohmann::json result;
  try {
    kSuites.at(suite)(plan, report);
    result["failure"] = nullptr;
  } catch (const Defect& defect) {
    result["failure"] = defect.what();
  }
  result["injected"] = report.injected;
  result["checked"] = report.checked;
  result["figures"] = report.figures;
  std::cout << result.dump() << '\n';
  return result["failure"].is_null() ? 0 : 1;
}

}  // namespace
}  // namespace citas::torture

int main(int argc, char** argv) {
  using namespace citas::torture;  // NOLINT: it is this program
  CLI::App app{"torture on simulated disks"};
  std::string suite;
  Plan plan;
  app.add_option("suite", suite)->required()->check(CLI::IsMember(kSuites));
  app.add_option("--cycles", plan.cycles)->required();
  app.add_option("--seed", plan.seed)->required();
  app.add_option("--canary", plan.canary)->transform(CLI::CheckedTransformer(kCanaries));
  CLI11_PARSE(app, argc, argv);
  return run(suite, plan);
}
