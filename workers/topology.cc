#include "workers/topology.h"

#include <array>

namespace citas::workers {
namespace {

constexpr std::string_view kTypePrefix = "citas.";
// A nats-server sets this aside from its max_file_store, used or not.
constexpr std::uint64_t kMaxTransientBytes = std::uint64_t{256} << 20;
constexpr std::chrono::hours kMaxTransientAge{7 * 24};
constexpr std::uint32_t kMaxAckPending = 2048;
// More, since commands may wait behind many of the clients' in the sequencer's queue.
constexpr std::uint32_t kMaxConfirmationsPending = 8192;
constexpr std::uint32_t kMaxAuditPending = 256;
// Much longer than a batch takes, and short enough that a crash delays its batch little.
constexpr std::chrono::seconds kAckWait{10};

// Shorter than what the reconciler waits before it asks again (its pending_after): an answer that
// the bus has taken and lost on the way must not be dropped as a duplicate when it is given once
// more.
constexpr std::chrono::seconds kAnswersDuplicateWindow{10};

// What these hold is made again from the log when it expires.
StreamSpec transient_stream(const char* name, const char* subject) {
  return {.name = name,
          .subjects = {subject},
          .max_bytes = kMaxTransientBytes,
          .max_age = kMaxTransientAge};
}

StreamSpec answers_stream(const char* name, const char* subject) {
  StreamSpec spec = transient_stream(name, subject);
  spec.duplicate_window = kAnswersDuplicateWindow;
  return spec;
}

// "citas.appointment.requested.v1" -> "appointment.requested".
std::string_view without_prefix_and_version(std::string_view type) {
  if (type.starts_with(kTypePrefix)) type.remove_prefix(kTypePrefix.size());
  const std::size_t version = type.rfind(".v");
  return version == std::string_view::npos ? type : type.substr(0, version);
}

ConsumerSpec consumer(const char* stream, std::string durable, std::string filter,
                      std::uint32_t max_ack_pending = kMaxAckPending) {
  ConsumerSpec spec{.stream = stream,
                    .durable = std::move(durable),
                    .filter_subject = std::move(filter),
                    .deliver_group = {},
                    .ack_wait = kAckWait,
                    .max_ack_pending = max_ack_pending};
  spec.deliver_group = spec.durable;
  return spec;
}

std::string with_country(std::string_view prefix, CountryCode country) {
  return std::string(prefix).append(country.text());
}

}  // namespace

std::span<const StreamSpec> stream_specs() {
  static const std::array<StreamSpec, 4> specs{
      StreamSpec{.name = kEventsStream, .subjects = {"citas.events.>"}},
      transient_stream(kRedeliverStream, "citas.redeliver.*"),
      answers_stream(kConfirmationsStream, "citas.confirmations.*"),
      answers_stream(kDeadLettersStream, "citas.deadletters.*"),
  };
  return specs;
}

Status ensure_streams(Bus& bus) {
  for (const StreamSpec& spec : stream_specs()) {
    if (auto ensured = bus.ensure_stream(spec); !ensured) return ensured;
  }
  return {};
}

Status delete_streams(Bus& bus) {
  for (const StreamSpec& spec : stream_specs()) {
    if (auto deleted = bus.delete_stream(spec.name); !deleted) return deleted;
  }
  return {};
}

std::string event_subject(std::string_view country, std::string_view event_type) {
  return std::string("citas.events.")
      .append(country)
      .append(".")
      .append(without_prefix_and_version(event_type));
}

std::string redeliver_subject(CountryCode country) {
  return with_country("citas.redeliver.", country);
}
std::string confirmation_subject(CountryCode country) {
  return with_country("citas.confirmations.", country);
}
std::string dead_letter_subject(CountryCode country) {
  return with_country("citas.deadletters.", country);
}

bool is_of_country(std::string_view subject, CountryCode country) {
  for (int prefixes = 2; prefixes > 0; --prefixes) {
    const std::size_t end = subject.find('.');
    if (end == std::string_view::npos) return false;
    subject.remove_prefix(end + 1);
  }
  return subject.substr(0, subject.find('.')) == country.text();
}

std::optional<CountryCode> country_of_subject(std::string_view subject) {
  return CountryCode::parse(subject.substr(subject.rfind('.') + 1));
}

bool answers_another_log(const Message& message, std::string_view log_source) {
  return find_header(message.headers, kLogHeader).value_or(log_source) != log_source;
}

ConsumerSpec processor_consumer(CountryCode country) {
  return consumer(kEventsStream, with_country("processor-", country),
                  with_country("citas.events.", country) + ".>");
}

ConsumerSpec redeliver_consumer(CountryCode country) {
  return consumer(kRedeliverStream, with_country("redeliver-", country),
                  redeliver_subject(country));
}

ConsumerSpec confirmations_consumer() {
  return consumer(kConfirmationsStream, "confirmations", "citas.confirmations.*",
                  kMaxConfirmationsPending);
}

ConsumerSpec audit_consumer() {
  return consumer(kEventsStream, "audit", "citas.events.>", kMaxAuditPending);
}

ConsumerSpec dead_letters_consumer() {
  return consumer(kDeadLettersStream, "dead-letters", "citas.deadletters.*");
}

}  // namespace citas::workers
