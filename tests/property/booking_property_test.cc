// Random commands against a model of a few lines: whatever clients and countries do, in whatever
// batches, with whatever is forgotten in between, the log agrees with the model, and folding the
// log again gives what was live.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <array>
#include <map>

#include "commands/sequencer.h"
#include "events/memory/memory_event_log.h"
#include "events/verify.h"
#include "projections/all_projections.h"
#include "projections/dead_letters/dead_letters.h"
#include "projections/memory/memory_read_store.h"
#include "projections/replay.h"
#include "projections/runner.h"
#include "tests/support/events.h"

namespace citas::commands {
namespace {

using namespace citas::testing;  // NOLINT: the vocabulary of these tests

constexpr int kSlots = 3;
constexpr int kInsureds = 3;
constexpr int kKeys = 4;

// One thing that somebody does. Appointments are named by the order of their booking.
struct Step {
  enum Kind {
    kRequest,
    kKeyedRequest,
    kConfirm,
    kReject,
    kCancel,
    kDie,
    kRetry,
    kDiscard,
    kCommit,
    kRestart
  };
  Kind kind;
  int insured;
  int slot;
  int key;
  std::size_t appointment;
};

std::ostream& operator<<(std::ostream& out, const Step& step) {
  return out << "{kind " << step.kind << ", insured " << step.insured << ", slot " << step.slot
             << ", key " << step.key << ", appointment " << step.appointment << "}";
}

// The system as ten lines of common sense.
struct Model {
  struct Appointment {
    int insured;
    int slot;
    enum { kPending, kBooked, kEnded } state = kPending;
    bool refused = false;
    // Of the message that asks its country for it.
    enum { kNone, kOpen, kRetried, kDiscarded } letter = kNone;
    bool is_settled = false;  // answered or cancelled since it was recorded

    void change(int to) {
      state = static_cast<decltype(state)>(to);
      is_settled = letter != kNone;
    }
  };
  std::vector<Appointment> appointments;

  std::optional<std::size_t> holder(int slot) const {
    for (std::size_t i = 0; i < appointments.size(); ++i) {
      if (appointments[i].slot == slot && appointments[i].state != Appointment::kEnded) return i;
    }
    return std::nullopt;
  }
};

class World {
 public:
  World() { restart(); }

  void run(const Step& step) {
    switch (step.kind) {
      case Step::kRequest:
        return request(step, std::nullopt);
      case Step::kKeyedRequest:
        return request(step, step.key);
      case Step::kConfirm:
      case Step::kReject:
      case Step::kCancel:
        return settle(step);
      case Step::kDie:
        return die(step);
      case Step::kRetry:
      case Step::kDiscard:
        return decide_on_letter(step);
      case Step::kCommit:
        return commit();
      case Step::kRestart:
        commit();
        return restart();
    }
  }

  void commit() {
    while (sequencer_->step().value() > 0) {
    }
    for (auto& check : checks_) check();
    checks_.clear();
  }

  void check_log() {
    const auto verified = verify(log_, codec_, {});
    RC_ASSERT(verified.has_value());
    for (int slot_number = 0; slot_number < kSlots; ++slot_number) {
      RC_ASSERT(live_on(slot_number) == (model_.holder(slot_number) ? 1 : 0));
    }
  }

  // What operators see is what the model says.
  void check_letters() {
    using A = Model::Appointment;
    const auto store = std::make_shared<projections::MemoryReadStore>();
    const projections::DeadLetters projection;
    RC_ASSERT(
        projections::replay(log_, codec_, clock_, projection, store, log_.committed()).has_value());
    std::array<std::uint64_t, projections::kLetterStates> expected{};
    const auto count = [&](projections::LetterState state) {
      ++expected[static_cast<std::size_t>(state)];
    };
    for (const A& appointment : model_.appointments) {
      if (appointment.letter == A::kNone) continue;
      if (appointment.letter == A::kDiscarded) {
        count(projections::LetterState::kDiscarded);
      } else if (appointment.is_settled) {
        count(projections::LetterState::kSettled);
      } else {
        count(appointment.letter == A::kOpen ? projections::LetterState::kOpen
                                             : projections::LetterState::kRetried);
      }
    }
    const auto stored = store->get(projections::letters_summary_key(kDefaultTenant)).value();
    const auto summary =
        stored ? projections::parse_letters_summary(*stored).value() : projections::LetterSummary{};
    RC_ASSERT(summary.count == expected);
  }

