#include "ops/citas/tour.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "events/codec.h"
#include "ops/citas/event_reader.h"
#include "ops/citas/exit_codes.h"
#include "ops/citas/http_client.h"
#include "ops/citas/json_member.h"
#include "ops/citas/print_json.h"
#include "ops/citas/projections_command.h"
#include "ops/citas/terminal.h"

namespace citas::ops {
namespace {

using Json = nlohmann::json;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr std::size_t kInsureds = 500;
constexpr std::chrono::seconds kSettleTime{60};
constexpr std::chrono::milliseconds kPoll{25};
constexpr std::array<std::string_view, 2> kCountries{"PE", "CL"};

// What one client has seen; the sum of all is the tour's account.
struct Account {
  std::size_t posts = 0, accepted = 0, taken = 0, replayed = 0, cancelled = 0;
  std::vector<double> post_ms;
  std::map<std::string, std::string> booked;  // appointment → insured
  std::vector<std::string> wrong;             // what did not add up

  void add(Account&& other) {
    posts += other.posts;
    accepted += other.accepted;
    taken += other.taken;
    replayed += other.replayed;
    cancelled += other.cancelled;
    std::ranges::move(other.post_ms, std::back_inserter(post_ms));
    booked.merge(other.booked);
    std::ranges::move(other.wrong, std::back_inserter(wrong));
  }
};

// One client: books, now and then repeats itself or gives an appointment up.
class TourClient {
 public:
  TourClient(const TourOptions& options, std::uint64_t first_schedule, std::size_t number)
      : http_(options.url),
        first_schedule_(first_schedule),
        // Fewer slots than requests, so that some are contended.
        slots_(std::max<std::size_t>(options.requests * 4 / 5, 1)),
        random_(options.seed * 1'000 + number) {}

  void book_one(const std::string& key) {
    const std::string insured = fmt::format("{:05}", 1 + random_() % kInsureds);
    const std::string body = Json{
        {"insuredId", insured},
        {"scheduleId", first_schedule_ + random_() % slots_},
        {"countryISO", kCountries[random_() % kCountries.size()]},
        {"centerId",
         1 + random_() % 20}}.dump();
    const auto id = post(body, key, insured);
    if (!id) return;
    if (random_() % 10 == 0) repeat(body, key, *id);
    if (random_() % 10 == 0) cancel(insured, *id);
  }

  Account take_account() { return std::move(account_); }

 private:
  // The appointment's id when the slot was ours to have.
  std::optional<std::string> post(const std::string& body, const std::string& key,
                                  const std::string& insured) {
    const auto started = std::chrono::steady_clock::now();
    const auto answer = http_.post("/appointments", body, {"Idempotency-Key: " + key});
    account_.post_ms.push_back(Milliseconds(std::chrono::steady_clock::now() - started).count());
    ++account_.posts;
    if (!answer) return note(answer.error().message);
    const Json json = Json::parse(answer->body, nullptr, false);
    if (answer->status == 409) {
      ++account_.taken;
      return std::nullopt;
    }
    if (answer->status != 201) return note(fmt::format("POST answered {}", answer->status));
    const auto id = text_member(json, "appointmentId");
    // The same insured on the same slot with the same details is the same booking.
    if (!account_.booked.emplace(id, insured).second) {
      ++account_.replayed;
      return std::nullopt;
    }
    ++account_.accepted;
    return id;
  }

  void repeat(const std::string& body, const std::string& key, const std::string& id) {
    const auto answer = http_.post("/appointments", body, {"Idempotency-Key: " + key});
    if (!answer || answer->status != 201 ||
        text_member(Json::parse(answer->body, nullptr, false), "appointmentId") != id) {
      note("a retry with the same key got another outcome");
      return;
    }
    ++account_.replayed;
  }

  void cancel(const std::string& insured, const std::string& id) {
    const auto answer = http_.post("/appointments/" + insured + "/" + id + "/cancellation", "{}");
    if (!answer || answer->status != 200) {
      note("a cancellation was refused");
      return;
    }
    ++account_.cancelled;
  }

  std::nullopt_t note(std::string what) {
    account_.wrong.push_back(std::move(what));
    return std::nullopt;
  }

  HttpClient http_;
  const std::uint64_t first_schedule_;
  const std::size_t slots_;
  std::mt19937_64 random_;
  Account account_;
};

// What the log says happened since the tour began.
struct Ledger {
  struct Life {
    Timestamp requested;
    std::optional<Timestamp> confirmed;
    bool ended = false;
  };
  std::map<std::string, Life> lives;
  std::map<std::pair<std::string, std::int64_t>, int> live_on_slot;
  std::uint64_t events = 0;
  std::uint64_t position = 0;
  std::size_t settled = 0, double_booked = 0;

