// The sequencer: what it promises to those who submit, stepped by hand and under concurrency.
#include "commands/sequencer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "events/memory/memory_event_log.h"
#include "tests/support/events.h"
#include "tests/unit/commands/counting_log.h"

namespace citas::commands {
namespace {

using namespace citas::testing;  // NOLINT: the vocabulary of these tests
using namespace std::chrono_literals;

CommandData request(std::string_view insured_id, std::int64_t schedule = 100) {
  return RequestAppointment{insured(insured_id), slot("PE", schedule), {}};
}

Command keyed(CommandData data, std::string_view client_key) {
  Command command{.data = std::move(data), .actor = "anonymous"};
  command.idempotency =
      idempotency_key(kDefaultTenant, "anonymous", "/appointments", "", client_key, command.data);
  return command;
}

class SequencerTest : public ::testing::Test {
 protected:
  SequencerOptions options() {
    SequencerOptions options;
    options.countries = {country("PE"), country("CL")};
    options.max_queue = 64;
    return options;
  }

  // Submits; the answer appears in the result once step() has been called.
  std::shared_ptr<std::optional<Outcome>> submit(Command command) {
    auto answer = std::make_shared<std::optional<Outcome>>();
    const Status submitted = sequencer_.submit(
        std::move(command), [answer](Outcome outcome) { answer->emplace(std::move(outcome)); });
    EXPECT_TRUE(submitted) << submitted.error().message;
    return answer;
  }
  std::shared_ptr<std::optional<Outcome>> submit(CommandData data) {
    return submit(Command{.data = std::move(data), .actor = "anonymous"});
  }

  Outcome run(Command command) {
    const auto answer = submit(std::move(command));
    EXPECT_TRUE(sequencer_.step());
    return **answer;
  }
  Outcome run(CommandData data) {
    return run(Command{.data = std::move(data), .actor = "anonymous"});
  }

  static AppointmentId appointment(const Outcome& outcome) {
    return appointment_of(outcome->event->data).value();
  }
  static RejectionCode rejection(const Outcome& outcome) {
    return std::get<Rejection>(outcome.error()).code;
  }

