// Given a store whose disk fails, when the disk has recovered, then the processor goes on by
// itself.
#include "workers/processor_keeper.h"

#include "tests/unit/workers/country_processor_world.h"

namespace citas::workers {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Error kFailing{ErrorCode::kUnavailable, "Input/output error"};
const Error kDamaged{ErrorCode::kCorruption, "an entry cannot be read"};

// What its disk does to a store just now.
struct Disk {
  MemoryCountryStore content;
  std::optional<Error> commits, finds, openings;  // how they fail
  bool is_open = false;
  int opened = 0;  // or tried to be
  int discarded = 0;
};

class DiskStore final : public citas::testing::ForwardingStore {
 public:
  explicit DiskStore(Disk& disk) : ForwardingStore(disk.content), disk_(disk) {
    disk_.is_open = true;
  }
  ~DiskStore() override { disk_.is_open = false; }

  Status commit(const CountryChanges& changes) override {
    if (disk_.commits) return fail(*disk_.commits);
    EXPECT_FALSE(failed_) << "a store that has failed is only closed";
    return ForwardingStore::commit(changes);
  }
  Result<std::optional<CountryEntry>> find(AppointmentId id) const override {
    if (disk_.finds) return fail(*disk_.finds);
    return ForwardingStore::find(id);
  }

 private:
  tl::unexpected<Error> fail(const Error& error) const {
    failed_ = true;
    return failure(error);
  }

  Disk& disk_;
  mutable bool failed_ = false;
};

class DiskHome final : public CountryStoreHome {
 public:
  explicit DiskHome(Disk& disk) : disk_(disk) {}
  Result<std::unique_ptr<CountryStore>> open() override {
    EXPECT_FALSE(disk_.is_open) << "one at a time";
    ++disk_.opened;
    if (disk_.openings) return failure(*disk_.openings);
    return std::make_unique<DiskStore>(disk_);
  }
  // What is made anew is sound.
  void discard() override {
    EXPECT_FALSE(disk_.is_open);
    ++disk_.discarded;
    disk_.content = {};
    disk_.finds = disk_.openings = std::nullopt;
  }

 private:
  Disk& disk_;
};

class KeeperTest : public ProcessorTest {
 protected:
  KeeperTest() { processor_.reset(); }

  Result<std::unique_ptr<ProcessorKeeper>> try_open() {
    const ProcessorKeeper::Hooks hooks{
        .on_store_lost = [this](std::string_view piece,
                                const Error&) { news_.push_back(std::string(piece) + " lost"); },
        .on_store_back =
            [this](std::string_view piece) { news_.push_back(std::string(piece) + " back"); }};
    return ProcessorKeeper::open(kPeru, bus_, home_, rules_, world_.codec, world_.clock,
                                 {.max_tries = 3}, hooks);
  }
  void open() { keeper_ = std::move(*try_open()); }
  void run_for(std::chrono::milliseconds time) {
    for (auto left = time; left.count() > 0; left -= milliseconds{100}) {
      while (relay_->step().value() || keeper_->step().value()) {
      }
      world_.clock.advance(milliseconds{100});
    }
  }
  bool is_registered(AppointmentId appointment) const {
    const auto entry = disk_.content.find(appointment).value();
    return entry && entry->state == EntryState::kRegistered;
  }

