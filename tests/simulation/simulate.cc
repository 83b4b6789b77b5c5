// Simulates worlds from seeds, one after the other, until one of them breaks a promise.
//
//   citas_simulation [--seed S] [--cycles N] [--trace] [--canary NAME]
//
// Prints one JSON object. Exit code 1: a promise was broken; the object has the seed, and the one
// command that repeats it. With a canary a safeguard is missing, and a promise has to break.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "tests/simulation/world.h"

namespace citas::simulation {
namespace {

struct Options {
  std::uint64_t seed = 1;
  std::uint64_t cycles = 10'000;
  bool trace = false;
  std::string canary;

  std::string repeat(std::uint64_t which) const {
    return "citas_simulation --cycles 1 --trace --seed " + std::to_string(which) +
           (canary.empty() ? "" : " --canary " + canary);
  }
};

struct Sum {
  std::uint64_t seeds = 0, events = 0;
  FaultCounts faults{};
  double world_seconds = 0;
};

Canary canary_named(std::string_view name) {
  const auto found = std::ranges::find(kCanaries, name, &decltype(kCanaries)::value_type::first);
  return found == kCanaries.end() ? Canary::kNone : found->second;
}

void add(const Verdict& verdict, Sum& sum) {
  ++sum.seeds;
  sum.events += verdict.events;
  std::ranges::transform(sum.faults, verdict.faults, sum.faults.begin(), std::plus{});
  sum.world_seconds += std::chrono::duration<double>(verdict.time).count();
}

nlohmann::ordered_json describe(const Sum& sum, double seconds) {
  const auto rounded = [](double value) { return static_cast<std::uint64_t>(value); };
  nlohmann::ordered_json injected;
  for (std::size_t i = 0; i < kFaultKinds.size(); ++i) {
    injected[std::string(kFaultKinds.at(i).name)] = sum.faults.at(i);
  }
  return {{"injected", injected},
          {"checked", {{"seeds", sum.seeds}, {"events in the logs", sum.events}}},
          {"figures",
           {{"seeds per second", rounded(static_cast<double>(sum.seeds) / seconds)},
            {"simulated hours", rounded(sum.world_seconds / 3600)}}}};
}

int run(const Options& options) {
  const auto started = std::chrono::steady_clock::now();
  Sum sum;
  std::string failure;
  for (std::uint64_t i = 0; i < options.cycles && failure.empty(); ++i) {
    const std::uint64_t seed = options.seed + i;
    const Trace trace = [](std::string_view line) { std::cerr << line << '\n'; };
    const Verdict verdict =
        World(seed, options.trace ? trace : Trace{}, canary_named(options.canary)).run();
    add(verdict, sum);
    if (verdict.violation.empty()) continue;
    failure = verdict.violation + "; repeat: " + options.repeat(seed);
  }
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - started;
  auto result = describe(sum, passed.count());
  result["failure"] = failure;
  std::cout << result.dump() << '\n';
  return failure.empty() ? 0 : 1;
}

}  // namespace
}  // namespace citas::simulation

int main(int argc, char** argv) {
  citas::simulation::Options options;
  CLI::App app{"Simulates whole systems from seeds, until one breaks a promise."};
  app.add_option("--seed", options.seed, "the first seed")->capture_default_str();
  app.add_option("--cycles", options.cycles, "how many seeds")->capture_default_str();
  app.add_flag("--trace", options.trace, "print what happens");
  std::set<std::string> canaries;
  for (const auto& [name, canary] : citas::simulation::kCanaries) canaries.emplace(name);
  app.add_option("--canary", options.canary, "take a safeguard away")
      ->check(CLI::IsMember(canaries));
  CLI11_PARSE(app, argc, argv);
  return citas::simulation::run(options);
}
