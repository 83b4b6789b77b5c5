#include "api/http/inbox.h"

#include <sys/eventfd.h>

#include "events/base/check.h"

namespace citas::api::http {

Inbox::Inbox() : event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

void Inbox::post(Arrival arrival) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  mail_.arrivals.push_back(std::move(arrival));
  signal();
}

void Inbox::post(Return returned) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  mail_.returns.push_back(std::move(returned));
  signal();
}

void Inbox::wake() {
  const std::lock_guard lock(mutex_);
  signal();
}

Inbox::Mail Inbox::collect() {
  const std::lock_guard lock(mutex_);
  signalled_ = false;
  return std::exchange(mail_, {});
}

void Inbox::close() {
  Mail dropped;  // destroyed without the lock: what it holds may post
  const std::lock_guard lock(mutex_);
  closed_ = true;
  std::swap(dropped, mail_);
}

void Inbox::hold() {
  const std::lock_guard lock(mutex_);
  ++holders_;
}

void Inbox::release() {
  const std::lock_guard lock(mutex_);
  if (--holders_ == 0 && signalled_) write_event();
}

void Inbox::signal() {
  if (signalled_) return;
  signalled_ = true;
  if (holders_ == 0) write_event();
}

// The counter is never read, so each write is an edge for epoll.
void Inbox::write_event() { CHECK(::eventfd_write(event_.get(), 1) == 0); }

}  // namespace citas::api::http
