#include "ops/citas/backup_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "events/backup/check.h"
#include "events/backup/create.h"
#include "events/backup/files/file_backup_store.h"
#include "events/backup/restore.h"
#include "events/base/hex.h"
#include "events/rocksdb/rocksdb_log_import.h"
#include "ops/citas/exit_codes.h"
#include "ops/citas/free_space.h"
#include "ops/citas/new_log.h"
#include "ops/citas/offline_log.h"
#include "ops/citas/print_json.h"

namespace citas::ops {
namespace {

using Json = nlohmann::ordered_json;
using backup::FileBackupStore;
using backup::Manifest;

// The server goes first wherever both want a processor.
constexpr int kNiceness = 10;

// Sleeps so that no more than so many bytes a second pass.
class Throttle {
 public:
  explicit Throttle(std::uint32_t mib_per_second)
      : bytes_per_second_(static_cast<double>(mib_per_second) * (1 << 20)) {}

  void pass(std::size_t bytes) {
    if (bytes_per_second_ == 0) return;
    passed_ += static_cast<double>(bytes);
    const std::chrono::duration<double> due(passed_ / bytes_per_second_);
    std::this_thread::sleep_until(
        started_ + std::chrono::duration_cast<std::chrono::steady_clock::duration>(due));
  }

 private:
  const double bytes_per_second_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  double passed_ = 0;
};

std::uint64_t size_of(const Manifest& manifest, bool only_own) {
  std::uint64_t bytes = 0;
  for (const auto& segment : manifest.segments) {
    if (!only_own || manifest.owns(segment)) bytes += segment.size_bytes;
  }
  return bytes;
}

std::string time_text(Timestamp time) {
  return time == Timestamp::min() ? "-" : format_rfc3339(time);
}

std::string position_text(const ChainState& state) {
  return std::to_string(state.head.position.value());
}

Json summary_json(const Manifest& manifest) {
  const ChainState& end = manifest.end();
  return {
      {"id", manifest.id},
      {"kind", backup::to_string(manifest.kind)},
      {"created", format_rfc3339(manifest.created)},
      {"logId", manifest.log.id.value().to_string()},
      {"epoch", manifest.epoch.value()},
      {"position", position_text(end)},
      {"hash", to_hex(end.head.hash)},
      {"time", end.running_maximum == Timestamp::min() ? Json(nullptr)
                                                       : Json(format_rfc3339(end.running_maximum))},
      {"addedBytes", size_of(manifest, true)},
      {"totalBytes", size_of(manifest, false)}};
}

void print_created(const backup::Created& created, std::uint64_t events, Output output) {
  const Manifest& made = created.backup;
  if (output == Output::kJson) {
    Json json = summary_json(made);
    json["addedEvents"] = events;
    json["removed"] = created.removed;
    json["damaged"] = created.damaged;
    print_json(json);
    return;
  }
  fmt::print(
      "backup: {} ({})\nevents: {} added, {} in all\nhead: {}:{}\nsize: {} added, {} in all\n",
      made.id, backup::to_string(made.kind), with_commas(events),
      with_commas(made.end().head.position.value()), position_text(made.end()),
      to_hex(made.end().head.hash), format_bytes(size_of(made, true)),
      format_bytes(size_of(made, false)));
  for (const std::string& id : created.removed) fmt::print("expired and removed: {}\n", id);
}

std::string state_of(const backup::Catalog& catalog, const Manifest& manifest) {
  const std::string missing = catalog.first_missing(manifest);
  return missing.empty() ? "whole" : "damaged: " + missing + " is missing or cut short";
}

void print_list(const backup::Catalog& catalog) {
  Table table({"BACKUP", "KIND", "CREATED", "EPOCH", "POSITION", "ADDED", "TOTAL", "STATE"});
  for (const Manifest& one : catalog.backups) {
    table.add({one.id, std::string(backup::to_string(one.kind)), format_rfc3339(one.created),
               std::to_string(one.epoch.value()), position_text(one.end()),
               format_bytes(size_of(one, true)), format_bytes(size_of(one, false)),
               state_of(catalog, one)});
  }
  for (const auto& one : catalog.damaged) {
    table.add({one.id, "-", "-", "-", "-", "-", "-", "damaged: " + one.error.message});
  }
  fmt::print("{}", table.text());
}

void print_list_json(const backup::Catalog& catalog) {
  Json list = Json::array();
  for (const Manifest& one : catalog.backups) {
    Json json = summary_json(one);
    json["state"] = state_of(catalog, one);
    list.push_back(std::move(json));
  }
  for (const auto& one : catalog.damaged) {
    list.push_back({{"id", one.id}, {"state", "damaged: " + one.error.message}});
  }
  print_json(Json{{"backups", std::move(list)}});
}

// Those to verify: one, or all; none may have a damaged manifest.
Result<std::vector<const Manifest*>> chosen(const backup::Catalog& catalog, const std::string& id) {
  if (!id.empty()) {
    const auto one = catalog.find(id);
    if (!one) return failure(one.error());
    return std::vector{*one};
  }
  for (const auto& damaged : catalog.damaged) {
    return failure(damaged.error.code, "backup " + damaged.id + ": " + damaged.error.message);
  }
  std::vector<const Manifest*> all;
  for (const Manifest& one : catalog.backups) all.push_back(&one);
  if (!all.empty()) return all;
  return failure(ErrorCode::kNotFound, "there is no backup here");
}

Result<backup::Until> parse_until(const std::string& text) {
  if (text.empty()) return backup::Until{};
  if (const auto position = parse_position(text)) return backup::Until{*position};
  if (const auto time = parse_rfc3339(text)) return backup::Until{*time};
  return failure(
      ErrorCode::kInvalidArgument,
      "--until: '" + text + "' is neither a position nor a time such as 2026-01-31T23:59:59Z");
}

void print_restored(const Manifest& from, const backup::Restored& restored,
                    const std::filesystem::path& data, Output output) {
  const std::string position = position_text(restored.end);
  const std::string hash = to_hex(restored.end.head.hash);
  if (output == Output::kJson) {
    Json json{{"backup", from.id},
              {"data", data.string()},
              {"logId", from.log.id.value().to_string()},
              {"epoch", restored.epoch.value()},
              {"position", position},
              {"hash", hash}};
    print_json(json);
    return;
  }
  fmt::print(
      "restored: {0} from backup {1}\nhead: {2}:{3}\nlatest event: {4}\nepoch: {5} (the backup's: "
      "{6})\n\nNext: citas serve --data {7}\n",
      (data / "log").string(), from.id, position, hash, time_text(restored.end.running_maximum),
      restored.epoch.value(), from.epoch.value(), data.string());
}

// A bar for each phase.
class RestoreProgress {
 public:
  explicit RestoreProgress(bool quiet) : quiet_(quiet) {}

