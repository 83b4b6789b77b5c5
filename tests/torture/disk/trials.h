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

// Made anew in each child: for one seed always of the same content. RocksDB does not write it to
// the same bytes each time, so later children adopt the files of the first, and the trials are the
// same ones, under the same numbers.
class Trials {
 public:
  virtual ~Trials() = default;
  // What is to be damaged.
  virtual const Files& files() const = 0;
  // Damages these from now on, which other Trials of the same seed have made.
  virtual void adopt(Files files) = 0;
  // What became of it, in words to be counted. Throws Defect.
  virtual std::string attempt(const Damage& damage) = 0;
};

// Attempts plan.cycles of them, some of each kind and the rest evenly spread; all of them for 0.
// Fork-safe only while the calling process has no thread but one, and has not used RocksDB. Throws
// Defect.
void run_trials(const Plan& plan, Report& report,
                const std::function<std::unique_ptr<Trials>()>& prepare);

}  // namespace citas::torture
