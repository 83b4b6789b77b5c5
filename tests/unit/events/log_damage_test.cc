// Each way a log can be wrong when it is opened. Never a silently shorter log.
#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <array>
#include <chrono>
#include <fstream>
#include <functional>
#include <thread>

#include "events/rocksdb/log_database.h"
#include "events/rocksdb/rocksdb_event_log.h"
#include "tests/support/events.h"
#include "tests/support/temp_folder.h"

namespace citas {
namespace {

using namespace testing;  // NOLINT: the vocabulary of these tests
namespace fs = std::filesystem;

class LogDamage : public ::testing::Test {
 protected:
  using Mode = RocksDbEventLog::Mode;

  Result<std::unique_ptr<RocksDbEventLog>> open(Mode mode = Mode::kWrite) {
    return RocksDbEventLog::open(log(), codec_, ids_, mode);
  }
  fs::path log() const { return folder_.path() / "log"; }
  fs::path marker() const { return log() / "HEAD"; }

  void append(std::uint64_t count) {
    auto opened = open();
    ASSERT_TRUE(opened) << opened.error().message;
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t position = (*opened)->head().position.value() + 1;
      const Event event = event_at(position, AppointmentRequested{ref(1), {}});
      ASSERT_TRUE((*opened)->append({{record_of(event, (*opened)->identity())}, {}}));
    }
  }

  // The write-ahead log that holds the most.
  fs::path largest_wal() const {
    fs::path largest;
    for (const auto& entry : fs::directory_iterator(log() / "db")) {
      if (entry.path().extension() != ".log") continue;
      if (largest.empty() || entry.file_size() > fs::file_size(largest)) largest = entry.path();
    }
    return largest;
  }

  std::uintmax_t wal_bytes() const {
    std::uintmax_t sum = 0;
    for (const auto& entry : fs::directory_iterator(log() / "db")) {
      if (entry.path().extension() == ".log") sum += entry.file_size();
    }
    return sum;
  }

  fs::path newest_manifest() const {
    fs::path newest;
    for (const auto& entry : fs::directory_iterator(log() / "db")) {
      if (entry.path().filename().string().starts_with("MANIFEST")) {
        newest = std::max(newest, entry.path());
      }
    }
    return newest;
  }

  void with_database(const std::function<void(LogDatabase&)>& use) {
    auto database = LogDatabase::open(log() / "db", LogDatabase::Access::kWrite);
    ASSERT_TRUE(database) << database.error().message;
    use(*database);
  }

  void expect_refused(ErrorCode code) {
    for (const Mode mode : {Mode::kReadOnly, Mode::kWrite, Mode::kWrite}) {
      const auto opened = open(mode);
      ASSERT_FALSE(opened);
      EXPECT_EQ(opened.error().code, code) << opened.error().message;
      EXPECT_NE(opened.error().message.find("ops/runbooks/"), std::string::npos)
          << opened.error().message;
    }
  }

  TempFolder folder_;
  Codec codec_;
  SystemClock clock_;
  RandomIdSource ids_{clock_};
};

void flip_bit(const fs::path& file, std::uintmax_t offset) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekg(static_cast<std::streamoff>(offset));
  const char byte = static_cast<char>(stream.get());
  stream.seekp(static_cast<std::streamoff>(offset));
  stream.put(static_cast<char>(byte ^ 0x10));
}

// A start replays the write-ahead log twice before it serves: that must not grow with the log, even
// where one index takes so little that it fills no memtable for long.
TEST_F(LogDamage, AStartNeverHasMuchToReplay) {
  constexpr std::uint64_t kBatch = 2'000;
  auto opened = open();
  ASSERT_TRUE(opened) << opened.error().message;
  for (std::uint64_t position = 0; position < 60 * kBatch;) {
    AppendBatch batch;
    while (batch.records.size() < kBatch) {
      const Event event = event_at(++position, AppointmentRequested{ref(1), {}});
      batch.records.push_back(record_of(event, (*opened)->identity()));
    }
    ASSERT_TRUE((*opened)->append(batch));
  }
  // Written out behind the writer's back.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  while (wal_bytes() > 12U << 20 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_LE(wal_bytes(), 12U << 20);
}

