#include <array>
#include <charconv>
#include <cstdio>
#include <memory>

#include "ops/citas/doctor/bus.h"
#include "ops/citas/doctor/process.h"
#include "workers/nats/server_process.h"
#include "workers/nats/server_url.h"
#include "workers/topology.h"

namespace citas::ops::doctor {
namespace {

// What the program says of itself.
std::string version_of(const std::string& program) {
  const auto close = [](FILE* pipe) { ::pclose(pipe); };
  const std::unique_ptr<FILE, decltype(close)> pipe(
      ::popen(("'" + program + "' --version 2>/dev/null").c_str(), "r"), close);
  std::array<char, 256> line{};
  if (!pipe || std::fgets(line.data(), line.size(), pipe.get()) == nullptr) return {};
  return version_in(line.data());
}

// The number behind a key in the configuration that citas wrote for it; 0 when there is none.
std::uint64_t number_in(const std::string& configuration, std::string_view key) {
  const std::size_t at = configuration.find(key);
  if (at == std::string::npos) return 0;
  std::uint64_t number = 0;
  std::from_chars(configuration.data() + at + key.size(),
                  configuration.data() + configuration.size(), number);
  return number;
}

// The quoted word behind a key there; our names and passwords have no quotes in them.
std::string word_in(const std::string& configuration, std::string_view key) {
  const std::size_t at = configuration.find(key);
  if (at == std::string::npos) return {};
  const std::size_t begin = configuration.find('"', at) + 1;
  return configuration.substr(begin, configuration.find('"', begin) - begin);
}

std::optional<ManagedBusFacts::Store> look_at_store(const std::string& url,
                                                    const std::string& configuration) {
  const auto ours = workers::probe_server({.url = url,
                                           .user = word_in(configuration, "{ user: "),
                                           .password = word_in(configuration, "password: ")});
  if (!ours.jetstream) return std::nullopt;
  return ManagedBusFacts::Store{ours.used_store_bytes,
                                number_in(configuration, "max_file_store: ")};
}

std::vector<std::string> all_streams() {
  std::vector<std::string> names;
  for (const workers::StreamSpec& spec : workers::stream_specs()) names.push_back(spec.name);
  return names;
}

}  // namespace

ManagedBusFacts look_at_managed_bus(const std::filesystem::path& data, bool server_runs) {
  const std::filesystem::path folder = std::filesystem::absolute(data) / "bus";
  const std::filesystem::path configuration = folder / "nats-server.conf";
  ManagedBusFacts facts{.program = workers::find_program("nats-server"),
                        .version = {},
                        .tested_version = workers::kNatsServerVersion,
                        .child = workers::running_server(folder / "nats-server.pid", configuration),
                        .server_runs = server_runs,
                        .anonymous = {},
                        .store = {}};
  if (facts.program) facts.version = version_of(*facts.program);
  if (!facts.child) return facts;
  const std::string text = read_text(configuration);
  if (const std::uint64_t port = number_in(text, "\nport: "); port != 0) {
    const std::string url = "nats://127.0.0.1:" + std::to_string(port);
    facts.anonymous = workers::probe_server({.url = url});
    facts.store = look_at_store(url, text);
  }
  return facts;
}

ExternalBusFacts look_at_external_bus(const std::string& url, bool server_runs) {
  return {.url = workers::without_credentials(url, "***@"),
          .ours = workers::probe_server({.url = url}, all_streams()),
          .anonymous = workers::probe_server({.url = workers::without_credentials(url, "")}),
          .server_runs = server_runs};
}

}  // namespace citas::ops::doctor
