#include "workers/nats/server_probe.h"

#include <chrono>

#include "workers/nats/nats_handles.h"
#include "workers/nats/server_url.h"

namespace citas::workers {
namespace {

constexpr std::chrono::milliseconds kTimeout{2000};

NatsConnection connect(const NatsOptions& target, ServerProbe& found) {
  natsOptions* options = nullptr;
  natsOptions_Create(&options);
  const NatsOptionsHandle owned(options);
  natsOptions_SetURL(options, target.url.c_str());
  natsOptions_SetTimeout(options, kTimeout.count());
  natsOptions_SetAllowReconnect(options, false);
  if (!target.user.empty()) {
    natsOptions_SetUserInfo(options, target.user.c_str(), target.password.c_str());
  }
  natsConnection* connection = nullptr;
  const natsStatus status = natsConnection_Connect(&connection, options);
  if (status == NATS_OK) {
    found.connecting = Connecting::kConnected;
  } else {
    found.connecting =
        status == NATS_CONNECTION_AUTH_FAILED ? Connecting::kRefused : Connecting::kUnreachable;
    found.reason = nats_words(status);
  }
  return NatsConnection(connection);
}

void look_at_account(jsCtx* jetstream, ServerProbe& found) {
  jsAccountInfo* info = nullptr;
  found.jetstream = js_GetAccountInfo(&info, jetstream, nullptr, nullptr) == NATS_OK;
  const AccountInfo account(info);
  if (!found.jetstream) return;
  found.used_store_bytes = account->Store;
  if (account->Limits.MaxStore >= 0) {
    found.max_store_bytes = static_cast<std::uint64_t>(account->Limits.MaxStore);
  }
}

bool has_stream(jsCtx* jetstream, const std::string& name) {
  jsStreamInfo* info = nullptr;
  const natsStatus status = js_GetStreamInfo(&info, jetstream, name.c_str(), nullptr, nullptr);
  const JetStreamInfo owned(info);
  return status == NATS_OK;
}

}  // namespace

ServerProbe probe_server(const NatsOptions& target, const std::vector<std::string>& streams) {
  ServerProbe found;
  const SilenceWatch watch(ports_of(target.url), target.silence, [] { return true; });
  const NatsConnection connection = connect(target, found);
  if (found.connecting != Connecting::kConnected) return found;
  jsOptions settings;
  jsOptions_Init(&settings);
  settings.Wait = kTimeout.count();
  jsCtx* context = nullptr;
  natsConnection_JetStream(&context, connection.get(), &settings);
  const JetStream jetstream(context);
  look_at_account(context, found);
  if (!found.jetstream) return found;
  for (const std::string& name : streams) {
    if (!has_stream(context, name)) found.missing_streams.push_back(name);
  }
  return found;
}

}  // namespace citas::workers