TEST_F(LogDamage, AnIntactLogOpensAgain) {
  append(10);
  append(5);
  const auto opened = open();
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ((*opened)->head().position, Position{15});
  EXPECT_EQ((*opened)->committed(), Position{15});
}

TEST_F(LogDamage, ABitFlippedInTheWalIsNoticedAndTheEvidenceKept) {
  append(100);
  const fs::path wal = largest_wal();
  const auto size = fs::file_size(wal);
  flip_bit(wal, size / 2);
  expect_refused(ErrorCode::kCorruption);
  EXPECT_EQ(fs::file_size(wal), size) << "the damaged WAL is what an expert needs";
}

TEST_F(LogDamage, ATruncatedWalIsNoticed) {
  append(100);
  fs::resize_file(largest_wal(), fs::file_size(largest_wal()) / 2);
  expect_refused(ErrorCode::kCorruption);
}

// RocksDB takes a manifest that ends early for a valid, older one. Whatever it ends with, readers
// of the tag index get every position or an error.
TEST_F(LogDamage, AManifestCutShortIsNoticed) {
  for (int life = 0; life < 3; ++life) append(2);
  const fs::path manifest = newest_manifest();
  const auto intact = fs::file_size(manifest);
  const fs::path evidence = folder_.path() / "evidence";
  fs::copy(log(), evidence, fs::copy_options::recursive);
  for (auto size = intact - 1; size + 400 > intact; size -= 7) {
    fs::remove_all(log());
    fs::copy(evidence, log(), fs::copy_options::recursive);
    fs::resize_file(manifest, size);
    const auto opened = open(Mode::kReadOnly);
    if (!opened) continue;
    int found = 0;
    const Status read = (*opened)->read_tag({.tag = appointment_tag(ref(1).appointment)},
                                            [&](const RecordView&) { return ++found > 0; });
    ASSERT_TRUE(!read || found == 6) << "cut at " << size << " of " << intact << ": " << found;
  }
}

TEST_F(LogDamage, ALogOfTheFormatBeforeIsTakenOver) {
  append(3);
  with_database([](LogDatabase& database) {
    ASSERT_TRUE(database.db().Put({}, "format", "1").ok());
    ASSERT_TRUE(database.db().Delete({}, database.tags(), std::string(24, '\0')).ok());
    ASSERT_TRUE(database.db().Delete({}, database.results(), std::string(32, '\0')).ok());
  });
  EXPECT_TRUE(open(Mode::kReadOnly));
  append(2);
  EXPECT_EQ(open().value()->head().position, Position{5});
  with_database([](LogDatabase& database) {
    std::string format;
    ASSERT_TRUE(database.db().Get({}, "format", &format).ok());
    EXPECT_EQ(format, "2");
    ASSERT_TRUE(database.db().Delete({}, database.tags(), std::string(24, '\0')).ok());
  });
  expect_refused(ErrorCode::kCorruption);
}

// As where one of them has lost what came last, or all of them have.
TEST_F(LogDamage, WriteMarksThatDisagreeWithEachOtherOrWithTheLogAreNoticed) {
  append(3);
  std::string sound;
  with_database([&](LogDatabase& database) {
    ASSERT_TRUE(database.db().Get({}, database.tags(), std::string(24, '\0'), &sound).ok());
  });
  WriteMark behind = decode_write_mark(sound).value();
  behind.position = Position{2};
  const auto write = [&](std::size_t family, const std::string& mark) {
    with_database([&](LogDatabase& database) {
      const std::array families{database.tags(), database.results(), database.result_list()};
      const std::string key(24 + 8 * family, '\0');
      ASSERT_TRUE(database.db().Put({}, families[family], key, mark).ok());
    });
  };
  for (const std::size_t family : {0, 1, 2}) {
    write(family, encode(behind));
    expect_refused(ErrorCode::kCorruption);
    write(family, sound);
  }
  EXPECT_TRUE(open(Mode::kReadOnly));
  for (const std::size_t family : {0, 1, 2}) write(family, encode(behind));
  expect_refused(ErrorCode::kCorruption);
}

