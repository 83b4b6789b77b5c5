// What the tests of the routes share: a whole backend in memory behind the application, called
// without a socket.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/application.h"
#include "commands/sequencer.h"
#include "events/base/clock.h"
#include "events/codec.h"
#include "events/memory/memory_event_log.h"
#include "projections/appointments/appointments_query.h"
#include "projections/dead_letters/dead_letters_query.h"
#include "projections/engine.h"
#include "projections/memory/memory_generations.h"

namespace citas::api {

// How long a test waits for what must happen. Only a failing test takes so long.
constexpr std::chrono::seconds kPatience{60};

class ScriptedHealth final : public HealthPort {
 public:
  std::vector<PartHealth> parts() const override { return said; }
  std::vector<PartHealth> said{{"log", Health::kOk, "ends at position 7"}};
};

class ScriptedMetrics final : public MetricsPort {
 public:
  std::string text() const override { return "citas_up 1\n"; }
};

class ScriptedProjections final : public ProjectionsPort {
 public:
  std::vector<ProjectionState> list() const override { return {state}; }
  Status start_rebuild(std::string_view name) override;
  ProjectionState state;
};

struct Observed {
  std::string method, route, request_id, trace_id, position, cause;
  int status;
  bool broke_off;
};

class Api {
 public:
  // Without a sequencer thread, nothing answers writes until step() is called.
  enum class Sequencing { kThreaded, kStepped };
  explicit Api(Sequencing sequencing = Sequencing::kThreaded, Epoch epoch = Epoch{1});
  ~Api();

  // The response, waited for where it is deferred. The read model is brought up to date before.
  http::Response get(std::string_view target, http::Headers headers = {});
  http::Response post(std::string_view target, std::string body, http::Headers headers = {});
  http::Response call(const http::Request& request);
  // What the application says, as the server hears it.
  http::Outcome handle(const http::Request& request) { return application_->handle(request); }

  void catch_up();
  // Stops the sequencer: what comes now is Unavailable.
  void stop_writes();
  void step() { ASSERT_TRUE(sequencer.step()); }
  // Confirms or rejects an appointment, as a country does.
  void confirm(std::string_view appointment, std::string_view country = "PE");
  void reject(std::string_view appointment, std::string_view reason);
  // Gives a message up; returns the id of its dead letter.
  std::string die(std::optional<std::string_view> appointment,
                  std::string_view message_id = "message");

  ManualClock clock{*parse_rfc3339("2030-01-01T00:00:00Z")};
  SeededIdSource ids{clock, 7};
  MemoryEventLog log;
  Codec codec;
  commands::Sequencer sequencer;
  ScriptedHealth health;
  ScriptedMetrics metrics;
  ScriptedProjections projections;
  std::vector<Observed> observed;  // guarded by observed_mutex_ while requests run

  Application& application() { return *application_; }

 private:
  std::mutex observed_mutex_;
  projections::MemoryGenerations generations_;
  std::unique_ptr<projections::ProjectionEngine> engine_;
  std::unique_ptr<projections::AppointmentsQuery> query_;
  std::unique_ptr<projections::DeadLettersQuery> dead_letters_;
  std::unique_ptr<Application> application_;
  std::unique_ptr<commands::SequencerThread> thread_;
};

// Waits for the response of a deferred request; fails the test when none comes.
class Waiter {
 public:
  http::Completion completion();
  bool is_answered() const;
  http::Response wait();

 private:
  class Sink;
  std::shared_ptr<Sink> sink_;
};

http::Request request(std::string_view method, std::string_view target, http::Headers headers = {},
                      std::string body = {});
std::string header(const http::Response& response, std::string_view name);
nlohmann::json json_of(const http::Response& response);
// A booking's body, with more members (",\"medicId\":7").
std::string booking(std::string_view insured, int schedule, std::string_view more = {},
                    std::string_view country = "PE");

// Expects a problem document that is whole and shows none of these words.
void expect_problem(const http::Response& response, int status, std::string_view code,
                    const std::vector<std::string_view>& hidden = {});

}  // namespace citas::api
