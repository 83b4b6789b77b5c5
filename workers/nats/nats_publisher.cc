#include "workers/nats/nats_publisher.h"

#include <utility>

#include "events/base/number.h"
#include "workers/topology.h"

namespace citas::workers {
namespace {

constexpr char kExpectedLastSequence[] = "Nats-Expected-Last-Sequence";
// Longer than it takes until somebody has made a stream anew, or what else was refused before would
// take that away again.
constexpr std::chrono::seconds kGivingUpInterval{5};

natsStatus add_headers(natsMsg* message, const Publication& publication) {
  natsStatus status = NATS_OK;
  for (const Header& header : publication.headers) {
    if (status != NATS_OK) return status;
    status = natsMsgHeader_Set(message, header.name.c_str(), header.value.c_str());
  }
  if (status == NATS_OK && !publication.message_id.empty()) {
    status =
        natsMsgHeader_Set(message, kMessageIdHeader, std::string(publication.message_id).c_str());
  }
  if (status == NATS_OK && publication.expected_last_sequence) {
    const std::string expected = std::to_string(*publication.expected_last_sequence);
    status = natsMsgHeader_Set(message, kExpectedLastSequence, expected.c_str());
  }
  return status;
}

Result<NatsMsg> build(const std::string& reply, const Publication& publication) {
  natsMsg* message = nullptr;
  const std::string subject(publication.subject);
  natsStatus status =
      natsMsg_Create(&message, subject.c_str(), reply.c_str(), publication.payload.data(),
                     static_cast<int>(publication.payload.size()));
  if (status != NATS_OK) return failure(nats_error("building a message to " + subject, status));
  NatsMsg owned(message);
  status = add_headers(message, publication);
  if (status != NATS_OK) return failure(nats_error("building a message to " + subject, status));
  return owned;
}

struct JetStreamRefusal {
  std::int64_t reason = 0;
  std::string description;
};

JetStreamRefusal read_refusal(simdjson::ondemand::object error) {
  JetStreamRefusal refusal;
  std::string_view description;
  if (error["err_code"].get_int64().get(refusal.reason)) refusal.reason = 0;
  if (error["description"].get_string().get(description)) description = "no description";
  refusal.description = description;
  return refusal;
}

// Whether the stream's folder is gone, so that it will never store anything again.
bool has_lost_its_files(const JetStreamRefusal& refusal) {
  return refusal.reason == JSStreamStoreFailedErr &&
         refusal.description.find("no such file or directory") != std::string::npos;
}

}  // namespace

Result<std::unique_ptr<Publisher>> NatsPublisher::open(NatsLink& link,
                                                       const PublisherLimits& limits,
                                                       Wakeup& wakeup) {
  std::unique_ptr<NatsPublisher> publisher(new NatsPublisher(link, limits, wakeup));
  natsInbox* unique = nullptr;
  const natsStatus status = natsInbox_Create(&unique);
  if (status != NATS_OK) return failure(nats_error("making an inbox", status));
  publisher->inbox_prefix_ = std::string(unique) + ".";
  natsInbox_Destroy(unique);
  return publisher;
}

Status NatsPublisher::listen() {
  if (inbox_ && generation_ == link_.generation()) return {};
  inbox_.reset();
  auto inbox =
      NatsInbox::open(link_.connection(), inbox_prefix_ + "*", "", limits_.window, wakeup_);
  if (!inbox) return failure(std::move(inbox.error()));
  inbox_ = std::move(*inbox);
  generation_ = link_.generation();
  return {};
}

Status NatsPublisher::publish(std::uint64_t ticket, const Publication& publication) {
  const ConnectionState& state = link_.state();
  if (!state.connected()) return failure(ErrorCode::kUnavailable, state.describe());
  if (free() == 0) return failure(ErrorCode::kUnavailable, "too many publications in flight");
  if (auto listening = listen(); !listening) {
    return failure(ErrorCode::kUnavailable, listening.error().message);
  }
  const std::uint64_t token = first_token_ + in_flight_.size();
  auto message = build(inbox_prefix_ + std::to_string(token), publication);
  if (!message) return failure(std::move(message.error()));
  const std::uint64_t connection = state.count();
  const natsStatus status = natsConnection_PublishMsg(link_.connection(), message->get());
  if (status != NATS_OK) return failure(nats_error("publishing", status));
  in_flight_.push_back(
      {ticket, connection, std::chrono::steady_clock::now() + limits_.ack_timeout, false});
  return {};
}

void NatsPublisher::poll(std::vector<Completion>& out) {
  link_.keep();
  complete_answered(out);
  complete_lost(out);
  while (!in_flight_.empty() && in_flight_.front().completed) {
    in_flight_.pop_front();
    ++first_token_;
  }
}

void NatsPublisher::complete_answered(std::vector<Completion>& out) {
  if (!inbox_) return;
  inbox_->take(answers_);
  for (const NatsMsg& answer : answers_) {
    InFlight* publication = answered_by(answer.get());
    if (publication == nullptr || publication->completed) continue;
    publication->completed = true;
    out.push_back({publication->ticket, parse_answer(answer.get())});
  }
  answers_.clear();
}

void NatsPublisher::complete_lost(std::vector<Completion>& out) {
  if (in_flight_.empty()) return;
  const auto now = std::chrono::steady_clock::now();
  const bool connected = link_.state().connected();
  const std::uint64_t connection = link_.state().count();
  for (InFlight& publication : in_flight_) {
    const bool broken = !connected || publication.connection != connection;
    // Deadlines and connections grow from front to back.
    if (!broken && publication.deadline > now) return;
    if (publication.completed) continue;
    publication.completed = true;
    out.push_back(
        {publication.ticket, failure(ErrorCode::kUnknownOutcome,
                                     broken ? "the connection broke before the acknowledgement"
                                            : "no acknowledgement in time")});
  }
}

NatsPublisher::InFlight* NatsPublisher::answered_by(natsMsg* message) {
  const std::string_view subject = natsMsg_GetSubject(message);
  if (!subject.starts_with(inbox_prefix_)) return nullptr;
  const auto token = parse_number<std::uint64_t>(subject.substr(inbox_prefix_.size()));
  if (!token) return nullptr;
  const std::uint64_t index = *token - first_token_;
  return index < in_flight_.size() ? &in_flight_[index] : nullptr;
}

Result<PublishAck> NatsPublisher::parse_answer(natsMsg* message) {
  if (natsMsg_IsNoResponders(message)) {
    return failure(ErrorCode::kUnavailable, "no stream takes this subject now");
  }
  const auto length = static_cast<std::size_t>(natsMsg_GetDataLength(message));
  padded_.assign(natsMsg_GetData(message), length);
  padded_.resize(length + simdjson::SIMDJSON_PADDING);
  simdjson::ondemand::document document;
  simdjson::ondemand::object error;
  PublishAck ack;
  const bool parsed = !parser_.iterate(padded_.data(), length, padded_.size()).get(document);
  if (parsed && !document["error"].get_object().get(error)) {
    const JetStreamRefusal refusal = read_refusal(error);
    std::string_view stream;
    if (has_lost_its_files(refusal) && !document["stream"].get_string().get(stream)) {
      give_up(std::string(stream));
    }
    return failure(jetstream_error_code(static_cast<int>(refusal.reason)), refusal.description);
  }
  if (!parsed || document["seq"].get_uint64().get(ack.sequence)) {
    return failure(ErrorCode::kUnknownOutcome, "an acknowledgement that is none");
  }
  if (document["duplicate"].get_bool().get(ack.duplicate)) ack.duplicate = false;
  return ack;
}

void NatsPublisher::give_up(const std::string& stream) {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_giving_up_) return;
  next_giving_up_ = now + kGivingUpInterval;
  // Whatever becomes of it, the next refusal tells.
  static_cast<void>(natsConnection_PublishRequestString(link_.connection(),
                                                        ("$JS.API.STREAM.DELETE." + stream).c_str(),
                                                        (inbox_prefix_ + "given-up").c_str(), ""));
}

}  // namespace citas::workers
