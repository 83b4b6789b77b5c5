#include "api/appointment_history.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "events/tags.h"

namespace citas::api {
namespace {

using Json = nlohmann::ordered_json;

// The part of a stored event that its reader wants to see, in its own order.
Result<Json> entry_of(const RecordView& record) {
  const Json event = Json::parse(record.bytes, nullptr, /*allow_exceptions=*/false);
  Json entry{{"position", std::to_string(record.position.value())}};
  for (const char* member : {"type", "time", "actor", "data"}) {
    const auto found = event.find(member);
    if (found == event.end()) {
      return failure(ErrorCode::kCorruption, "event " + std::to_string(record.position.value()) +
                                                 " has no " + member + "; run citas verify");
    }
    entry[member] = *found;
  }
  return entry;
}

// Whose appointment an event tells of; nullopt when it does not say.
std::optional<InsuredId> insured_of(const Event& event) {
  const AppointmentRef* ref = ref_of(event.data);
  return ref != nullptr ? std::optional(ref->insured) : std::nullopt;
}

class HistoryReader {
 public:
  HistoryReader(const Codec& codec, const InsuredId& insured) : codec_(codec), insured_(insured) {}

  bool visit(const RecordView& record) {
    const auto event = codec_.decode(record.bytes);
    if (!event) return stop(event.error());
    const auto insured = insured_of(*event);
    if (insured && *insured != insured_) return stop({ErrorCode::kNotFound, "another insured's"});
    is_theirs_ = is_theirs_ || insured.has_value();
    auto entry = entry_of(record);
    if (!entry) return stop(entry.error());
    events_.push_back(*std::move(entry));
    last_changed_ = record.position;
    return true;
  }

  Result<AppointmentHistory> finish(AppointmentId appointment) {
    if (failed_) return failure(*failed_);
    if (!is_theirs_) return failure(ErrorCode::kNotFound, "no such appointment");
    const Json document{{"appointmentId", appointment.value().to_string()},
                        {"events", std::move(events_)}};
    return AppointmentHistory{document.dump(), last_changed_};
  }

 private:
  bool stop(Error error) {
    failed_ = std::move(error);
    return false;
  }

  const Codec& codec_;
  const InsuredId& insured_;
  Json events_ = Json::array();
  Position last_changed_;
  bool is_theirs_ = false;
  std::optional<Error> failed_;
};

}  // namespace

Result<AppointmentHistory> read_history(const EventLog& log, const Codec& codec,
                                        const TenantId& tenant, const InsuredId& insured,
                                        AppointmentId appointment, Position last) {
  HistoryReader reader(codec, insured);
  const TagQuery query{.tenant = tenant, .tag = appointment_tag(appointment), .last = last};
  const auto read =
      log.read_tag(query, [&](const RecordView& record) { return reader.visit(record); });
  if (!read) return failure(read.error());
  return reader.finish(appointment);
}

}  // namespace citas::api