  ManualClock clock_{kNow};
  SeededIdSource ids_{clock_, 1};
  Codec codec_;
  MemoryEventLog log_{kTestLog};
  Sequencer sequencer_{log_, codec_, clock_, ids_, options()};
};

TEST_F(SequencerTest, AppendsOneEventForAnAcceptedRequest) {
  const Outcome outcome = run(request("00001"));
  ASSERT_TRUE(outcome);
  EXPECT_FALSE(outcome->replayed);
  EXPECT_EQ(outcome->event->position, Position{1});
  EXPECT_EQ(outcome->committed, Position{1});
  EXPECT_EQ(outcome->event->time, kNow);
  EXPECT_EQ(codec_.decode(read_one(log_, Position{1})->bytes), *outcome->event);
}

TEST_F(SequencerTest, AnswersNobodyBeforeTheBatchIsCommitted) {
  std::vector<std::string> order;
  log_.add_commit_listener([&](Position) { order.push_back("commit"); });
  const auto note = [&](const char* what) {
    return [&order, what](const Outcome&) { order.emplace_back(what); };
  };
  ASSERT_TRUE(sequencer_.submit({.data = request("00001"), .actor = "a"}, note("accepted")));
  // Rests on the event that is only staged when this is decided.
  ASSERT_TRUE(sequencer_.submit({.data = request("00002"), .actor = "a"}, note("rejected")));
  ASSERT_TRUE(sequencer_.step());
  EXPECT_THAT(order, ::testing::ElementsAre("commit", "accepted", "rejected"));
}

TEST_F(SequencerTest, OneBatchGivesASlotToOneOnly) {
  const auto first = submit(request("00001"));
  const auto second = submit(request("00002"));
  const auto again = submit(request("00001"));
  ASSERT_TRUE(sequencer_.step());
  ASSERT_TRUE(**first);
  EXPECT_EQ(rejection(**second), RejectionCode::kSlotTaken);
  ASSERT_TRUE(**again);
  EXPECT_TRUE((**again)->replayed);
  EXPECT_EQ(appointment(**again), appointment(**first));
  EXPECT_EQ(log_.head().position, Position{1});
}

TEST_F(SequencerTest, ARefusalWithoutEventsIsAnsweredToo) {
  ASSERT_TRUE(run(request("00001")));
  EXPECT_EQ(rejection(run(request("00002"))), RejectionCode::kSlotTaken);
  EXPECT_EQ(log_.head().position, Position{1});
}

TEST_F(SequencerTest, BookAndCancelInOneBatchFreesTheSlot) {
  const Outcome booked = run(request("00001"));
  const auto cancelled =
      submit(CancelAppointment{appointment(booked), insured("00001"), std::nullopt});
  const auto next = submit(request("00002"));
  ASSERT_TRUE(sequencer_.step());
  EXPECT_TRUE(**cancelled);
  EXPECT_TRUE(**next);
}

TEST_F(SequencerTest, TheSameKeyGivesTheFirstOutcome) {
  const Outcome first = run(keyed(request("00001"), "k"));
  clock_.advance(1h);
  const Outcome second = run(keyed(request("00001"), "k"));
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->replayed);
  EXPECT_EQ(second->event, first->event);
}

TEST_F(SequencerTest, TheFirstOutcomeOutlivesItsAppointment) {
  const Outcome first = run(keyed(request("00001"), "k"));
  ASSERT_TRUE(run(CancelAppointment{appointment(first), insured("00001"), std::nullopt}));
  ASSERT_TRUE(run(request("00002")));
  EXPECT_EQ(run(keyed(request("00001"), "k"))->event, first->event);
}

TEST_F(SequencerTest, TheSameKeyInOneBatchIsOneCommand) {
  const auto first = submit(keyed(request("00001"), "k"));
  const auto second = submit(keyed(request("00001"), "k"));
  const auto other = submit(keyed(request("00001", 200), "k"));
  ASSERT_TRUE(sequencer_.step());
  EXPECT_EQ((**second)->event, (**first)->event);
  EXPECT_TRUE((**second)->replayed);
  EXPECT_EQ(rejection(**other), RejectionCode::kIdempotencyKeyReused);
  EXPECT_EQ(log_.head().position, Position{1});
}

TEST_F(SequencerTest, ARefusalIsNotKept) {
  const Outcome holder = run(request("00002"));
  EXPECT_EQ(rejection(run(keyed(request("00001"), "k"))), RejectionCode::kSlotTaken);
  ASSERT_TRUE(run(CancelAppointment{appointment(holder), insured("00002"), std::nullopt}));
  const Outcome later = run(keyed(request("00001"), "k"));
  ASSERT_TRUE(later);
  EXPECT_FALSE(later->replayed);
}

TEST_F(SequencerTest, TheKeyComesBeforeTimeAndConfiguration) {
  CommandData soon = RequestAppointment{insured("00001"), slot("PE", 1), {.date = kNow + 1h}};
  const Outcome first = run(keyed(soon, "k"));
  ASSERT_TRUE(first);
  ASSERT_TRUE(run(CancelAppointment{appointment(first), insured("00001"), std::nullopt}));
  clock_.advance(2h);
  EXPECT_EQ(run(keyed(soon, "k"))->event, first->event)
      << "accepted once, whatever the date says now";
  EXPECT_EQ(rejection(run(soon)), RejectionCode::kDateInPast);
}

TEST_F(SequencerTest, OutcomesAndStatesSurviveARestart) {
  const Outcome first = run(keyed(request("00001"), "k"));
  Sequencer restarted(log_, codec_, clock_, ids_, options());
  std::optional<Outcome> again, taken;
  ASSERT_TRUE(restarted.submit(keyed(request("00001"), "k"),
                               [&](Outcome outcome) { again.emplace(std::move(outcome)); }));
  ASSERT_TRUE(restarted.submit({.data = request("00002"), .actor = "a"},
                               [&](Outcome outcome) { taken.emplace(std::move(outcome)); }));
  ASSERT_TRUE(restarted.step());
  EXPECT_EQ((*again)->event, first->event);
  EXPECT_EQ(rejection(*taken), RejectionCode::kSlotTaken);
}

TEST_F(SequencerTest, ForgettingStatesChangesNothing) {
  SequencerOptions forgetful = options();
  forgetful.max_cached_states = 0;
  Sequencer sequencer(log_, codec_, clock_, ids_, forgetful);
  int rejected = 0;
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(sequencer.submit({.data = request(i % 2 == 0 ? "00001" : "00002"), .actor = "a"},
                                 [&](const Outcome& outcome) { rejected += outcome ? 0 : 1; }));
    ASSERT_TRUE(sequencer.step());
  }
  EXPECT_EQ(rejected, 10);
  EXPECT_EQ(log_.head().position, Position{1});
}

