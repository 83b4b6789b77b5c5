// What is on the disks of a simulated world, and how processes reach it.
//
// The log's disk keeps what append() wrote; a country's disk keeps what was synced, and of the
// rest, after a power cut, what came first. Every call is a moment at which the process may die,
// before and after it had its effect; and every write and read may fail.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "events/base/check.h"
#include "events/memory/memory_event_log.h"
#include "tests/simulation/faults.h"
#include "tests/support/forwarding_log.h"
#include "workers/memory/memory_country_store.h"

namespace citas::simulation {

// A log as one server process sees it. Borrows all.
class SimulatedLog final : public testing::ForwardingLog {
 public:
  SimulatedLog(MemoryEventLog& disk, Fuse& fuse, Adversary& adversary)
      : ForwardingLog(disk), disk_(disk), fuse_(fuse), adversary_(adversary) {}

  Result<Head> append(const AppendBatch& batch) override {
    CHECK(!failed_);  // who was told of an error must not come back
    fuse_.burn();
    if (lied_ = adversary_.removes(Canary::kLoseEvent, 50); lied_) return disk_.head();
    if (adversary_.removes(Canary::kEarlyAck)) {
      held_ = batch;
      return disk_.head();
    }
    if (adversary_.strikes(Fault::kFailAppend)) return fail();
    auto head = disk_.append(batch);
    fuse_.burn();
    if (adversary_.strikes(Fault::kLoseAppended)) return fail();
    return head;
  }

  // The canaries: whether what was acknowledged last is not on the disk, and never will be; and
  // the late write of what was.
  bool has_lied() const { return lied_; }
  void write_held() {
    if (held_) disk_.commit(disk_.append(*std::exchange(held_, std::nullopt)).value().position);
  }

  Result<std::optional<std::string>> command_result(const CommandKey& key) const override {
    if (adversary_.removes(Canary::kNoDedup)) return std::nullopt;
    return ForwardingLog::command_result(key);
  }

 private:
  Result<Head> fail() {
    failed_ = true;
    return failure(ErrorCode::kUnknownOutcome, "the simulated disk failed");
  }

  MemoryEventLog& disk_;
  Fuse& fuse_;
  Adversary& adversary_;
  bool failed_ = false;
  bool lied_ = false;
  std::optional<AppendBatch> held_;
};

// Where a country's store lives, whoever has it open.
class CountryDisk {
 public:
  using Write = std::function<void(workers::MemoryCountryStore&)>;

  const workers::MemoryCountryStore& content() const { return content_; }
  void write(Write write, bool sync) {
    write(content_);
    unsynced_.push_back(std::move(write));
    if (sync) keep(unsynced_.size());
  }
  // Nobody has it open.
  void cut_power(Random& random) {
    keep(random.below(unsynced_.size() + 1));
    unsynced_.clear();
    content_ = synced_;
  }
  void replace(workers::MemoryCountryStore other) {
    unsynced_.clear();
    content_ = synced_ = std::move(other);
  }

 private:
  void keep(std::size_t writes) {
    for (std::size_t i = 0; i < writes; ++i) unsynced_[i](synced_);
    unsynced_.erase(unsynced_.begin(), unsynced_.begin() + static_cast<std::ptrdiff_t>(writes));
  }

  workers::MemoryCountryStore content_;
  workers::MemoryCountryStore synced_;
  std::vector<Write> unsynced_;
};

// A country's store as one processor sees it. Borrows all.
class SimulatedStore final : public workers::CountryStore {
 public:
  SimulatedStore(CountryDisk& disk, Fuse& fuse, Adversary& adversary)
      : disk_(disk), fuse_(fuse), adversary_(adversary) {}

  workers::CountryMark mark() const override { return disk_.content().mark(); }
  Result<std::optional<workers::CountryEntry>> find(AppointmentId appointment) const override {
    CHECK(!failed_);
    if (adversary_.strikes(Fault::kFailStoreRead)) return fail(ErrorCode::kUnavailable);
    if (adversary_.strikes(Fault::kDamageStore)) return fail(ErrorCode::kCorruption);
    return disk_.content().find(appointment);
  }
  Result<std::optional<std::uint32_t>> tries(std::string_view message) const override {
    return disk_.content().tries(message);
  }
  Status note_tries(std::span<const workers::Tries> tries) override {
    return write([kept = std::vector(tries.begin(), tries.end())](
                     auto& store) { static_cast<void>(store.note_tries(kept)); },
                 /*sync=*/false);
  }
  Status begin_try(std::string_view message) override {
    return write(
        [kept = std::string(message)](auto& store) { static_cast<void>(store.begin_try(kept)); },
        /*sync=*/false);
  }
  std::string begun_try() const override { return disk_.content().begun_try(); }
  Status commit(const workers::CountryChanges& changes) override {
    if (adversary_.removes(Canary::kForeignEntry, 50)) plant();
    return write([changes](auto& store) { static_cast<void>(store.commit(changes)); },
                 workers::must_sync(changes));
  }
  Status reset(std::string_view log_source) override {
    return write(
        [source = std::string(log_source)](auto& store) { static_cast<void>(store.reset(source)); },
        /*sync=*/true);
  }

 private:
  Status write(CountryDisk::Write write, bool sync) {
    CHECK(!failed_);
    fuse_.burn();
    if (adversary_.strikes(Fault::kFailStoreWrite)) return fail(ErrorCode::kUnavailable);
    disk_.write(std::move(write), sync);
    fuse_.burn();
    if (adversary_.strikes(Fault::kLoseStoreWrite)) return fail(ErrorCode::kUnavailable);
    return {};
  }
  tl::unexpected<Error> fail(ErrorCode code) const {
    failed_ = true;
    return failure(code, "the simulated disk failed");
  }

  void plant() {
    const workers::CountryChanges foreign{.entries = {{AppointmentId{}, {}}}};
    disk_.write([foreign](auto& store) { static_cast<void>(store.commit(foreign)); },
                /*sync=*/true);
  }

  CountryDisk& disk_;
  Fuse& fuse_;
  Adversary& adversary_;
  mutable bool failed_ = false;  // and so may only be closed
};

// The store of one worker process. Borrows all.
class SimulatedStoreHome final : public workers::CountryStoreHome {
 public:
  SimulatedStoreHome(CountryDisk& disk, Fuse& fuse, Adversary& adversary)
      : disk_(disk), fuse_(fuse), adversary_(adversary) {}

  Result<std::unique_ptr<workers::CountryStore>> open() override {
    if (was_open_) {
      fuse_.burn();
      if (adversary_.strikes(Fault::kFailStoreOpening)) {
        return failure(ErrorCode::kUnavailable, "the simulated disk fails still");
      }
      adversary_.count(Fault::kReopenStore);
    }
    was_open_ = true;
    return std::make_unique<SimulatedStore>(disk_, fuse_, adversary_);
  }
  void discard() override { disk_.replace({}); }

 private:
  CountryDisk& disk_;
  Fuse& fuse_;
  Adversary& adversary_;
  bool was_open_ = false;
};

}  // namespace citas::simulation
