#include "tests/unit/api/routes_kit.h"

#include <gmock/gmock.h>

#include <condition_variable>

#include "api/http/uri.h"
#include "api/responses.h"
#include "projections/all_projections.h"
#include "projections/appointments/appointments_by_insured.h"

namespace citas::api {

using nlohmann::json;
using projections::AppointmentsByInsured;

class Waiter::Sink final : public http::Completion::Sink {
 public:
  void complete(std::function<http::Response()> render) override {
    const std::lock_guard lock(mutex_);
    if (render_) return;
    render_ = std::move(render);
    answered_.notify_all();
  }

  bool is_answered() const {
    const std::lock_guard lock(mutex_);
    return render_ != nullptr;
  }

  http::Response wait() {
    std::unique_lock lock(mutex_);
    const bool came = answered_.wait_for(lock, kPatience, [&] { return render_ != nullptr; });
    EXPECT_TRUE(came) << "no answer";
    return came ? render_() : http::Response{};
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable answered_;
  std::function<http::Response()> render_;
};

http::Completion Waiter::completion() {
  sink_ = std::make_shared<Sink>();
  return http::Completion(sink_);
}
bool Waiter::is_answered() const { return sink_->is_answered(); }
http::Response Waiter::wait() { return sink_->wait(); }

Status ScriptedProjections::start_rebuild(std::string_view name) {
  if (name != state.status.name) return failure(ErrorCode::kNotFound, "no such projection");
  if (state.rebuild) return failure(ErrorCode::kConflict, "being rebuilt");
  state.rebuild = Rebuild{.progress = {.done = 1, .total = 4, .elapsed = std::chrono::seconds{1}}};
  return {};
}

Api::Api(Sequencing sequencing, Epoch epoch)
    : log(LogIdentity{LogId{ids.next()}}, epoch),
      sequencer(log, codec, clock, ids,
                {.countries = {*CountryCode::parse("CL"), *CountryCode::parse("PE")}}) {
  projections.state.status.name = "appointments_by_insured";
  auto engine = projections::ProjectionEngine::open(log, codec, clock, generations_,
                                                    projections::all_projections(), {});
  EXPECT_TRUE(engine);
  engine_ = *std::move(engine);
  query_ = std::make_unique<projections::AppointmentsQuery>(
      engine_->live(AppointmentsByInsured::kName), log, codec);
  dead_letters_ = std::make_unique<projections::DeadLettersQuery>(
      engine_->live(projections::DeadLetters::kName), log, codec);
  application_ = std::make_unique<Application>(
      Dependencies{sequencer, log, codec, *query_, *dead_letters_, clock, ids, health, metrics,
                   projections},
      [this](const ResponseObservation& seen) {
        const std::lock_guard lock(observed_mutex_);
        observed.push_back({std::string{seen.method}, std::string{seen.route},
                            std::string{seen.request_id}, std::string{seen.trace_id},
                            std::string{seen.position}, std::string{seen.cause}, seen.status,
                            seen.broke_off});
      });
  if (sequencing == Sequencing::kThreaded) {
    thread_ = std::make_unique<commands::SequencerThread>(sequencer, [](const Error&) {});
  }
}

Api::~Api() = default;

void Api::stop_writes() {
  sequencer.stop();
  thread_.reset();
}

void Api::catch_up() {
  for (const auto name : {AppointmentsByInsured::kName, projections::DeadLetters::kName}) {
    for (auto applied = engine_->step(name); applied && *applied > 0;) {
      applied = engine_->step(name);
    }
  }
}

http::Response Api::get(std::string_view target, http::Headers headers) {
  return call(request("GET", target, std::move(headers)));
}

http::Response Api::post(std::string_view target, std::string body, http::Headers headers) {
  if (headers.count("Content-Type") == 0) headers.add("Content-Type", "application/json");
  return call(request("POST", target, std::move(headers), std::move(body)));
}

http::Response Api::call(const http::Request& request) {
  catch_up();
  auto outcome = handle(request);
  EXPECT_FALSE(std::holds_alternative<http::Park>(outcome)) << "parked";
  http::Response response;
  if (auto* deferred = std::get_if<http::Deferred>(&outcome)) {
    Waiter waiter;
    (*deferred)(waiter.completion());
    response = waiter.wait();
  } else if (auto* given = std::get_if<http::Response>(&outcome)) {
    response = std::move(*given);
  }
  application_->on_response(request, response, std::chrono::microseconds{5});
  return response;
}

void Api::confirm(std::string_view appointment, std::string_view country) {
  const commands::ConfirmAppointment command{AppointmentId{*Uuid::parse(appointment)},
                                             *CountryCode::parse(country),
                                             RegistrationId{ids.next()}};
  ASSERT_TRUE(execute(sequencer, {.data = command, .actor = "worker:test"}, kPatience));
}

void Api::reject(std::string_view appointment, std::string_view reason) {
  const commands::RejectAppointment command{AppointmentId{*Uuid::parse(appointment)},
                                            *CountryCode::parse("PE"), *ReasonCode::parse(reason)};
  ASSERT_TRUE(execute(sequencer, {.data = command, .actor = "worker:test"}, kPatience));
}

std::string Api::die(std::optional<std::string_view> appointment, std::string_view message_id) {
  DeadLetterRecorded letter{.message_id = std::string(message_id),
                            .consumer = "processor-PE",
                            .country = *CountryCode::parse("PE"),
                            .reason = *ReasonCode::parse("processing_failed"),
                            .attempts = 5,
                            .payload_sha256 = std::string(64, '0')};
  if (appointment) letter.appointment = AppointmentId{*Uuid::parse(*appointment)};
  EXPECT_TRUE(execute(
      sequencer, {.data = commands::RecordDeadLetter{letter}, .actor = "worker:test"}, kPatience));
  return commands::dead_letter_id("processor-PE", message_id).value().to_string();
}

http::Request request(std::string_view method, std::string_view target, http::Headers headers,
                      std::string body) {
  http::Request made;
  made.method = method;
  const std::size_t mark = target.find('?');
  made.path = http::decode_path(target.substr(0, mark)).value();
  if (mark != std::string_view::npos) {
    made.query = http::decode_query(target.substr(mark + 1), 100).value();
  }
  made.headers = std::move(headers);
  made.body = std::move(body);
  made.remote_addr = "127.0.0.1";
  return made;
}

std::string header(const http::Response& response, std::string_view name) {
  return std::string{header_of(response, name)};
}

json json_of(const http::Response& response) {
  const json document = json::parse(response.body, nullptr, false);
  EXPECT_FALSE(document.is_discarded()) << response.body;
  return document;
}

std::string booking(std::string_view insured, int schedule, std::string_view more,
                    std::string_view country) {
  std::string body = R"({"insuredId":")";
  body.append(insured).append(R"(","scheduleId":)").append(std::to_string(schedule));
  body.append(R"(,"countryISO":")").append(country).append("\"").append(more);
  return body.append("}");
}

void expect_problem(const http::Response& response, int status, std::string_view code,
                    const std::vector<std::string_view>& hidden) {
  EXPECT_EQ(response.status, status) << response.body;
  EXPECT_EQ(header(response, "Content-Type"), "application/problem+json");
  const json document = json_of(response);
  ASSERT_TRUE(document.is_object());
  EXPECT_EQ(document["code"], code);
  EXPECT_EQ(document["status"], status);
  EXPECT_EQ(document["type"], "/problems/" + std::string{code});
  EXPECT_EQ(document["requestId"], header(response, "Request-Id"));
  EXPECT_EQ(document["detail"], document["message"]);
  const std::string_view retry_after = code == "storage_full" ? "30" : "1";
  EXPECT_EQ(header(response, "Retry-After"), status == 503 ? retry_after : "");
  for (const std::string_view word : hidden) {
    EXPECT_THAT(response.body, testing::Not(testing::HasSubstr(std::string{word})));
  }
}

}  // namespace citas::api
