// NatsLink: a connection to a NATS server that lasts.
//
// nats.c re-establishes a lost connection by itself, but not always: it closes it for good when a
// server has refused the credentials twice, or at the first connect once, and at every error of a
// server's that it does not know, such as "Maximum Payload Violation" or "Unknown Protocol
// Operation". Then the link opens another one, and whoever has subscribed on the one before
// subscribes again: see generation().
//
// One owner thread, but for interrupt() and what state() tells. Borrows the wakeup.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "workers/nats/connection_state.h"
#include "workers/nats/nats_handles.h"
#include "workers/nats/nats_options.h"
#include "workers/nats/silence_watch.h"

namespace citas::workers {

class NatsLink {
 public:
  // Starts to connect; a server that is down is not an error. InvalidArgument: the URL makes no
  // sense.
  static Result<std::unique_ptr<NatsLink>> open(const NatsOptions& options, Wakeup& wakeup);
  // Subscriptions may outlive it, and receive nothing then.
  ~NatsLink();
  NatsLink(const NatsLink&) = delete;
  NatsLink& operator=(const NatsLink&) = delete;

  // Opens another connection where nats.c has given the last one up, at most once a second. To be
  // called now and then; waits for a server that does not answer as long as one connect may take.
  void keep();
  // The present one; in use until the next keep().
  natsConnection* connection() const { return connection_.get(); }
  jsCtx* jetstream() const { return jetstream_.get(); }
  // Grows when connection() becomes another one: subscriptions of those before are dead.
  std::uint64_t generation() const { return generation_; }

  // Ends the connection for good: what is asked of the server just now fails, and so does all that
  // comes. Any thread.
  void interrupt();
  const ConnectionState& state() const { return *state_; }

 private:
  NatsLink(const NatsOptions& options, Wakeup& wakeup);
  // `goes_on_trying`: by itself, where no server is there yet.
  Status connect(bool goes_on_trying);
  Status take(NatsConnection connection);

  const NatsOptions options_;
  const std::shared_ptr<ConnectionState> state_;  // shared with nats.c until it has closed
  std::mutex mutex_;
  NatsConnection connection_;  // exchanged under mutex_
  bool interrupted_ = false;   // guarded by mutex_
  JetStream jetstream_;
  std::uint64_t generation_ = 0;
  std::optional<std::chrono::steady_clock::time_point> next_try_;
  // Goes last: until then, even closing a connection may wait for a silent server.
  const SilenceWatch watch_;
};

}  // namespace citas::workers
