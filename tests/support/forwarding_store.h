// ForwardingStore: a CountryStore that passes every call on to another one. Tests derive from it
// what fails, or dies, in a few calls. Header-only.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "workers/country_store.h"

namespace citas::testing {

class ForwardingStore : public workers::CountryStore {
 public:
  // Borrows it.
  explicit ForwardingStore(workers::CountryStore& real) : real_(real) {}

  workers::CountryMark mark() const override { return real_.mark(); }
  Result<std::optional<workers::CountryEntry>> find(AppointmentId appointment) const override {
    return real_.find(appointment);
  }
  Result<std::optional<std::uint32_t>> tries(std::string_view message) const override {
    return real_.tries(message);
  }
  Status note_tries(std::span<const workers::Tries> tries) override {
    return real_.note_tries(tries);
  }
  Status begin_try(std::string_view message) override { return real_.begin_try(message); }
  std::string begun_try() const override { return real_.begun_try(); }
  Status commit(const workers::CountryChanges& changes) override { return real_.commit(changes); }
  Status reset(std::string_view log_source) override { return real_.reset(log_source); }

 private:
  workers::CountryStore& real_;
};

}  // namespace citas::testing
