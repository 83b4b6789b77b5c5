// Trials: attempts, one after the other, that may end their process.
//
// RocksDB as Debian builds it keeps its assertions, and answers some damage with one. So attempts
// are made in a child process. One that an assertion stops is recorded, and another child goes on
// behind it. Whatever else ends a child is a defect.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "tests/torture/disk/damage.h"
#include "tests/torture/disk/report.h"

namespace citas::torture {

// Made anew in each child: for one seed always the same trials, under the same numbers.
class Trials {
 public:
  virtual ~Trials() = default;
  virtual const std::vector<Damage>& damages() const = 0;
  // What became of it, in words to be counted. Throws Defect.
  virtual std::string attempt(const Damage& damage) = 0;
};

// Attempts plan.cycles of them, some of each kind and the rest evenly spread; all of them for 0.
// Fork-safe only while the calling process has no thread but one, and has not used RocksDB. Throws
// Defect.
void run_trials(const Plan& plan, Report& report,
                const std::function<std::unique_ptr<Trials>()>& prepare);

}  // namespace citas::torture
