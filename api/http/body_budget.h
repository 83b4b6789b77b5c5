// BodyBudget: bounds the request bodies that a server holds at once, all connections together.
//
// The first kFreeBytes of each body are not counted: the number of connections bounds these, and so
// a few clients that hold back large bodies cannot keep everybody else's commands out.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace citas::api::http {

// Thread-safe.
class BodyBudget {
 public:
  // More than any command of this API takes.
  static constexpr std::size_t kFreeBytes = 4 * 1024;

  explicit BodyBudget(std::size_t limit_bytes) : limit_bytes_(limit_bytes) {}
  BodyBudget(const BodyBudget&) = delete;
  BodyBudget& operator=(const BodyBudget&) = delete;

  // What one request holds; given back when it goes, which may be after the server has gone.
  class Share {
   public:
    explicit Share(std::shared_ptr<BodyBudget> budget) : budget_(std::move(budget)) {}
    ~Share() { budget_->used_bytes_ -= bytes_; }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    // Of a body that has `body_bytes` now. False when that is more than the budget has left.
    bool grow_to(std::size_t body_bytes) {
      const std::size_t bytes = body_bytes > kFreeBytes ? body_bytes - kFreeBytes : 0;
      if (bytes == bytes_) return true;
      const std::size_t used = budget_->used_bytes_ += bytes - bytes_;
      bytes_ = bytes;
      return used <= budget_->limit_bytes_;
    }

   private:
    std::shared_ptr<BodyBudget> budget_;
    std::size_t bytes_ = 0;
  };

 private:
  const std::size_t limit_bytes_;
  std::atomic<std::size_t> used_bytes_{0};
};

}  // namespace citas::api::http