  void add(const Event& event) {
    ++events;
    position = event.position.value();
    std::visit(Match{[&](const AppointmentRequested& data) {
                       lives[id(data.ref)] = {event.time, std::nullopt, false};
                       if (++slot(data.ref) > 1) ++double_booked;
                     },
                     [&](const AppointmentConfirmed& data) {
                       lives[id(data.ref)].confirmed = event.time;
                       ++settled;
                     },
                     [&](const AppointmentRejected& data) { end(data.ref); },
                     [&](const AppointmentCancelled& data) { end(data.ref); },
                     [](const DeadLetterRecorded&) {}, [](const DeadLetterRetried&) {},
                     [](const DeadLetterDiscarded&) {}},
               event.data);
  }

 private:
  static std::string id(const AppointmentRef& ref) { return ref.appointment.value().to_string(); }
  int& slot(const AppointmentRef& ref) {
    return live_on_slot[{std::string(ref.slot.country.text()), ref.slot.schedule.value()}];
  }
  void end(const AppointmentRef& ref) {
    Life& life = lives[id(ref)];
    if (!life.confirmed) ++settled;
    life.ended = true;
    --slot(ref);
  }
};

double percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

std::string milliseconds(double value) { return fmt::format("{:.1f} ms", value); }

class Tour {
 public:
  explicit Tour(const TourOptions& options) : options_(options), http_(options.url) {}

  int run() {
    if (const Status begun = begin(); !begun) return refuse(begun.error());
    book();
    if (const Status settled = settle(); !settled) return refuse(settled.error());
    check_reads();
    if (is_table()) print_account();
    const bool same = rebuild_all();
    check(same, "a rebuilt projection differs from the one that served");
    return conclude();
  }

 private:
  Status begin() {
    const auto head = get_ok(http_, "/events/head");
    if (!head) return failure(head.error());
    const auto json = Json::parse(*head, nullptr, false);
    const auto position = parse_position(text_member(json, "position"));
    if (!position) return failure(ErrorCode::kUnavailable, "/events/head is not readable");
    ledger_.position = position->value();
    first_schedule_ = 1 + position->value() * 1'000;  // slots that no earlier tour has used
    return {};
  }

  void book() {
    std::atomic<std::size_t> next = 0;
    std::mutex mutex;
    const auto started = std::chrono::steady_clock::now();
    ProgressBar bar("booking", "requests", options_.quiet);
    {
      std::vector<std::jthread> clients;
      for (std::size_t number = 0; number < options_.clients; ++number) {
        clients.emplace_back([&, number] {
          TourClient client(options_, first_schedule_, number);
          for (std::size_t i; (i = next++) < options_.requests;) {
            client.book_one(fmt::format("tour-{}-{}-{}", first_schedule_, options_.seed, i));
            if (number > 0) continue;
            const std::size_t begun = std::min(next.load(), options_.requests);
            bar.update(progress_since(started, begun, options_.requests));
          }
          const std::lock_guard lock(mutex);
          account_.add(client.take_account());
        });
      }
    }
    booking_seconds_ =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  }

  // Follows the log until every appointment has come to an outcome.
  Status settle() {
    const auto started = std::chrono::steady_clock::now();
    ProgressBar bar("settling", "appointments", options_.quiet);
    for (;;) {
      if (const Status read = read_new_events(); !read) return read;
      bar.update(progress_since(started, ledger_.settled, account_.accepted));
      if (ledger_.settled >= account_.accepted) return {};
      if (std::chrono::steady_clock::now() - started > kSettleTime) {
        check(false,
              fmt::format("{} appointments did not settle", account_.accepted - ledger_.settled));
        return {};
      }
      std::this_thread::sleep_for(kPoll);
    }
  }

  Status read_new_events() {
    const EventSource source{.data = {}, .url = options_.url};
    const EventFilter rest{.tag = {}, .type = {}, .from = ledger_.position + 1};
    Status decoded;
    const Status read = read_events(source, rest, [&](std::string_view bytes) {
      const auto event = codec_.decode(bytes);
      if (event) {
        ledger_.add(*event);
      } else {
        decoded = failure(event.error());
      }
      return event.has_value();
    });
    return read ? decoded : read;
  }

  // Every booking, as its insured sees it.
  void check_reads() {
    std::size_t wrong = 0;
    for (const auto& [id, insured] : account_.booked) {
      const auto answer = http_.get(
          fmt::format("/appointments/{}/{}?minPosition={}", insured, id, ledger_.position));
      const auto status = answer && answer->status == 200
                              ? text_member(Json::parse(answer->body, nullptr, false), "status")
                              : std::string{};
      if (status == "completed") ++completed_;
      if (status == "cancelled") ++cancelled_;
      if (status != "completed" && status != "cancelled") ++wrong;
    }
    check(wrong == 0, fmt::format("{} appointments are neither completed nor cancelled", wrong));
    check(cancelled_ == account_.cancelled, "the cancellations do not add up");
    check(ledger_.lives.size() == account_.accepted, "the log does not hold what was accepted");
    check(ledger_.double_booked == 0, "a slot was given away twice");
    check(account_.posts == options_.requests, "some requests were not sent");
  }

