// Whole systems, from seeds: whatever happens to them, they come to rest as the model says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/simulation/world.h"
#include "tests/support/events.h"

namespace citas::simulation {
namespace {

// Sanitizers take some thirty times as long, and look for what every world shows.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kSeeds = 300;
#else
constexpr std::uint64_t kSeeds = 10'000;
#endif

TEST(Simulation, EveryWorldComesToRestAsTheModelSays) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Verdict verdict = World(seed).run();
    ASSERT_EQ(verdict.violation, "")
        << "repeat: citas_simulation --cycles 1 --trace --seed " << seed;
  }
}

// Found among millions; in the order in which they were.
TEST(Simulation, WorldsThatOnceFailedComeToRest) {
  for (const std::uint64_t seed : {1'036'359}) EXPECT_EQ(World(seed).run().violation, "") << seed;
}

TEST(Simulation, ASeedIsAlwaysTheSameWorld) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    std::vector<std::string> first;
    std::vector<std::string> second;
    const auto into = [](std::vector<std::string>& lines) {
      return [&lines](std::string_view line) { lines.emplace_back(line); };
    };
    const Verdict once = World(seed, into(first)).run();
    const Verdict again = World(seed, into(second)).run();
    EXPECT_EQ(once.digest, again.digest) << seed;
    ASSERT_EQ(first, second) << seed;
  }
}

// What was wrong with the first of a few seeds that is found to be wrong; empty when none is.
std::string first_violation(Canary canary) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Verdict verdict = World(seed, {}, canary).run();
    if (!verdict.violation.empty()) return std::move(verdict.violation);
  }
  return {};
}

TEST(Simulation, TheModelMissesNoCanary) {
  // Whoever repeats the key of what was lost gets another answer; else it is missed in the end.
  const std::string lost =
      "key .* was answered with two events|what was acknowledged to key .* is not in the log";
  const std::map<Canary, std::string> expected{
      {Canary::kLoseEvent, lost},
      {Canary::kEarlyAck, lost},
      {Canary::kNoDedup, "key .* was (answered with two events|refused later)"},
      {Canary::kChangeStream, "the stream differs from the log at .*"},
      {Canary::kForeignEntry, "a country's store holds what the log does not"},
  };
  for (const auto& [name, canary] : kCanaries) {
    EXPECT_THAT(first_violation(canary), ::testing::MatchesRegex(expected.at(canary))) << name;
  }
}

// What the model says of a log with these events.
std::string violation_of(const std::vector<EventData>& facts) {
  MemoryEventLog log(testing::kTestLog);
  for (const EventData& fact : facts) {
    const Event event = testing::event_at(log.head().position.value() + 1, fact);
    AppendBatch batch;
    batch.records.push_back(testing::record_of(event));
    log.commit(log.append(batch).value().position);
  }
  return read_history(log, Codec{}).violation;
}

TEST(Simulation, TheModelKnowsWhatCannotBe) {
  const AppointmentRequested one{testing::ref(1), {}};
  const AppointmentRequested other{testing::ref(2), {}};
  const AppointmentConfirmed confirmed{testing::ref(1), RegistrationId{testing::uuid(42)}};
  const AppointmentRejected rejected{testing::ref(1), testing::reason("center_closed")};
  const AppointmentCancelled cancelled{testing::ref(1), {}};
  const DeadLetterRecorded letter{.message_id = testing::uuid(1).to_string(),
                                  .consumer = "processor-PE",
                                  .country = testing::country("PE"),
                                  .reason = testing::reason("crashed")};
  EXPECT_EQ(violation_of({one, confirmed, cancelled, other}), "");
  EXPECT_EQ(violation_of({one, rejected, other}), "");
  EXPECT_EQ(violation_of({one, other}), "two live appointments in one slot at position 2");
  EXPECT_EQ(violation_of({one, confirmed, other}),
            "two live appointments in one slot at position 3");
  EXPECT_EQ(violation_of({one, confirmed, confirmed}), "a late answer at position 3");
  EXPECT_EQ(violation_of({one, cancelled, rejected}), "a late answer at position 3");
  EXPECT_EQ(violation_of({one, cancelled, cancelled}), "a late cancellation at position 3");
  EXPECT_EQ(violation_of({confirmed}), "an event about nothing at position 1");
  EXPECT_EQ(violation_of({one, letter}), "a letter about nothing at position 2");
}

// A kind of fault that never strikes is one that nothing is known about.
TEST(Simulation, EveryKindOfFaultStrikes) {
  FaultCounts sum{};
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const FaultCounts counts = World(seed).run().faults;
    std::ranges::transform(sum, counts, sum.begin(), std::plus{});
  }
  for (std::size_t i = 0; i < sum.size(); ++i) EXPECT_GT(sum.at(i), 0u) << kFaultKinds.at(i).name;
}

TEST(Simulation, AnotherSeedIsAnotherWorld) {
  EXPECT_NE(World(1).run().digest, World(2).run().digest);
}

}  // namespace
}  // namespace citas::simulation
