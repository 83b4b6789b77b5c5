#include "api/appointments.h"

#include <utility>

#include "api/appointment_history.h"
#include "api/client_command.h"
#include "api/negotiation.h"
#include "api/parameters.h"
#include "api/read_position.h"
#include "api/request_json.h"
#include "api/responses.h"
#include "projections/appointments/appointment_row.h"

namespace citas::api {
namespace {

using commands::Accepted;
using commands::RequestAppointment;
using projections::AppointmentsFilter;
using projections::AppointmentsPage;
using projections::Order;

constexpr std::string_view kCollection = "/appointments";
constexpr std::string_view kOfInsured = "/appointments/{insuredId}";
constexpr std::string_view kOne = "/appointments/{insuredId}/{appointmentId}";
constexpr std::string_view kHistory = "/appointments/{insuredId}/{appointmentId}/history";
constexpr std::string_view kCancellation = "/appointments/{insuredId}/{appointmentId}/cancellation";

// Part of what idempotency keys are scoped by, and so of what is stored for ever.
constexpr std::string_view kRequestRoute = "POST /appointments";
constexpr std::string_view kCancelRoute =
    "POST /appointments/{insuredId}/{appointmentId}/cancellation";

constexpr FieldFault kNotStatus{"invalid_status",
                                "must be one of pending, completed, failed, cancelled"};
constexpr FieldFault kNotLifecycle{"invalid_lifecycle",
                                   "must be one of requested, booked, arrived, fulfilled, "
                                   "noshow, cancelled, rejected"};

std::optional<std::string> parse_cursor(std::string_view text) {
  return text.empty() ? std::nullopt : std::optional(std::string{text});
}

AppointmentsFilter read_filter(ParameterReader& reader) {
  using projections::parse_lifecycle;
  using projections::parse_request_status;
  AppointmentsFilter filter;
  filter.status = reader.query("status", parse_request_status, kNotStatus);
  filter.lifecycle = reader.query("lifecycle", parse_lifecycle, kNotLifecycle);
  filter.country = reader.query("countryISO", CountryCode::parse, kNotCountry);
  filter.from = read_time(reader, "from");
  filter.to = read_time(reader, "to");
  filter.order = read_order(reader).value_or(Order::kAscending);
  return filter;
}

// Inserts a last member into a JSON object.
std::string with_message(std::string json, std::string_view message) {
  json.pop_back();
  return json.append(R"(,"message":")").append(message).append(R"("})");
}

Problem unexpected_outcome() {
  return problem_of(Error{ErrorCode::kCorruption, "the outcome is of another command"});
}

// What the answer to a booking needs besides its outcome.
struct BookingCall {
  RequestAppointment booking;
  std::string_view base;  // of static storage
  bool async;
};

Answer requested(const Accepted& accepted, const BookingCall& call) {
  const auto* data =
      accepted.event ? std::get_if<AppointmentRequested>(&accepted.event->data) : nullptr;
  if (data == nullptr) return tl::unexpected(unexpected_outcome());
  auto response = json_response(
      call.async ? 202 : 201,
      with_message(projections::appointment_json(*accepted.event, *data),
                   "The appointment was requested and awaits its country's confirmation."));
  std::string location{call.base};
  location.append(kCollection).append(1, '/').append(data->ref.insured.text());
  location.append(1, '/').append(data->ref.appointment.value().to_string());
  response.headers.push_back({"Location", std::move(location)});
  if (call.async) response.headers.push_back({"Preference-Applied", "respond-async"});
  describe_write(response, accepted);
  return response;
}

Problem refused_booking(const commands::Refusal& refusal, const BookingCall& call,
                        const Dependencies& system) {
  const auto* rejection = std::get_if<commands::Rejection>(&refusal);
  if (rejection == nullptr || !field_error_of(rejection->code)) return problem_of(refusal);
  return policy_problem(call.booking, system.clock.now(), system.sequencer.countries(), *rejection);
}

// The problem of a failed question; an InvalidArgument is the cursor's.
Problem problem_of_query(const Error& error) {
  if (error.code == ErrorCode::kNotFound) {
    return problem_of(commands::Rejection{commands::RejectionCode::kAppointmentNotFound});
  }
  if (error.code == ErrorCode::kInvalidArgument) {
    return validation_problem({field_error("cursor", kNotCursor)});
  }
  if (error.code == ErrorCode::kFailedPrecondition) {
    return {.code = ProblemCode::kHistoryTooLong,
            .detail = "asOf cannot be answered: " + error.message + "."};
  }
  return problem_of(error);
}

http::Response page_response(const InsuredId& insured, std::size_t limit,
                             const AppointmentsPage& page) {
  std::string body;
  body.reserve(page.appointments.size() + page.next_cursor.size() + 160);
  body.append(R"({"insuredId":")").append(insured.text());
  body.append(R"(","appointments":)").append(page.appointments);
  body.append(R"(,"total":)").append(std::to_string(page.total)).append(1, ',');
  append_pagination(body, limit, page.has_more ? page.next_cursor : std::string_view{});
  auto response = json_response(200, body.append(1, '}'));
  set_position(response, page.reflected);
  return response;
}

}  // namespace

std::vector<Route> AppointmentRoutes::routes() const {
  const auto bound = [this](Reply (AppointmentRoutes::*handler)(const Call&) const) {
    return [this, handler](const Call& call) { return (this->*handler)(call); };
  };
  using http::Pool;
  return {
      // Parses and hands over; the sequencer's thread answers.
      {"POST", kCollection, Pool::kInline, bound(&AppointmentRoutes::request)},
      // With a query it may have to fold a history, or to count what a filter leaves.
      {.method = "GET",
       .pattern = kOfInsured,
       .pool = Pool::kReader,
       .handler = bound(&AppointmentRoutes::list),
       .is_quick_without_query = true},
      {.method = "GET",
       .pattern = kOne,
       .pool = Pool::kReader,
       .handler = bound(&AppointmentRoutes::find),
       .is_quick_without_query = true},
      {"GET", kHistory, Pool::kReader, bound(&AppointmentRoutes::history)},
      // Blocks: its answer is read from the log after the commit.
      {"POST", kCancellation, Pool::kWriter, bound(&AppointmentRoutes::cancel)},
  };
}

Reply AppointmentRoutes::request(const Call& call) const {
  if (auto refused = refuse_media_type(call.request)) return tl::unexpected(std::move(*refused));
  auto errors = ParameterReader(call).take_errors();
  const auto key = read_idempotency_key(call.request.headers, errors);
  const auto booking = parse_booking(call.request.body, system_.clock.now(),
                                     system_.sequencer.countries(), std::move(errors));
  if (!booking) return tl::unexpected(booking.error());

  BookingCall asked{*booking, call.base, prefers_async(call.request.headers.joined("Prefer"))};
  auto command = client_command(call, *booking, key, kRequestRoute, "");
  return Later([this, asked, command = std::move(command)](auto answer) mutable {
    const auto complete = [this, asked, answer](commands::Outcome outcome) {
      answer([this, asked, outcome = std::move(outcome)]() -> Answer {
        if (outcome) return requested(*outcome, asked);
        return tl::unexpected(refused_booking(outcome.error(), asked, system_));
      });
    };
    const auto submitted = system_.sequencer.submit(std::move(command), writes_.track(complete));
    if (!submitted) complete(tl::unexpected<commands::Refusal>(submitted.error()));
  });
}

Reply AppointmentRoutes::cancel(const Call& call) const {
  if (!call.request.body.empty()) {
    if (auto refused = refuse_media_type(call.request)) return tl::unexpected(std::move(*refused));
  }
  ParameterReader reader(call);
  const InsuredId insured = read_insured(reader, 0);
  const AppointmentId appointment = read_appointment(reader, 1);
  auto errors = reader.take_errors();
  const auto key = read_idempotency_key(call.request.headers, errors);
  const auto version = read_if_match(call.request.headers, system_.log.epoch(), errors);
  const auto reason = parse_cancellation(call.request.body, std::move(errors));
  if (!reason) return tl::unexpected(reason.error());

  const commands::CancelAppointment cancellation{appointment, insured, *reason, version};
  auto command =
      client_command(call, cancellation, key, kCancelRoute, appointment.value().to_string());
  const auto outcome = execute(system_.sequencer, std::move(command), kWriteTimeout);
  auto answer = cancelled(outcome, call.context.tenant, cancellation);
  if (!answer) return tl::unexpected(std::move(answer.error()));
  return *std::move(answer);
}

Answer AppointmentRoutes::cancelled(const commands::Outcome& outcome, const TenantId& tenant,
                                    const commands::CancelAppointment& asked) const {
  if (!outcome) return tl::unexpected(problem_of(outcome.error()));
  auto found =
      system_.appointments.find_as_of(outcome->committed, tenant, asked.insured, asked.appointment);
  if (!found) return tl::unexpected(problem_of_query(found.error()));
  auto response = json_response(
      200, with_message(std::move(found->json), "The appointment is cancelled; its slot is free."));
  describe_write(response, *outcome);
  return response;
}

Reply AppointmentRoutes::list(const Call& call) const {
  ParameterReader reader(call);
  const InsuredId insured = read_insured(reader, 0);
  const AppointmentsFilter filter = read_filter(reader);
  const std::size_t limit = read_limit(reader);
  const auto cursor = reader.query("cursor", parse_cursor, kNotCursor);
  const ReadPoint point = read_point(reader, system_.log);
  if (auto invalid = reader.problem()) return tl::unexpected(std::move(*invalid));
  const Position reached = system_.appointments.position();
  if (auto wait = wait_to_reflect(point, insured_tag(insured), Feed::kAppointments, reached,
                                  system_.log, call)) {
    return *std::move(wait);
  }

  const projections::AppointmentsPageRequest request{limit, cursor ? *cursor : std::string_view{}};
  const TenantId& tenant = call.context.tenant;
  const auto page =
      point.as_of ? system_.appointments.list_as_of(*point.as_of, tenant, insured, filter, request)
                  : system_.appointments.list(tenant, insured, filter, request);
  if (!page) return tl::unexpected(problem_of_query(page.error()));
  auto response = page_response(insured, limit, *page);
  set_entity_tag(response, system_.log.epoch(), page->last_changed, system_.appointments.version());
  return response;
}

Reply AppointmentRoutes::find(const Call& call) const {
  ParameterReader reader(call);
  const InsuredId insured = read_insured(reader, 0);
  const AppointmentId appointment = read_appointment(reader, 1);
  const ReadPoint point = read_point(reader, system_.log);
  if (auto invalid = reader.problem()) return tl::unexpected(std::move(*invalid));
  const Position reached = system_.appointments.position();
  if (auto wait = wait_to_reflect(point, appointment_tag(appointment), Feed::kAppointments, reached,
                                  system_.log, call)) {
    return *std::move(wait);
  }

  const TenantId& tenant = call.context.tenant;
  auto found = point.as_of
                   ? system_.appointments.find_as_of(*point.as_of, tenant, insured, appointment)
                   : system_.appointments.find(tenant, insured, appointment);
  if (!found) return tl::unexpected(problem_of_query(found.error()));
  auto response = json_response(200, std::move(found->json));
  set_position(response, found->reflected);
  set_entity_tag(response, system_.log.epoch(), found->last_changed,
                 system_.appointments.version());
  return response;
}

Reply AppointmentRoutes::history(const Call& call) const {
  ParameterReader reader(call);
  const InsuredId insured = read_insured(reader, 0);
  const AppointmentId appointment = read_appointment(reader, 1);
  const ReadPoint point = read_point(reader, system_.log);
  if (auto invalid = reader.problem()) return tl::unexpected(std::move(*invalid));
  const Position committed = system_.log.committed();
  if (auto wait = wait_for(point.minimum, Feed::kLog, committed, call.request)) return *wait;

  const Position reached = point.as_of.value_or(committed);
  auto found =
      read_history(system_.log, system_.codec, call.context.tenant, insured, appointment, reached);
  if (!found) return tl::unexpected(problem_of_query(found.error()));
  auto response = json_response(200, std::move(found->json));
  set_position(response, reached);
  set_entity_tag(response, system_.log.epoch(), found->last_changed);
  return response;
}

}  // namespace citas::api
