#include "workers/nats/nats_source.h"

#include <array>
#include <utility>

#include "events/base/number.h"

namespace citas::workers {

std::string deliver_subject(std::string_view stream, std::string_view durable) {
  return "citas.deliver." + std::string(stream) + "." + std::string(durable);
}

// $JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time>.<pending>: nine
// words; or eleven and more, with <domain>.<account> after ACK.
std::optional<Delivery> parse_delivery(std::string_view reply) {
  if (!reply.starts_with("$JS.ACK.")) return std::nullopt;
  std::array<std::string_view, 12> words;
  std::size_t count = 0;
  while (!reply.empty() && count < words.size()) {
    const std::size_t dot = reply.find('.');
    words[count++] = reply.substr(0, dot);
    reply = dot == std::string_view::npos ? std::string_view{} : reply.substr(dot + 1);
  }
  if (count != 9 && count < 11) return std::nullopt;
  const std::size_t at = count == 9 ? 4 : 6;
  const auto deliveries = parse_number<std::uint64_t>(words[at]);
  const auto sequence = parse_number<std::uint64_t>(words[at + 1]);
  const auto consumer_sequence = parse_number<std::uint64_t>(words[at + 2]);
  const auto stored_at = parse_number<std::uint64_t>(words[at + 3]);
  if (!deliveries || !sequence || !consumer_sequence || !stored_at) return std::nullopt;
  return Delivery{*deliveries, *sequence, *consumer_sequence,
                  static_cast<std::int64_t>(*stored_at)};
}

NatsSource::NatsSource(NatsLink& link, const ConsumerSpec& spec,
                       std::vector<std::string> header_names, std::shared_ptr<LastDelivery> last,
                       Wakeup& wakeup)
    : link_(link),
      subject_(deliver_subject(spec.stream, spec.durable)),
      group_(spec.deliver_group),
      // A consumer that was deleted and made again may send as much once more.
      capacity_(std::size_t{2} * spec.max_ack_pending),
      header_names_(std::move(header_names)),
      last_(std::move(last)),
      wakeup_(wakeup) {}

bool NatsSource::subscribed() {
  link_.keep();
  if (inbox_ && generation_ == link_.generation()) return true;
  inbox_.reset();
  auto inbox = NatsInbox::open(link_.connection(), subject_, group_, capacity_, wakeup_);
  if (!inbox) return false;
  inbox_ = std::move(*inbox);
  generation_ = link_.generation();
  return true;
}

void NatsSource::poll(std::size_t limit, std::vector<Message>& out) {
  if (waiting_.empty() && subscribed()) {
    inbox_->take(taken_);
    for (NatsMsg& message : taken_) waiting_.push_back(std::move(message));
    taken_.clear();
  }
  for (std::size_t i = 0; i < limit && !waiting_.empty(); ++i) {
    Message message = convert(waiting_.front().get());
    waiting_.pop_front();
    // Only the server publishes with such a reply; anything else on the subject is not for us.
    if (message.stream_sequence != 0) out.push_back(std::move(message));
  }
}

void NatsSource::discard() {
  if (subscribed()) inbox_->take(taken_);
  taken_.clear();
  waiting_.clear();
}

void NatsSource::leave() {
  inbox_.reset();
  waiting_.clear();
}

Message NatsSource::convert(natsMsg* message) const {
  const char* reply = natsMsg_GetReply(message);
  const auto delivery = parse_delivery(reply == nullptr ? "" : reply);
  if (!delivery) return {.subject = {}, .headers = {}, .payload = {}, .reply = {}};
  if (delivery->stream_sequence >= last_->stream_sequence) {
    *last_ = {delivery->stream_sequence, delivery->stored_at_ns};
  }
  Headers headers;
  for (const std::string& name : header_names_) {
    const char* value = nullptr;
    if (natsMsgHeader_Get(message, name.c_str(), &value) == NATS_OK)
      headers.push_back({name, value});
  }
  return {.subject = natsMsg_GetSubject(message),
          .headers = std::move(headers),
          .payload = {natsMsg_GetData(message),
                      static_cast<std::size_t>(natsMsg_GetDataLength(message))},
          .stream_sequence = delivery->stream_sequence,
          .deliveries = delivery->deliveries,
          .consumer_sequence = delivery->consumer_sequence,
          .reply = reply};
}

Status NatsSource::answer(const Message& message, const std::string& what) {
  const ConnectionState& state = link_.state();
  if (!state.connected()) return failure(ErrorCode::kUnavailable, state.describe());
  const natsStatus status =
      natsConnection_PublishString(link_.connection(), message.reply.c_str(), what.c_str());
  if (status != NATS_OK) return failure(nats_error("acknowledging a message", status));
  return {};
}

Status NatsSource::ack(const Message& message) { return answer(message, "+ACK"); }

Status NatsSource::nak(const Message& message, std::chrono::milliseconds delay) {
  const auto nanoseconds = std::chrono::nanoseconds(delay).count();
  return answer(message, "-NAK {\"delay\": " + std::to_string(nanoseconds) + "}");
}

Status NatsSource::term(const Message& message) { return answer(message, "+TERM"); }

}  // namespace citas::workers
