// What every country store promises (workers/country_store.h), run on each adapter.
#include <gtest/gtest.h>

#include <rocksdb/db.h>

#include <fstream>
#include <map>

#include "tests/support/temp_folder.h"
#include "workers/memory/memory_country_store.h"
#include "workers/rocksdb/rocksdb_country_store.h"

namespace citas::workers {
namespace {

using citas::testing::TempFolder;

TEST(MustSync, WhatTheBusWillNotBringAgain) {
  EXPECT_TRUE(must_sync({.entries = {{AppointmentId{}, CountryEntry{}}}}));
  EXPECT_TRUE(must_sync({.failed = {{"message", 1}}}));
  EXPECT_FALSE(must_sync({.settled = {"message"}, .processed = 7, .seen = 9}));
}

// A store that can be closed and opened again.
class StoreHome {
 public:
  virtual ~StoreHome() = default;
  virtual CountryStore& store() = 0;
  virtual void reopen() = 0;
};

class MemoryHome final : public StoreHome {
 public:
  CountryStore& store() override { return store_; }
  void reopen() override {}

 private:
  MemoryCountryStore store_;
};

class RocksDbHome final : public StoreHome {
 public:
  RocksDbHome() { reopen(); }
  CountryStore& store() override { return *store_; }
  void reopen() override {
    store_.reset();
    store_ = std::move(*RocksDbCountryStore::open(folder_.path() / "PE"));
  }

 private:
  TempFolder folder_;
  std::unique_ptr<RocksDbCountryStore> store_;
};

template <typename Home>
std::unique_ptr<StoreHome> make_home() {
  return std::make_unique<Home>();
}

const AppointmentId kAppointment{*Uuid::parse("01890a5d-ac96-774b-bcce-b302099a8057")};
const CountryCode kPeru = *CountryCode::parse("PE");
const CountryEntry kEntry{
    .state = EntryState::kRegistered,
    .request =
        AppointmentRequested{{kAppointment, *InsuredId::parse("00001"), {kPeru, ScheduleId{7}}},
                             {.center = 4}},
    .registration = registration_of(kPeru, kAppointment)};

class CountryStoreContract : public ::testing::TestWithParam<std::unique_ptr<StoreHome> (*)()> {
 protected:
  CountryStore& store() { return home_->store(); }

