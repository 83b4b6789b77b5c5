#include "tests/torture/disk/session.h"

#include <algorithm>
#include <map>
#include <set>

#include "events/base/check.h"
#include "events/rocksdb/log_database.h"
#include "events/verify.h"
#include "tests/support/events.h"
#include "tests/torture/disk/canaries.h"

namespace citas::torture {
namespace {

constexpr std::int64_t kSchedules = 30;  // few, so that clients meet
constexpr int kInsureds = 12;
constexpr std::size_t kMemtableBytes = std::size_t{64} << 10;

std::uint64_t below(Ledger::Random& random, std::uint64_t limit) { return random() % limit; }

std::string at(Position position) { return "position " + std::to_string(position.value()); }

Result<Event> event_at(const EventLog& log, const Codec& codec, Position position) {
  const auto record = read_one(log, position);
  if (!record) return failure(record.error());
  return codec.decode(record->bytes);
}

// Who holds each slot, event by event.
class SlotBook {
 public:
  void note(const Event& event) {
    if (const auto* request = std::get_if<AppointmentRequested>(&event.data)) {
      const auto [holder, free] = holders_.emplace(slot_tag(request->ref.slot), event.position);
      if (!free) {
        throw Defect("a slot is given at " + at(event.position) + " and held since " +
                     at(holder->second));
      }
    } else if (const auto* cancelled = std::get_if<AppointmentCancelled>(&event.data)) {
      holders_.erase(slot_tag(cancelled->ref.slot));
    }
  }

 private:
  std::map<Tag, Position> holders_;
};

}  // namespace

commands::CommandData Ledger::invent(Random& random) {
  if (!live_bookings_.empty() && below(random, 10) < 4) {
    const std::size_t chosen = below(random, live_bookings_.size());
    const Event& booked = *intents_[live_bookings_[chosen]].event;
    live_bookings_[chosen] = live_bookings_.back();
    live_bookings_.pop_back();
    const AppointmentRef& ref = std::get<AppointmentRequested>(booked.data).ref;
    return commands::CancelAppointment{ref.appointment, ref.insured, std::nullopt};
  }
  const std::string who = "000" + std::to_string(10 + below(random, kInsureds));
  const std::int64_t schedule = 1 + static_cast<std::int64_t>(below(random, kSchedules));
  return commands::RequestAppointment{
      testing::insured(who), testing::slot(below(random, 2) == 0 ? "PE" : "CL", schedule), {}};
}

std::size_t Ledger::intend(Random& random) {
  commands::Command command{.data = invent(random), .actor = "anonymous"};
  command.idempotency =
      commands::idempotency_key(kDefaultTenant, "anonymous", "/appointments", "",
                                "key-" + std::to_string(intents_.size()), command.data);
  intents_.push_back({std::move(command)});
  return intents_.size() - 1;
}

std::vector<std::size_t> Ledger::unanswered() const {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < intents_.size(); ++i) {
    if (intents_[i].state == Intent::State::kUnknown) found.push_back(i);
  }
  return found;
}

void Ledger::answered(std::size_t number, const commands::Outcome& outcome) {
  Intent& intent = intents_[number];
  if (!outcome && std::holds_alternative<Error>(outcome.error())) return;
  if (intent.state == Intent::State::kAccepted) {
    if (!outcome || outcome->event != intent.event) {
      throw Defect("key " + std::to_string(number) + " was answered by " +
                   at(intent.event->position) + ", and now otherwise");
    }
    return;
  }
  if (!outcome) {
    intent.state = Intent::State::kRefused;
    return;
  }
  intent.state = Intent::State::kAccepted;
  intent.event = outcome->event;
  acknowledged_ = std::max(acknowledged_, intent.event->position);
  if (std::holds_alternative<AppointmentRequested>(intent.event->data) && !outcome->replayed) {
    live_bookings_.push_back(number);
  }
}

World::World(std::uint64_t seed) : clock(testing::kNow), ids(clock, seed) {
  std::filesystem::create_directory(log_folder());
}

std::shared_ptr<SimulatedDisk> World::new_disk() const {
  return std::make_shared<SimulatedDisk>(folder.path().string());
}

LogStorage storage_on(const std::shared_ptr<SimulatedDisk>& disk) {
  return {.disk = disk, .memtable_bytes = kMemtableBytes};
}

