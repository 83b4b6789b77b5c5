// What other threads hand to an event loop.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "api/http/exchange.h"
#include "api/http/listener.h"
#include "events/base/descriptor.h"

namespace citas::api::http {

struct Connection;

// A new connection.
struct Arrival {
  Accepted accepted;
  bool over_limit = false;  // to be answered 503 and closed
};

// An exchange that comes back to its connection.
struct Return {
  Connection* connection = nullptr;
  std::unique_ptr<Exchange> exchange;
  std::function<Response()> render;  // of a deferred one: makes its response
};

// Thread-safe. May outlive its loop: what then comes in is dropped.
class Inbox {
 public:
  struct Mail {
    std::vector<Arrival> arrivals;
    std::vector<Return> returns;
  };

  Inbox();

  void post(Arrival arrival);
  void post(Return returned);
  // Makes the loop look around.
  void wake();
  // Between the two, what comes in wakes nobody; the last release() does, once.
  void hold();
  void release();

  // For the loop. fd() becomes readable, as an edge, with the first thing after a collect().
  int fd() const { return event_.get(); }
  Mail collect();
  void close();

 private:
  void signal();  // these two with mutex_ held
  void write_event();

  Descriptor event_;
  std::mutex mutex_;  // guards what is below
  Mail mail_;
  bool signalled_ = false;
  bool closed_ = false;
  int holders_ = 0;
};

}  // namespace citas::api::http
