// Owning handles for nats.c objects, and its errors as ours.
#pragma once

#include <nats/nats.h>

#include <memory>
#include <string>

#include "events/base/result.h"

namespace citas::workers {

template <auto destroy>
struct NatsDelete {
  template <typename T>
  void operator()(T* object) const {
    destroy(object);
  }
};

using NatsMsg = std::unique_ptr<natsMsg, NatsDelete<natsMsg_Destroy>>;
using NatsOptionsHandle = std::unique_ptr<natsOptions, NatsDelete<natsOptions_Destroy>>;
using NatsSubscription = std::unique_ptr<natsSubscription, NatsDelete<natsSubscription_Destroy>>;
using NatsConnection = std::unique_ptr<natsConnection, NatsDelete<natsConnection_Destroy>>;
using JetStream = std::unique_ptr<jsCtx, NatsDelete<jsCtx_Destroy>>;
using JetStreamInfo = std::unique_ptr<jsStreamInfo, NatsDelete<jsStreamInfo_Destroy>>;
using AccountInfo = std::unique_ptr<jsAccountInfo, NatsDelete<jsAccountInfo_Destroy>>;
using JetConsumerInfo = std::unique_ptr<jsConsumerInfo, NatsDelete<jsConsumerInfo_Destroy>>;

// What went wrong, in the words of the server where it had any. Right after the failed call, on
// the thread that made it.
std::string nats_words(natsStatus status);

// What a failed call means to the caller; `what` says which call on which thing. `reason` is
// JetStream's own code, 0 where there is none. Like nats_words(), right after the call.
Error nats_error(const std::string& what, natsStatus status, int reason = 0);

// The same for JetStream's own codes alone, as found in a PubAck.
ErrorCode jetstream_error_code(int reason);

}  // namespace citas::workers
