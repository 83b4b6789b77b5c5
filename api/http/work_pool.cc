#include "api/http/work_pool.h"

#include "events/base/thread_name.h"

namespace citas::api::http {

WorkPool::WorkPool(std::size_t threads, std::size_t capacity, Work work)
    : capacity_(capacity), work_(std::move(work)) {
  threads_.reserve(threads);
  try {
    for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
  } catch (...) {
    stop();  // those that there are would be waited for in vain
    throw;
  }
}

WorkPool::~WorkPool() { stop(); }

bool WorkPool::submit(Job& job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || queue_.size() >= capacity_) return false;
    queue_.push_back(std::move(job));
  }
  ready_.notify_one();
  return true;
}

void WorkPool::stop() {
  std::deque<Job> dropped;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    dropped.swap(queue_);
  }
  ready_.notify_all();
  threads_.clear();
}

void WorkPool::run() {
  name_this_thread("http-pool");
  while (true) {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    Job job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    work_(std::move(job));
  }
}

}  // namespace citas::api::http
