// CountryHistory: what a country's store has been given, commit by commit, and so what it may hold.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <vector>

#include "workers/country_store.h"

namespace citas::torture {

// Everything that can be asked of a store.
struct CountryAnswers {
  workers::CountryMark mark;
  std::map<unsigned char, workers::CountryEntry> entries;
  friend bool operator==(const CountryAnswers&, const CountryAnswers&) = default;
};

// An error is an answer, too: what is wrong was noticed.
Result<CountryAnswers> ask(const workers::CountryStore& store);

class CountryHistory {
 public:
  explicit CountryHistory(std::uint64_t seed) : random_(seed) {}

  // Some commits of a few entries, behind what the store holds; of the first error it is told.
  Status live(workers::CountryStore& store);

  // After each change, the one under way when it failed included; the first is empty.
  const std::vector<CountryAnswers>& states() const { return states_; }
  // How many of these are known to be of the past: the store must be in the last of them, or in a
  // later one.
  std::size_t acknowledged() const { return acknowledged_; }

 private:
  Status begin(workers::CountryStore& store);
  workers::CountryChanges invent(CountryAnswers& next);

  std::mt19937_64 random_;
  std::vector<CountryAnswers> states_{1};
  std::size_t acknowledged_ = 1;
};

}  // namespace citas::torture