  Disk disk_;
  DiskHome home_{disk_};
  std::vector<std::string> news_;
  std::unique_ptr<ProcessorKeeper> keeper_;
};

TEST_F(KeeperTest, GoesOnWhenTheDiskHasRecovered) {
  open();
  const auto before = world_.request(kPeru);
  run_for(seconds{1});
  disk_.commits = kFailing;
  const auto during = world_.request(kPeru);
  run_for(minutes{5});
  EXPECT_FALSE(is_registered(during));
  EXPECT_THAT(keeper_->trouble(), HasSubstr("opened again within 10 s"));
  EXPECT_THAT(keeper_->trouble(), HasSubstr("Input/output error"));
  disk_.commits.reset();
  const auto after = world_.request(kPeru);
  run_for(seconds{11});
  EXPECT_EQ(keeper_->trouble(), "");
  for (const AppointmentId each : {before, during, after}) EXPECT_TRUE(is_registered(each));
  EXPECT_EQ(confirmations().size(), 3U);
  EXPECT_TRUE(all_acknowledged());
  EXPECT_EQ(keeper_->counters().completed.value(), 3U) << "counted over all stores";
}

TEST_F(KeeperTest, TellsOnceThatAStoreIsLostAndOnceThatItIsBack) {
  open();
  world_.request(kPeru);
  disk_.commits = disk_.openings = kFailing;
  run_for(minutes{1});
  EXPECT_THAT(news_, ElementsAre("processor-PE lost"));
  disk_.commits = disk_.openings = std::nullopt;
  run_for(seconds{11});
  EXPECT_THAT(news_, ElementsAre("processor-PE lost", "processor-PE back"));
}

TEST_F(KeeperTest, PausesLongerAndLongerUpToALimit) {
  open();
  world_.request(kPeru);
  disk_.commits = disk_.openings = kFailing;
  const int before = disk_.opened;
  run_for(seconds{4});
  EXPECT_EQ(disk_.opened - before, 3) << "after 0.5, 1 and 2 s";
  run_for(minutes{10});
  EXPECT_NEAR(disk_.opened - before, 63, 2) << "and then every 10 s";
}

// One that can be opened, and fails at the first write.
TEST_F(KeeperTest, PausesLongerAlsoWhenOpeningHelpsForAMomentOnly) {
  open();
  world_.request(kPeru);
  disk_.commits = kFailing;
  run_for(minutes{10});
  EXPECT_LT(disk_.opened, 70);
  disk_.commits.reset();
  run_for(minutes{2});
  disk_.commits = kFailing;
  world_.request(kPeru);
  const int before = disk_.opened;
  run_for(seconds{2});
  EXPECT_GE(disk_.opened - before, 1) << "of something new, and so soon again";
}

TEST_F(KeeperTest, ADamagedStoreIsMadeAnewAndFilledAgain) {
  open();
  const auto before = world_.request(kPeru);
  const auto cancelled = world_.request(kPeru);
  run_for(seconds{1});
  world_.cancel(cancelled);
  disk_.finds = kDamaged;
  run_for(seconds{11});
  EXPECT_EQ(disk_.discarded, 1);
  EXPECT_TRUE(is_registered(before));
  EXPECT_EQ(disk_.content.find(cancelled).value()->state, EntryState::kWithdrawn);
  EXPECT_TRUE(all_acknowledged());
}

TEST_F(KeeperTest, AStoreThatIsDamagedWhenItIsOpenedIsMadeAnewAtOnce) {
  disk_.openings = kDamaged;
  open();
  EXPECT_EQ(disk_.discarded, 1);
  EXPECT_EQ(keeper_->trouble(), "");
}

TEST_F(KeeperTest, WaitsForADiskThatFailsFromTheBeginning) {
  disk_.openings = kFailing;
  open();
  EXPECT_THAT(keeper_->trouble(), HasSubstr("Input/output error"));
  const auto mine = world_.request(kPeru);
  run_for(seconds{5});
  disk_.openings.reset();
  run_for(seconds{11});
  EXPECT_TRUE(is_registered(mine));
  EXPECT_THAT(news_, ElementsAre("processor-PE lost", "processor-PE back"));
}

TEST_F(KeeperTest, DoesNotWaitForAStoreThatAnotherProcessHolds) {
  disk_.openings = Error{ErrorCode::kFailedPrecondition, "held by another process"};
  EXPECT_EQ(try_open().error().code, ErrorCode::kFailedPrecondition);
}

// A store that fails again and again under the same message, of which three tries are too many.
TEST_F(KeeperTest, NobodyIsChargedForAStoreThatFails) {
  open();
  const auto first = world_.request(kPeru);
  const auto second = world_.request(kPeru);
  disk_.commits = kFailing;
  run_for(minutes{5});
  disk_.commits.reset();
  run_for(seconds{11});
  EXPECT_TRUE(is_registered(first));
  EXPECT_TRUE(is_registered(second));
  EXPECT_TRUE(dead_letters().empty());
}

TEST_F(KeeperTest, TriesThatFailedByThemselvesAreKept) {
  open();
  rules_.failing = {1};
  world_.request(kPeru);
  run_for(milliseconds{100});
  ASSERT_EQ(rules_.asked[1], 1);
  disk_.commits = kFailing;
  run_for(milliseconds{300});
  ASSERT_EQ(rules_.asked[1], 2);
  disk_.commits.reset();
  run_for(minutes{2});
  ASSERT_EQ(dead_letters().size(), 1U);
  EXPECT_EQ(dead_letters()[0].attempts, 3U);
  EXPECT_EQ(rules_.asked[1], 3);
}

}  // namespace
}  // namespace citas::workers
