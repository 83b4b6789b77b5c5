#include "api/http/event_loop.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "events/base/check.h"
#include "events/base/thread_name.h"

namespace citas::api::http {
namespace {

constexpr std::chrono::milliseconds kAcceptPause{100};  // when out of descriptors
constexpr std::chrono::milliseconds kLongestWait{60'000};

bool watch(int epoll, int operation, int fd, std::uint32_t events, void* what) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = what;
  return ::epoll_ctl(epoll, operation, fd, &event) == 0;
}

}  // namespace

EventLoop::EventLoop(Core& core)
    : core_(core), limits_(core.options.limits), inbox_(std::make_shared<Inbox>()) {}

EventLoop::~EventLoop() { stop(); }

Status EventLoop::open() {
  epoll_ = Descriptor(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_ || inbox_->fd() < 0 ||
      !watch(epoll_.get(), EPOLL_CTL_ADD, inbox_->fd(), EPOLLIN | EPOLLET, inbox_.get())) {
    return failure(ErrorCode::kUnavailable,
                   "cannot set up epoll: " + std::generic_category().message(errno));
  }
  return {};
}

void EventLoop::start(std::optional<Listener> listener, std::vector<EventLoop*> loops) {
  listener_ = std::move(listener);
  loops_ = std::move(loops);
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void EventLoop::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  inbox_->wake();
  thread_.join();
}

void EventLoop::run(const std::stop_token& stop) {
  name_this_thread("http");
  now_ = std::chrono::steady_clock::now();
  if (listener_) resume_accepting();
  while (!stop.stop_requested()) turn();
  close_all();
}

// Connections closed on the way stay in the table until the end, for whoever still points to them.
void EventLoop::turn() {
  std::array<epoll_event, kMostEvents> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), kMostEvents, wait_ms());
  now_ = std::chrono::steady_clock::now();
  LoopStats::count(stats_.turns, 1);
  for (Connection* connection : std::exchange(again_, {})) {
    connection->waits_for_turn = false;
    take_turn(*connection);
  }
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.ptr == this) {
      accept_all();
    } else if (event.data.ptr != inbox_.get()) {
      on_event(*static_cast<Connection*>(event.data.ptr), event.events);
    }
  }
  collect_mail();
  for (std::size_t feed = 0; feed < kFeeds; ++feed) wake_parked(feed);
  expire();
  if (core_.draining) drain();
  connections_.of(Phase::kClosed).clear();
}

int EventLoop::wait_ms() const {
  if (!again_.empty()) return 0;
  const Instant resume = listener_ && !accepting_ ? accept_again_ : kNever;
  const Instant first = std::min(resume, connections_.first_deadline());
  if (first == kNever) return -1;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(first - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, kLongestWait.count()));
}

void EventLoop::on_event(Connection& connection, std::uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
    close(connection);
    return;
  }
  if ((events & EPOLLIN) != 0) connection.readable = true;
  // It may still read: what it has asked for is answered.
  if ((events & EPOLLRDHUP) != 0) connection.peer_done = true;
  if ((events & EPOLLOUT) != 0 && connection.phase == Phase::kWriting) flush(connection);
  read_on(connection);
}

void EventLoop::accept_all() {
  while (listener_ && accepting_) {
    auto accepted = listener_->accept();
    if (!accepted) {
      pause_accepting();
    } else if (accepted->socket) {
      dispatch_arrival(std::move(*accepted));
    } else {
      return;
    }
  }
}

// Connections go round the loops, so that each has its share.
void EventLoop::dispatch_arrival(Accepted accepted) {
  LoopStats::count(stats_.accepted, 1);
  const std::size_t open = ++core_.open;
  bool over_limit = open > core_.max_connections;
  if (open > core_.max_connections + core_.turned_away) {
    if (!make_room()) {
      ++core_.rejected;
      core_.connection_closed();
      return;
    }
    over_limit = false;
  }
  EventLoop* loop = loops_[next_loop_++ % loops_.size()];
  Arrival arrival{std::move(accepted), over_limit};
  if (loop == this) {
    adopt(std::move(arrival));
  } else {
    loop->inbox_->post(std::move(arrival));
  }
}

// Accepting again at once would fail again, and keep the loop spinning.
void EventLoop::pause_accepting() {
  ++core_.rejected;
  accepting_ = false;
  accept_again_ = now_ + kAcceptPause;
  watch(epoll_.get(), EPOLL_CTL_DEL, listener_->fd(), 0, nullptr);
}

void EventLoop::resume_accepting() {
  accepting_ = watch(epoll_.get(), EPOLL_CTL_ADD, listener_->fd(), EPOLLIN, this);
  accept_again_ = now_ + kAcceptPause;
}

// Closes the connection that has been idle longest, unless that is not long; whether it did.
bool EventLoop::make_room() {
  auto& idle = connections_.of(Phase::kIdle);
  const Instant spared = now_ + limits_.idle_timeout - limits_.spared_idle;
  while (!idle.empty() && idle.front().deadline <= spared) {
    Connection& longest = idle.front();
    // What it has sent by now is served.
    longest.readable = true;
    take_turn(longest);
    if (longest.phase == Phase::kIdle && longest.deadline <= spared) close(longest);
    if (longest.phase == Phase::kClosed) return true;
  }
  return false;
}

