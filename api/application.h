// Application: what the HTTP server serves. Finds the route, runs it, and gives every response
// what all of them have: ids, entity tags, problems in full, headers that protect personal data.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string_view>

#include "api/appointments.h"
#include "api/dead_letters.h"
#include "api/dependencies.h"
#include "api/events.h"
#include "api/http/server.h"
#include "api/operations.h"
#include "api/pending_writes.h"
#include "api/router.h"

namespace citas::api {

// One response, for metrics and access logs, or the end of one that broke off. Holds nobody's data:
// the route is a pattern of ours, never the path. The views live only during the call.
struct ResponseObservation {
  std::string_view method;  // "GET", "HEAD", "POST"; "other" for all others
  std::string_view route;   // "/appointments/{insuredId}"; "unmatched" when there is none
  int status;
  std::chrono::nanoseconds duration;
  std::string_view request_id;
  std::string_view trace_id;  // empty when the client sent none
  std::string_view position;  // Citas-Position; empty when there is none
  std::string_view cause;     // of a failure of the server's own; empty when there is none
  // A stream failed in the middle, after its response had been observed: all that clients can be
  // told is a body without an end.
  bool broke_off = false;
};

// Called by several threads at once; must not block.
using ResponseObserver = std::function<void(const ResponseObservation&)>;

// Thread-safe.
class Application final : public http::Application {
 public:
  // Keeps the dependencies, which are references.
  Application(const Dependencies& dependencies, ResponseObserver observer);
  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;

  http::Pool classify(const http::Request& request) const noexcept override;
  http::Outcome handle(const http::Request& request) override;
  http::Response refuse(const http::Refusal& refusal, const http::Request& request) override;
  void on_response(const http::Request& request, const http::Response& response,
                   std::chrono::nanoseconds duration) override;

  // Answers the writes that the sequencer has not answered in time. A driver calls it about once a
  // second, on any thread.
  void expire_writes() { writes_.expire(); }

 private:
  struct Frame;

  std::vector<Route> all_routes() const;
  Reply dispatch(const http::Request& request, const RequestContext& context,
                 const RouteMatch& match) const;
  http::Deferred defer(Later later, Frame frame) const;
  http::Response finish(Answer answer, const Frame& frame) const;
  // A stream whose failure is observed.
  http::PieceProducer watched(http::PieceProducer stream, const Frame& frame) const;

  const Dependencies dependencies_;
  const ResponseObserver observer_;
  PendingWrites writes_;
  const AppointmentRoutes appointments_;
  const EventRoutes events_;
  const DeadLetterRoutes dead_letters_;
  const OperationRoutes operations_;
  const Router router_;
};

}  // namespace citas::api
