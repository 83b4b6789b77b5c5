#include "ops/citas/dead_letters_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "ops/citas/exit_codes.h"
#include "ops/citas/http_client.h"
#include "ops/citas/json_member.h"
#include "ops/citas/offline_log.h"
#include "ops/citas/print_json.h"
#include "projections/dead_letters/dead_letters_query.h"
#include "projections/memory/memory_read_store.h"
#include "projections/replay.h"

namespace citas::ops {
namespace {

using Json = nlohmann::ordered_json;
using projections::DeadLettersFilter;

constexpr std::size_t kPage = 100;

// A page of letters as /dead-letters answers, with where to go on from.
struct Page {
  Json letters = Json::array();
  std::uint64_t total = 0;
  std::string next;  // empty: there is no more
};

// Where letters are read from.
class LetterSource {
 public:
  virtual ~LetterSource() = default;
  virtual Result<Page> page(const DeadLettersListing& listing, std::size_t limit,
                            const std::string& from) = 0;
  virtual Result<Json> find(const std::string& id) = 0;
};

Result<Json> parse(std::string_view text) {
  auto json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return failure(ErrorCode::kUnavailable, "the answer about dead letters is not readable");
  }
  return json;
}

// Says which letter is meant, and where to look.
Error explain(const std::string& id, Error error) {
  error.message = id + ": " + error.message;
  if (error.code == ErrorCode::kNotFound) error.message += " `citas deadletters list` shows all.";
  return error;
}

class ServerSource final : public LetterSource {
 public:
  explicit ServerSource(const std::string& url) : client_(url) {}

  // Whatever was decided by now shows in the pages from here on, as they wait for it.
  Status reflect_all_until_now() {
    const auto body = get_ok(client_, "/events/head");
    if (!body) return failure(body.error());
    const auto position = parse_position(
        text_member(Json::parse(*body, nullptr, /*allow_exceptions=*/false), "position"));
    if (!position) {
      return failure(ErrorCode::kUnavailable,
                     "the server's answer to /events/head is not readable");
    }
    minimum_ = *position;
    return {};
  }

  Result<Page> page(const DeadLettersListing& listing, std::size_t limit,
                    const std::string& from) override {
    std::string path = fmt::format("/dead-letters?limit={}&order={}", limit, listing.order);
    if (!listing.state.empty()) path += "&state=" + listing.state;
    if (!from.empty()) path += "&cursor=" + from;
    if (minimum_ > Position{0}) path += fmt::format("&minPosition={}", minimum_.value());
    const auto body = get_ok(client_, path);
    if (!body) return failure(body.error());
    const auto json = parse(*body);
    if (!json) return failure(json.error());
    Page page;
    page.letters = json->value("deadLetters", Json::array());
    page.total = member_or(*json, "total", std::uint64_t{0});
    const Json pagination = json->value("pagination", Json::object());
    if (member_or(pagination, "hasMore", false)) page.next = text_member(pagination, "nextCursor");
    return page;
  }

  Result<Json> find(const std::string& id) override {
    const auto body = get_ok(client_, "/dead-letters/" + id);
    return body ? parse(*body) : failure(body.error());
  }

 private:
  HttpClient client_;
  Position minimum_{0};
};

// A stopped server's folder: the read model is made of its log, in memory.
class FolderSource final : public LetterSource {
 public:
  static Result<std::unique_ptr<LetterSource>> open(const std::filesystem::path& data, bool quiet) {
    auto offline = OfflineLog::open(data, RocksDbEventLog::Mode::kReadOnly);
    if (!offline) return failure(offline.error());
    auto source = std::unique_ptr<FolderSource>(new FolderSource(*std::move(offline)));
    const auto filled = source->fill(quiet);
    if (!filled) return failure(filled.error());
    return source;
  }

  Result<Page> page(const DeadLettersListing& listing, std::size_t limit,
                    const std::string& from) override {
    DeadLettersFilter filter;
    filter.state = projections::parse_letter_state(listing.state);
    if (listing.order == "asc") filter.order = projections::Order::kAscending;
    const auto found = query_.list(kDefaultTenant, filter, limit, parse_position(from));
    if (!found) return failure(found.error());
    return Page{Json::parse(found->letters), found->total,
                found->next ? std::to_string(found->next->value()) : std::string{}};
  }

  Result<Json> find(const std::string& id) override {
    const auto found = query_.find(kDefaultTenant, DeadLetterId{Uuid::parse(id).value()});
    return found ? parse(found->json) : failure(found.error());
  }

 private:
  explicit FolderSource(std::unique_ptr<OfflineLog> offline) : offline_(std::move(offline)) {}

  Status fill(bool quiet) {
    const EventLog& log = offline_->log();
    auto store = std::make_shared<projections::MemoryReadStore>();
    ProgressBar bar("dead letters", "events", quiet);
    const auto replayed = projections::replay(
        log, offline_->codec(), offline_->clock(), projections::DeadLetters{}, store,
        log.committed(), {}, [&](const projections::Progress& p) { bar.update(p); });
    if (!replayed) return failure(replayed.error());
    live_.replace(std::move(store));
    live_.advance(log.committed());
    return {};
  }

