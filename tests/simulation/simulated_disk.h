// What is on the disks of a simulated world, and how processes reach it.
//
// The log's disk keeps what append() wrote; a country's disk keeps what was synced, and of the
// rest, after a power cut, what came first. Every call is a moment at which the process may die,
// before and after it had its effect.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "events/memory/memory_event_log.h"
#include "tests/simulation/faults.h"
#include "workers/memory/memory_country_store.h"

namespace citas::simulation {

// A log as one server process sees it. Borrows both.
class SimulatedLog final : public EventLog {
 public:
  SimulatedLog(MemoryEventLog& disk, Fuse& fuse) : disk_(disk), fuse_(fuse) {}

  Result<Head> append(const AppendBatch& batch) override {
    fuse_.burn();
    auto head = disk_.append(batch);
    fuse_.burn();
    return head;
  }

  const LogIdentity& identity() const override { return disk_.identity(); }
  Epoch epoch() const override { return disk_.epoch(); }
  std::string_view fingerprint_key() const override { return disk_.fingerprint_key(); }
  void commit(Position position) override { disk_.commit(position); }
  Head head() const override { return disk_.head(); }
  Position committed() const override { return disk_.committed(); }
  Status read(Position after, std::size_t limit, const RecordVisitor& visit) const override {
    return disk_.read(after, limit, visit);
  }
  Status read_tag(const TagQuery& query, const RecordVisitor& visit) const override {
    return disk_.read_tag(query, visit);
  }
  Result<std::optional<std::string>> command_result(const CommandKey& key) const override {
    return disk_.command_result(key);
  }
  Status read_results(Position first, Position last, const ResultVisitor& visit) const override {
    return disk_.read_results(first, last, visit);
  }
  void add_commit_listener(std::function<void(Position)> listener) override {
    disk_.add_commit_listener(std::move(listener));
  }

 private:
  MemoryEventLog& disk_;
  Fuse& fuse_;
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

// A country's store as one processor sees it. Borrows both.
class SimulatedStore final : public workers::CountryStore {
 public:
  SimulatedStore(CountryDisk& disk, Fuse& fuse) : disk_(disk), fuse_(fuse) {}

  workers::CountryMark mark() const override { return disk_.content().mark(); }
  Result<std::optional<workers::CountryEntry>> find(AppointmentId appointment) const override {
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
  Status commit(const workers::CountryChanges& changes) override {
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
    fuse_.burn();
    disk_.write(std::move(write), sync);
    fuse_.burn();
    return {};
  }

  CountryDisk& disk_;
  Fuse& fuse_;
};

}  // namespace citas::simulation