void EventLoop::adopt(Arrival arrival) {
  if (arrival.over_limit) arrival.over_limit = !make_room();
  Connection fresh;
  fresh.socket = std::move(arrival.accepted.socket);
  fresh.remote_addr = std::move(arrival.accepted.remote_addr);
  Connection& connection = connections_.add(std::move(fresh), now_ + limits_.idle_timeout);
  constexpr std::uint32_t kEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  if (!watch(epoll_.get(), EPOLL_CTL_ADD, connection.socket.get(), kEvents, &connection)) {
    close(connection);
  } else if (arrival.over_limit) {
    ++core_.rejected;
    begin(connection);
    refuse(connection, {503, "too_many_connections", "the server has no connection left"}, true);
  }
}

void EventLoop::collect_mail() {
  Inbox::Mail mail = inbox_->collect();
  for (Arrival& arrival : mail.arrivals) adopt(std::move(arrival));
  for (Return& returned : mail.returns) take_back(std::move(returned));
}

void EventLoop::take_back(Return returned) {
  Connection& connection = *returned.connection;
  connection.exchange = std::move(returned.exchange);
  if (connection.broken) {
    connections_.move(connection, Phase::kWriting, now_);
    close(connection);
    return;
  }
  if (returned.render) core_.transcriber.answer(*connection.exchange, returned.render);
  settle(connection);
  read_on(connection);
}

void EventLoop::expire() {
  if (listener_ && !accepting_ && accept_again_ <= now_) resume_accepting();
  while (Connection* connection = connections_.first_expired(now_)) expire(*connection);
}

void EventLoop::expire(Connection& connection) {
  if (connection.phase == Phase::kHead || connection.phase == Phase::kBody) {
    refuse(connection, {408, "request_timeout", "the request did not arrive in time"}, true);
  } else if (connection.phase == Phase::kParked) {
    unpark(connection);
    connection.exchange->request.parked_timed_out = true;
    handle_again(connection);
  } else {
    close(connection);
  }
}

// Whatever was sent before the drain is answered, so each idle socket is looked at a last time.
void EventLoop::drain() {
  if (listener_) {
    accept_all();
    stop_listening();
  }
  auto& idle = connections_.of(Phase::kIdle);
  while (!idle.empty()) {
    Connection& connection = idle.front();
    connection.readable = true;
    take_turn(connection);
    if (connection.phase == Phase::kIdle) close(connection);
  }
}

void EventLoop::stop_listening() {
  listener_.reset();
  core_.listener_closed();
}

void EventLoop::park(Connection& connection) {
  Exchange& exchange = *connection.exchange;
  if (!exchange.park_deadline) exchange.park_deadline = now_ + exchange.park->timeout;
  const std::size_t feed = exchange.park->feed;
  const std::atomic<std::uint64_t>& reached = core_.positions.at(feed);
  std::uint64_t& position = exchange.park->position;
  // Handled at the position it asked for, and still not content: only news can help.
  if (exchange.was_woken) position = std::max(position, reached.load() + 1);
  connections_.move(connection, Phase::kParked, *exchange.park_deadline);
  parked_.at(feed).by_position.emplace(position, &connection);
  LoopStats::count(stats_.parked, 1);
  publish_parked(feed);
  // advance() may have looked for the parked before this one was there to be seen.
  if (reached.load() >= position) inbox_->wake();
}

void EventLoop::unpark(Connection& connection) {
  const Park& park = *connection.exchange->park;
  parked_.at(park.feed).by_position.erase({park.position, &connection});
  LoopStats::count(stats_.parked, -1);
  publish_parked(park.feed);
}

void EventLoop::publish_parked(std::size_t feed) {
  Parked& parked = parked_.at(feed);
  parked.lowest.store(parked.by_position.empty() ? UINT64_MAX : parked.by_position.begin()->first);
}

void EventLoop::notice_position(std::size_t feed, std::uint64_t position) {
  if (parked_.at(feed).lowest.load() <= position) inbox_->wake();
}

void EventLoop::wake_parked(std::size_t feed) {
  const auto& parked = parked_.at(feed).by_position;
  while (!parked.empty() && parked.begin()->first <= core_.positions.at(feed).load()) {
    Connection& connection = *parked.begin()->second;
    unpark(connection);
    connection.exchange->was_woken = true;
    handle_again(connection);
  }
}

void EventLoop::handle_again(Connection& connection) {
  connection.exchange->park.reset();
  run_handler(connection);
  read_on(connection);
}

void EventLoop::close_all() {
  if (listener_) stop_listening();
  inbox_->close();
  for (Parked& parked : parked_) parked.by_position.clear();
  again_.clear();
  core_.open -= connections_.clear();
}

}  // namespace citas::api::http
