#include "projections/appointments/page_cache.h"

#include <gtest/gtest.h>

#include "projections/appointments/appointments_query.h"
#include "projections/rocksdb/rocksdb_generations.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/projections/read_model.h"

namespace citas::projections {
namespace {

using citas::testing::catch_up;
using citas::testing::History;
using citas::testing::insured;
using citas::testing::kNow;
using citas::testing::kTestLog;
using citas::testing::open_engine;
using citas::testing::slot;
using citas::testing::TempFolder;

constexpr std::size_t kPlenty = std::size_t{1} << 20;

AppointmentsPage page_of(std::string appointments) {
  AppointmentsPage page;
  page.appointments = std::move(appointments);
  return page;
}

Checkpoint checkpoint_at(std::uint64_t position) {
  Checkpoint checkpoint;
  checkpoint.head.position = Position{position};
  return checkpoint;
}

class PageCacheTest : public ::testing::Test {
 protected:
  std::shared_ptr<const ReadStore> store() const { return store_; }
  Revision revision() const { return store_->view().value()->revision(); }
  void write(std::string_view key, std::uint64_t position) {
    const std::vector<Mutation> mutations{{key, "x"}};
    ASSERT_TRUE(store_->commit(mutations, checkpoint_at(position)));
  }
  std::string text(PageCache& cache, std::string_view key) const {
    const auto page = cache.find(key, store_);
    return page ? page->appointments : "nothing";
  }

  TempFolder folder_;
  std::shared_ptr<ReadStore> store_ =
      RocksDbReadStore::open(folder_.path() / "store", RocksDbReadStore::Mode::kCreate,
                             make_read_store_resources(kPlenty))
          .value();
};

TEST_F(PageCacheTest, KeepsAPageWhileItsKeyIsNotWritten) {
  PageCache cache(kPlenty);
  EXPECT_EQ(text(cache, "a"), "nothing");
  cache.keep("a", store_, revision(), page_of("[1]"));
  EXPECT_EQ(text(cache, "a"), "[1]");
  write("b", 7);
  EXPECT_EQ(text(cache, "a"), "[1]");
  EXPECT_EQ(cache.find("a", store_)->reflected, Position{7});
  write("a", 8);
  EXPECT_EQ(text(cache, "a"), "nothing");
  EXPECT_EQ(cache.stats().hits, 3u);
  EXPECT_EQ(cache.stats().misses, 2u);
}

// What was read before a write may be kept only after it.
TEST_F(PageCacheTest, APageThatWasOldWhenItWasKeptIsNotGivenOut) {
  PageCache cache(kPlenty);
  const Revision before = revision();
  write("a", 1);
  cache.keep("a", store_, before, page_of("[1]"));
  EXPECT_EQ(text(cache, "a"), "nothing");
}

TEST_F(PageCacheTest, AnOlderPageDoesNotReplaceANewerOne) {
  PageCache cache(kPlenty);
  const Revision before = revision();
  write("a", 1);
  cache.keep("a", store_, revision(), page_of("[2]"));
  cache.keep("a", store_, before, page_of("[1]"));
  EXPECT_EQ(text(cache, "a"), "[2]");
}

// Views taken while a commit is being written are of one revision, and name one position or the
// next.
TEST_F(PageCacheTest, OfPagesOfOneRevisionTheLaterStays) {
  PageCache cache(kPlenty);
  AppointmentsPage earlier = page_of("[1]");
  AppointmentsPage later = page_of("[2]");
  earlier.reflected = Position{8};
  later.reflected = Position{9};
  cache.keep("a", store_, revision(), later);
  cache.keep("a", store_, revision(), earlier);
  EXPECT_EQ(text(cache, "a"), "[2]");
  EXPECT_EQ(cache.find("a", store_)->reflected, Position{9}) << "which its store does not name yet";
}

TEST_F(PageCacheTest, WhatIsReplacedTakesNoRoom) {
  PageCache cache(kPlenty);
  std::vector<std::size_t> bytes;
  for (std::uint64_t position = 1; position <= 5; ++position) {
    write("a", position);
    cache.keep("a", store_, revision(), page_of(std::string(position % 2 == 0 ? 9 : 500, 'x')));
    bytes.push_back(cache.stats().bytes);
  }
  EXPECT_EQ(cache.stats().pages, 1u);
  EXPECT_EQ(bytes[2], bytes[0]);
  EXPECT_EQ(bytes[4], bytes[0]);
  EXPECT_EQ(bytes[0] - bytes[1], 500u - 9u);
}

TEST_F(PageCacheTest, APageIsOfItsOwnStoreOnly) {
  PageCache cache(kPlenty);
  const std::shared_ptr<const ReadStore> other = std::make_shared<MemoryReadStore>();
  cache.keep("a", other, other->view().value()->revision(), page_of("[1]"));
  EXPECT_EQ(text(cache, "a"), "nothing");
  cache.keep("a", store_, revision(), page_of("[2]"));
  EXPECT_EQ(text(cache, "a"), "[2]");
  EXPECT_EQ(cache.find("a", other), std::nullopt);
}

TEST_F(PageCacheTest, DoesNotKeepAStoreOpen) {
  PageCache cache(kPlenty);
  auto other = std::make_shared<MemoryReadStore>();
  const std::weak_ptr<const ReadStore> watched = other;
  cache.keep("a", other, Revision{}, page_of("[1]"));
  other.reset();
  EXPECT_TRUE(watched.expired());
}

TEST_F(PageCacheTest, StaysWithinItsLimitAndForgetsWhatNobodyAsksFor) {
  constexpr std::size_t kLimit = 160'000;
  PageCache cache(kLimit);
  cache.keep("hot", store_, revision(), page_of("[hot]"));
  for (int i = 0; i < 2'000; ++i) {
    cache.keep("key" + std::to_string(i), store_, revision(), page_of(std::string(500, 'x')));
    ASSERT_LE(cache.stats().bytes, kLimit);
    ASSERT_EQ(text(cache, "hot"), "[hot]") << i;
  }
  EXPECT_GT(cache.stats().pages, 100u);
  EXPECT_LT(cache.stats().pages, 200u);
  EXPECT_EQ(text(cache, "key0"), "nothing");
  EXPECT_NE(text(cache, "key1999"), "nothing");
  cache.keep("large", store_, revision(), page_of(std::string(kLimit, 'x')));
  EXPECT_EQ(text(cache, "large"), "nothing");
}

TEST_F(PageCacheTest, WithoutMemoryItKeepsNothing) {
  PageCache cache(0);
  cache.keep("a", store_, revision(), page_of("[1]"));
  EXPECT_EQ(text(cache, "a"), "nothing");
  EXPECT_EQ(cache.stats().pages, 0u);
}

// --- As the query uses it ---

class KeptListsTest : public ::testing::Test {
 protected:
  AppointmentsPage list(const InsuredId& id, std::string_view cursor = {}) const {
    return query_.list(kDefaultTenant, id, {}, {.cursor = cursor}).value();
  }
  AppointmentsPage list_then(Position then, const InsuredId& id,
                             std::string_view cursor = {}) const {
    return query_.list_as_of(then, kDefaultTenant, id, {}, {.cursor = cursor}).value();
  }
  std::shared_ptr<ReadStore> store() {
    return std::const_pointer_cast<ReadStore>(live_.store().value());
  }