TEST_F(SequencerTest, ARefusedBatchLeavesNothingBehindAndStillAnswersRepetitions) {
  Status room;
  sequencer_.admit_batches([&] { return room; });
  const Outcome first = run(keyed(request("00001"), "k1"));
  ASSERT_TRUE(first);
  room = failure(ErrorCode::kStorageFull, "full");
  const auto again = submit(keyed(request("00001"), "k1"));
  const auto refused = submit(keyed(request("00002", 200), "k2"));
  ASSERT_TRUE(sequencer_.step());
  ASSERT_TRUE(**again);
  EXPECT_TRUE((**again)->replayed);
  EXPECT_EQ(appointment(**again), appointment(first));
  EXPECT_EQ(std::get<Error>((*refused)->error()).code, ErrorCode::kStorageFull);
  EXPECT_EQ(log_.head().position, Position{1});
  room = {};
  const Outcome later = run(keyed(request("00002", 200), "k2"));
  ASSERT_TRUE(later);
  EXPECT_FALSE(later->replayed);
}

TEST_F(SequencerTest, AFailedAppendIsFinal) {
  log_.fail_appends();
  const auto answer = submit(request("00001"));
  const auto stepped = sequencer_.step();
  ASSERT_FALSE(stepped);
  EXPECT_EQ(std::get<Error>((*answer)->error()).code, ErrorCode::kUnknownOutcome);
  const Status late =
      sequencer_.submit({.data = request("00002"), .actor = "a"}, [](const Outcome&) {});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kUnavailable);
}

// Of the batch that failed, and of the queue behind it.
TEST_F(SequencerTest, AfterAFailedAppendEverybodyIsAnsweredOnce) {
  SequencerOptions small = options();
  small.max_batch = 2;
  Sequencer sequencer(log_, codec_, clock_, ids_, small);
  log_.fail_appends();
  std::vector<ErrorCode> answers;
  for (int number = 1; number <= 5; ++number) {
    ASSERT_TRUE(sequencer.submit(
        {.data = request("00001", number), .actor = "a"},
        [&](const Outcome& outcome) { answers.push_back(std::get<Error>(outcome.error()).code); }));
  }
  EXPECT_FALSE(sequencer.step());
  using enum ErrorCode;
  EXPECT_THAT(answers, ::testing::ElementsAre(kUnknownOutcome, kUnknownOutcome, kUnavailable,
                                              kUnavailable, kUnavailable));
}

TEST_F(SequencerTest, ABatchIsNoLargerThanItsLimit) {
  SequencerOptions small = options();
  small.max_batch = 2;
  Sequencer sequencer(log_, codec_, clock_, ids_, small);
  for (int number = 1; number <= 5; ++number) {
    ASSERT_TRUE(
        sequencer.submit({.data = request("00001", number), .actor = "a"}, [](const Outcome&) {}));
  }
  for (const std::size_t expected : {2u, 2u, 1u, 0u}) EXPECT_EQ(sequencer.step(), expected);
}

