#include "ops/citas/doctor/server.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <sstream>

#include "ops/citas/json_member.h"

namespace citas::ops::doctor {
namespace {

using Json = nlohmann::json;

constexpr char kPort[] = "port";
constexpr char kServer[] = "server";
constexpr char kListenState[] = "0A";
constexpr std::size_t kAddress6Digits = 32;
// What an IPv4 address looks like to an IPv6 socket, in front of it.
constexpr std::string_view kMapped = "0000000000000000FFFF0000";

// Words of 32 bits in the machine's order, each as 8 digits.
std::string kernel_form(const ListenAddress& listen) {
  const bool is_v6 = listen.host.find(':') != std::string::npos;
  std::array<std::uint32_t, 4> words{};
  ::inet_pton(is_v6 ? AF_INET6 : AF_INET, listen.host.c_str(), words.data());
  std::string text;
  for (std::size_t i = 0; i < (is_v6 ? 4U : 1U); ++i) text += fmt::format("{:08X}", words[i]);
  return text;
}

bool is_any(std::string_view address) {
  return address.find_first_not_of('0') == std::string_view::npos;
}

// What to do where a part of a running server is in trouble.
std::string next_for(std::string_view part) {
  if (part == "disk") return "see ops/runbooks/disk-full.md";
  if (part == "log" || part == "projections") return "see ops/runbooks/disk-dying.md";
  if (part == "bus") return "see ops/runbooks/lost-bus.md";
  if (part == "dead-letters") return "retry or discard each, see ops/runbooks/poison-messages.md";
  return "see the server's log";
}

Finding check_part(const Json& part) {
  const std::string name = text_member(part, "name");
  const std::string check = std::string(kServer) + "." + name;
  const std::string status = text_member(part, "status");
  const std::string reason = text_member(part, "reason");
  if (status == "ok") return ok(check, reason.empty() ? status : reason);
  const std::string what = fmt::format("{}: {}", status, reason);
  return status == "degraded" ? warn(check, what, next_for(name))
                              : fail(check, what, next_for(name));
}

}  // namespace

std::vector<ListeningSocket> listening_in(std::string_view proc_net_tcp) {
  std::vector<ListeningSocket> found;
  std::istringstream lines{std::string(proc_net_tcp)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string slot, local, remote, state, ignored;
    ListeningSocket socket;
    fields >> slot >> local >> remote >> state;
    for (int i = 0; i < 5; ++i) fields >> ignored;  // queues, timer, retransmissions, user, timeout
    const std::size_t colon = local.find(':');
    if (!(fields >> socket.inode) || state != kListenState || colon == std::string::npos) continue;
    socket.address = local.substr(0, colon);
    socket.port = static_cast<std::uint16_t>(std::stoul(local.substr(colon + 1), nullptr, 16));
    found.push_back(std::move(socket));
  }
  return found;
}

bool is_in_the_way(const ListeningSocket& socket, const ListenAddress& address) {
  if (address.port == 0 || socket.port != address.port) return false;
  const std::string ours = kernel_form(address);
  // An IPv6 socket for all addresses takes IPv4's too, unless told otherwise.
  if (is_any(socket.address) && socket.address.size() >= ours.size()) return true;
  if (socket.address.size() == ours.size()) return is_any(ours) || socket.address == ours;
  if (ours.size() == kAddress6Digits) return is_any(ours);
  return socket.address == std::string(kMapped) + ours;
}

Finding check_port(const PortFacts& facts) {
  const ListenAddress& listen = facts.listen;
  const std::string where = listen.url(listen.port).substr(std::strlen("http://"));
  if (listen.port == 0) return ok(kPort, "any free one");
  if (!facts.taken) return ok(kPort, where + " is free");
  if (facts.by && facts.server == facts.by->pid) {
    return ok(kPort, where + " is the running server's");
  }
  const std::string who = facts.by ? describe(*facts.by) : "another user's process";
  return fail(kPort, fmt::format("{} is taken by {}", where, who),
              "end that one, or give another --listen");
}

Findings check_server(const std::string& url, const Result<std::string>& answer) {
  if (!answer) {
    return {fail(kServer, fmt::format("{} does not answer: {}", url, answer.error().message),
                 "see whether it runs, and what its log says last")};
  }
  const Json json = Json::parse(*answer, nullptr, /*allow_exceptions=*/false);
  const auto parts = json.is_object() ? json.find("parts") : json.end();
  if (!json.is_object() || parts == json.end() || !parts->is_array()) {
    return {fail(kServer, url + " answers, but not as citas does", "check --url")};
  }
  Findings findings;
  for (const Json& part : *parts) findings.push_back(check_part(part));
  return findings;
}

}  // namespace citas::ops::doctor
