#include "api/http/server.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <vector>

#include "api/http/core.h"
#include "api/http/event_loop.h"
#include "api/http/inbox.h"
#include "api/http/listener.h"
#include "events/base/check.h"

namespace citas::api::http {
namespace {

// On a thread of a pool: does what the exchange is there for, and sends it home.
void work(const Transcriber& transcriber, Job job) {
  if (job.exchange->stream) {
    transcriber.next_piece(*job.exchange);
  } else {
    transcriber.handle(*job.exchange);
  }
  job.home->post(Return{job.connection, std::move(job.exchange), nullptr});
}

// Connections beyond the limit that may be open at once to be told so.
constexpr std::size_t kTurnedAway = 256;

// A store that cannot open its next file ends the process: no client may bring that about.
void share_descriptors(std::size_t limit, Core& core) {
  const std::size_t others = std::min(core.options.other_files, limit / 2);
  core.max_connections = std::min(core.options.max_connections, limit - others);
  core.turned_away = std::min(kTurnedAway, others / 4);
}

}  // namespace

Core::Core(Application& served, const Options& chosen)
    : application(served),
      options(chosen),
      bodies(std::make_shared<BodyBudget>(options.buffered_body_bytes)),
      transcriber(application, options, draining),
      readers(options.reader_threads, options.reader_queue,
              [this](Job job) { work(transcriber, std::move(job)); }),
      writers(options.writer_threads, options.writer_queue,
              [this](Job job) { work(transcriber, std::move(job)); }) {}

void Core::connection_closed() {
  if (--open > 0) return;
  const std::lock_guard lock(empty_mutex);
  empty.notify_all();
}

void Core::listener_closed() {
  listening = false;
  const std::lock_guard lock(empty_mutex);
  empty.notify_all();
}

class Server::Impl {
 public:
  Impl(Application& application, const Options& options) : core_(application, options) {
    CHECK(options.io_threads > 0 && options.reader_threads > 0 && options.writer_threads > 0);
  }

  ~Impl() { stop(); }

  Status start() {
    share_descriptors(raise_descriptor_limit(), core_);
    const Options& options = core_.options;
    auto listener = Listener::open(options.address, options.port, options.backlog);
    if (!listener) return failure(std::move(listener.error()));
    port_ = listener->port();
    for (std::size_t i = 0; i < options.io_threads; ++i) {
      loops_.push_back(std::make_unique<EventLoop>(core_));
      if (auto opened = loops_.back()->open(); !opened) return opened;
    }
    start_loops(std::move(*listener));
    return {};
  }

  std::uint16_t port() const { return port_; }
  std::size_t max_connections() const { return core_.max_connections; }

  void advance(std::size_t feed, std::uint64_t position) {
    std::atomic<std::uint64_t>& reached = core_.positions.at(feed);
    std::uint64_t known = reached.load();
    while (known < position && !reached.compare_exchange_weak(known, position)) {
    }
    for (const auto& loop : loops_) loop->notice_position(feed, position);
  }

  void answer_together(const std::function<void()>& answer) {
    for (const auto& loop : loops_) loop->hold();
    answer();
    for (const auto& loop : loops_) loop->release();
  }

  bool drain(std::chrono::milliseconds deadline) {
    core_.draining = true;
    for (const auto& loop : loops_) loop->wake();
    std::unique_lock lock(core_.empty_mutex);
    return core_.empty.wait_for(lock, deadline, [this] { return core_.is_empty(); });
  }

  void stop() {
    core_.readers.stop();
    core_.writers.stop();
    for (const auto& loop : loops_) loop->stop();
  }

  std::vector<std::uint64_t> turns() {
    std::vector<std::uint64_t> counts;
    for (const auto& loop : loops_) {
      counts.push_back(loop->stats().turns.load(std::memory_order_relaxed));
      loop->wake();
    }
    return counts;
  }

  Stats stats() const {
    Stats total;
    total.connections_open = core_.open;
    total.connections_rejected = core_.rejected;
    for (const auto& loop : loops_) {
      const LoopStats& one = loop->stats();
      total.connections_accepted += one.accepted.load(std::memory_order_relaxed);
      total.connections_parked += one.parked.load(std::memory_order_relaxed);
      total.requests += one.requests.load(std::memory_order_relaxed);
      total.requests_in_flight += one.in_flight.load(std::memory_order_relaxed);
      total.requests_refused += one.refused.load(std::memory_order_relaxed);
    }
    return total;
  }

 private:
  // The first loop accepts for all, and starts last, when the others are there.
  void start_loops(Listener listener) {
    core_.listening = true;
    std::vector<EventLoop*> all;
    for (const auto& loop : loops_) all.push_back(loop.get());
    for (std::size_t i = 1; i < loops_.size(); ++i) loops_[i]->start(std::nullopt, all);
    loops_.front()->start(std::move(listener), all);
  }

  Core core_;
  std::uint16_t port_ = 0;
  std::vector<std::unique_ptr<EventLoop>> loops_;
};

Server::Server(Application& application, const Options& options)
    : impl_(std::make_unique<Impl>(application, options)) {}
Server::~Server() = default;

Status Server::start() { return impl_->start(); }
std::uint16_t Server::port() const { return impl_->port(); }
void Server::advance(std::size_t feed, std::uint64_t position) { impl_->advance(feed, position); }
void Server::answer_together(const std::function<void()>& answer) {
  impl_->answer_together(answer);
}
bool Server::drain(std::chrono::milliseconds deadline) { return impl_->drain(deadline); }
void Server::stop() { impl_->stop(); }
Stats Server::stats() const { return impl_->stats(); }
std::size_t Server::max_connections() const { return impl_->max_connections(); }
std::vector<std::uint64_t> Server::turns() { return impl_->turns(); }

}  // namespace citas::api::http
