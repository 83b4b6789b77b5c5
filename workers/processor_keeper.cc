#include "workers/processor_keeper.h"

#include <algorithm>
#include <utility>

namespace citas::workers {
namespace {

constexpr std::chrono::milliseconds kFirstPause{500};
constexpr std::chrono::milliseconds kLongestPause{10'000};
// A store that was open for so long has failed of something new.
constexpr std::chrono::minutes kSoundAfter{1};

}  // namespace

Result<std::unique_ptr<ProcessorKeeper>> ProcessorKeeper::open(
    CountryCode country, Bus& bus, CountryStoreHome& home, const CountryRules& rules,
    const Codec& codec, const Clock& clock, const ProcessorOptions& options, Hooks hooks) {
  auto processor = CountryProcessor::open(country, bus, rules, codec, clock, options);
  if (!processor) return failure(processor.error());
  std::unique_ptr<ProcessorKeeper> keeper(
      new ProcessorKeeper(home, clock, std::move(hooks), *std::move(processor)));
  const Status opened = keeper->open_store();
  if (!opened && opened.error().code == ErrorCode::kFailedPrecondition) {
    return failure(opened.error());
  }
  if (!opened) keeper->lose_store(opened.error());
  return keeper;
}

Result<bool> ProcessorKeeper::step() {
  if (!store_) return try_again();
  auto stepped = processor_->step();
  if (stepped) return stepped;
  lose_store(stepped.error());
  return false;
}

bool ProcessorKeeper::try_again() {
  if (clock_.monotonic() < next_try_) return false;
  if (const Status opened = open_store(); !opened) {
    wait_after(opened.error());
    return false;
  }
  trouble_.set({});
  hooks_.on_store_back(name());
  return true;
}

Status ProcessorKeeper::open_store() {
  auto opened = home_.open();
  if (!opened && opened.error().code == ErrorCode::kCorruption) {
    home_.discard();
    opened = home_.open();
  }
  if (!opened) return failure(opened.error());
  store_ = *std::move(opened);
  opened_ = clock_.monotonic();
  processor_->begin(*store_);
  return {};
}

void ProcessorKeeper::lose_store(const Error& error) {
  const bool was_sound = store_ && clock_.monotonic() - opened_ >= kSoundAfter;
  if (was_sound) pause_ = {};
  store_.reset();
  if (error.code == ErrorCode::kCorruption) home_.discard();
  wait_after(error);
  hooks_.on_store_lost(name(), error);
}

void ProcessorKeeper::wait_after(const Error& error) {
  pause_ = std::clamp(pause_ * 2, kFirstPause, kLongestPause);
  next_try_ = clock_.monotonic() + pause_;
  trouble_.set("its store is opened again within " +
               std::to_string(std::chrono::ceil<std::chrono::seconds>(pause_).count()) +
               " s, and so on until that helps: " + error.message);
}

std::string ProcessorKeeper::trouble() const {
  std::string of_store = trouble_.text();
  return of_store.empty() ? processor_->trouble() : of_store;
}

}  // namespace citas::workers
