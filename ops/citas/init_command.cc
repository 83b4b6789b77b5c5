#include "ops/citas/init_command.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "events/base/hex.h"
#include "ops/citas/exit_codes.h"
#include "ops/citas/new_log.h"
#include "ops/citas/offline_log.h"

namespace citas::ops {
namespace {

struct InitOptions {
  std::string data = "./data";
  Output output = Output::kTable;
};

void print_begun(const RocksDbEventLog& log, const std::filesystem::path& data, Output output) {
  const std::string id = log.identity().id.value().to_string();
  const std::string hash = to_hex(log.head().hash);
  if (output == Output::kJson) {
    const nlohmann::ordered_json json{
        {"logId", id}, {"data", data.string()}, {"position", "0"}, {"hash", hash}};
    fmt::print("{}\n", json.dump());
    return;
  }
  fmt::print("begun: log {}, empty\nplace: {}\nhead: 0:{}\n\nNext: citas serve --data {}\n", id,
             describe_place(data / "log"), hash, data.string());
}

int init(const std::filesystem::path& data, Output output) {
  if (has_log(data)) {
    return refuse({ErrorCode::kFailedPrecondition,
                   "event log: there is one in " + describe_place(data / "log") +
                       ", and it is left alone; citas serve goes on with it"});
  }
  if (const Status fit = check_is_no_log(data); !fit) return refuse(fit.error());
  const auto begun = OfflineLog::open(data, RocksDbEventLog::Mode::kWrite);
  if (!begun) return refuse(begun.error());
  print_begun((*begun)->log(), data, output);
  return kExitOk;
}

}  // namespace

void add_init(CLI::App& app, Action& action) {
  auto options = std::make_shared<InitOptions>();
  CLI::App& command = *app.add_subcommand("init", "Begin a new, empty log where there is none");
  add_data(command, options->data);
  add_output(command, options->output);
  command.callback(
      [options, &action] { action = [options] { return init(options->data, options->output); }; });
}

}  // namespace citas::ops