  void update(backup::RestorePhase phase, Position done, Position total) {
    if (!bar_ || phase != phase_) {
      phase_ = phase;
      started_ = SystemClock{}.monotonic();
      bar_.emplace(phase == backup::RestorePhase::kCopying ? "restoring" : "verifying", "events",
                   quiet_);
    }
    bar_->update(progress_since(started_, done.value(), total.value()));
  }

 private:
  const bool quiet_;
  backup::RestorePhase phase_ = backup::RestorePhase::kCopying;
  Clock::Monotonic started_{};
  std::optional<ProgressBar> bar_;
};

// Whether `inner` is `outer` or lies in it, by whatever names and links.
bool lies_in(const std::filesystem::path& inner, const std::filesystem::path& outer) {
  std::error_code error;
  auto at = std::filesystem::weakly_canonical(std::filesystem::absolute(inner), error);
  for (;; at = at.parent_path()) {
    if (std::filesystem::equivalent(at, outer, error)) return true;
    if (at == at.parent_path()) return false;
  }
}

// Backups in the folder that they are of are lost with it, and can be taken for part of it.
Status check_apart(const std::filesystem::path& backups, const std::filesystem::path& data) {
  for (const auto& folder : {data, data / "log"}) {  // which may be a link to elsewhere
    if (!lies_in(backups, folder) && !lies_in(folder, backups)) continue;
    return failure(ErrorCode::kInvalidArgument,
                   "--backups: " + backups.string() + " is, holds or lies in the data folder " +
                       data.string() + "; name a folder apart from it, best on another disk");
  }
  return {};
}

// What is restored among the backups is taken for one of them, or for what may be cleared away.
Status check_target(const std::filesystem::path& backups, const std::filesystem::path& data) {
  if (const Status fit = check_is_no_log(data); !fit) return fit;
  std::error_code error;
  if (!std::filesystem::exists(backups, error) || !lies_in(data, backups)) return {};
  return failure(ErrorCode::kInvalidArgument,
                 "--data: " + data.string() + " is or lies in the folder of the backups, " +
                     backups.string() + "; name a folder apart from it");
}

}  // namespace

int create_backup(const BackupTarget& target, const std::filesystem::path& data,
                  const BackupCreateOptions& options) {
  static_cast<void>(::nice(kNiceness));
  if (const Status apart = check_apart(target.backups, data); !apart) return refuse(apart.error());
  const auto source = OfflineLog::open(data, RocksDbEventLog::Mode::kFollow);
  if (!source) return refuse(source.error());
  auto store = FileBackupStore::open(target.backups, FileBackupStore::Access::kWrite);
  if (!store) return refuse(store.error());
  backup::CreateOptions creating;
  creating.full = options.full;
  if (options.full_if_older_than_hours > 0) {
    creating.full_if_older_than = std::chrono::hours{options.full_if_older_than_hours};
  }
  creating.retention = {options.keep_full, std::chrono::days{options.keep_incremental_days}};
  ProgressBar bar("backing up", "events", target.quiet);
  Throttle throttle(options.max_mib_per_second);
  std::uint64_t events = 0;
  creating.on_copied =
      [&, started = (*source)->clock().monotonic()](const backup::CopyProgress& progress) {
        events = progress.done;
        throttle.pass(progress.bytes);
        bar.update(progress_since(started, progress.done, progress.total));
      };
  const auto created = backup::create((*source)->log(), (*source)->codec(), **store,
                                      (*source)->clock().now(), creating);
  bar.finish();
  if (!created) return refuse(created.error());
  print_created(*created, events, target.output);
  for (const std::string& id : created->damaged) {
    fmt::print(stderr,
               "citas: the manifest of backup {} is damaged, so nothing was removed; look at it, "
               "and delete its folder\n",
               id);
  }
  return kExitOk;
}

int list_backups(const BackupTarget& target) {
  const auto store = FileBackupStore::open(target.backups, FileBackupStore::Access::kRead);
  if (!store) return refuse(store.error());
  const auto catalog = read_catalog(**store);
  if (!catalog) return refuse(catalog.error());
  if (target.output == Output::kJson) {
    print_list_json(*catalog);
  } else {
    print_list(*catalog);
  }
  return kExitOk;
}

int verify_backups(const BackupTarget& target) {
  const auto store = FileBackupStore::open(target.backups, FileBackupStore::Access::kRead);
  if (!store) return refuse(store.error());
  const auto catalog = read_catalog(**store);
  if (!catalog) return refuse(catalog.error());
  const auto backups = chosen(*catalog, target.id);
  if (!backups) return refuse(backups.error());
  ProgressBar bar("verifying", "events", target.quiet);
  const auto started = SystemClock{}.monotonic();
  const auto report =
      check(**store, Codec{}, *backups, [&](std::uint64_t done, std::uint64_t total) {
        bar.update(progress_since(started, done, total));
      });
  bar.finish();
  if (!report) return refuse(report.error());
  if (target.output == Output::kJson) {
    print_json(Json{{"verified", true},
                    {"backups", backups->size()},
                    {"segments", report->segments},
                    {"events", report->events},
                    {"bytes", report->size_bytes}});
    return kExitOk;
  }
  fmt::print("verified: {} backups, {} events in {} files, {}, gapless, unaltered\n",
             backups->size(), with_commas(report->events), report->segments,
             format_bytes(report->size_bytes));
  return kExitOk;
}

int restore_backup(const BackupTarget& target, const std::filesystem::path& data,
                   const std::string& until) {
  backup::RestoreOptions options;
  const auto parsed = parse_until(until);
  if (!parsed) return refuse(parsed.error());
  if (const Status fit = check_target(target.backups, data); !fit) return refuse(fit.error());
  options.until = *parsed;
  const auto store = FileBackupStore::open(target.backups, FileBackupStore::Access::kRead);
  if (!store) return refuse(store.error());
  const auto catalog = read_catalog(**store);
  if (!catalog) return refuse(catalog.error());
  const auto chosen_backup = catalog->find(target.id);
  if (!chosen_backup) return refuse(chosen_backup.error());
  RestoreProgress progress(target.quiet);
  options.on_progress = [&](backup::RestorePhase phase, Position done, Position total) {
    progress.update(phase, done, total);
  };
  RocksDbLogImport log(data / "log");
  const auto restored =
      restore(**store, **chosen_backup, Codec{}, log, SystemClock{}.now(), options);
  if (!restored) return refuse(restored.error());
  print_restored(**chosen_backup, *restored, data, target.output);
  return kExitOk;
}

}  // namespace citas::ops
