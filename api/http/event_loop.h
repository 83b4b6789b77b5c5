// EventLoop: one thread that owns a share of the connections and never blocks but in epoll.
//
// Sockets are registered once, edge-triggered, so that a request costs one receive, one send and
// its share of a wait. A connection belongs to its loop for life; while a request is away (at a
// pool, or deferred) only the loop touches the connection, and only others touch the exchange.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "api/http/connection.h"
#include "api/http/core.h"
#include "api/http/inbox.h"

namespace citas::api::http {

// Written by one loop, read by all.
struct LoopStats {
  // One writer needs no atomic addition.
  static void count(std::atomic<std::uint64_t>& counter, std::int64_t by) {
    counter.store(counter.load(std::memory_order_relaxed) + static_cast<std::uint64_t>(by),
                  std::memory_order_relaxed);
  }

  std::atomic<std::uint64_t> turns{0};
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> parked{0};
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> in_flight{0};
  std::atomic<std::uint64_t> refused{0};
};

class EventLoop {
 public:
  // `core` is borrowed.
  explicit EventLoop(Core& core);
  ~EventLoop();  // stops
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  Status open();
  // Starts the thread. The loop that gets a listener accepts for all of `loops`, itself included.
  void start(std::optional<Listener> listener, std::vector<EventLoop*> loops);
  // Closes every connection at once and ends the thread.
  void stop();

  // Thread-safe.
  void notice_position(std::size_t feed, std::uint64_t position);
  void wake() { inbox_->wake(); }
  void hold() { inbox_->hold(); }
  void release() { inbox_->release(); }
  const LoopStats& stats() const { return stats_; }

 private:
  // event_loop.cc: the turn of the loop, accepting, deadlines, parking
  void run(const std::stop_token& stop);
  void turn();
  int wait_ms() const;
  void on_event(Connection& connection, std::uint32_t events);
  void accept_all();
  void dispatch_arrival(Accepted accepted);
  void pause_accepting();
  void resume_accepting();
  bool make_room();
  void adopt(Arrival arrival);
  void collect_mail();
  void take_back(Return returned);
  void expire();
  void expire(Connection& connection);
  void drain();
  void stop_listening();
  void park(Connection& connection);
  void unpark(Connection& connection);
  void wake_parked(std::size_t feed);
  void publish_parked(std::size_t feed);
  void handle_again(Connection& connection);
  void close_all();

  // connection_flow.cc: from bytes to requests to responses
  void read_on(Connection& connection);
  void take_turn(Connection& connection);
  void wait_for_turn(Connection& connection);
  void receive(Connection& connection, int& share);
  void feed(Connection& connection, std::string_view bytes, int& share);
  void begin(Connection& connection);
  void progress(Connection& connection, RequestReader::Progress progress);
  void stay_idle(Connection& connection);
  void say_continue(Connection& connection);
  void handle(Connection& connection);
  void run_handler(Connection& connection);
  bool submit(Connection& connection, WorkPool& pool);
  void refuse(Connection& connection, const Refusal& refusal, bool close);
  void settle(Connection& connection);
  void defer(Connection& connection);
  void flush(Connection& connection);
  void after_flush(Connection& connection);
  void finish(Connection& connection);
  void discard(Connection& connection, std::size_t bytes);
  void close(Connection& connection);
  void forget(Connection& connection);
  void answered(Connection& connection);

  static constexpr std::size_t kReceiveBytes = 32 * 1024;
  static constexpr std::size_t kMostEvents = 256;

  Core& core_;
  const Limits& limits_;
  Descriptor epoll_;
  std::shared_ptr<Inbox> inbox_;
  std::optional<Listener> listener_;
  bool accepting_ = false;
  Instant accept_again_;  // while !accepting_
  std::vector<EventLoop*> loops_;
  std::size_t next_loop_ = 0;

  Instant now_;  // of this turn
  ConnectionTable connections_;
  std::vector<Connection*> again_;  // waits_for_turn: had their share of this one
  // Of one feed.
  struct Parked {
    std::set<std::pair<std::uint64_t, Connection*>> by_position;
    std::atomic<std::uint64_t> lowest{UINT64_MAX};
  };
  std::array<Parked, kFeeds> parked_;
  std::array<char, kReceiveBytes> received_{};
  LoopStats stats_;
  std::jthread thread_;
};

}  // namespace citas::api::http
