#include "workers/memory/memory_country_store.h"

#include <utility>

namespace citas::workers {

Result<std::optional<CountryEntry>> MemoryCountryStore::find(AppointmentId appointment) const {
  const auto found = entries_.find(appointment);
  return found == entries_.end() ? std::nullopt : std::optional(found->second);
}

Result<std::optional<std::uint32_t>> MemoryCountryStore::tries(std::string_view message) const {
  const auto found = tries_.find(message);
  return found == tries_.end() ? std::nullopt : std::optional(found->second);
}

Status MemoryCountryStore::note_tries(std::span<const Tries> tries) {
  for (const Tries& noted : tries) tries_[noted.message] = noted.count;
  return {};
}

Status MemoryCountryStore::begin_try(std::string_view message) {
  begun_try_ = message;
  return {};
}

Status MemoryCountryStore::commit(const CountryChanges& changes) {
  for (const auto& [appointment, entry] : changes.entries) entries_[appointment] = entry;
  for (const std::string& message : changes.settled) tries_.erase(message);
  for (const std::string& event : changes.ended) {
    std::erase_if(tries_, [&](const auto& noted) { return noted.first.starts_with(event); });
  }
  for (const Tries& failed : changes.failed) tries_[failed.message] = failed.count;
  mark_ = raised(std::move(mark_), changes);
  return {};
}

Status MemoryCountryStore::reset(std::string_view log_source) {
  entries_.clear();
  tries_.clear();
  begun_try_.clear();
  mark_ = {.log_source = std::string(log_source)};
  return {};
}

}  // namespace citas::workers