TEST_F(SequencerTest, CountsWhatItAnswered) {
  ASSERT_TRUE(run(keyed(request("00001"), "k")));
  ASSERT_TRUE(run(keyed(request("00001"), "k")));
  EXPECT_FALSE(run(request("00002")));
  submit(request("00003", 300));
  const SequencerStats stats = sequencer_.stats();
  EXPECT_EQ(stats.commands, 3u);
  EXPECT_EQ(stats.replayed, 1u);
  EXPECT_EQ(stats.rejected, 1u);
  EXPECT_EQ(stats.queue_depth, 1u);
}

TEST_F(SequencerTest, AnEventTellsWhatItsCommandDid) {
  Command command{.data = request("00001"), .actor = "client:7"};
  command.tenant = TenantId{"other"};
  command.correlation = uuid(51);
  command.causation = EventId{uuid(52)};
  command.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  ASSERT_TRUE(run(command));
  const Event event = codec_.decode(read_one(log_, Position{1})->bytes).value();
  EXPECT_EQ(event.tenant, command.tenant);
  EXPECT_EQ(event.actor, command.actor);
  EXPECT_EQ(event.correlation, command.correlation);
  EXPECT_EQ(event.causation, command.causation);
  EXPECT_EQ(event.traceparent, command.traceparent);
}

// Kept in memory, and read from the log.
TEST_F(SequencerTest, TenantsShareNoSlotsAndNoAppointments) {
  for (const std::size_t cached : {std::size_t{100}, std::size_t{0}}) {
    SequencerOptions own = options();
    own.max_cached_states = cached;
    Sequencer sequencer(log_, codec_, clock_, ids_, own);
    const auto decide = [&](const char* tenant, CommandData data) {
      std::optional<Outcome> answer;
      Command command{.data = std::move(data), .actor = "a"};
      command.tenant = TenantId{tenant};
      EXPECT_TRUE(sequencer.submit(std::move(command),
                                   [&](Outcome outcome) { answer.emplace(std::move(outcome)); }));
      EXPECT_TRUE(sequencer.step());
      return *std::move(answer);
    };
    const Outcome of_one = decide("one", request("00001"));
    const Outcome of_two = decide("two", request("00002"));
    ASSERT_TRUE(of_one);
    ASSERT_TRUE(of_two);
    EXPECT_FALSE(of_two->replayed);
    const CancelAppointment cancel{appointment(of_one), insured("00001"), std::nullopt};
    EXPECT_EQ(rejection(decide("two", cancel)), RejectionCode::kAppointmentNotFound);
    EXPECT_TRUE(decide("one", cancel));
    EXPECT_TRUE(decide("two", CancelAppointment{appointment(of_two), insured("00002"), {}}));
  }
}

TEST_F(SequencerTest, AFullQueueIsUnavailableAndKeepsWhatItAccepted) {
  std::atomic<int> answered = 0;
  const auto count = [&](const Outcome&) { ++answered; };
  for (std::size_t i = 0; i < options().max_queue; ++i) {
    ASSERT_TRUE(sequencer_.submit({.data = request("00001", 1 + static_cast<int>(i)), .actor = "a"},
                                  count));
  }
  const Status refused = sequencer_.submit({.data = request("00001"), .actor = "a"}, count);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  ASSERT_TRUE(sequencer_.step());
  EXPECT_EQ(answered, 64);
}

TEST_F(SequencerTest, AStoppedSequencerFinishesWhatItAccepted) {
  const auto accepted = submit(request("00001"));
  sequencer_.stop();
  EXPECT_FALSE(sequencer_.submit({.data = request("00002"), .actor = "a"}, [](const Outcome&) {}));
  EXPECT_TRUE(sequencer_.wait_for_work(0ms));
  ASSERT_TRUE(sequencer_.step());
  EXPECT_TRUE(**accepted);
  EXPECT_FALSE(sequencer_.wait_for_work(0ms));
}

TEST_F(SequencerTest, ExecuteGivesUpWithoutLosingTheCommand) {
  const Outcome outcome = execute(sequencer_, {.data = request("00001"), .actor = "a"}, 1ms);
  EXPECT_EQ(std::get<Error>(outcome.error()).code, ErrorCode::kUnknownOutcome);
  ASSERT_TRUE(sequencer_.step());
  EXPECT_EQ(log_.head().position, Position{1});
}

