#include "workers/driver.h"

#include <chrono>
#include <utility>

#include "events/base/thread_name.h"

namespace citas::workers {
namespace {

constexpr std::chrono::milliseconds kLongestSleep{50};

}  // namespace

WorkerThread::WorkerThread(std::string name, Wakeup& wakeup, std::vector<Piece*> pieces,
                           std::function<void(std::string_view, const Error&)> on_fatal,
                           std::function<bool()> may_step)
    : name_(std::move(name)),
      wakeup_(wakeup),
      pieces_(std::move(pieces)),
      on_fatal_(std::move(on_fatal)),
      may_step_(std::move(may_step)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

WorkerThread::~WorkerThread() { request_stop(); }

void WorkerThread::request_stop() {
  thread_.request_stop();
  wakeup_.notify();
}

bool WorkerThread::ends_by(std::chrono::steady_clock::time_point deadline) const {
  return ended_.wait_until(deadline) == std::future_status::ready;
}

void WorkerThread::run(const std::stop_token& stop) {
  name_this_thread(name_);
  step_until_stopped(stop);
  end_.set_value();
}

void WorkerThread::step_until_stopped(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    ++beats_;
    bool worked = false;
    if (!may_step_()) {
      pause_all();
    } else if (!step_all(worked)) {
      return;
    }
    if (!worked) wakeup_.wait_for(kLongestSleep);
  }
}

void WorkerThread::pause_all() {
  if (std::exchange(pauses_, true)) return;
  for (Piece* piece : pieces_) piece->pause();
}

bool WorkerThread::step_all(bool& worked) {
  pauses_ = false;
  for (Piece* piece : pieces_) {
    const auto stepped = piece->step();
    if (!stepped) {
      on_fatal_(piece->name(), stepped.error());
      return false;
    }
    worked |= *stepped;
  }
  return true;
}

}  // namespace citas::workers
