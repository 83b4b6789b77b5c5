// Metrics: what the system counts, in Prometheus' text format (prometheus-cpp underneath).
//
// Counters and histograms are fed as things happen; gauges are read from the parts when the text is
// asked for, through the callback given to on_scrape().
#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <tuple>

#include "api/application.h"
#include "api/dependencies.h"
#include "commands/sequencer.h"

namespace citas::ops {

// Thread-safe, once set up.
class Metrics final : public api::MetricsPort {
 public:
  Metrics();

  void observe(const api::ResponseObservation& response);
  void observe(const commands::BatchObservation& batch);

  // Sets a gauge, or a counter that some part keeps itself. For the scrape callback.
  using Labels = std::map<std::string, std::string>;
  void set(const std::string& name, const std::string& help, double value,
           const Labels& labels = {});
  void set_total(const std::string& name, const std::string& help, std::uint64_t total,
                 const Labels& labels = {});
  // Called under a lock at the beginning of each text(). Set before the first.
  void on_scrape(std::function<void(Metrics&)> callback) { scrape_ = std::move(callback); }

  std::string text() const override;

 private:
  struct RouteMetrics {
    prometheus::Counter* requests;
    prometheus::Histogram* seconds;
  };
  using RouteKey = std::tuple<std::string, std::string, int>;  // method, route, status
  RouteMetrics route_metrics(const api::ResponseObservation& response);

  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& requests_;
  prometheus::Family<prometheus::Histogram>& request_seconds_;
  prometheus::Histogram& batch_events_;
  prometheus::Histogram& commit_seconds_;
  prometheus::Counter& broken_off_;
  std::shared_mutex routes_mutex_;
  std::map<RouteKey, RouteMetrics, std::less<>> routes_;  // guarded by routes_mutex_

  mutable std::mutex scrape_mutex_;
  std::function<void(Metrics&)> scrape_;
};

}  // namespace citas::ops