  std::unique_ptr<StoreHome> home_ = GetParam()();
};

TEST_P(CountryStoreContract, ANewStoreIsEmpty) {
  EXPECT_EQ(store().mark(), CountryMark{});
  EXPECT_EQ(store().find(kAppointment).value(), std::nullopt);
  EXPECT_EQ(store().tries("a").value(), std::nullopt);
}

TEST_P(CountryStoreContract, WhatIsCommittedIsFoundAlsoLater) {
  ASSERT_TRUE(store().commit({.entries = {{kAppointment, kEntry}}, .processed = 5}));
  home_->reopen();
  EXPECT_EQ(store().find(kAppointment).value(), kEntry);
  EXPECT_EQ(store().mark().processed, 5U);
}

TEST_P(CountryStoreContract, TheMarkOnlyRises) {
  ASSERT_TRUE(store().commit({.processed = 5}));
  ASSERT_TRUE(store().commit({.processed = 3}));
  ASSERT_TRUE(store().commit({}));
  EXPECT_EQ(store().mark().processed, 5U);
  home_->reopen();
  EXPECT_EQ(store().mark().processed, 5U);
}

TEST_P(CountryStoreContract, TheMarkHasTheHashOfWhatWasSeenLast) {
  ASSERT_TRUE(store().commit({.processed = 5, .seen = 7, .hash = "seven"}));
  ASSERT_TRUE(store().commit({.processed = 6, .seen = 3, .hash = "three"}));
  ASSERT_TRUE(store().commit({}));
  home_->reopen();
  EXPECT_EQ(store().mark(), (CountryMark{"", 6, 7, "seven"}));
  ASSERT_TRUE(store().commit({.seen = 8, .hash = ""}));
  home_->reopen();
  EXPECT_EQ(store().mark(), (CountryMark{"", 6, 8, ""}));
}

TEST_P(CountryStoreContract, TriesAreNotedSettledAndKeptWhenFailed) {
  const std::vector<Tries> noted{{"a", 0}, {"b", 2}, {"c", 0}};
  ASSERT_TRUE(store().note_tries(noted));
  home_->reopen();
  EXPECT_EQ(store().tries("a").value(), 0U);
  EXPECT_EQ(store().tries("b").value(), 2U);
  ASSERT_TRUE(store().commit({.failed = {{"c", 1}}, .settled = {"a"}}));
  home_->reopen();
  EXPECT_EQ(store().tries("a").value(), std::nullopt);
  EXPECT_EQ(store().tries("b").value(), 2U);
  EXPECT_EQ(store().tries("c").value(), 1U);
}

TEST_P(CountryStoreContract, TheTriesOfAnEventThatHasEndedAreForgottenWithAllItsSendings) {
  const std::vector<Tries> noted{{"a", 5}, {"a/r7", 5}, {"a/r12", 1}, {"b", 5}, {"b/r7", 5}};
  ASSERT_TRUE(store().note_tries(noted));
  ASSERT_TRUE(store().commit({.settled = {"a/r12"}, .ended = {"a"}}));
  home_->reopen();
  for (const char* message : {"a", "a/r7", "a/r12"}) {
    EXPECT_EQ(store().tries(message).value(), std::nullopt) << message;
  }
  for (const char* message : {"b", "b/r7"}) {
    EXPECT_EQ(store().tries(message).value(), 5U) << message;
  }
}

TEST_P(CountryStoreContract, AResetForgetsEverythingAndNamesTheLog) {
  const std::vector<Tries> noted{{"a", 1}};
  ASSERT_TRUE(store().note_tries(noted));
  ASSERT_TRUE(store().commit(
      {.entries = {{kAppointment, kEntry}}, .processed = 5, .seen = 5, .hash = "five"}));
  ASSERT_TRUE(store().reset("citas/log/main"));
  EXPECT_EQ(store().find(kAppointment).value(), std::nullopt);
  EXPECT_EQ(store().tries("a").value(), std::nullopt);
  home_->reopen();
  EXPECT_EQ(store().mark(), (CountryMark{"citas/log/main", 0, 0, ""}));
  ASSERT_TRUE(store().commit({.processed = 2}));
  home_->reopen();
  EXPECT_EQ(store().mark(), (CountryMark{"citas/log/main", 2, 0, ""}));
}

TEST_P(CountryStoreContract, WhatIsTriedIsKnownAlsoLater) {
  EXPECT_EQ(store().begun_try(), "");
  ASSERT_TRUE(store().begin_try("a longer key"));
  ASSERT_TRUE(store().begin_try("a key"));
  home_->reopen();
  EXPECT_EQ(store().begun_try(), "a key");
  ASSERT_TRUE(store().begin_try({}));
  EXPECT_EQ(store().begun_try(), "");
  ASSERT_TRUE(store().begin_try("a key"));
  ASSERT_TRUE(store().reset("citas/log/main"));
  EXPECT_EQ(store().begun_try(), "");
}

INSTANTIATE_TEST_SUITE_P(Memory, CountryStoreContract, ::testing::Values(&make_home<MemoryHome>));
INSTANTIATE_TEST_SUITE_P(RocksDb, CountryStoreContract, ::testing::Values(&make_home<RocksDbHome>));

TEST(RocksDbCountryStore, IsHeldByOneProcess) {
  const TempFolder folder;
  const auto first = RocksDbCountryStore::open(folder.path());
  ASSERT_TRUE(first);
  const auto second = RocksDbCountryStore::open(folder.path());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kFailedPrecondition);
}

// Its mark says nothing of this country's events: those below it would be left out.
TEST(RocksDbCountryStore, OneOfAnotherCountryIsRefusedAndLeftAlone) {
  const TempFolder folder;
  const CountryCode chile = *CountryCode::parse("CL");
  const auto open = [&](std::optional<CountryCode> country) {
    return RocksDbCountryStore::open(folder.path(), country);
  };
  ASSERT_TRUE(open(std::nullopt)) << "as an earlier version has made it";
  ASSERT_TRUE((*open(kPeru))->commit({.entries = {{kAppointment, kEntry}}, .processed = 5}));
  const auto refused = open(chile);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_NE(refused.error().message.find("is of PE, not of CL"), std::string::npos)
      << refused.error().message;
  const auto ours = open(kPeru);
  EXPECT_EQ((*ours)->mark().processed, 5U);
  ASSERT_TRUE((*ours)->reset("citas/log/main"));
}

TEST(RocksDbCountryStore, OneThatWasEmptiedIsStillOfItsCountry) {
  const TempFolder folder;
  ASSERT_TRUE((*RocksDbCountryStore::open(folder.path(), kPeru))->reset("citas/log/main"));
  EXPECT_FALSE(RocksDbCountryStore::open(folder.path(), CountryCode::parse("CL")));
}

// What it would write by name from then on, might be written into another's.
TEST(RocksDbCountryStore, OneThatIsMovedAwayWritesNoMore) {
  const TempFolder folder;
  const std::filesystem::path place = folder.path() / "countries" / "PE";
  RocksDbCountryStoreHome home(place, kPeru);
  auto store = std::move(*home.open());
  ASSERT_TRUE(store->commit({.processed = 5}));
  std::filesystem::rename(place, folder.path() / "moved");
  for (const bool is_replaced : {false, true}) {
    if (is_replaced) std::filesystem::create_directory(place);
    const Status refused = store->commit({.processed = 6});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable) << "damage would be deleted";
    EXPECT_NE(refused.error().message.find("was moved"), std::string::npos);
  }
  EXPECT_TRUE(std::filesystem::is_empty(place));
  store.reset();
  EXPECT_EQ((*home.open())->mark(), CountryMark{});
  std::filesystem::rename(folder.path() / "countries", folder.path() / "gone");
  EXPECT_EQ(home.open().error().code, ErrorCode::kUnavailable);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "countries"));
}

