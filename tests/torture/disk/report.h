// What a suite did and found, and how it says so: one JSON object on stdout.
#pragma once

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>

namespace citas::torture {

// The system under test broke a promise. The message says which, and where.
struct Defect : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Report {
  std::map<std::string, std::uint64_t> injected;
  std::map<std::string, std::uint64_t> checked;
  std::map<std::string, std::uint64_t> figures;
};

// Removes one safeguard, by a decorator around it: the suites must notice each.
enum class Canary {
  kNone,
  kNoSync,            // the disk reports syncs and does none
  kEarlyAcknowledge,  // callers are answered before their events are stored
  kNoDeduplication,   // stored outcomes of idempotency keys are not found
  kNoMarkerCheck,     // the head marker is made to fit whatever the log has become
  kNoMark,            // a country's store claims to be as far as it ever was
  kNoChecksums,       // a read model's entry changes in a way that no checksum sees
};

struct Plan {
  std::uint64_t cycles = 0;
  std::uint64_t seed = 0;
  Canary canary = Canary::kNone;
};

// Throw Defect.
void run_power(const Plan& plan, Report& report);
void run_power_restores(const Plan& plan, Report& report);
void run_io(const Plan& plan, Report& report);
void run_io_countries(const Plan& plan, Report& report);
void run_io_restores(const Plan& plan, Report& report);
void run_rot(const Plan& plan, Report& report);
void run_rot_projections(const Plan& plan, Report& report);
void run_rot_countries(const Plan& plan, Report& report);

}  // namespace citas::torture
