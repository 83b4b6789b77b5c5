#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "events/base/hex.h"
#include "events/base/scratch_folder.h"
#include "ops/citas/audit.h"
#include "ops/citas/exit_codes.h"
#include "ops/citas/offline_log.h"
#include "ops/citas/print_json.h"
#include "projections/all_projections.h"
#include "projections/replay.h"
#include "projections/rocksdb/rocksdb_generations.h"

namespace citas::ops {
namespace {

using Json = nlohmann::ordered_json;

using Replays = std::vector<projections::Replayed>;

Result<Replays> replay_all(const OfflineLog& offline, Position until, bool quiet) {
  const auto scratch = ScratchFolder::make("replay");
  if (!scratch) return failure(scratch.error());
  projections::RocksDbGenerations generations(scratch->path());
  Replays replays;
  for (const auto& projection : projections::all_projections()) {
    auto store = generations.create(projection->name(), projections::Generation{1});
    if (!store) return failure(store.error());
    ProgressBar bar(std::string(projection->name()), "events", quiet);
    auto replayed = projections::replay(
        offline.log(), offline.codec(), offline.clock(), *projection, *store, until, {},
        [&](const projections::Progress& progress) { bar.update(progress); });
    if (!replayed) return failure(replayed.error());
    replays.push_back(*std::move(replayed));
  }
  return replays;
}

void print_table(const Replays& replays) {
  Table table({"PROJECTION", "VERSION", "POSITION", "ENTRIES", "DIGEST"});
  for (const auto& replay : replays) {
    table.add({replay.checkpoint.model.name, std::to_string(replay.checkpoint.model.version),
               std::to_string(replay.checkpoint.head.position.value()),
               std::to_string(replay.checkpoint.entries), replay.checkpoint.digest.to_hex()});
  }
  fmt::print("{}", table.text());
}

void print_list(const Replays& replays) {
  Json list = Json::array();
  for (const auto& replay : replays) {
    list.push_back({{"name", replay.checkpoint.model.name},
                    {"version", replay.checkpoint.model.version},
                    {"position", std::to_string(replay.checkpoint.head.position.value())},
                    {"hash", to_hex(replay.checkpoint.head.hash)},
                    {"entries", replay.checkpoint.entries},
                    {"digest", replay.checkpoint.digest.to_hex()}});
  }
  print_json(Json{{"projections", std::move(list)}});
}

}  // namespace

int replay_log(const ReplayOptions& options) {
  const auto offline = OfflineLog::open(options.data, RocksDbEventLog::Mode::kReadOnly);
  if (!offline) return refuse(offline.error());
  const Position committed = (*offline)->log().committed();
  const Position until = options.until ? Position{*options.until} : committed;
  if (until > committed) {
    return refuse(
        {ErrorCode::kInvalidArgument,
         fmt::format("--until {}: the log ends at position {}", until.value(), committed.value())});
  }
  const auto replays = replay_all(**offline, until, options.quiet);
  if (!replays) return refuse(replays.error());
  if (options.output == Output::kJson) {
    print_list(*replays);
  } else {
    print_table(*replays);
  }
  return kExitOk;
}

}  // namespace citas::ops
