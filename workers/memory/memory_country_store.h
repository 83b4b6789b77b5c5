// A CountryStore in memory, for tests and simulations.
#pragma once

#include <map>
#include <string>

#include "workers/country_store.h"

namespace citas::workers {

class MemoryCountryStore final : public CountryStore {
 public:
  CountryMark mark() const override { return mark_; }
  Result<std::optional<CountryEntry>> find(AppointmentId appointment) const override;
  Result<std::optional<std::uint32_t>> tries(std::string_view message) const override;
  Status note_tries(std::span<const Tries> tries) override;
  Status begin_try(std::string_view message) override;
  std::string begun_try() const override { return begun_try_; }
  Status commit(const CountryChanges& changes) override;
  Status reset(std::string_view log_source) override;

  const std::map<AppointmentId, CountryEntry>& entries() const { return entries_; }

 private:
  CountryMark mark_;
  std::map<AppointmentId, CountryEntry> entries_;
  std::map<std::string, std::uint32_t, std::less<>> tries_;
  std::string begun_try_;
};

}  // namespace citas::workers