TEST_F(LogDamage, AMissingWalIsNoticed) {
  append(100);
  fs::remove(largest_wal());
  expect_refused(ErrorCode::kCorruption);
}

TEST_F(LogDamage, AForeignMarkerIsNoticed) {
  append(3);
  fs::remove(marker());
  ASSERT_TRUE(HeadMarker::create(marker(), {LogId{uuid(1)}, {Epoch{1}, Position{3}, Sha256{}}}));
  expect_refused(ErrorCode::kCorruption);
  EXPECT_NE(open().error().message.find("another log"), std::string::npos);
}

TEST_F(LogDamage, AnOlderCopyWithANewerMarkerIsNoticed) {
  append(3);
  const fs::path copy = folder_.path() / "copy";
  fs::copy(log() / "db", copy, fs::copy_options::recursive);
  append(2);
  fs::remove_all(log() / "db");
  fs::rename(copy, log() / "db");
  expect_refused(ErrorCode::kCorruption);
}

TEST_F(LogDamage, AnotherHistoryOfTheSameLengthIsNoticed) {
  append(3);
  auto marked = HeadMarker::read(marker());
  ASSERT_TRUE(marked);
  marked->head.hash[0] ^= 1;
  fs::remove(marker());
  ASSERT_TRUE(HeadMarker::create(marker(), *marked));
  expect_refused(ErrorCode::kCorruption);
}

TEST_F(LogDamage, AMissingMarkerIsNoticed) {
  append(3);
  fs::remove(marker());
  expect_refused(ErrorCode::kCorruption);
}

TEST_F(LogDamage, AMarkerWithoutALogIsNeverTakenForANewLog) {
  append(3);
  fs::remove_all(log() / "db");
  const auto opened = open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kCorruption);
}

TEST_F(LogDamage, ACreationCutShortIsFinished) {
  fs::create_directories(log() / "db.new");
  std::ofstream(log() / "db.new" / "CURRENT") << "half";
  ASSERT_TRUE(HeadMarker::create(
      marker(), {LogId{uuid(5)}, {Epoch{1}, Position{0}, LogIdentity{LogId{uuid(5)}}.genesis()}}));
  const auto opened = open();
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ((*opened)->identity().id, LogId{uuid(5)});
}

TEST_F(LogDamage, EventsBehindTheMarkerCount) {
  append(3);
  auto marked = HeadMarker::read(marker());
  ASSERT_TRUE(marked);
  // As if the process had died between the sync of an event and the write of the marker.
  const auto genesis = LogIdentity{marked->log}.genesis();
  fs::remove(marker());
  ASSERT_TRUE(HeadMarker::create(marker(), {marked->log, {Epoch{1}, Position{0}, genesis}}));
  const auto opened = open();
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ((*opened)->head().position, Position{3});
  EXPECT_EQ(HeadMarker::read(marker())->head, (*opened)->head()) << "and are missed from now on";
}

TEST_F(LogDamage, APositionThatIsMissingIsNamed) {
  append(5);
  with_database([](LogDatabase& database) {
    ASSERT_TRUE(database.db().Delete({}, database.events(), position_key(Position{3})).ok());
  });
  const auto opened = open(Mode::kReadOnly);
  ASSERT_TRUE(opened) << opened.error().message;
  for (const auto& [after, limit] : {std::pair(0, 100), {2, 100}, {2, 1}}) {
    std::uint64_t last = static_cast<std::uint64_t>(after);
    const Status read = (*opened)->read(Position{last}, static_cast<std::size_t>(limit),
                                        [&](const RecordView& record) {
                                          EXPECT_EQ(record.position.value(), ++last);
                                          return true;
                                        });
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::kCorruption);
    EXPECT_NE(read.error().message.find("position 3 is missing"), std::string::npos);
    EXPECT_EQ(last, 2u);
  }
}

