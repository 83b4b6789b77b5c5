// What tests of backups share: a log that grows, and ways to compare logs.
#pragma once

#include <string>
#include <vector>

#include "events/backup/create.h"
#include "events/backup/restore.h"
#include "events/memory/memory_event_log.h"
#include "events/rocksdb/rocksdb_event_log.h"
#include "events/rocksdb/rocksdb_log_import.h"
#include "tests/support/events.h"

namespace citas::backup {

using namespace citas::testing;  // NOLINT: the vocabulary of these tests

inline CommandKey key_of(std::uint64_t number) { return sha256({"key", std::to_string(number)}); }

// Requests, each by a command with a key: the one at position n by key_of(n).
inline AppendBatch requests(const EventLog& log, std::uint64_t count) {
  AppendBatch batch;
  std::uint64_t position = log.head().position.value();
  for (std::uint64_t i = 0; i < count; ++i) {
    ++position;
    const auto number = static_cast<unsigned char>(position);
    const AppointmentRequested data{
        ref(number, "00001", slot("PE", static_cast<std::int64_t>(position))), {}};
    batch.records.push_back(record_of(event_at(position, data), log.identity()));
    batch.results.push_back(
        {key_of(position), "outcome " + std::to_string(position), Position{position}});
  }
  return batch;
}

inline void grow(EventLog& log, std::uint64_t count) {
  const auto head = log.append(requests(log, count));
  ASSERT_TRUE(head) << head.error().message;
  log.commit(head->position);
}

inline std::vector<StoredRecord> records_of(const EventLog& log) {
  std::vector<StoredRecord> records;
  EXPECT_TRUE(log.read(Position{0}, SIZE_MAX, [&](const RecordView& view) {
    records.push_back(
        {view.position, view.epoch, view.running_maximum, view.hash, std::string(view.bytes)});
    return true;
  }));
  return records;
}

// Positions of what is listed, and that each is known by its key too.
inline std::vector<std::uint64_t> listed_in(const EventLog& log) {
  std::vector<std::uint64_t> positions;
  EXPECT_TRUE(log.read_results(Position{0}, Position{UINT64_MAX}, [&](const ListedResult& result) {
    positions.push_back(result.position.value());
    EXPECT_EQ(log.command_result(result.key), std::string(result.value));
    return true;
  }));
  return positions;
}

inline bool same_record(const StoredRecord& a, const StoredRecord& b) {
  return a.position == b.position && a.epoch == b.epoch && a.running_maximum == b.running_maximum &&
         a.hash == b.hash && a.bytes == b.bytes;
}

// Whether `log` holds exactly the first records of `original`.
inline void expect_prefix(const EventLog& original, const EventLog& log, std::uint64_t length) {
  const auto all = records_of(original);
  const auto some = records_of(log);
  ASSERT_EQ(some.size(), length);
  for (std::size_t i = 0; i < some.size(); ++i) EXPECT_TRUE(same_record(all[i], some[i])) << i;
  EXPECT_EQ(log.identity(), original.identity());
  EXPECT_EQ(log.fingerprint_key(), original.fingerprint_key());
}

}  // namespace citas::backup
