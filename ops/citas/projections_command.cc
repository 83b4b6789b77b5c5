#include "ops/citas/projections_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "ops/citas/exit_codes.h"
#include "ops/citas/http_client.h"
#include "ops/citas/json_member.h"
#include "ops/citas/offline_log.h"
#include "ops/citas/print_json.h"
#include "projections/all_projections.h"
#include "projections/engine.h"
#include "projections/inspect.h"
#include "projections/rocksdb/rocksdb_generations.h"

namespace citas::ops {
namespace {

using Json = nlohmann::ordered_json;

std::vector<std::string> all_names() {
  std::vector<std::string> names;
  for (const auto& projection : projections::all_projections()) {
    names.emplace_back(projection->name());
  }
  return names;
}

Status check_name(const std::string& name) {
  const auto names = all_names();
  if (std::ranges::find(names, name) != names.end()) return {};
  return failure(ErrorCode::kInvalidArgument,
                 fmt::format("'{}' is no read model; there are {}", name, fmt::join(names, ", ")));
}

// What a stopped server's folder holds, in the form in which a running one answers.
Result<Json> list_folder(const std::filesystem::path& data) {
  const auto offline = OfflineLog::open(data, RocksDbEventLog::Mode::kReadOnly);
  if (!offline) return failure(offline.error());
  const projections::RocksDbGenerations generations(data / "projections");
  const std::uint64_t committed = (*offline)->log().committed().value();
  Json list = Json::array();
  for (const auto& stored : projections::inspect(generations, all_names())) {
    if (!stored.checkpoint) return failure(stored.checkpoint.error());
    const auto checkpoint = stored.checkpoint->value_or(projections::Checkpoint{});
    const std::uint64_t position = checkpoint.head.position.value();
    list.push_back({{"name", stored.name},
                    {"version", checkpoint.model.version},
                    {"position", std::to_string(position)},
                    {"digest", checkpoint.digest.to_hex()},
                    {"lagEvents", committed - std::min(committed, position)}});
  }
  return list;
}

Result<Json> list_server(HttpClient& client) {
  const auto body = get_ok(client, "/projections");
  if (!body) return failure(body.error());
  auto json = Json::parse(*body, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json["projections"].is_array()) {
    return failure(ErrorCode::kUnavailable, "the server's answer to /projections is not readable");
  }
  return json["projections"];
}

Result<Rebuilt> rebuild_folder(const Target& target, const std::string& name) {
  const auto offline = OfflineLog::open(*target.data, RocksDbEventLog::Mode::kReadOnly);
  if (!offline) return failure(offline.error());
  projections::RocksDbGenerations generations(*target.data / "projections");
  auto engine = projections::ProjectionEngine::open((*offline)->log(), (*offline)->codec(),
                                                    (*offline)->clock(), generations,
                                                    projections::all_projections(), {});
  if (!engine) return failure(engine.error());
  ProgressBar bar(name, "events", target.quiet);
  const auto rebuilt =
      (*engine)->rebuild(name, {}, [&](const projections::Progress& p) { bar.update(p); });
  if (!rebuilt) return failure(rebuilt.error());
  return Rebuilt{name, rebuilt->is_identical(), rebuilt->events, rebuilt->duration,
                 rebuilt->unreadable ? rebuilt->unreadable->message : ""};
}

std::optional<Json> find(const Json& list, const std::string& name) {
  for (const Json& one : list) {
    if (text_member(one, "name") == name) return one;
  }
  return std::nullopt;
}

std::uint64_t position_in(const Json& json, const char* name) {
  return parse_position(text_member(json, name)).value_or(Position{0}).value();
}

projections::Progress progress_of(const Json& rebuild) {
  const std::uint64_t done = position_in(rebuild, "position");
  const double rate = std::max(member_or(rebuild, "eventsPerSecond", 0.0), 1.0);
  return {done, position_in(rebuild, "target"),
          std::chrono::milliseconds(
              static_cast<std::int64_t>(1'000 * static_cast<double>(done) / rate))};
}

// Follows a rebuild until it has ended, and returns its last state.
Result<Json> follow(HttpClient& client, const Target& target, const std::string& name) {
  constexpr std::chrono::milliseconds kPoll{100};
  ProgressBar bar(name, "events", target.quiet);
  for (;;) {
    const auto list = list_server(client);
    if (!list) return failure(list.error());
    const auto projection = find(*list, name);
    if (!projection || !projection->contains("rebuild") || !(*projection)["rebuild"].is_object()) {
      return failure(ErrorCode::kUnavailable, "the server no longer tells of the rebuild");
    }
    const Json& rebuild = (*projection)["rebuild"];
    if (text_member(rebuild, "state") != "running") return rebuild;
    bar.update(progress_of(rebuild));
    std::this_thread::sleep_for(kPoll);
  }
}

Result<Rebuilt> rebuild_server(const Target& target, const std::string& name) {
  HttpClient client(target.url);
  const auto started = client.post("/projections/" + name + "/rebuild", "{}");
  if (!started) return failure(started.error());
  if (started->status != 202) return failure(problem_of(*started));
  const auto ended = follow(client, target, name);
  if (!ended) return failure(ended.error());
  if (text_member(*ended, "state") != "completed") {
    return failure(
        ErrorCode::kUnavailable,
        "the rebuild failed: " + member_or(*ended, "reason", std::string("no reason given")));
  }
  const projections::Progress progress = progress_of(*ended);
  return Rebuilt{name, member_or(*ended, "identical", false), progress.done, progress.elapsed,
                 text_member(*ended, "reason")};
}

}  // namespace

int list_projections(const Target& target) {
  HttpClient client(target.url);
  const auto list = target.data ? list_folder(*target.data) : list_server(client);
  if (!list) return refuse(list.error());
  if (target.output == Output::kJson) {
    print_json(Json{{"projections", *list}});
    return kExitOk;
  }
  Table table({"PROJECTION", "VERSION", "POSITION", "LAG", "DIGEST"});
  for (const Json& one : *list) {
    table.add({text_member(one, "name"),
               std::to_string(member_or(one, "version", std::uint64_t{0})),
               text_member(one, "position"),
               std::to_string(member_or(one, "lagEvents", std::uint64_t{0})),
               text_member(one, "digest").substr(0, 16)});
  }
  fmt::print("{}", table.text());
  return kExitOk;
}

double seconds_of(const Rebuilt& rebuilt) {
  return std::chrono::duration<double>(rebuilt.duration).count();
}

Result<Rebuilt> rebuild(const Target& target, const std::string& name) {
  return target.data ? rebuild_folder(target, name) : rebuild_server(target, name);
}

void print_rebuilt(const Rebuilt& rebuilt) {
  const double seconds = seconds_of(rebuilt);
  const double rate = static_cast<double>(rebuilt.events) / std::max(seconds, 0.001);
  fmt::print("{}: rebuilt from {} events in {:.1f} s ({} events/s)\n", rebuilt.name,
             with_commas(rebuilt.events), seconds, with_commas(static_cast<std::uint64_t>(rate)));
  if (rebuilt.identical) {
    fmt::print("identical to the one that it replaced\n");
  } else if (rebuilt.unreadable.empty()) {
    fmt::print("DIFFERENT from the one that it replaced: what had been served was wrong\n");
  } else {
    fmt::print("the one that it replaced could not be read, and so not be compared: {}\n",
               rebuilt.unreadable);
  }
}

int rebuild_projection(const Target& target, const std::string& name) {
  if (const Status known = check_name(name); !known) return refuse(known.error());
  const auto rebuilt = rebuild(target, name);
  if (!rebuilt) return refuse(rebuilt.error());
  if (target.output == Output::kJson) {
    Json json{{"name", rebuilt->name},
              {"identical", rebuilt->identical},
              {"events", rebuilt->events},
              {"seconds", seconds_of(*rebuilt)}};
    if (!rebuilt->unreadable.empty()) json["unreadable"] = rebuilt->unreadable;
    print_json(json);
  } else {
    print_rebuilt(*rebuilt);
  }
  return rebuilt->identical ? kExitOk : kExitMismatch;
}

}  // namespace citas::ops