// Which is no reason to give up: the disk may come back.
TEST(RocksDbCountryStore, WhatCannotBeOpenedIsNotTakenForHeld) {
  TempFolder folder;
  std::filesystem::create_directory(folder.path() / "block");
  std::ofstream(folder.path() / "block" / "PE") << "no folder";
  const auto opened = RocksDbCountryStore::open(folder.path() / "block" / "PE");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kUnavailable) << opened.error().message;
}

TEST(RocksDbCountryStore, VisitsEveryEntryAndNothingElse) {
  const AppointmentId another{*Uuid::parse("ff890a5d-ac96-774b-bcce-b302099a8057")};
  const CountryEntry withdrawn{.state = EntryState::kWithdrawn};
  const TempFolder folder;
  const auto store = std::move(*RocksDbCountryStore::open(folder.path()));
  const std::vector<Tries> noted{{"event", 1}};
  ASSERT_TRUE(store->note_tries(noted));
  ASSERT_TRUE(store->commit({.entries = {{another, withdrawn}, {kAppointment, kEntry}},
                             .processed = 5,
                             .seen = 5,
                             .hash = "five"}));
  std::map<AppointmentId, CountryEntry> found;
  ASSERT_TRUE(
      store->visit([&](AppointmentId id, const CountryEntry& entry) { found[id] = entry; }));
  EXPECT_EQ(found,
            (std::map<AppointmentId, CountryEntry>{{kAppointment, kEntry}, {another, withdrawn}}));
}

void set_format(const std::filesystem::path& folder, const std::string& format) {
  rocksdb::DB* db = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open({}, folder.string(), &db).ok());
  const std::unique_ptr<rocksdb::DB> owned(db);
  ASSERT_TRUE(owned->Put({}, "f", format).ok());
}

// Its mark says less: events below it may be missing.
TEST(RocksDbCountryStore, AStoreOfTheFirstFormatIsEmptied) {
  const TempFolder folder;
  {
    const auto store = std::move(*RocksDbCountryStore::open(folder.path()));
    ASSERT_TRUE(store->reset("citas/log/main"));
    ASSERT_TRUE(store->commit({.entries = {{kAppointment, kEntry}}, .processed = 5}));
  }
  set_format(folder.path(), "\x01");
  for (int i = 0; i < 2; ++i) {
    const auto store = RocksDbCountryStore::open(folder.path());
    ASSERT_TRUE(store) << store.error().message;
    EXPECT_EQ((*store)->find(kAppointment).value(), std::nullopt);
    EXPECT_EQ((*store)->mark(), CountryMark{});
  }
}

TEST(RocksDbCountryStore, AStoreOfAnUnknownFormatIsRefused) {
  const TempFolder folder;
  ASSERT_TRUE(RocksDbCountryStore::open(folder.path()));
  set_format(folder.path(), "\x09");
  EXPECT_EQ(RocksDbCountryStore::open(folder.path()).error().code, ErrorCode::kFailedPrecondition);
}

TEST(RocksDbCountryStore, DamageIsReported) {
  const TempFolder folder;
  ASSERT_TRUE(RocksDbCountryStore::open(folder.path()));
  std::ofstream(folder.path() / "CURRENT") << "nothing";
  EXPECT_FALSE(RocksDbCountryStore::open(folder.path()));
}

}  // namespace
}  // namespace citas::workers