  TempFolder folder_;
  const Codec codec_;
  ManualClock clock_{kNow};
  MemoryEventLog log_{kTestLog};
  History history_{log_};
  RocksDbGenerations generations_{folder_.path()};
  std::unique_ptr<ProjectionEngine> engine_ = open_engine(log_, codec_, clock_, generations_);
  LiveProjection& live_ = engine_->live(AppointmentsByInsured::kName);
  const AppointmentsQuery query_{live_, log_, codec_};
};

TEST_F(KeptListsTest, AListIsTheLogsAtThePositionThatItNames) {
  for (int round = 0; round < 500; ++round) {
    history_.random_steps(static_cast<int>(history_.draw(4)));
    catch_up(*engine_);
    for (int reader = 0; reader < 3; ++reader) {
      const InsuredId id = insured(history_.random_insured());
      const AppointmentsPage now = list(id);
      ASSERT_EQ(now.reflected, log_.committed());
      const AppointmentsPage then = list_then(now.reflected, id);
      ASSERT_EQ(now.appointments, then.appointments);
      ASSERT_EQ(now.total, then.total);
      ASSERT_EQ(now.has_more, then.has_more);
      ASSERT_EQ(now.last_changed, then.last_changed);
      if (!now.has_more) continue;
      // Each cursor is good for its own time only, and goes on behind the same appointment.
      ASSERT_EQ(list(id, now.next_cursor).appointments,
                list_then(now.reflected, id, then.next_cursor).appointments);
    }
  }
  EXPECT_GT(query_.cache_stats().hits, 500u);
  EXPECT_GT(query_.cache_stats().misses, 100u);
}

TEST_F(KeptListsTest, AnEmptyListFillsWithTheFirstAppointment) {
  EXPECT_EQ(list(insured("00001")).total, 0u);
  history_.request("00002", slot("PE", 1));
  catch_up(*engine_);
  EXPECT_EQ(list(insured("00001")).total, 0u);
  EXPECT_EQ(query_.cache_stats().hits, 1u);
  history_.request("00001", slot("PE", 2));
  catch_up(*engine_);
  EXPECT_EQ(list(insured("00001")).total, 1u);
}

TEST_F(KeptListsTest, FiltersOtherLimitsAndCursorsAreReadEachTime) {
  for (int i = 1; i <= 3; ++i) history_.request("00001", slot("PE", i));
  catch_up(*engine_);
  const InsuredId id = insured("00001");
  ASSERT_EQ(list(id).total, 3u);
  const AppointmentsPage newest =
      query_.list(kDefaultTenant, id, {.order = Order::kDescending}, {}).value();
  EXPECT_NE(newest.appointments, list(id).appointments);
  EXPECT_EQ(
      query_.list(kDefaultTenant, id, {.status = RequestStatus::kCompleted}, {}).value().total, 0u);
  EXPECT_TRUE(query_.list(kDefaultTenant, id, {}, {.limit = 2}).value().has_more);
  EXPECT_EQ(query_.list(TenantId{"other"}, id, {}, {}).value().total, 0u);
}

// A rebuild mends what was wrong, so nothing that was read before may be shown after.
TEST_F(KeptListsTest, WhatWasReadFromAReplacedGenerationIsForgotten) {
  history_.request("00001", slot("PE", 1));
  catch_up(*engine_);
  const InsuredId id = insured("00001");
  const std::string good = list(id).appointments;
  const std::string rows = rows_key(kDefaultTenant, id);
  std::string key;
  ASSERT_TRUE(store()->view().value()->scan({rows, ""}, Order::kAscending, [&](auto found, auto) {
    key = found;
    return false;
  }));
  const std::string summary = summary_key(kDefaultTenant, id);
  const std::vector<Mutation> damage{{key, std::nullopt}, {summary, std::nullopt}};
  ASSERT_TRUE(store()->commit(damage, *store()->checkpoint().value()));
  ASSERT_EQ(list(id).appointments, "[]");
  ASSERT_TRUE(engine_->rebuild(AppointmentsByInsured::kName, {}, {}));
  EXPECT_EQ(list(id).appointments, good);
}

}  // namespace
}  // namespace citas::projections
