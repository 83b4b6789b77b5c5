// What can go wrong in a simulated run. Which of it does, and how often, is the seed's choice: most
// runs have few kinds of faults, so that some get far and others get nowhere. Everything that did
// go wrong is counted by its name.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

#include "tests/simulation/random.h"

namespace citas::simulation {

enum class Fault : std::size_t {
  // Of a turn of the world.
  kCrash,      // of a process, between two of its steps
  kLightFuse,  // of a process that will die within a step
  kCutPower,   // of everything: what was not synced is lost
  kCutConnection,
  kStopBus,
  kWipeBus,
  kSetBackBus,
  kTruncateStream,
  kWipeStore,
  kSetBackStore,
  kLoseProjections,
  // Of a message, or of a call to the bus.
  kLosePublication,
  kRepeatPublication,
  kLoseAck,  // of a publication
  kLoseDelivery,
  kLoseSettlement,  // of what was delivered
  kRefuseCall,      // a management call, before it had its effect
  kLoseAnswer,      // to a management call, after it
  // Of an append to the log: it fails, and had its effect or not. That ends the server.
  kFailAppend,
  kLoseAppended,
  // Of a country's store: a write, likewise; a read, and what it finds is damaged. That closes it.
  // And its opening after that, for a while.
  kFailStoreWrite,
  kLoseStoreWrite,
  kFailStoreRead,
  kDamageStore,
  kFailStoreOpening,
  // What comes of all this: never chosen, only counted.
  kDelay,     // of a message
  kOvertake,  // of a message by a later one
  kDieInAStep,
  kStopServer,  // by the error that it met
  kReopenStore,
};

struct FaultKind {
  std::string_view name;
  std::uint64_t most = 0;  // the highest chance that a run may have of it, in thousandths
};

inline constexpr std::array kFaultKinds{
    FaultKind{"process killed between steps", 20},
    FaultKind{"fuse lit in a process", 30},
    FaultKind{"power cut", 8},
    FaultKind{"connections cut", 15},
    FaultKind{"bus stopped", 10},
    FaultKind{"bus wiped", 8},
    FaultKind{"bus set back", 10},
    FaultKind{"stream truncated", 8},
    FaultKind{"country store wiped", 8},
    FaultKind{"country store set back", 12},
    FaultKind{"projections lost", 8},
    FaultKind{"publication lost", 100},
    FaultKind{"publication repeated", 100},
    FaultKind{"acknowledgement lost", 150},
    FaultKind{"delivery lost", 100},
    FaultKind{"settlement lost", 150},
    FaultKind{"call to the bus refused", 100},
    FaultKind{"answer of the bus lost", 100},
    FaultKind{"append failed without effect", 40},
    FaultKind{"append failed after its effect", 40},
    FaultKind{"store write failed without effect", 20},
    FaultKind{"store write failed after its effect", 20},
    FaultKind{"store read failed", 15},
    FaultKind{"store found damaged", 5},
    FaultKind{"store could not be opened", 500},
    FaultKind{"message delayed"},
    FaultKind{"message overtaken"},
    FaultKind{"process died within a step"},
    FaultKind{"server stopped by an error of its log"},
    FaultKind{"country store opened again after an error"},
};
static_assert(kFaultKinds.size() == static_cast<std::size_t>(Fault::kReopenStore) + 1);
using FaultCounts = std::array<std::uint64_t, kFaultKinds.size()>;  // by Fault

// Safeguards that can be taken away. Then the model has to find a violation, or it finds none ever.
enum class Canary {
  kNone,
  kLoseEvent,     // an append is acknowledged, and gone after the next start
  kEarlyAck,      // appends are acknowledged before they are written
  kNoDedup,       // the outcomes of keys are forgotten
  kChangeStream,  // a message of the stream is not the log's event
  kForeignEntry,  // a country's store holds an appointment that no log has
};
inline constexpr std::array kCanaries{
    std::pair{std::string_view{"lose-event"}, Canary::kLoseEvent},
    std::pair{std::string_view{"early-ack"}, Canary::kEarlyAck},
    std::pair{std::string_view{"no-dedup"}, Canary::kNoDedup},
    std::pair{std::string_view{"change-stream"}, Canary::kChangeStream},
    std::pair{std::string_view{"foreign-entry"}, Canary::kForeignEntry},
};

// Thrown through the product's code: its process dies here.
struct Crash {};

// Decides what goes wrong, by the seed, and keeps count.
class Adversary {
 public:
  // Borrows random.
  explicit Adversary(Random& random, Canary canary = Canary::kNone)
      : random_(random), canary_(canary) {
    for (std::size_t i = 0; i < chances_.size(); ++i) {
      const std::uint64_t most = kFaultKinds.at(i).most;
      if (most > 0 && random_.chance(400)) chances_.at(i) = 1 + random_.below(most);
    }
    if (random_.chance(400)) longest_delay_ms_ = 1 + random_.below(400);
    overtaking_ = random_.chance(250);
  }

  bool may(Fault fault) const { return chances_[index(fault)] > 0; }
  // Whether it happens now; then it is counted.
  bool strikes(Fault fault) {
    const bool now = random_.chance(chances_[index(fault)]);
    if (now) count(fault);
    return now;
  }
  void count(Fault fault) { ++counts_[index(fault)]; }

  // How long a message takes.
  std::uint64_t delay_ms() { return random_.below(longest_delay_ms_ + 1); }
  // Whether messages of one connection overtake each other.
  bool overtaking() const { return overtaking_; }

  // Whether that safeguard is taken away here and now.
  bool removes(Canary canary, std::uint64_t per_mille = 1000) {
    return canary == canary_ && !stopped_ && random_.chance(per_mille);
  }

  // Nothing goes wrong any more.
  void stop() {
    stopped_ = true;
    chances_ = {};
    longest_delay_ms_ = 0;
    overtaking_ = false;
  }
  const FaultCounts& counts() const { return counts_; }

 private:
  static constexpr std::size_t index(Fault fault) { return static_cast<std::size_t>(fault); }

  Random& random_;
  const Canary canary_;
  std::array<std::uint64_t, kFaultKinds.size()> chances_{};  // in thousandths
  std::uint64_t longest_delay_ms_ = 0;
  bool overtaking_ = false;
  bool stopped_ = false;
  FaultCounts counts_{};
};

// Burns with every call that a process makes to the world outside.
class Fuse {
 public:
  void light(std::uint64_t calls) { left_ = calls + 1; }
  void put_out() { left_ = 0; }
  void burn() {
    if (left_ > 0 && --left_ == 0) throw Crash{};
  }

 private:
  std::uint64_t left_ = 0;  // 0: not lit
};

}  // namespace citas::simulation
