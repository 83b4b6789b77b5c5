// What the parts count by themselves, for Prometheus: the second half of System.
#include <algorithm>
#include <map>

#include "ops/citas/doctor/host.h"
#include "ops/citas/system.h"

namespace citas::ops {

void System::scrape(Metrics& metrics) const {
  scrape_disk(metrics);
  scrape_commands(metrics);
  scrape_projections(metrics);
  scrape_dead_letters(metrics);
  scrape_pending(metrics);
  scrape_http(metrics);
  scrape_parts(metrics);
  scrape_clock(metrics);
  scrape_backups(metrics);
  if (fanout_) scrape_fanout(metrics);
}

void System::scrape_disk(Metrics& metrics) const {
  const auto disk = free_space_->state();
  metrics.set("citas_disk_free_bytes", "Free space of the log's disk.",
              static_cast<double>(disk.space.available_bytes));
  metrics.set("citas_disk_floor_bytes", "Free space below which the server is read-only.",
              static_cast<double>(disk.floor.bytes));
  if (disk.space.inodes > 0) {
    metrics.set("citas_disk_free_inodes", "Files and folders that the log's disk can still take.",
                static_cast<double>(disk.space.available_inodes));
    metrics.set("citas_disk_floor_inodes", "Free inodes below which the server is read-only.",
                static_cast<double>(disk.floor.inodes));
  }
  metrics.set("citas_read_only", "1 while commands are refused because the disk is nearly full.",
              disk.level == SpaceLevel::kAmple ? 0 : 1);
}

void System::scrape_commands(Metrics& metrics) const {
  const auto commands = sequencer_->stats();
  metrics.set("citas_log_position", "Last committed position.",
              static_cast<double>(log_->committed().value()));
  metrics.set("citas_queue_depth", "Commands waiting for the sequencer.",
              static_cast<double>(commands.queue_depth));
  metrics.set_total("citas_commands_total", "Commands answered.", commands.commands);
  metrics.set_total("citas_commands_rejected_total", "Commands rejected.", commands.rejected);
  metrics.set_total("citas_commands_replayed_total", "Commands that repeated an earlier outcome.",
                    commands.replayed);
}

void System::scrape_projections(Metrics& metrics) const {
  for (const auto& status : engine_->status()) {
    const Metrics::Labels labels{{"projection", status.name}};
    metrics.set("citas_projection_lag_events", "Committed events not yet in the read model.",
                static_cast<double>(status.lag_events), labels);
    metrics.set("citas_projection_lag_seconds", "Age of the oldest of those.",
                std::chrono::duration<double>(status.lag).count(), labels);
  }
  const auto pages = appointments_->cache_stats();
  metrics.set_total("citas_page_cache_hits_total", "Lists answered from memory.", pages.hits);
  metrics.set_total("citas_page_cache_misses_total", "Lists looked for there in vain.",
                    pages.misses);
  metrics.set("citas_page_cache_bytes", "Memory that kept lists take.",
              static_cast<double>(pages.bytes));
}

void System::scrape_http(Metrics& metrics) const {
  const auto http = server_->stats();
  metrics.set("citas_http_connections", "Open connections.",
              static_cast<double>(http.connections_open));
  metrics.set("citas_http_connections_limit", "Connections that may be open.",
              static_cast<double>(server_->max_connections()));
  metrics.set_total("citas_http_connections_accepted_total",
                    "Connections made, those turned away included.", http.connections_accepted);
  metrics.set_total("citas_http_connections_rejected_total",
                    "Connections turned away: the limit was reached and none was idle.",
                    http.connections_rejected);
  metrics.set("citas_http_requests_in_flight", "Requests received and not yet answered.",
              static_cast<double>(http.requests_in_flight));
  metrics.set("citas_http_requests_waiting",
              "Of those, reads that wait for a position, holding no thread.",
              static_cast<double>(http.connections_parked));
  metrics.set_total("citas_http_refused_total", "Requests refused before they reached a route.",
                    http.requests_refused);
}

void System::scrape_dead_letters(Metrics& metrics) const {
  const auto letters = dead_letters_->summary(kDefaultTenant);
  if (!letters) return;
  const auto count = [&](projections::LetterState state) {
    return static_cast<double>(letters->count[static_cast<std::size_t>(state)]);
  };
  metrics.set("citas_dead_letters_open", "Dead letters that wait for an operator's decision.",
              count(projections::LetterState::kOpen));
  metrics.set("citas_dead_letters_retried", "Dead letters sent again and not answered yet.",
              count(projections::LetterState::kRetried));
  metrics.set_total("citas_dead_letters_recorded_total",
                    "Messages that died, each time counted, over the life of the log.",
                    letters->recorded);
}

// Of what is looked at: where more wait, one country alone keeps others' from being seen, and is
// told itself.
void System::scrape_pending(Metrics& metrics) const {
  constexpr std::size_t kLooked = 1'024;
  constexpr char kNotServed[] = "other";
  const Timestamp now = clock_.now();
  const auto old = pending_->requested_before(now, std::nullopt, kLooked);
  const auto retried = pending_->retried(std::nullopt, kLooked);
  if (!old || !retried) return;
  std::map<std::string, std::chrono::milliseconds> waits{{kNotServed, {}}};
  for (const CountryCode& country : options_.countries) waits[std::string(country.text())] = {};
  const auto note = [&](const CountryCode& country, Timestamp since) {
    const auto known = waits.find(std::string(country.text()));
    auto& longest = known == waits.end() ? waits[kNotServed] : known->second;
    longest = std::max(longest, now - since);
  };
  for (const auto& one : *old) note(one.country, one.requested_at);
  for (const auto& one : *retried) note(one.country, one.retried_at);
  for (const auto& [country, wait] : waits) {
    metrics.set("citas_pending_oldest_seconds",
                "For how long the oldest request waits for its country's answer.",
                std::chrono::duration<double>(wait).count(), {{"country", country}});
  }
}

void System::scrape_parts(Metrics& metrics) const {
  for (const api::PartHealth& part : parts()) {
    metrics.set("citas_part_trouble",
                "0 while the part of the system is well, 1 degraded, 2 unavailable.",
                static_cast<double>(part.health), {{"part", part.name}});
  }
}

void System::scrape_clock(Metrics& metrics) const {
  std::chrono::milliseconds behind{0};
  if (const auto last = read_one(*log_, log_->committed()); last) {
    behind = std::max(behind, last->running_maximum - clock_.now());
  }
  metrics.set("citas_clock_behind_log_seconds",
              "How far the clock is behind the latest time in the log.",
              std::chrono::duration<double>(behind).count());
  if (const auto synchronised = doctor::clock_is_synchronised()) {
    metrics.set("citas_clock_synchronised", "1 while somebody keeps the machine's clock right.",
                *synchronised);
  }
}

void System::scrape_backups(Metrics& metrics) const {
  const auto age = backup_watch_ ? backup_watch_->age(clock_.now()) : std::nullopt;
  if (!age) return;
  metrics.set("citas_backup_age_seconds",
              "Age of the last whole backup of this log in --backups; without one, infinite.",
              age->count());
}

void System::scrape_fanout(Metrics& metrics) const {
  const auto relay = fanout_->relay_stats();
  metrics.set("citas_bus_connected", "1 while the bus is connected.", fanout_->connected());
  metrics.set("citas_relay_lag_events", "Committed events that the bus has not acknowledged.",
              static_cast<double>(relay.lag_events));
  metrics.set("citas_relay_lag_seconds", "Age of the oldest of those.",
              std::chrono::duration<double>(relay.lag).count());
  metrics.set_total("citas_relay_rebuilds_total", "How often the streams were made anew.",
                    relay.rebuilds);
  metrics.set("citas_bus_store_used_bytes", "What the bus's streams take, all together.",
              static_cast<double>(relay.storage.used_bytes));
  const auto most =
      managed_bus_ ? std::optional(managed_bus_->max_file_store_bytes()) : relay.storage.max_bytes;
  if (most) {
    metrics.set("citas_bus_store_max_bytes", "What they may take; then the fan-out stands still.",
                static_cast<double>(*most));
  }
  metrics.set_total("citas_redelivered_total", "Pending requests sent to their country again.",
                    fanout_->redelivered());
  if (managed_bus_) {
    metrics.set_total("citas_bus_stores_deleted_total",
                      "How often the bus could not read its store, which was made anew.",
                      managed_bus_->deleted_stores());
  }
  scrape_consumers(metrics);
}

void System::scrape_consumers(Metrics& metrics) const {
  for (const auto& [name, counters] : fanout_->counters()) {
    const Metrics::Labels labels{{"consumer", name}};
    metrics.set_total("citas_deliveries_total", "Messages received.", counters->deliveries.value(),
                      labels);
    metrics.set_total("citas_redeliveries_total", "Messages received again.",
                      counters->redeliveries.value(), labels);
    metrics.set_total("citas_completed_total", "Messages done with, and acknowledged.",
                      counters->completed.value(), labels);
    metrics.set_total("citas_retries_total", "Messages put back to be tried again.",
                      counters->retries.value(), labels);
    metrics.set_total("citas_dead_letters_total", "Messages given up.",
                      counters->dead_letters.value(), labels);
    metrics.set_total("citas_consumer_recreations_total",
                      "How often the consumer was made anew, since it did not fit stream or store.",
                      counters->recreations.value(), labels);
  }
}

}  // namespace citas::ops