  // Folds the log in batches of one, and in one batch: the same content, to the byte.
  void check_replay() {
    for (const auto& projection : projections::all_projections()) {
      const auto whole = std::make_shared<projections::MemoryReadStore>();
      const auto replayed =
          projections::replay(log_, codec_, clock_, *projection, whole, log_.committed());
      RC_ASSERT(replayed.has_value());
      const auto model = projections::model_of(*projection, codec_);
      projections::ProjectionRunner runner(log_, codec_, *projection,
                                           std::make_shared<projections::MemoryReadStore>(),
                                           projections::initial_checkpoint(log_, model));
      while (runner.step(1).value() > 0) {
      }
      RC_ASSERT(runner.checkpoint().digest == replayed->checkpoint.digest);
      RC_ASSERT(runner.checkpoint().entries == replayed->checkpoint.entries);
    }
  }

 private:
  void restart() {
    SequencerOptions options;
    options.countries = {country("PE")};
    options.max_cached_states = restarts_++ % 2 == 0 ? 0 : 100;
    sequencer_ = std::make_unique<Sequencer>(log_, codec_, clock_, ids_, options);
  }

  using Answer = std::shared_ptr<std::optional<Outcome>>;
  Answer submit(Command command) {
    auto answer = std::make_shared<std::optional<Outcome>>();
    RC_ASSERT(sequencer_
                  ->submit(std::move(command),
                           [answer](Outcome outcome) { answer->emplace(std::move(outcome)); })
                  .has_value());
    return answer;
  }

  static std::string insured_text(int number) { return "0000" + std::to_string(number); }

  void request(const Step& step, std::optional<int> key) {
    const RequestAppointment data{
        insured(insured_text(step.insured)), slot("PE", step.slot + 1), {}};
    Command command{.data = data, .actor = "anonymous"};
    if (key) {
      command.idempotency = idempotency_key(kDefaultTenant, "anonymous", "/appointments", "",
                                            std::to_string(*key), command.data);
    }
    const Answer answer = submit(std::move(command));
    if (key && keys_.contains(*key)) return expect_repetition(*key, step, answer);
    const auto holder = model_.holder(step.slot);
    if (holder && model_.appointments[*holder].insured != step.insured) {
      return expect(answer, [](const Outcome& outcome) {
        RC_ASSERT(!outcome.has_value());
        RC_ASSERT(std::get<Rejection>(outcome.error()).code == RejectionCode::kSlotTaken);
      });
    }
    const std::size_t index = holder ? *holder : model_.appointments.size();
    if (!holder) model_.appointments.push_back({step.insured, step.slot});
    if (key) keys_[*key] = {step.insured, step.slot, index};
    expect_appointment(answer, index, /*replayed=*/holder.has_value());
  }

  void expect_repetition(int key, const Step& step, const Answer& answer) {
    const auto [key_insured, key_slot, index] = keys_[key];
    if (key_insured == step.insured && key_slot == step.slot) {
      return expect_appointment(answer, index, true);
    }
    expect(answer, [](const Outcome& outcome) {
      RC_ASSERT(!outcome.has_value());
      RC_ASSERT(std::get<Rejection>(outcome.error()).code == RejectionCode::kIdempotencyKeyReused);
    });
  }