  std::unique_ptr<OfflineLog> offline_;
  projections::LiveProjection live_{std::string(projections::DeadLetters::kName)};
  projections::DeadLettersQuery query_{live_, offline_->log(), offline_->codec()};
};

Result<std::unique_ptr<LetterSource>> open_source(const Target& target) {
  if (target.data) return FolderSource::open(*target.data, target.quiet);
  return std::make_unique<ServerSource>(target.url);
}

// Page after page, at most listing.limit.
Result<Page> read_all(LetterSource& source, const DeadLettersListing& listing) {
  Page all;
  do {
    const std::size_t left = listing.limit - all.letters.size();
    auto page = source.page(listing, std::min(left, kPage), all.next);
    if (!page) return failure(page.error());
    for (Json& letter : page->letters) all.letters.push_back(std::move(letter));
    all.total = page->total;
    all.next = page->next;
  } while (!all.next.empty() && all.letters.size() < listing.limit);
  return all;
}

std::string cell(const Json& letter, const char* name) {
  const auto found = letter.find(name);
  if (found == letter.end()) return "-";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

void print_letters(const Json& letters) {
  Table table({"DEAD LETTER", "STATE", "COUNTRY", "CONSUMER", "REASON", "ATTEMPTS", "RETRIES",
               "RECORDED", "APPOINTMENT"});
  for (const Json& letter : letters) {
    std::vector<std::string> row;
    for (const char* name : {"deadLetterId", "state", "countryISO", "consumer", "reason",
                             "attempts", "retries", "recordedAt", "appointmentId"}) {
      row.push_back(cell(letter, name));
    }
    table.add(std::move(row));
  }
  fmt::print("{}", table.text());
}

Status check_id(const std::string& id) {
  if (Uuid::parse(id)) return {};
  return failure(
      ErrorCode::kInvalidArgument,
      "'" + id + "' is not the id of a dead letter: `citas deadletters list` shows them");
}

Result<Json> post(HttpClient& client, const std::string& id, const char* what,
                  const std::string& body) {
  if (const Status valid = check_id(id); !valid) return failure(valid.error());
  const auto answer = client.post("/dead-letters/" + id + "/" + what, body);
  if (!answer) return failure(answer.error());
  if (answer->status != 200) return failure(explain(id, problem_of(*answer)));
  return parse(answer->body);
}

// Posts one decision after the other, and shows what became of the letters.
int decide(const Target& target, const std::vector<std::string>& ids, const char* what,
           const std::string& body) {
  HttpClient client(target.url);
  Json decided = Json::array();
  int code = kExitOk;
  for (const std::string& id : ids) {
    auto letter = post(client, id, what, body);
    if (letter) {
      decided.push_back(*std::move(letter));
    } else {
      code = refuse(letter.error());
    }
  }
  if (target.output == Output::kJson) {
    print_json(Json{{"deadLetters", decided}});
  } else if (!decided.empty()) {
    print_letters(decided);
  }
  return code;
}

}  // namespace

int list_dead_letters(const Target& target, const DeadLettersListing& listing) {
  const auto source = open_source(target);
  if (!source) return refuse(source.error());
  const auto found = read_all(**source, listing);
  if (!found) return refuse(found.error());
  if (target.output == Output::kJson) {
    print_json(Json{{"deadLetters", found->letters}, {"total", found->total}});
    return kExitOk;
  }
  print_letters(found->letters);
  if (!target.quiet && found->letters.size() < found->total) {
    fmt::print(stderr, "{} of {} shown; --limit {} shows all\n", found->letters.size(),
               found->total, found->total);
  }
  return kExitOk;
}

int show_dead_letter(const Target& target, const std::string& id) {
  if (const Status valid = check_id(id); !valid) return refuse(valid.error());
  const auto source = open_source(target);
  if (!source) return refuse(source.error());
  const auto letter = (*source)->find(id);
  if (!letter) return refuse(explain(id, letter.error()));
  if (target.output == Output::kJson) {
    print_json(*letter);
    return kExitOk;
  }
  for (const auto& [name, value] : letter->items()) {
    fmt::print("{:<16} {}\n", name, cell(*letter, name.c_str()));
  }
  return kExitOk;
}

int retry_dead_letters(const Target& target, const std::vector<std::string>& ids) {
  return decide(target, ids, "retry", "{}");
}

int retry_all_open(const Target& target) {
  ServerSource source(target.url);
  // A letter that was discarded a moment ago is not open.
  if (const Status known = source.reflect_all_until_now(); !known) return refuse(known.error());
  const auto open = read_all(source, {.state = "open", .order = "asc", .limit = SIZE_MAX});
  if (!open) return refuse(open.error());
  std::vector<std::string> ids;
  for (const Json& letter : open->letters) ids.push_back(cell(letter, "deadLetterId"));
  if (ids.empty() && !target.quiet) fmt::print(stderr, "no dead letter is open\n");
  return decide(target, ids, "retry", "{}");
}

int discard_dead_letters(const Target& target, const std::vector<std::string>& ids,
                         const std::string& reason) {
  return decide(target, ids, "discard", Json{{"reason", reason}}.dump());
}

}  // namespace citas::ops
