// Given a bus whose streams are another log's, or are taken by one, when the relay has run, then
// they are left alone, or taken back with pauses, and it is told.
#include "tests/unit/workers/relay_world.h"

namespace citas::workers {
namespace {

using ::testing::HasSubstr;

// They may be a running server's, or the last copy of a log that is lost.
TEST_F(RelayTest, StreamsOfAnotherLogAreLeftAloneWhereOthersUseTheBus) {
  LogWorld other(2);
  LogWorld given_up(3);
  other.request(kPeru);
  run(other, *relay_of(other));
  publish_foreign("citas.confirmations.PE");
  ASSERT_TRUE(bus_.ensure_consumer(confirmations_consumer()));
  for (int i = 0; i < 5; ++i) world_.request(kChile);

  std::string replaces = given_up.log.identity().source();
  const MayReplace may_replace = [&](std::string_view source) { return source == replaces; };
  const auto relay = std::move(
      *Relay::open(world_.log, bus_, world_.clock, {.window = 8, .may_replace = may_replace}));
  run(world_, *relay);
  expect_copy_of(other);
  EXPECT_EQ(bus_.stream_info(kConfirmationsStream)->messages, 1U);
  EXPECT_TRUE(bus_.consumer_info(kConfirmationsStream, "confirmations"));
  EXPECT_FALSE(relay->bus_is_ours());
  EXPECT_EQ(relay->stats().rebuilds, 0U);
  EXPECT_THAT(relay->trouble(), HasSubstr(other.log.identity().source()));
  const Status refused = check_streams_are_free(bus_, world_.log.identity(), may_replace);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kFailedPrecondition);

  replaces = other.log.identity().source();
  EXPECT_TRUE(check_streams_are_free(bus_, world_.log.identity(), may_replace));
  run(world_, *relay);
  expect_copy_of(world_);
  EXPECT_TRUE(relay->bus_is_ours());
  EXPECT_EQ(relay->trouble(), "");
  replaces.clear();
  EXPECT_TRUE(check_streams_are_free(bus_, world_.log.identity(), may_replace)) << "it is ours";
}

// Does not tell how a stream ends, so many times.
class SilentBus final : public MemoryBus {
 public:
  using MemoryBus::MemoryBus;
  Result<StoredMessage> last_message(std::string_view stream) override {
    if (silent-- > 0) return failure(ErrorCode::kUnavailable, "no answer");
    return MemoryBus::last_message(stream);
  }
  int silent = 1;
};

TEST_F(RelayTest, StreamsAreLeftAloneWhileItIsNotKnownWhoseTheyAre) {
  LogWorld other(2);
  other.request(kPeru);
  run(other, *relay_of(other));
  world_.request(kChile);
  SilentBus bus(broker_);
  const auto relay = std::move(*Relay::open(
      world_.log, bus, world_.clock, {.window = 8, .may_replace = [](auto) { return false; }}));
  run(world_, *relay);
  EXPECT_LT(bus.silent, 0);
  expect_copy_of(other);
  EXPECT_EQ(relay->stats().rebuilds, 0U);
  EXPECT_THAT(relay->trouble(), HasSubstr(other.log.identity().source()));
}

// A mistake of configuration: nothing is to be lost by it, and somebody has to hear of it.
TEST_F(RelayTest, AnotherServerOnTheSameBusIsToldAndNotFoughtWithoutPause) {
  LogWorld other(2);
  for (LogWorld* world : {&world_, &other}) world->request(kPeru);
  auto mine = relay_of(world_);
  run(world_, *mine);
  auto theirs = relay_of(other);
  const Rivalry rivalry = fight(other, *mine, *theirs);
  EXPECT_THAT(rivalry.told_us, HasSubstr("another server, of " + other.log.identity().source()));
  EXPECT_THAT(rivalry.told_them, HasSubstr("another server"));
  theirs.reset();
  expect_peace(*mine);
}

// A folder that was copied and started beside the first: one identity, one epoch, two futures. What
// both stand behind is the same, so only what each wrote since tells them apart.
TEST_F(RelayTest, AServerOfACopyOfTheLogIsToldAndNotFoughtWithoutPause) {
  LogWorld copy;
  for (LogWorld* world : {&world_, &copy}) world->request(kPeru);
  ASSERT_EQ(world_.log.head().hash, copy.log.head().hash);
  auto mine = relay_of(world_);
  run(world_, *mine);
  auto theirs = relay_of(copy);
  copy.clock.advance(std::chrono::milliseconds{1});
  copy.request(kChile);
  copy.request(kChile);
  world_.request(kPeru);
  const Rivalry rivalry = fight(copy, *mine, *theirs);
  EXPECT_TRUE(rivalry.we_kept_away) << "what the other's countries answer is nobody's here";
  EXPECT_THAT(rivalry.told_us, HasSubstr("another server, of a copy of this very log"));
  EXPECT_THAT(rivalry.told_them, HasSubstr("another server, of a copy of this very log"));
  theirs.reset();
  expect_peace(*mine);
  EXPECT_TRUE(mine->bus_is_ours());
}

TEST(CountryChainTest, LooksBackNoFurtherThanItMay) {
  LogWorld world;
  for (const CountryCode& country : {kChile, kPeru, kEcuador, kEcuador}) world.request(country);
  CountryChain chain(world.log, 3);
  chain.begin(Position{4});
  EXPECT_EQ(chain.link("PE", Position{5}).value(), Position{2});
  EXPECT_EQ(chain.link("CL", Position{6}).value(), std::nullopt);
  EXPECT_EQ(chain.link("CL", Position{7}).value(), Position{6});
  chain.begin(Position{2});
  EXPECT_EQ(chain.link("CL", Position{3}).value(), Position{1});
}

}  // namespace
}  // namespace citas::workers