  void expect_appointment(const Answer& answer, std::size_t index, bool replayed) {
    expect(answer, [this, index, replayed](const Outcome& outcome) {
      RC_ASSERT(outcome.has_value());
      RC_ASSERT(outcome->replayed == replayed);
      const AppointmentId id = appointment_of(outcome->event->data).value();
      if (!replayed) ids_of_.emplace(index, id);
      RC_ASSERT(ids_of_.at(index) == id);
    });
  }

  void settle(const Step& step) {
    commit();  // appointments are named by ids that only answers tell
    if (model_.appointments.empty()) return;
    const std::size_t index = step.appointment % model_.appointments.size();
    Model::Appointment& appointment = model_.appointments[index];
    const AppointmentId id = ids_of_.at(index);
    const bool pending = appointment.state == Model::Appointment::kPending;
    if (step.kind == Step::kConfirm) {
      submit({.data = ConfirmAppointment{id, country("PE"), RegistrationId{uuid(1)}},
              .actor = "worker:test"});
      if (pending) appointment.change(Model::Appointment::kBooked);
    } else if (step.kind == Step::kReject) {
      submit({.data = RejectAppointment{id, country("PE"), reason("center_closed")},
              .actor = "worker:test"});
      if (pending) {
        appointment.change(Model::Appointment::kEnded);
        appointment.refused = true;
      }
    } else {
      const Answer answer = submit(
          {.data = CancelAppointment{id, insured(insured_text(appointment.insured)), std::nullopt},
           .actor = "anonymous"});
      expect(answer, [refused = appointment.refused](const Outcome& outcome) {
        RC_ASSERT(outcome.has_value() != refused);
      });
      if (appointment.state != Model::Appointment::kEnded) {
        appointment.change(Model::Appointment::kEnded);
      }
    }
  }

  static DeadLetterRecorded letter_of(AppointmentId appointment) {
    return {.message_id = appointment.value().to_string(),
            .consumer = "processor-PE",
            .country = country("PE"),
            .reason = reason("processing_failed"),
            .attempts = 5,
            .appointment = appointment,
            .payload_sha256 = "00"};
  }

  // The message of an appointment dies. An even key: of its last retry; an odd one: a letter from
  // before any comes late.
  void die(const Step& step) {
    commit();
    if (model_.appointments.empty()) return;
    const std::size_t index = step.appointment % model_.appointments.size();
    Model::Appointment& appointment = model_.appointments[index];
    const bool late = step.key % 2 == 1;
    const Position retry = late ? Position{0} : retries_[index];
    const Answer answer =
        submit({.data = RecordDeadLetter{letter_of(ids_of_.at(index)), retry}, .actor = "worker"});
    const bool is_news = appointment.letter == Model::Appointment::kNone ||
                         (appointment.letter == Model::Appointment::kRetried && !late);
    expect(answer, [is_news](const Outcome& outcome) {
      RC_ASSERT(outcome.has_value());
      RC_ASSERT(outcome->event.has_value() == is_news);
    });
    if (!is_news) return;
    appointment.letter = Model::Appointment::kOpen;
    appointment.is_settled = false;
  }

  void decide_on_letter(const Step& step) {
    commit();
    if (model_.appointments.empty()) return;
    const std::size_t index = step.appointment % model_.appointments.size();
    const AppointmentId id = ids_of_.at(index);
    const DeadLetterId letter = dead_letter_id("processor-PE", id.value().to_string());
    const bool retry = step.kind == Step::kRetry;
    const Answer answer =
        retry ? submit({.data = RetryDeadLetter{letter}, .actor = "operator"})
              : submit({.data = DiscardDeadLetter{letter, reason("other")}, .actor = "operator"});
    const auto refusal = retry ? retry_in_model(index) : discard_in_model(index);
    expect(answer, [this, index, retry, refusal](const Outcome& outcome) {
      RC_ASSERT(outcome.has_value() == !refusal.has_value());
      if (refusal) {
        RC_ASSERT(std::get<Rejection>(outcome.error()).code == *refusal);
      }
      if (outcome && retry) retries_[index] = outcome->event->position;
    });
    commit();
  }

