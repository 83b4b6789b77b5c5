#include "ops/citas/doctor/bus.h"

#include <fmt/format.h>

#include "ops/citas/free_space.h"

namespace citas::ops::doctor {
namespace {

using workers::Connecting;
using workers::ServerProbe;

constexpr char kProgram[] = "bus.program";
constexpr char kProcess[] = "bus.process";
constexpr char kServer[] = "bus.server";
constexpr char kStore[] = "bus.store";
constexpr char kStreams[] = "bus.streams";
constexpr char kAccess[] = "bus.access";
constexpr char kRunbook[] = "see ops/runbooks/lost-bus.md";

// What the streams beside the events' set aside (workers/topology.cc), and as much for those.
constexpr std::uint64_t kSmallStore = std::uint64_t{1} << 30;

Finding check_program(const ManagedBusFacts& facts) {
  if (!facts.program) {
    return fail(kProgram, "nats-server is not installed",
                "apt-get install nats-server, or use --nats nats://HOST:PORT");
  }
  const std::string what = fmt::format("{}, version {}", *facts.program,
                                       facts.version.empty() ? "unknown" : facts.version);
  if (facts.version == facts.tested_version) return ok(kProgram, what);
  return warn(kProgram, what, "citas is tested with " + facts.tested_version);
}

Finding check_process(const ManagedBusFacts& facts) {
  if (facts.child && facts.server_runs) {
    return ok(kProcess, fmt::format("runs as pid {}, under the server", *facts.child));
  }
  if (facts.child) {
    return warn(kProcess,
                fmt::format("an earlier server left its nats-server running, pid {}", *facts.child),
                "citas serve ends it when it starts; until then it holds the folder bus/");
  }
  if (facts.server_runs) {
    return fail(kProcess, "the server runs, and its nats-server does not", kRunbook);
  }
  return ok(kProcess, "none runs, as no server does");
}

Finding check_store(const ManagedBusFacts::Store& store) {
  const std::string what =
      fmt::format("{} stored of {}", format_bytes(store.used_bytes), format_bytes(store.max_bytes));
  if (store.used_bytes <= store.max_bytes / 10 * 8) return ok(kStore, what);
  const std::string next = fmt::format("give it a larger disk, and {}", kRunbook);
  const bool is_full = store.used_bytes >= store.max_bytes / 100 * 99;
  return is_full ? fail(kStore, what + ": it takes nothing more, and what is booked stays pending",
                        next)
                 : warn(kStore, what, next);
}

Finding check_access(const ServerProbe& anonymous, std::string next) {
  if (anonymous.connecting == Connecting::kRefused) {
    return ok(kAccess, "who has no credentials is refused");
  }
  if (anonymous.connecting == Connecting::kUnreachable) {
    return warn(kAccess, "whether strangers are refused is not known: " + anonymous.reason,
                kRunbook);
  }
  return warn(kAccess, "who has no credentials is let in, and may read and forge what is on it",
              std::move(next));
}

Finding check_reachable(const ExternalBusFacts& facts) {
  const ServerProbe& ours = facts.ours;
  if (ours.connecting == Connecting::kRefused) {
    return fail(kServer, facts.url + " refuses our credentials",
                "correct user and password in --nats");
  }
  if (ours.connecting == Connecting::kUnreachable) {
    return fail(kServer, fmt::format("{} does not answer: {}", facts.url, ours.reason), kRunbook);
  }
  if (!ours.jetstream) {
    return fail(kServer, facts.url + " has no JetStream for this account",
                "switch it on there: jetstream { store_dir: … }, and for the account");
  }
  const std::string used = format_bytes(ours.used_store_bytes);
  if (!ours.max_store_bytes) {
    return ok(kServer,
              fmt::format("{} answers; {} stored, no limit of the account's", facts.url, used));
  }
  const std::string what = fmt::format("{} answers; {} stored of {}", facts.url, used,
                                       format_bytes(*ours.max_store_bytes));
  const bool is_small =
      *ours.max_store_bytes < kSmallStore || ours.used_store_bytes > *ours.max_store_bytes / 10 * 9;
  return is_small ? warn(kServer, what, "raise the account's limit before it is reached")
                  : ok(kServer, what);
}

Finding check_streams(const ExternalBusFacts& facts) {
  const auto& missing = facts.ours.missing_streams;
  if (missing.empty()) return ok(kStreams, "all are there");
  const std::string what = fmt::format("missing: {}", fmt::join(missing, ", "));
  // A start makes them; a running server has had its chance.
  if (!facts.server_runs) return ok(kStreams, what + "; citas serve makes them");
  return fail(kStreams, what, kRunbook);
}

}  // namespace

Findings check_managed_bus(const ManagedBusFacts& facts) {
  Findings findings{check_program(facts), check_process(facts)};
  if (facts.store) findings.push_back(check_store(*facts.store));
  if (facts.anonymous) {
    findings.push_back(check_access(*facts.anonymous, "end that nats-server, and start citas"));
  }
  return findings;
}

Findings check_external_bus(const ExternalBusFacts& facts) {
  Findings findings{check_reachable(facts)};
  if (findings.front().verdict == Verdict::kFail) return findings;
  findings.push_back(check_streams(facts));
  findings.push_back(check_access(facts.anonymous, "give its users passwords, and TLS"));
  return findings;
}

std::string version_in(const std::string& printed) {
  const std::size_t begin = printed.find_first_of("0123456789");
  if (begin == std::string::npos) return {};
  return printed.substr(begin, printed.find_first_not_of("0123456789.", begin) - begin);
}

}  // namespace citas::ops::doctor
