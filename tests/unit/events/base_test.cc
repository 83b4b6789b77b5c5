// Time, ids and digests: what outside text may and may not become.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <set>
#include <thread>

#include "events/base/clock.h"
#include "events/base/folder.h"
#include "events/base/hex.h"
#include "events/base/number.h"
#include "events/base/sha256.h"
#include "events/base/synced_file.h"
#include "events/base/traceparent.h"
#include "events/ids.h"
#include "tests/support/events.h"
#include "tests/support/temp_folder.h"

namespace citas {
namespace {

TEST(Rfc3339, FormatsToTheMillisecond) {
  EXPECT_EQ(format_rfc3339(testing::at_ms(0)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(format_rfc3339(testing::at_ms(1'709'210'096'789)), "2024-02-29T12:34:56.789Z");
  EXPECT_EQ(format_rfc3339(testing::at_ms(-1)), "1969-12-31T23:59:59.999Z");
}

TEST(Rfc3339, ParsesEveryOffsetAndFraction) {
  const auto noon = parse_rfc3339("2024-02-29T12:00:00Z");
  ASSERT_TRUE(noon);
  EXPECT_EQ(parse_rfc3339("2024-02-29T07:00:00-05:00"), noon);
  EXPECT_EQ(parse_rfc3339("2024-02-29t12:00:00.0004999z"), noon);
  EXPECT_EQ(parse_rfc3339("2024-02-29T12:00:00.5Z"), *noon + std::chrono::milliseconds{500});
  EXPECT_EQ(parse_rfc3339("2024-03-01T01:30:00+13:30"), noon);
  EXPECT_EQ(parse_rfc3339("2024-02-29T11:59:59.9999Z"), *noon - std::chrono::milliseconds{1});
}

TEST(Rfc3339, RefusesEverythingElse) {
  for (const char* text :
       {"", "2024-02-29", "2024-02-29T12:00:00", "2023-02-29T12:00:00Z", "2024-13-01T00:00:00Z",
        "2024-02-29T24:00:00Z", "2024-02-29T12:60:00Z", "2024-02-29T12:00:60Z",
        "2024-02-29T12:00:00.Z", "2024-02-29T12:00:00Z ", " 2024-02-29T12:00:00Z",
        "2024-02-29 12:00:00Z", "2024-02-29T12:00:00+5:00", "2024-02-29T12:00:00+24:00",
        "+024-02-29T12:00:00Z", "2024-02-29T12:00:00+00:60", "2024-2-29T12:00:00Z"}) {
    EXPECT_FALSE(parse_rfc3339(text)) << text;
  }
}

TEST(Traceparent, OnlyTheStandardFormPasses) {
  constexpr std::string_view kValid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  EXPECT_EQ(accepted_traceparent(kValid), kValid);
  EXPECT_EQ(trace_id_of(kValid), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(trace_id_of(""), "");
  // A later version may say more, and begins as this one does.
  EXPECT_EQ(accepted_traceparent("cc" + std::string{kValid.substr(2)} + "-what-next"), kValid);
  for (const char* text : {"", "x", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                           "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                           "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                           "00-4BF92F3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\n",
                           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
                           "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}) {
    EXPECT_EQ(accepted_traceparent(text), "") << text;
  }
}

TEST(Number, IsTheWholeText) {
  EXPECT_EQ(parse_number<std::uint16_t>("65535"), 65'535);
  EXPECT_EQ(parse_number<std::uint64_t>("0"), 0U);
  for (const char* text : {"", "65536", "-1", "+1", " 1", "1 ", "1x", "0x1"}) {
    EXPECT_FALSE(parse_number<std::uint16_t>(text)) << text;
  }
}

TEST(UuidTest, ReadsBackWhatItWrites) {
  const Uuid uuid = testing::uuid(42);
  EXPECT_EQ(uuid.to_string(), "00000000-0000-7000-8000-00000000002a");
  EXPECT_EQ(Uuid::parse(uuid.to_string()), uuid);
  EXPECT_EQ(Uuid::parse("00000000-0000-7000-8000-00000000002A"), uuid);
  for (const char* text :
       {"", "00000000-0000-7000-8000-00000000002", "g0000000-0000-7000-8000-00000000002a",
        "00000000000070008000-00000000002a-00", "{0000000-0000-7000-8000-00000000002a"}) {
    EXPECT_FALSE(Uuid::parse(text)) << text;
  }
}

TEST(UuidTest, VersionSevenSortsByTime) {
  ManualClock clock(testing::kNow);
  SeededIdSource ids(clock, 1);
  const Uuid first = ids.next();
  clock.advance(std::chrono::milliseconds{1});
  const Uuid second = ids.next();
  EXPECT_LT(first, second);
  EXPECT_EQ(first.bytes[6] >> 4, 7);
  EXPECT_EQ(first.bytes[8] >> 6, 2);
}

TEST(UuidTest, IdsSortInTheOrderOfTheirMakingWhateverTheClockDoes) {
  ManualClock clock(testing::kNow);
  RandomIdSource ids(clock);
  Uuid last = ids.next();
  for (int i = 0; i < 10'000; ++i) {
    if (i == 5'000) clock.set_wall_time(testing::kNow - std::chrono::hours{1});
    const Uuid next = ids.next();
    ASSERT_LT(last, next) << i;
    EXPECT_EQ(next.bytes[6] >> 4, 7);
    last = next;
  }
}

TEST(UuidTest, IdsOfSeveralThreadsDiffer) {
  const SystemClock clock;
  RandomIdSource ids(clock);
  std::array<std::vector<Uuid>, 4> made;
  {
    std::vector<std::jthread> threads;
    for (auto& own : made) {
      threads.emplace_back([&] {
        for (int i = 0; i < 5'000; ++i) own.push_back(ids.next());
      });
    }
  }
  std::set<Uuid> seen;
  for (const auto& own : made) seen.insert(own.begin(), own.end());
  EXPECT_EQ(seen.size(), 20'000u);
}

TEST(Ids, AcceptOnlyTheirForm) {
  EXPECT_TRUE(InsuredId::parse("00001"));
  for (const char* text : {"", "1", "000001", "0000a", " 0001", "٠٠٠٠١"}) {
    EXPECT_FALSE(InsuredId::parse(text)) << text;
  }
  EXPECT_TRUE(CountryCode::parse("PE"));
  for (const char* text : {"", "P", "pe", "PER", "P1"}) {
    EXPECT_FALSE(CountryCode::parse(text)) << text;
  }
  EXPECT_TRUE(ReasonCode::parse("center_closed"));
  for (const std::string& text : {std::string{}, std::string("Closed"), std::string("1st"),
                                  std::string("no spaces"), std::string(65, 'a')}) {
    EXPECT_FALSE(ReasonCode::parse(text)) << text;
  }
}

TEST(Ids, PositionsAreCanonicalDecimals) {
  EXPECT_EQ(parse_position("0"), Position{0});
  EXPECT_EQ(parse_position("18446744073709551615"), Position{UINT64_MAX});
  for (const char* text : {"", "00", "01", "-1", "+1", "1 ", "18446744073709551616", "1e3"}) {
    EXPECT_FALSE(parse_position(text)) << text;
  }
}

// Another user's folder is one, but the tests may run as root, who may look everywhere.
TEST(Folder, OneThatCannotBeLookedIntoIsNotMissing) {
  const testing::TempFolder folder;
  const auto loop = folder.path() / "loop";
  std::filesystem::create_directory_symlink(loop, loop);
  const Status accessible = check_accessible(loop);
  ASSERT_FALSE(accessible);
  EXPECT_EQ(accessible.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(accessible.error().message.find(loop.string()), std::string::npos);
  const auto lock = FolderLock::for_reading(loop);
  ASSERT_FALSE(lock);
  EXPECT_EQ(lock.error().code, ErrorCode::kUnavailable);
}

TEST(Folder, OneThatIsMissingCanBeLookedInto) {
  const testing::TempFolder folder;
  EXPECT_TRUE(check_accessible(folder.path()));
  EXPECT_TRUE(check_accessible(folder.path() / "none"));
  EXPECT_TRUE(FolderLock::for_reading(folder.path() / "none"));
}

TEST(Folder, OneThatCannotBeSyncedIsNamedWithTheReason) {
  const testing::TempFolder folder;
  EXPECT_TRUE(sync_folder(folder.path()));
  const auto missing = folder.path() / "none";
  const Status synced = sync_folder(missing);
  ASSERT_FALSE(synced);
  EXPECT_EQ(synced.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(synced.error().message,
            "cannot sync folder " + missing.string() + ": No such file or directory");
}

std::string content_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(ReplacedFile, IsTheOwnersAlone) {
  const testing::TempFolder folder;
  const auto file = folder.path() / "file";
  std::ofstream(file.string() + ".new") << "left by a killed run, for all to read";
  std::filesystem::permissions(file.string() + ".new", std::filesystem::perms{0644});
  ASSERT_TRUE(replace_file(file, "one"));
  ASSERT_TRUE(replace_file(file, "two"));
  EXPECT_EQ(content_of(file), "two");
  EXPECT_EQ(std::filesystem::status(file).permissions(), std::filesystem::perms{0600});
  EXPECT_FALSE(std::filesystem::exists(file.string() + ".new"));
}

// A write that stops halfway gives no reason by itself.
TEST(ReplacedFile, IsAsItWasWhereItCannotBeWrittenToItsEndAndWhyIsTold) {
  const testing::TempFolder folder;
  const auto file = folder.path() / "file";
  ASSERT_TRUE(replace_file(file, "before"));
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit was{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &was), 0);
  const rlimit small{.rlim_cur = 10, .rlim_max = was.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const Status written = replace_file(file, std::string(100, 'x'));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &was), 0);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().message, "cannot write " + file.string() + ".new: File too large");
  EXPECT_EQ(content_of(file), "before");
  EXPECT_FALSE(std::filesystem::exists(file.string() + ".new"));
}

TEST(Folder, ALockKnowsWhetherItsFolderIsStillInItsPlace) {
  const testing::TempFolder scratch;
  const auto folder = scratch.path() / "folder";
  const auto moved = scratch.path() / "moved";
  std::filesystem::create_directory(folder);
  const auto lock = FolderLock::for_writing(folder);
  ASSERT_TRUE(lock);
  EXPECT_TRUE(lock->check_in_place());

  std::filesystem::rename(folder, moved);
  EXPECT_EQ(lock->check_in_place().error().code, ErrorCode::kCorruption);
  std::filesystem::create_directory(folder);
  EXPECT_TRUE(FolderLock::for_writing(folder));  // as another server's
  EXPECT_EQ(lock->check_in_place().error().code, ErrorCode::kCorruption);

  std::filesystem::remove_all(folder);
  std::filesystem::rename(moved, folder);
  EXPECT_TRUE(lock->check_in_place());
  std::filesystem::remove(folder / "LOCK");
  EXPECT_EQ(lock->check_in_place().error().code, ErrorCode::kFailedPrecondition);
  EXPECT_TRUE(FolderLock::for_writing(folder));
  EXPECT_EQ(lock->check_in_place().error().code, ErrorCode::kFailedPrecondition);
}

TEST(Sha256Test, MatchesThePublishedVector) {
  // FIPS 180-4, example "abc", given in two parts.
  EXPECT_EQ(to_hex(sha256({"a", "bc"})),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace citas
