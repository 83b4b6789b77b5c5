// Options of the commands that run for long, and what they may be.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "events/base/result.h"
#include "events/ids.h"
#include "ops/citas/json_log.h"
#include "workers/hang_watch.h"

namespace citas::ops {

struct ListenAddress {
  std::string host;  // numeric, without brackets
  std::uint16_t port = 0;

  bool is_loopback() const;
  std::string url(std::uint16_t actual_port) const;
};
// "127.0.0.1:8080", "[::1]:8080". InvalidArgument: neither.
Result<ListenAddress> parse_listen_address(std::string_view text);

// "PE,CL": at least one. InvalidArgument: names what is no country code.
Result<std::set<CountryCode>> parse_countries(std::string_view text);
std::string to_string(const std::set<CountryCode>& countries);

// "64MiB", "1.5GiB", "1048576". InvalidArgument: none of these.
Result<std::uint64_t> parse_size(std::string_view text);

enum class AccessLog { kNone, kErrors, kAll };

struct ServeOptions {
  std::filesystem::path data = "./data";
  ListenAddress listen{"127.0.0.1", 8080};
  // "managed", "none", or the URL of a NATS server.
  std::string nats = "managed";
  // The log, given up, whose streams on a bus of others this server's log takes the place of.
  std::optional<LogId> replaces_log;
  std::set<CountryCode> countries;
  std::set<CountryCode> workers;  // countries whose processors run in this process
  std::optional<std::filesystem::path> country_rules;
  std::optional<std::filesystem::path> address_file;
  // Where backups of its log are made, by others: only looked at.
  std::optional<std::filesystem::path> backups;
  // Below it the server is read-only; without, default_floor_bytes() of the disk.
  std::optional<std::uint64_t> free_space_floor_bytes;
  bool insecure_bind = false;
  bool existing_log = false;  // none is begun where there is none
  AccessLog access_log = AccessLog::kErrors;
};

struct WorkerOptions {
  CountryCode country;
  std::string nats;
  std::filesystem::path data = "./data";
  std::optional<std::filesystem::path> country_rules;
  // A check of the rules that takes so long hangs, and ends the worker.
  std::chrono::milliseconds check_limit = workers::kDefaultCheckLimit;
};

}  // namespace citas::ops