  std::optional<RejectionCode> retry_in_model(std::size_t index) {
    using A = Model::Appointment;
    A& appointment = model_.appointments[index];
    if (appointment.letter == A::kNone) return RejectionCode::kDeadLetterNotFound;
    if (appointment.letter == A::kDiscarded) return RejectionCode::kDeadLetterDiscarded;
    if (appointment.state != A::kPending) return RejectionCode::kDeadLetterSettled;
    appointment.letter = A::kRetried;
    return std::nullopt;
  }

  std::optional<RejectionCode> discard_in_model(std::size_t index) {
    using A = Model::Appointment;
    A& appointment = model_.appointments[index];
    if (appointment.letter == A::kNone) return RejectionCode::kDeadLetterNotFound;
    if (appointment.letter == A::kDiscarded) return std::nullopt;
    if (appointment.is_settled) return RejectionCode::kDeadLetterSettled;
    if (appointment.state == A::kPending) {
      appointment.change(A::kEnded);
      appointment.refused = true;
    }
    appointment.letter = A::kDiscarded;
    return std::nullopt;
  }

  void expect(const Answer& answer, std::function<void(const Outcome&)> check) {
    checks_.push_back([answer, check = std::move(check)] {
      RC_ASSERT(answer->has_value());
      check(**answer);
    });
  }

  // Counted from the events of the slot's tag alone.
  int live_on(int slot_number) {
    int live = 0;
    const Status read = log_.read_tag(
        {.tag = slot_tag(slot("PE", slot_number + 1))}, [&](const RecordView& record) {
          const Event event = codec_.decode(record.bytes).value();
          if (std::holds_alternative<AppointmentRequested>(event.data)) ++live;
          if (std::holds_alternative<AppointmentRejected>(event.data)) --live;
          if (std::holds_alternative<AppointmentCancelled>(event.data)) --live;
          RC_ASSERT(live >= 0 && live <= 1);
          return true;
        });
    RC_ASSERT(read.has_value());
    return live;
  }

  struct Keyed {
    int insured;
    int slot;
    std::size_t index;
  };

  ManualClock clock_{kNow};
  SeededIdSource ids_{clock_, 7};
  Codec codec_;
  MemoryEventLog log_{kTestLog};
  std::unique_ptr<Sequencer> sequencer_;
  int restarts_ = 0;
  Model model_;
  std::map<int, Keyed> keys_;
  std::map<std::size_t, AppointmentId> ids_of_;
  std::map<std::size_t, Position> retries_;  // of whose message; the last one
  std::vector<std::function<void()>> checks_;
};

rc::Gen<Step> any_step() {
  return rc::gen::build<Step>(
      rc::gen::set(&Step::kind, rc::gen::weightedElement<Step::Kind>({{6, Step::kRequest},
                                                                      {6, Step::kKeyedRequest},
                                                                      {3, Step::kConfirm},
                                                                      {1, Step::kReject},
                                                                      {4, Step::kCancel},
                                                                      {3, Step::kDie},
                                                                      {2, Step::kRetry},
                                                                      {1, Step::kDiscard},
                                                                      {3, Step::kCommit},
                                                                      {1, Step::kRestart}})),
      rc::gen::set(&Step::insured, rc::gen::inRange(0, kInsureds)),
      rc::gen::set(&Step::slot, rc::gen::inRange(0, kSlots)),
      rc::gen::set(&Step::key, rc::gen::inRange(0, kKeys)),
      rc::gen::set(&Step::appointment, rc::gen::inRange<std::size_t>(0, 50)));
}

TEST(BookingProperty, TheLogAgreesWithTheModelAndReplayWithTheLog) {
  const bool holds = rc::check([] {
    const auto steps = *rc::gen::container<std::vector<Step>>(any_step());
    World world;
    for (const Step& step : steps) world.run(step);
    world.commit();
    world.check_log();
    world.check_letters();
    world.check_replay();
  });
  EXPECT_TRUE(holds);
}

}  // namespace
}  // namespace citas::commands