// Of another insured, or of another tenant.
TEST_F(LogDamage, AnIndexThatPointsToAnotherEventIsNoticed) {
  append(3);
  const auto found = [&](const TenantId& tenant, const Tag& tag) {
    const auto opened = open(Mode::kReadOnly);
    return (*opened)->read_tag({.tenant = tenant, .tag = tag},
                               [](const RecordView&) { return true; });
  };
  const Tag own = insured_tag(insured("00001"));
  const Tag other = insured_tag(insured("00002"));
  const TenantId tenant{"other"};
  EXPECT_TRUE(found(kDefaultTenant, other));
  EXPECT_TRUE(found(tenant, own));
  with_database([&](LogDatabase& database) {
    for (const TagDigest& digest : {digest_of(kDefaultTenant, other), digest_of(tenant, own)}) {
      const std::string key = tag_key(digest, Position{2});
      ASSERT_TRUE(database.db().Put({}, database.tags(), key, "").ok());
    }
  });
  EXPECT_EQ(found(kDefaultTenant, other).error().code, ErrorCode::kCorruption);
  EXPECT_EQ(found(tenant, own).error().code, ErrorCode::kCorruption);
  EXPECT_TRUE(found(kDefaultTenant, own));
}

// As after a restart by a clock that was set back.
TEST_F(LogDamage, TheRunningMaximumOfTimeOutlivesTheProcess) {
  append(2);
  {
    const auto opened = open();
    Event earlier = event_at(3, AppointmentRequested{ref(1), {}});
    earlier.time = kNow - std::chrono::hours{1};
    ASSERT_TRUE((*opened)->append({{record_of(earlier, (*opened)->identity())}, {}}));
  }
  const auto opened = open(Mode::kReadOnly);
  EXPECT_EQ(read_one(**opened, Position{3})->running_maximum,
            read_one(**opened, Position{2})->running_maximum);
}

TEST_F(LogDamage, AnUnknownFormatVersionIsNamed) {
  append(3);
  with_database(
      [](LogDatabase& database) { ASSERT_TRUE(database.db().Put({}, "format", "3").ok()); });
  const auto opened = open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_NE(opened.error().message.find("format version 3"), std::string::npos);
}

TEST_F(LogDamage, ASecondProcessIsRefused) {
  append(1);
  const auto first = open();
  ASSERT_TRUE(first);
  const auto second = open();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_NE(second.error().message.find("in use by another process"), std::string::npos);
}

TEST_F(LogDamage, ReadingOnlyChangesNothing) {
  append(3);
  const auto snapshot = [&] {
    std::map<fs::path, std::uintmax_t> files;
    for (const auto& entry : fs::recursive_directory_iterator(log())) {
      if (entry.is_regular_file()) files[entry.path()] = entry.file_size();
    }
    return files;
  };
  const auto before = snapshot();
  {
    const auto opened = open(Mode::kReadOnly);
    ASSERT_TRUE(opened);
    EXPECT_FALSE((*opened)->append({}));
  }
  EXPECT_EQ(snapshot(), before);
  EXPECT_EQ(open(Mode::kReadOnly).value()->head().position, Position{3});
}

// As with another user's folder, but for root too.
TEST_F(LogDamage, AFolderThatCannotBeLookedIntoIsNotTakenForNone) {
  fs::create_directory_symlink(log(), log());
  for (const Mode mode : {Mode::kWrite, Mode::kReadOnly, Mode::kInspect, Mode::kFollow}) {
    const auto opened = open(mode);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::kUnavailable) << opened.error().message;
    EXPECT_NE(opened.error().message.find("cannot look into"), std::string::npos)
        << opened.error().message;
  }
}

TEST_F(LogDamage, ReadingOnlyNeedsALog) {
  const auto opened = open(Mode::kReadOnly);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(fs::exists(log())) << "nothing was created";
}

}  // namespace
}  // namespace citas
