#include "ops/citas/metrics.h"

#include <prometheus/text_serializer.h>

#include <sstream>

namespace citas::ops {
namespace {

const prometheus::Histogram::BucketBoundaries kSeconds{
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10};
const prometheus::Histogram::BucketBoundaries kEvents{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1'024};

double seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

prometheus::Histogram& histogram(prometheus::Registry& registry, const std::string& name,
                                 const std::string& help,
                                 const prometheus::Histogram::BucketBoundaries& buckets) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add({}, buckets);
}

}  // namespace

Metrics::Metrics()
    : requests_(prometheus::BuildCounter()
                    .Name("citas_http_requests_total")
                    .Help("HTTP requests answered, by method, route and status.")
                    .Register(registry_)),
      request_seconds_(prometheus::BuildHistogram()
                           .Name("citas_http_request_seconds")
                           .Help("Time from the whole request received to its response ready.")
                           .Register(registry_)),
      batch_events_(histogram(registry_, "citas_batch_events",
                              "Events committed together in one synced write.", kEvents)),
      commit_seconds_(histogram(registry_, "citas_commit_seconds",
                                "Time of one synced write, fsync included.", kSeconds)),
      broken_off_(prometheus::BuildCounter()
                      .Name("citas_http_broken_off_total")
                      .Help("Streams that failed in the middle of their body.")
                      .Register(registry_)
                      .Add({})) {}

Metrics::RouteMetrics Metrics::route_metrics(const api::ResponseObservation& response) {
  const std::tuple seen{response.method, response.route, response.status};
  {
    const std::shared_lock lock(routes_mutex_);
    if (const auto found = routes_.find(seen); found != routes_.end()) return found->second;
  }
  const std::unique_lock lock(routes_mutex_);
  RouteKey key{response.method, response.route, response.status};
  const prometheus::Labels route{{"method", std::get<0>(key)}, {"route", std::get<1>(key)}};
  prometheus::Labels with_status = route;
  with_status["status"] = std::to_string(response.status);
  const RouteMetrics metrics{&requests_.Add(with_status), &request_seconds_.Add(route, kSeconds)};
  return routes_.emplace(std::move(key), metrics).first->second;
}

void Metrics::observe(const api::ResponseObservation& response) {
  if (response.broke_off) return broken_off_.Increment();
  const RouteMetrics metrics = route_metrics(response);
  metrics.requests->Increment();
  metrics.seconds->Observe(seconds(response.duration));
}

void Metrics::observe(const commands::BatchObservation& batch) {
  batch_events_.Observe(static_cast<double>(batch.events));
  commit_seconds_.Observe(seconds(batch.commit_latency));
}

void Metrics::set(const std::string& name, const std::string& help, double value,
                  const Labels& labels) {
  prometheus::BuildGauge().Name(name).Help(help).Register(registry_).Add(labels).Set(value);
}

void Metrics::set_total(const std::string& name, const std::string& help, std::uint64_t total,
                        const Labels& labels) {
  auto& counter = prometheus::BuildCounter().Name(name).Help(help).Register(registry_).Add(labels);
  counter.Increment(static_cast<double>(total) - counter.Value());
}

std::string Metrics::text() const {
  const std::lock_guard lock(scrape_mutex_);
  // The gauges are a cache of the parts' own state, not this object's.
  if (scrape_) scrape_(const_cast<Metrics&>(*this));
  std::ostringstream out;
  prometheus::TextSerializer{}.Serialize(out, registry_.Collect());
  return out.str();
}

}  // namespace citas::ops
