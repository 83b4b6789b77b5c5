// The bus: the nats-server that a managed one needs, or the cluster that the server is told to use.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "ops/citas/doctor/finding.h"
#include "workers/nats/server_probe.h"

namespace citas::ops::doctor {

struct ManagedBusFacts {
  std::optional<std::string> program;  // its path
  std::string version;                 // "2.9.10"; empty: it does not say
  std::string tested_version;
  std::optional<pid_t> child;                     // a nats-server that runs on the data folder
  bool server_runs = false;                       // and a citas serve to whom it belongs
  std::optional<workers::ServerProbe> anonymous;  // of the child, when its port is known
  struct Store {
    std::uint64_t used_bytes = 0;
    std::uint64_t max_bytes = 0;
  };
  std::optional<Store> store;  // of the child, when it tells
};

struct ExternalBusFacts {
  std::string url;  // without credentials
  workers::ServerProbe ours;
  workers::ServerProbe anonymous;
  bool server_runs = false;
};

ManagedBusFacts look_at_managed_bus(const std::filesystem::path& data, bool server_runs);
ExternalBusFacts look_at_external_bus(const std::string& url, bool server_runs);

Findings check_managed_bus(const ManagedBusFacts& facts);
Findings check_external_bus(const ExternalBusFacts& facts);

// From what `nats-server --version` prints; empty when it makes no sense.
std::string version_in(const std::string& printed);

}  // namespace citas::ops::doctor
