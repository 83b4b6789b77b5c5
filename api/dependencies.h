// What the routes work with: references to the parts that the composition root has made, and the
// ports to those that this folder must not know.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "commands/sequencer.h"
#include "events/base/clock.h"
#include "events/codec.h"
#include "events/event_log.h"
#include "projections/appointments/appointments_query.h"
#include "projections/dead_letters/dead_letters_query.h"
#include "projections/engine.h"

namespace citas::api {

enum class Health { kOk, kDegraded, kUnavailable };

struct PartHealth {
  std::string name;  // "log", "bus"
  Health health = Health::kOk;
  std::string reason;  // for operators: what is wrong, or how it is
};

// Thread-safe; must not block, since it answers readiness probes.
class HealthPort {
 public:
  virtual ~HealthPort() = default;
  virtual std::vector<PartHealth> parts() const = 0;
};

// Thread-safe.
class MetricsPort {
 public:
  virtual ~MetricsPort() = default;
  // All metrics in Prometheus' text format 0.0.4.
  virtual std::string text() const = 0;
};

// The last rebuild of a projection since the start.
struct Rebuild {
  enum class State { kRunning, kCompleted, kFailed };
  State state = State::kRunning;
  projections::Progress progress;
  std::optional<bool> identical;  // once completed: whether it equals what was served
  // Why it failed; or, once completed, why what was served could not be compared with it.
  std::string reason;
};

struct ProjectionState {
  projections::ProjectionStatus status;
  std::optional<Rebuild> rebuild;
};

// Thread-safe.
class ProjectionsPort {
 public:
  virtual ~ProjectionsPort() = default;
  virtual std::vector<ProjectionState> list() const = 0;
  // Starts a rebuild and returns. NotFound: no such projection. Conflict: it is being rebuilt.
  virtual Status start_rebuild(std::string_view name) = 0;
};

// What requests wait for, each a feed of http::Server::advance().
enum class Feed : std::size_t { kLog, kAppointments, kDeadLetters };
constexpr std::size_t number_of(Feed feed) { return static_cast<std::size_t>(feed); }

// Borrows; all outlive the application.
struct Dependencies {
  commands::Sequencer& sequencer;
  const EventLog& log;
  const Codec& codec;
  const projections::AppointmentsQuery& appointments;
  const projections::DeadLettersQuery& dead_letters;
  const Clock& clock;
  IdSource& ids;
  const HealthPort& health;
  const MetricsPort& metrics;
  ProjectionsPort& projections;
};

// How long a client waits for a write before its outcome is called unknown, and for a read model
// to reach minPosition.
inline constexpr std::chrono::seconds kWriteTimeout{10};
inline constexpr std::chrono::seconds kReadTimeout{2};

}  // namespace citas::api
