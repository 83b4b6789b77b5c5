// Whole systems, from seeds: whatever happens to them, they come to rest as the model says.
#include <gtest/gtest.h>

#include <vector>

#include "tests/simulation/world.h"

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

TEST(Simulation, AnotherSeedIsAnotherWorld) {
  EXPECT_NE(World(1).run().digest, World(2).run().digest);
}

}  // namespace
}  // namespace citas::simulation