  // From the booking to its confirmation.
  std::vector<double> settle_ms() const {
    std::vector<double> times;
    for (const auto& [id, life] : ledger_.lives) {
      if (life.confirmed) times.push_back(Milliseconds(*life.confirmed - life.requested).count());
    }
    return times;
  }

  void print_account() const {
    const auto row = [](std::string_view name, const std::string& value) {
      fmt::print("{:<28}{:>12}\n", name, value);
    };
    fmt::print("\n");
    row("requests", with_commas(account_.posts));
    row("accepted", with_commas(account_.accepted));
    row("refused as taken", with_commas(account_.taken));
    row("repeated, same outcome", with_commas(account_.replayed));
    row("completed", with_commas(completed_));
    row("cancelled", with_commas(cancelled_));
    row("POST p50", milliseconds(percentile(account_.post_ms, 0.50)));
    row("POST p99", milliseconds(percentile(account_.post_ms, 0.99)));
    row("POST to completed p50", milliseconds(percentile(settle_ms(), 0.50)));
    row("POST to completed p99", milliseconds(percentile(settle_ms(), 0.99)));
    row("events appended", with_commas(ledger_.events));
    row("booking took", fmt::format("{:.1f} s", booking_seconds_));
    fmt::print("\n");
    std::fflush(stdout);
  }

  void print_all() const {
    Json projections = Json::array();
    for (const Rebuilt& one : rebuilt_) {
      projections.push_back({{"name", one.name},
                             {"identical", one.identical},
                             {"events", one.events},
                             {"seconds", seconds_of(one)}});
    }
    print_json(Json{{"requests", account_.posts},
                    {"accepted", account_.accepted},
                    {"refusedAsTaken", account_.taken},
                    {"repeated", account_.replayed},
                    {"completed", completed_},
                    {"cancelled", cancelled_},
                    {"postP50Ms", percentile(account_.post_ms, 0.50)},
                    {"postP99Ms", percentile(account_.post_ms, 0.99)},
                    {"completedP50Ms", percentile(settle_ms(), 0.50)},
                    {"completedP99Ms", percentile(settle_ms(), 0.99)},
                    {"events", ledger_.events},
                    {"bookingSeconds", booking_seconds_},
                    {"projections", std::move(projections)},
                    {"addsUp", account_.wrong.empty()}});
  }

  // Whether all were, and each is the same as before.
  bool rebuild_all() {
    const Target target{.url = options_.url, .data = std::nullopt, .quiet = options_.quiet};
    const auto list = get_ok(http_, "/projections");
    if (!list) return false;
    const Json json = Json::parse(*list, nullptr, false);
    const Json all = json.is_object() ? json.value("projections", Json::array()) : Json::array();
    bool same = !all.empty();
    for (const Json& projection : all) {
      const auto rebuilt = rebuild(target, text_member(projection, "name"));
      same = rebuilt && rebuilt->identical && same;
      if (!rebuilt) refuse(rebuilt.error());
      if (!rebuilt) continue;
      if (is_table()) print_rebuilt(*rebuilt);
      rebuilt_.push_back(*rebuilt);
    }
    return same;
  }

  bool is_table() const { return options_.output == Output::kTable; }

  void check(bool holds, std::string otherwise) {
    if (!holds) account_.wrong.push_back(std::move(otherwise));
  }

  int conclude() const {
    if (!is_table()) print_all();
    if (account_.wrong.empty()) {
      if (is_table()) fmt::print("\nEverything adds up.\n");
      return kExitOk;
    }
    std::map<std::string, std::size_t> counted;
    for (const std::string& what : account_.wrong) ++counted[what];
    for (const auto& [what, times] : counted) {
      fmt::print(stderr, "citas tour: {} ({}x)\n", what, times);
    }
    return kExitMismatch;
  }

  const TourOptions& options_;
  HttpClient http_;
  const Codec codec_;
  std::uint64_t first_schedule_ = 1;
  double booking_seconds_ = 0;
  std::size_t completed_ = 0, cancelled_ = 0;
  Account account_;
  Ledger ledger_;
  std::vector<Rebuilt> rebuilt_;
};

}  // namespace

int tour(const TourOptions& options) { return Tour(options).run(); }

}  // namespace citas::ops
