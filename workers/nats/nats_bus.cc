#include "workers/nats/nats_bus.h"

#include <algorithm>
#include <utility>

#include "workers/nats/nats_publisher.h"

namespace citas::workers {
namespace {

// A stream that cannot send yet does not answer; its consumers' owners ask again.
constexpr std::chrono::milliseconds kSendingTimeout{500};

std::int64_t nanoseconds(std::chrono::milliseconds duration) {
  return std::chrono::nanoseconds(duration).count();
}

ConsumerInfo convert(const jsConsumerInfo& info) {
  return {.ack_floor_stream_sequence = info.AckFloor.Stream,
          .delivered_stream_sequence = info.Delivered.Stream,
          .ack_pending = static_cast<std::uint64_t>(info.NumAckPending),
          .pending = info.NumPending};
}

StoredMessage convert(natsMsg* message) {
  StoredMessage stored{.subject = natsMsg_GetSubject(message),
                       .headers = {},
                       .payload = {natsMsg_GetData(message),
                                   static_cast<std::size_t>(natsMsg_GetDataLength(message))},
                       .sequence = natsMsg_GetSequence(message)};
  const char** names = nullptr;
  int count = 0;
  if (natsMsgHeader_Keys(message, &names, &count) != NATS_OK) return stored;
  for (int i = 0; i < count; ++i) {
    const char* value = nullptr;
    if (natsMsgHeader_Get(message, names[i], &value) == NATS_OK) {
      stored.headers.push_back({names[i], value});
    }
  }
  free(static_cast<void*>(names));
  return stored;
}

}  // namespace

Result<std::unique_ptr<NatsBus>> NatsBus::open(const NatsOptions& options, Wakeup& wakeup) {
  auto link = NatsLink::open(options, wakeup);
  if (!link) return failure(std::move(link.error()));
  return std::unique_ptr<NatsBus>(new NatsBus(*std::move(link), wakeup));
}

Status NatsBus::require_connected() const {
  if (connected()) return {};
  return failure(ErrorCode::kUnavailable, "the bus is " + connection());
}

Status NatsBus::ensure_stream(const StreamSpec& spec) {
  if (auto ready = require_connected(); !ready) return ready;
  std::vector<const char*> subjects;
  for (const std::string& subject : spec.subjects) subjects.push_back(subject.c_str());
  jsStreamConfig config;
  jsStreamConfig_Init(&config);
  config.Name = spec.name.c_str();
  config.Subjects = subjects.data();
  config.SubjectsLen = static_cast<int>(subjects.size());
  config.Storage = js_FileStorage;
  config.Retention = js_LimitsPolicy;
  config.Duplicates = nanoseconds(spec.duplicate_window);
  config.MaxAge = nanoseconds(spec.max_age);
  config.AllowDirect = true;  // for next_sequence()
  if (spec.max_bytes != 0) config.MaxBytes = static_cast<std::int64_t>(spec.max_bytes);
  jsErrCode reason{};
  natsStatus status = js_AddStream(nullptr, link_->jetstream(), &config, nullptr, &reason);
  const bool exists = reason == JSStreamNameExistErr;
  if (exists) {
    reason = {};
    status = js_UpdateStream(nullptr, link_->jetstream(), &config, nullptr, &reason);
  }
  if (status == NATS_OK) return {};
  Error error =
      nats_error((exists ? "changing stream " : "creating stream ") + spec.name, status, reason);
  if (exists && reason == JSStreamInvalidConfig) error.code = ErrorCode::kConflict;
  return failure(std::move(error));
}

Status NatsBus::delete_stream(std::string_view stream) {
  if (auto ready = require_connected(); !ready) return ready;
  const std::string name(stream);
  jsErrCode reason{};
  const natsStatus status = js_DeleteStream(link_->jetstream(), name.c_str(), nullptr, &reason);
  if (status == NATS_OK || reason == JSStreamNotFoundErr) return {};
  return failure(nats_error("deleting stream " + name, status, reason));
}

Result<StreamInfo> NatsBus::stream_info(std::string_view stream) {
  if (auto ready = require_connected(); !ready) return failure(std::move(ready.error()));
  const std::string name(stream);
  jsStreamInfo* info = nullptr;
  jsErrCode reason{};
  const natsStatus status =
      js_GetStreamInfo(&info, link_->jetstream(), name.c_str(), nullptr, &reason);
  const JetStreamInfo owned(info);
  if (status != NATS_OK) return failure(nats_error("looking up stream " + name, status, reason));
  return StreamInfo{.first_sequence = info->State.FirstSeq,
                    .last_sequence = info->State.LastSeq,
                    .messages = info->State.Msgs,
                    .bytes = info->State.Bytes};
}

Result<StorageUse> NatsBus::storage_use() {
  if (auto ready = require_connected(); !ready) return failure(std::move(ready.error()));
  jsAccountInfo* info = nullptr;
  jsErrCode reason{};
  const natsStatus status = js_GetAccountInfo(&info, link_->jetstream(), nullptr, &reason);
  const AccountInfo owned(info);
  if (status != NATS_OK) return failure(nats_error("looking up the account", status, reason));
  StorageUse use{.used_bytes = info->Store};
  if (info->Limits.MaxStore >= 0) {
    use.max_bytes = static_cast<std::uint64_t>(info->Limits.MaxStore);
  }
  return use;
}

Result<StoredMessage> NatsBus::last_message(std::string_view stream) {
  const auto info = stream_info(stream);
  if (!info) return failure(info.error());
  return read(std::string(stream), info->last_sequence, *info);
}

Result<StoredMessage> NatsBus::message_at(std::string_view stream, std::uint64_t sequence) {
  const auto info = stream_info(stream);
  if (!info) return failure(info.error());
  return read(std::string(stream), sequence, *info);
}

// nats-server 2.9.10 shows a stream that is just being made, and crashes when it is asked for a
// message of it. One that has messages can be asked.
Result<StoredMessage> NatsBus::read(const std::string& name, std::uint64_t sequence,
                                    const StreamInfo& info) {
  if (info.messages == 0 || sequence == 0) {
    return failure(ErrorCode::kNotFound, "the stream " + name + " has no such message");
  }
  natsMsg* message = nullptr;
  jsErrCode reason{};
  const natsStatus status =
      js_GetMsg(&message, link_->jetstream(), name.c_str(), sequence, nullptr, &reason);
  const NatsMsg owned(message);
  if (status != NATS_OK) {
    return failure(nats_error("reading message " + std::to_string(sequence) + " of stream " + name,
                              status, reason));
  }
  return convert(message);
}

Result<std::uint64_t> NatsBus::next_sequence(std::string_view stream,
                                             std::string_view filter_subject, std::uint64_t from) {
  if (auto ready = require_connected(); !ready) return failure(std::move(ready.error()));
  const std::string name(stream);
  const std::string filter(filter_subject);
  jsDirectGetMsgOptions request;
  jsDirectGetMsgOptions_Init(&request);
  request.Sequence = from;
  request.NextBySubject = filter.c_str();
  natsMsg* message = nullptr;
  const natsStatus status =
      js_DirectGetMsg(&message, link_->jetstream(), name.c_str(), nullptr, &request);
  const NatsMsg owned(message);
  if (status != NATS_OK) return failure(nats_error("searching stream " + name, status));
  return natsMsg_GetSequence(message);
}

// nats-server 2.9.10 shows a stream before it can send, and a consumer that is made in that moment
// counts its deliveries and sends none, for ever. A stream that answers a direct get can send.
Status NatsBus::require_sending(const std::string& stream) {
  jsOptions options;
  jsOptions_Init(&options);
  options.Wait = kSendingTimeout.count();
  jsDirectGetMsgOptions request;
  jsDirectGetMsgOptions_Init(&request);
  request.Sequence = 1;
  natsMsg* message = nullptr;
  const natsStatus status =
      js_DirectGetMsg(&message, link_->jetstream(), stream.c_str(), &options, &request);
  const NatsMsg owned(message);
  if (status == NATS_OK || status == NATS_NOT_FOUND) return {};
  if (auto info = stream_info(stream); !info) return failure(std::move(info.error()));
  return failure(nats_error("waiting for stream " + stream, status));
}

std::shared_ptr<LastDelivery>& NatsBus::last_delivery(std::string_view stream,
                                                      std::string_view durable) {
  auto& last = last_[deliver_subject(stream, durable)];
  if (!last) last = std::make_shared<LastDelivery>();
  return last;
}

Result<bool> NatsBus::fits_its_stream(const std::string& stream, const std::string& durable,
                                      const jsConsumerInfo& consumer) {
  const auto info = stream_info(stream);
  if (!info) return failure(info.error());
  const std::uint64_t claimed = std::max(consumer.AckFloor.Stream, consumer.Delivered.Stream);
  if (claimed > info->last_sequence) return false;
  return holds(stream, *last_delivery(stream, durable), info->first_sequence);
}

Result<bool> NatsBus::holds(const std::string& stream, const LastDelivery& last,
                            std::uint64_t first_sequence) {
  // None yet, or removed by the stream's limits.
  if (last.stream_sequence == 0 || last.stream_sequence < first_sequence) return true;
  natsMsg* message = nullptr;
  jsErrCode reason{};
  const natsStatus status = js_GetMsg(&message, link_->jetstream(), stream.c_str(),
                                      last.stream_sequence, nullptr, &reason);
  const NatsMsg owned(message);
  if (status == NATS_OK) return natsMsg_GetTime(message) == last.stored_at_ns;
  if (reason == JSNoMessageFoundErr) return false;
  return failure(nats_error("reading a message of stream " + stream, status, reason));
}

Result<ConsumerInfo> NatsBus::ensure_consumer(const ConsumerSpec& spec) {
  if (auto ready = require_connected(); !ready) return failure(std::move(ready.error()));
  if (auto sending = require_sending(spec.stream); !sending) {
    return failure(std::move(sending.error()));
  }
  const auto existing = consumer_info(spec.stream, spec.durable);
  if (!existing && existing.error().code != ErrorCode::kNotFound) return existing;
  if (!existing) {
    // There may be one that counts as none.
    auto deleted = delete_consumer(spec.stream, spec.durable);
    if (!deleted) return failure(std::move(deleted.error()));
  }
  return add_consumer(spec);
}

Result<ConsumerInfo> NatsBus::add_consumer(const ConsumerSpec& spec) {
  const std::string deliver_to = deliver_subject(spec.stream, spec.durable);
  jsConsumerConfig config;
  jsConsumerConfig_Init(&config);
  config.Durable = spec.durable.c_str();
  config.DeliverPolicy = js_DeliverAll;
  if (spec.start_sequence > 1) {
    config.DeliverPolicy = js_DeliverByStartSequence;
    config.OptStartSeq = spec.start_sequence;
  }
  config.AckPolicy = js_AckExplicit;
  config.ReplayPolicy = js_ReplayInstant;
  config.FilterSubject = spec.filter_subject.c_str();
  config.AckWait = nanoseconds(spec.ack_wait);
  config.MaxAckPending = spec.max_ack_pending;
  config.DeliverSubject = deliver_to.c_str();
  config.DeliverGroup = spec.deliver_group.c_str();
  jsConsumerInfo* info = nullptr;
  jsErrCode reason{};
  const natsStatus status =
      js_AddConsumer(&info, link_->jetstream(), spec.stream.c_str(), &config, nullptr, &reason);
  const JetConsumerInfo owned(info);
  if (status == NATS_OK) return convert(*info);
  return failure(nats_error("creating consumer " + spec.durable + " of stream " + spec.stream,
                            status, reason));
}

Status NatsBus::delete_consumer(std::string_view stream, std::string_view durable) {
  if (auto ready = require_connected(); !ready) return ready;
  const std::string stream_name(stream);
  const std::string name(durable);
  jsErrCode reason{};
  const natsStatus status =
      js_DeleteConsumer(link_->jetstream(), stream_name.c_str(), name.c_str(), nullptr, &reason);
  const bool absent = reason == JSConsumerNotFoundErr || reason == JSStreamNotFoundErr;
  if (status == NATS_OK || absent) {
    *last_delivery(stream, durable) = {};
    return {};
  }
  return failure(nats_error("deleting consumer " + name, status, reason));
}

Result<ConsumerInfo> NatsBus::consumer_info(std::string_view stream, std::string_view durable) {
  if (auto ready = require_connected(); !ready) return failure(std::move(ready.error()));
  const std::string stream_name(stream);
  const std::string name(durable);
  jsConsumerInfo* info = nullptr;
  jsErrCode reason{};
  const natsStatus status = js_GetConsumerInfo(&info, link_->jetstream(), stream_name.c_str(),
                                               name.c_str(), nullptr, &reason);
  const JetConsumerInfo owned(info);
  if (status != NATS_OK) {
    return failure(nats_error("looking up consumer " + name, status, reason));
  }
  const auto fits = fits_its_stream(stream_name, name, *info);
  if (!fits) return failure(fits.error());
  if (*fits) return convert(*info);
  return failure(ErrorCode::kNotFound, "consumer " + name + " has delivered what stream " +
                                           stream_name + " does not hold: it is made anew");
}

Result<std::unique_ptr<MessageSource>> NatsBus::open_source(const ConsumerSpec& spec,
                                                            std::vector<std::string> header_names) {
  return std::make_unique<NatsSource>(*link_, spec, std::move(header_names),
                                      last_delivery(spec.stream, spec.durable), wakeup_);
}

Result<std::unique_ptr<Publisher>> NatsBus::open_publisher(const PublisherLimits& limits) {
  return NatsPublisher::open(*link_, limits, wakeup_);
}

}  // namespace citas::workers
