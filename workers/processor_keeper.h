// ProcessorKeeper: a country's processor, and the store that it works on. Sees to it that a store
// that has failed is opened again.
//
// The store is a copy of what the log says, so that its disk fails, or is full, is no reason to end
// for good: the bus keeps what comes, and the other countries go on. A store that has failed is
// closed at once, and nothing more is written to it. It is opened anew after a pause, which doubles
// from half a second to ten as long as that does not help for a minute, and the processor goes on
// behind its mark. Opening is no second try of a sync that failed: it reads what the disk has, and
// what it found in a write-ahead log goes into a new file before anything rests on it.
// A store that is damaged is deleted, and so filled again from the bus.
//
// One thread; counters() and trouble() from any, as long as it lives.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "events/base/clock.h"
#include "workers/counters.h"
#include "workers/country_processor.h"
#include "workers/country_store.h"
#include "workers/piece.h"

namespace citas::workers {

class ProcessorKeeper final : public Piece {
 public:
  // Called by open() and step(), in turn, with the processor's name: its store has failed, or could
  // not be opened in the beginning; it is open again.
  struct Hooks {
    std::function<void(std::string_view piece, const Error&)> on_store_lost = [](std::string_view,
                                                                                 const Error&) {};
    std::function<void(std::string_view piece)> on_store_back = [](std::string_view) {};
  };

  // Opens the store, and goes on without where the disk does not let it. FailedPrecondition: that
  // no waiting helps, since another process holds it, or it is of an unknown format. Borrows all
  // but country, options and hooks.
  static Result<std::unique_ptr<ProcessorKeeper>> open(
      CountryCode country, Bus& bus, CountryStoreHome& home, const CountryRules& rules,
      const Codec& codec, const Clock& clock, const ProcessorOptions& options, Hooks hooks);

  std::string_view name() const override { return processor_->name(); }
  // Never fails.
  Result<bool> step() override;
  void pause() override { processor_->pause(); }

  const ConsumerCounters& counters() const { return processor_->counters(); }
  // Why nothing moves; empty when all is well.
  std::string trouble() const;
  bool lacks_events() const { return processor_->lacks_events(); }

 private:
  ProcessorKeeper(CountryStoreHome& home, const Clock& clock, Hooks hooks,
                  std::unique_ptr<CountryProcessor> processor)
      : home_(home), clock_(clock), hooks_(std::move(hooks)), processor_(std::move(processor)) {}

  Status open_store();
  // True when it is open again.
  bool try_again();
  void lose_store(const Error& error);
  void wait_after(const Error& error);

  CountryStoreHome& home_;
  const Clock& clock_;
  const Hooks hooks_;
  std::unique_ptr<CountryStore> store_;  // null while it cannot be used
  const std::unique_ptr<CountryProcessor> processor_;
  Clock::Monotonic opened_{};
  Clock::Monotonic next_try_{};
  std::chrono::milliseconds pause_{0};  // before that
  Trouble trouble_;
};

}  // namespace citas::workers
