#include "workers/nats/nats_link.h"

#include <utility>

#include "workers/nats/server_url.h"

namespace citas::workers {
namespace {

using SharedState = std::shared_ptr<ConnectionState>;

constexpr std::chrono::seconds kWriteDeadline{5};
constexpr std::chrono::seconds kPingInterval{10};
constexpr std::chrono::seconds kTryInterval{1};

ConnectionState& state_of(void* closure) { return **static_cast<SharedState*>(closure); }

void on_established(natsConnection*, void* closure) { state_of(closure).established(); }

// Empty when nats.c says only that it has no other server left to try: why was said before.
std::string last_error(natsConnection* connection) {
  const char* error = nullptr;
  natsConnection_GetLastError(connection, &error);
  const bool known = error != nullptr && *error != '\0';
  const std::string text = known ? error : "the server closed the connection";
  return text == natsStatus_GetText(NATS_NO_SERVER) ? std::string() : text;
}

void on_lost(natsConnection* connection, void* closure) {
  state_of(closure).lost(last_error(connection));
}

// The last callback of a connection: gives the shared state back.
void on_closed(natsConnection* connection, void* closure) {
  state_of(closure).given_up(last_error(connection));
  delete static_cast<SharedState*>(closure);
}

// nats.c reports here what its callers are told anyway; without a handler it prints to stderr.
void on_error(natsConnection*, natsSubscription*, natsStatus, void*) {}

// Applies setters until one fails.
class OptionsBuilder {
 public:
  template <typename Setter, typename... Arguments>
  OptionsBuilder& set(Setter setter, Arguments... arguments) {
    if (status_ == NATS_OK) status_ = setter(options_.get(), arguments...);
    return *this;
  }
  OptionsBuilder() {
    natsOptions* options = nullptr;
    status_ = natsOptions_Create(&options);
    options_.reset(options);
  }
  natsStatus status() const { return status_; }
  natsOptions* get() const { return options_.get(); }

 private:
  NatsOptionsHandle options_;
  natsStatus status_ = NATS_OK;
};

OptionsBuilder build_options(const NatsOptions& options, bool goes_on_trying,
                             SharedState* closure) {
  OptionsBuilder builder;
  builder.set(natsOptions_SetURL, options.url.c_str())
      .set(natsOptions_SetName, options.name.c_str())
      .set(natsOptions_SetTimeout, options.connect_timeout.count())
      .set(natsOptions_SetMaxReconnect, -1)
      .set(natsOptions_SetReconnectWait, options.reconnect_wait.count())
      .set(natsOptions_SetReconnectJitter, options.reconnect_wait.count() / 4,
           options.reconnect_wait.count() / 4)
      .set(natsOptions_SetPingInterval, std::chrono::milliseconds(kPingInterval).count())
      .set(natsOptions_SetWriteDeadline, std::chrono::milliseconds(kWriteDeadline).count())
      .set(natsOptions_SetFailRequestsOnDisconnect, true)
      .set(natsOptions_UseGlobalMessageDelivery, true)
      .set(natsOptions_SetErrorHandler, &on_error, nullptr)
      .set(natsOptions_SetDisconnectedCB, &on_lost, closure)
      .set(natsOptions_SetReconnectedCB, &on_established, closure)
      .set(natsOptions_SetClosedCB, &on_closed, closure)
      .set(natsOptions_SetRetryOnFailedConnect, goes_on_trying, &on_established, closure);
  if (!options.user.empty()) {
    builder.set(natsOptions_SetUserInfo, options.user.c_str(), options.password.c_str());
  }
  return builder;
}

}  // namespace

NatsLink::NatsLink(const NatsOptions& options, Wakeup& wakeup)
    : options_(options),
      state_(std::make_shared<ConnectionState>(wakeup)),
      watch_(ports_of(options.url), options.silence,
             [state = state_] { return !state->connected(); }) {}

Result<std::unique_ptr<NatsLink>> NatsLink::open(const NatsOptions& options, Wakeup& wakeup) {
  std::unique_ptr<NatsLink> link(new NatsLink(options, wakeup));
  auto connected = link->connect(/*goes_on_trying=*/true);
  if (!connected) return failure(std::move(connected.error()));
  return link;
}

Status NatsLink::connect(bool goes_on_trying) {
  const std::string shown = without_credentials(options_.url, "***@");
  auto closure = std::make_unique<SharedState>(state_);
  const OptionsBuilder builder = build_options(options_, goes_on_trying, closure.get());
  if (builder.status() != NATS_OK) {
    return failure(nats_error("the options for " + shown, builder.status()));
  }
  natsConnection* connection = nullptr;
  const natsStatus status = natsConnection_Connect(&connection, builder.get());
  if (status != NATS_OK && status != NATS_NOT_YET_CONNECTED) {
    return failure(nats_error("connecting to " + shown, status));
  }
  static_cast<void>(closure.release());  // on_closed() gives it back
  if (const Status taken = take(NatsConnection(connection)); !taken) return taken;
  if (status == NATS_OK) state_->established();
  return {};
}

Status NatsLink::take(NatsConnection connection) {
  jsOptions settings;
  jsOptions_Init(&settings);
  settings.Wait = options_.request_timeout.count();
  jsCtx* jetstream = nullptr;
  const natsStatus status = natsConnection_JetStream(&jetstream, connection.get(), &settings);
  if (status != NATS_OK) return failure(nats_error("using JetStream", status));
  jetstream_.reset(jetstream);
  ++generation_;
  const std::scoped_lock lock(mutex_);
  connection_.swap(connection);
  if (interrupted_) natsConnection_Close(connection_.get());
  return {};
}

void NatsLink::keep() {
  if (!state_->is_given_up()) return;
  const auto now = std::chrono::steady_clock::now();
  if (!next_try_) next_try_ = now + kTryInterval;
  if (now < *next_try_) return;
  next_try_.reset();
  {
    const std::scoped_lock lock(mutex_);
    if (interrupted_) return;
  }
  state_->begin_again();
  // nats.c gives up here too where it is let in and then refused, and only so it says why.
  const Status connected = connect(/*goes_on_trying=*/false);
  if (!connected) state_->given_up(connected.error().message);
}

NatsLink::~NatsLink() {
  state_->detach();
  if (connection_ != nullptr) natsConnection_Close(connection_.get());
}

void NatsLink::interrupt() {
  const std::scoped_lock lock(mutex_);
  interrupted_ = true;
  natsConnection_Close(connection_.get());
}

}  // namespace citas::workers