void forget_marker(World& world, const std::shared_ptr<SimulatedDisk>& disk) {
  const auto database =
      LogDatabase::open(world.log_folder() / "db", LogDatabase::Access::kRead, storage_on(disk));
  if (!database) return;
  const auto meta = database->read_meta();
  if (!meta) return;
  const auto end = database->read_end(*meta);
  if (!end) return;
  const auto marker = world.log_folder() / "HEAD";
  disk->DeleteFile(marker, {}, nullptr).PermitUncheckedError();
  CHECK(HeadMarker::create(marker, {meta->identity.id, end->head}, disk).has_value());
}

Result<std::unique_ptr<Session>> Session::open(World& world,
                                               const std::shared_ptr<SimulatedDisk>& disk,
                                               Canary canary) {
  if (canary == Canary::kNoSync) disk->ignore_syncs();
  if (canary == Canary::kNoMarkerCheck) forget_marker(world, disk);
  auto log = RocksDbEventLog::open(world.log_folder(), world.codec, world.ids,
                                   RocksDbEventLog::Mode::kWrite, storage_on(disk));
  if (!log) return failure(log.error());
  std::unique_ptr<Session> session(new Session(world));
  session->disk_ = disk;
  session->stored_ = *std::move(log);
  EventLog& stored = *session->stored_;
  if (canary == Canary::kNoDeduplication) {
    session->decorated_ = std::make_unique<ForgetfulLog>(stored);
  }
  if (canary == Canary::kEarlyAcknowledge) session->decorated_ = std::make_unique<EarlyLog>(stored);
  session->log_ = session->decorated_ ? session->decorated_.get() : &stored;
  commands::SequencerOptions options;
  options.countries = {testing::country("PE"), testing::country("CL")};
  options.max_cached_states = 20;  // so that decisions rest on what is stored, too
  session->sequencer_ = std::make_unique<commands::Sequencer>(
      *session->log_, world.codec, world.clock, world.ids, std::move(options));
  return session;
}

Session::~Session() = default;

Status Session::send(Ledger& ledger, const std::vector<std::size_t>& intents) {
  world_.clock.advance(std::chrono::milliseconds{1});
  for (const std::size_t number : intents) {
    const Status submitted = sequencer_->submit(
        ledger.intents()[number].command,
        [&ledger, number](const commands::Outcome& outcome) { ledger.answered(number, outcome); });
    if (!submitted) return submitted;
  }
  while (true) {
    const auto stepped = sequencer_->step();
    if (!stepped) return failure(stepped.error());
    if (*stepped == 0) return {};
  }
}

Status Session::check_log(const Ledger& ledger) const {
  if (log_->head().position < ledger.acknowledged()) {
    throw Defect("the log ends at " + at(log_->head().position) + ", but " +
                 at(ledger.acknowledged()) + " was acknowledged");
  }
  for (const Intent& intent : ledger.intents()) {
    if (intent.state != Intent::State::kAccepted) continue;
    const auto stored = event_at(*log_, world_.codec, intent.event->position);
    if (!stored) return failure(stored.error());
    if (*stored != *intent.event) {
      throw Defect(at(intent.event->position) + " is not the event that was acknowledged");
    }
  }
  const auto verified = verify(*log_, world_.codec, {});
  if (!verified) return failure(verified.error());
  return {};
}

Status Session::check_whole(const Ledger& ledger) const {
  std::set<Position> acknowledged;
  for (const Intent& intent : ledger.intents()) {
    CHECK(intent.state != Intent::State::kUnknown);
    if (intent.event) acknowledged.insert(intent.event->position);
  }
  SlotBook slots;
  const auto each = [&](const RecordView& record) {
    if (!acknowledged.contains(record.position)) {
      throw Defect(at(record.position) + " is in the log, and nobody was told so");
    }
    slots.note(world_.codec.decode(record.bytes).value());
    return true;
  };
  return log_->read(Position{0}, SIZE_MAX, each);
}

void Session::check_stopped() {
  const Status submitted = sequencer_->submit(
      {.data = commands::RequestAppointment{testing::insured("00001"), testing::slot("PE", 1), {}},
       .actor = "anonymous"},
      [](const commands::Outcome&) {});
  if (submitted) throw Defect("the writer goes on after a failed write");
}

}  // namespace citas::torture