// As after a restart, or with more slots than are kept in memory: every state comes from the log.
TEST_F(SequencerTest, OneSlotThousandsOfTimesDoesNotSlowDown) {
  CountingLog log(log_);
  SequencerOptions forgetful = options();
  forgetful.max_cached_states = 0;
  Sequencer sequencer(log, codec_, clock_, ids_, forgetful);
  const auto decide = [&](CommandData data) {
    std::optional<Outcome> answer;
    EXPECT_TRUE(sequencer.submit({.data = std::move(data), .actor = "anonymous"},
                                 [&](Outcome outcome) { answer.emplace(std::move(outcome)); }));
    EXPECT_TRUE(sequencer.step());
    return *std::move(answer);
  };
  // What a decision reads once those of another slot have driven its states out.
  const auto cost_of = [&](CommandData data) {
    for (int i = 0; i < 2; ++i) static_cast<void>(decide(request("00009", 900)));
    log.take_visits();
    EXPECT_TRUE(decide(std::move(data)));
    return std::pair{log.take_visits(), log_.head().position};
  };
  constexpr int kRounds = 2'000;
  for (int i = 0; i < kRounds; ++i) {
    const auto [to_book, booked] = cost_of(request("00001"));
    const auto event = codec_.decode(read_one(log_, booked)->bytes).value();
    const AppointmentId appointment = appointment_of(event.data).value();
    const RegistrationId registration{uuid(42)};
    const auto [to_confirm, confirmed] =
        cost_of(ConfirmAppointment{appointment, country("PE"), registration});
    const auto [to_cancel, cancelled] =
        cost_of(CancelAppointment{appointment, insured("00001"), std::nullopt});
    ASSERT_EQ(cancelled, Position{booked.value() + 2});
    ASSERT_EQ(to_book, i == 0 ? 0 : 1) << "the slot's last end, in round " << i;
    ASSERT_EQ(to_confirm, 2) << "the request, as appointment and as slot, in round " << i;
    ASSERT_EQ(to_cancel, 4) << "that and the confirmation, in round " << i;
  }
}

TEST_F(SequencerTest, DeadLettersAreRecordedOnce) {
  const DeadLetterRecorded letter{.message_id = "m1",
                                  .consumer = "processor-PE",
                                  .country = country("PE"),
                                  .reason = reason("crashed"),
                                  .attempts = 5,
                                  .appointment = std::nullopt,
                                  .payload_sha256 = "00"};
  ASSERT_TRUE(run(keyed(RecordDeadLetter{letter}, "m1")));
  EXPECT_TRUE(run(keyed(RecordDeadLetter{letter}, "m1"))->replayed);
  EXPECT_EQ(log_.head().position, Position{1});
}

TEST_F(SequencerTest, ManyThreadsOnOneSlotGetOneBooking) {
  constexpr int kThreads = 8;
  constexpr int kSlots = 50;
  std::atomic<int> accepted = 0, taken = 0;
  {
    SequencerThread driver(sequencer_, [](const Error& error) { FAIL() << error.message; });
    std::vector<std::jthread> clients;
    for (int thread = 0; thread < kThreads; ++thread) {
      clients.emplace_back([&, thread] {
        const std::string who = "0000" + std::to_string(thread);
        for (int number = 1; number <= kSlots; ++number) {
          const Outcome outcome =
              execute(sequencer_, {.data = request(who, number), .actor = "a"}, 60s);
          if (outcome) {
            ++accepted;
          } else if (rejection(outcome) == RejectionCode::kSlotTaken) {
            ++taken;
          }
        }
      });
    }
  }
  EXPECT_EQ(accepted, kSlots);
  EXPECT_EQ(taken, kSlots * (kThreads - 1));
  EXPECT_EQ(log_.head().position.value(), std::uint64_t{kSlots});
}

}  // namespace
}  // namespace citas::commands
