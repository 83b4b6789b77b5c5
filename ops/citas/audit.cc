#include "ops/citas/audit.h"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "events/base/hex.h"
#include "events/event_types.h"
#include "ops/citas/event_reader.h"
#include "ops/citas/exit_codes.h"
#include "ops/citas/http_client.h"
#include "ops/citas/json_member.h"
#include "ops/citas/offline_log.h"
#include "ops/citas/print_json.h"
#include "ops/citas/standard_streams.h"

namespace citas::ops {
namespace {

using Json = nlohmann::ordered_json;

// The columns of `events list`, from an event's own words.
std::vector<std::string> row_of(const Event& event) {
  const auto appointment = appointment_of(event.data);
  return {std::to_string(event.position.value()), format_rfc3339(event.time),
          std::string(type_of(event.data)), appointment ? appointment->value().to_string() : "-",
          event.actor};
}

// False: stdout takes no more.
bool print_line(std::string_view bytes) {
  return std::fwrite(bytes.data(), 1, bytes.size(), stdout) == bytes.size() &&
         std::fputc('\n', stdout) != EOF;
}

void print_verified(const VerifyCommand& command, const Head& head) {
  const std::string position = std::to_string(head.position.value());
  const std::string hash = to_hex(head.hash);
  if (command.output == Output::kJson) {
    print_json(Json{{"verified", true}, {"position", position}, {"hash", hash}});
    return;
  }
  fmt::print("verified: {} events, gapless, unaltered\nhead: {}:{}\n",
             with_commas(head.position.value()), position, hash);
}

Result<Head> verify_folder(const VerifyCommand& command) {
  const auto offline = OfflineLog::open(command.source.data, RocksDbEventLog::Mode::kInspect);
  if (!offline) return failure(offline.error());
  const RocksDbEventLog& log = (*offline)->log();
  VerifyOptions options;
  const MarkedHead& marked = log.marked_head();
  if (marked.log != log.identity().id) {
    return failure(ErrorCode::kCorruption, "the head marker is missing or of another log");
  }
  options.expected.push_back({marked.head.position, marked.head.hash, ErrorCode::kCorruption});
  if (command.expected) options.expected.push_back(*command.expected);
  ProgressBar bar("verifying", "events", command.quiet);
  const auto started = SystemClock{}.monotonic();
  options.on_progress = [&](Position done, Position total) {
    bar.update(progress_since(started, done.value(), total.value()));
  };
  const auto report = verify(log, (*offline)->codec(), options);
  if (!report) return failure(report.error());
  return report->head;
}

struct ServerHead {
  LogIdentity log;
  Position position;
  Sha256 hash;
};

Result<ServerHead> head_of_server(HttpClient& client) {
  const auto body = get_ok(client, "/events/head");
  if (!body) return failure(body.error());
  const auto json = Json::parse(*body, nullptr, /*allow_exceptions=*/false);
  const auto id = Uuid::parse(text_member(json, "logId"));
  const auto position = parse_position(text_member(json, "position"));
  ServerHead head;
  if (!id || !position || !from_hex(text_member(json, "hash"), head.hash)) {
    return failure(ErrorCode::kUnavailable, "the server's answer to /events/head is not readable");
  }
  head.log.id = LogId{*id};
  head.position = *position;
  return head;
}

// The whole chain computed here, from what the server hands out: it need not be trusted.
Result<Head> verify_server(const VerifyCommand& command) {
  HttpClient client(command.source.url);
  const auto claimed = head_of_server(client);
  if (!claimed) return failure(claimed.error());
  const Codec codec;
  std::vector<ExpectedHead> expected{{claimed->position, claimed->hash, ErrorCode::kCorruption}};
  if (command.expected) expected.push_back(*command.expected);
  ChainVerifier chain(claimed->log, codec, std::move(expected));
  ProgressBar bar("verifying", "events", command.quiet);
  const auto started = SystemClock{}.monotonic();
  Status checked;
  if (claimed->position.value() > 0) {
    const EventFilter all{.tag = {}, .type = {}, .to = claimed->position.value()};
    const Status read = read_events(command.source, all, [&](std::string_view bytes) {
      const auto event = chain.next(bytes);
      if (!event) checked = failure(event.error());
      bar.update(
          progress_since(started, chain.state().head.position.value(), claimed->position.value()));
      return event.has_value();
    });
    if (!read) return failure(read.error());
  }
  if (!checked) return failure(checked.error());
  if (const Status finished = chain.finish(); !finished) return failure(finished.error());
  return chain.state().head;
}

}  // namespace

int list_events(const EventSource& source, const EventFilter& filter, Output output) {
  const Codec codec;
  Table table({"POSITION", "TIME", "TYPE", "APPOINTMENT", "ACTOR"});
  Status decoded;
  const Status read = read_events(source, filter, [&](std::string_view bytes) {
    if (output == Output::kJson) return print_line(bytes);
    const auto event = codec.decode(bytes);
    if (event) {
      table.add(row_of(*event));
    } else {
      decoded = failure(event.error());
    }
    return event.has_value();
  });
  if (!read) return refuse(read.error());
  if (!decoded) return refuse(decoded.error());
  if (output == Output::kTable) fmt::print("{}", table.text());
  return kExitOk;
}

int show_event(const EventSource& source, std::uint64_t position, Output output) {
  bool found = false;
  const EventFilter one{.tag = {}, .type = {}, .from = position, .to = position, .limit = 1};
  const Status read = read_events(source, one, [&](std::string_view bytes) {
    found = true;
    if (output == Output::kJson) {
      fmt::print("{}\n", bytes);
    } else {
      fmt::print("{}\n", Json::parse(bytes, nullptr, false).dump(2));
    }
    return false;
  });
  if (!read) return refuse(read.error());
  if (found) return kExitOk;
  return refuse({ErrorCode::kNotFound, fmt::format("there is no event at position {}", position)});
}

int export_events(const EventSource& source, const EventFilter& filter) {
  const Status read = read_events(source, filter, &print_line);
  if (!read) return refuse(read.error());
  if (const Status finished = finish_stdout(); !finished) return refuse(finished.error());
  return kExitOk;
}

int verify_log(const VerifyCommand& command) {
  const auto head = command.source.url.empty() ? verify_folder(command) : verify_server(command);
  if (!head) {
    const int code = refuse(head.error());
    return head.error().code == ErrorCode::kConflict ? kExitMismatch : code;
  }
  print_verified(command, *head);
  return kExitOk;
}

}  // namespace citas::ops
