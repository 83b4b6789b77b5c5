#include "ops/citas/doctor/doctor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iterator>
#include <nlohmann/json.hpp>

#include "ops/citas/doctor/bus.h"
#include "ops/citas/doctor/data.h"
#include "ops/citas/doctor/disk.h"
#include "ops/citas/doctor/host.h"
#include "ops/citas/doctor/server.h"
#include "ops/citas/exit_codes.h"
#include "ops/citas/http_client.h"
#include "ops/citas/print_json.h"

namespace citas::ops::doctor {
namespace {

using Json = nlohmann::ordered_json;

void add(Findings& all, Findings more) { std::ranges::move(more, std::back_inserter(all)); }

Findings examine_bus(const ServeOptions& serve, bool server_runs) {
  if (serve.nats == "none") return {ok("bus", "switched off by --nats none")};
  if (serve.nats != "managed") {
    return check_external_bus(look_at_external_bus(serve.nats, server_runs));
  }
  return check_managed_bus(look_at_managed_bus(serve.data, server_runs));
}

// Readiness answers 503 with the same body.
Result<std::string> ask_server(const std::string& url) {
  HttpClient client(url);
  return client.get("/readyz?verbose").map([](const HttpAnswer& answer) { return answer.body; });
}

Findings examine_all(const DoctorOptions& options) {
  const ServeOptions& serve = options.serve;
  const auto holder = look_at_lock(serve.data);
  std::optional<pid_t> server;
  if (holder && holder->process.is_server()) server = holder->process.pid;
  const LogFacts log = look_at_log(serve.data, serve.existing_log);

  Findings all{check_folder(look_at_folder(serve.data)), check_lock(holder), check_log(log),
               check_leftovers(look_for_leftovers(serve.data))};
  if (serve.backups && log.exists && log.end) {
    all.push_back(check_backups(look_at_backups(*serve.backups, log.end->log)));
  }
  add(all, check_disk(look_at_disk(serve.data / "log", serve.free_space_floor_bytes)));
  add(all, check_limits(look_at_limits(server)));
  add(all, check_clock(look_at_clock(log.end ? log.end->latest : std::nullopt)));
  add(all, examine_bus(serve, server.has_value()));
  all.push_back(check_port(look_at_port(serve.listen, server)));
  if (!options.url.empty()) add(all, check_server(options.url, ask_server(options.url)));
  return all;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

void print_table(const Findings& findings) {
  Table table({"STATE", "CHECK", "FINDING"});
  for (const Finding& one : findings) {
    table.add({std::string(to_string(one.verdict)), one.check,
               one.next.empty() ? one.what : one.what + "; " + one.next});
  }
  fmt::print("{}", table.text());
}

void print_json(const Findings& findings) {
  Json checks = Json::array();
  for (const Finding& one : findings) {
    Json check{{"check", one.check}, {"state", lower(to_string(one.verdict))}, {"what", one.what}};
    if (!one.next.empty()) check["next"] = one.next;
    checks.push_back(std::move(check));
  }
  ops::print_json(
      Json{{"state", lower(to_string(worst(findings)))}, {"checks", std::move(checks)}});
}

}  // namespace

int examine(const DoctorOptions& options) {
  const Findings findings = examine_all(options);
  if (options.output == Output::kJson) {
    print_json(findings);
  } else {
    print_table(findings);
  }
  if (worst(findings) != Verdict::kFail) return kExitOk;
  return std::ranges::any_of(findings, &Finding::is_damage) ? kExitCorrupt : kExitFailed;
}

}  // namespace citas::ops::doctor
