// Given what a country's store holds, when an event comes, then what is stored and answered.
#include "workers/registration.h"

#include <gtest/gtest.h>

#include "tests/unit/workers/log_world.h"
#include "workers/country_store.h"

namespace citas::workers {
namespace {

using Entry = std::optional<CountryEntry>;

const AppointmentId kAppointment{*Uuid::parse("01890a5d-ac96-774b-bcce-b302099a8057")};
const AppointmentRef kRef{kAppointment, *InsuredId::parse("00001"), {kPeru, ScheduleId{7}}};
const ReasonCode kClosed = *ReasonCode::parse("center_closed");
const RegistrationId kRegistration = registration_of(kPeru, kAppointment);

Event event(EventData data) {
  Event made;
  made.id = EventId{*Uuid::parse("01890a5d-ac96-774b-bcce-000000000001")};
  made.data = std::move(data);
  return made;
}

class Refusing final : public CountryRules {
 public:
  Result<std::optional<ReasonCode>> check(const AppointmentRequested&) const override {
    return kClosed;
  }
};
class Failing final : public CountryRules {
 public:
  Result<std::optional<ReasonCode>> check(const AppointmentRequested&) const override {
    return failure(ErrorCode::kUnavailable, "no answer");
  }
};

const Event kRequest = event(AppointmentRequested{kRef, {.center = 4}});
const Event kCancelled = event(AppointmentCancelled{kRef, {}});
const Event kRejected = event(AppointmentRejected{kRef, kClosed});
const Event kConfirmed = event(AppointmentConfirmed{kRef, kRegistration});

const CountryEntry kRegisteredEntry{.state = EntryState::kRegistered,
                                    .request = AppointmentRequested{kRef, {.center = 4}},
                                    .registration = kRegistration};
const CountryEntry kRefusedEntry{.state = EntryState::kRefused,
                                 .request = AppointmentRequested{kRef, {.center = 4}},
                                 .refusal = kClosed};
const CountryEntry kTombstone{.state = EntryState::kWithdrawn};

RegistrationDecision decide(const Entry& given, const Event& when,
                            const CountryRules& rules = ConfiguredRules{}) {
  return decide_registration(given, when, rules).value();
}

TEST(Registration, ARequestIsRegisteredAndConfirmed) {
  const auto then = decide({}, kRequest);
  EXPECT_EQ(then.store, kRegisteredEntry);
  EXPECT_EQ(then.publish, (Confirmation{kAppointment, kRequest.id, kPeru, kRegistration}));
}

TEST(Registration, ARequestAgainstTheRulesIsRefused) {
  const auto then = decide({}, kRequest, Refusing{});
  EXPECT_EQ(then.store, kRefusedEntry);
  EXPECT_EQ(then.publish, (Confirmation{kAppointment, kRequest.id, kPeru, kClosed}));
}

TEST(Registration, ARegisteredRequestIsConfirmedAgainWhateverTheRulesSayNow) {
  const auto then = decide(kRegisteredEntry, kRequest, Refusing{});
  EXPECT_EQ(then.store, std::nullopt);
  EXPECT_EQ(then.publish, (Confirmation{kAppointment, kRequest.id, kPeru, kRegistration}));
}

TEST(Registration, ARefusedRequestIsRefusedAgain) {
  const auto then = decide(kRefusedEntry, kRequest);
  EXPECT_EQ(then.store, std::nullopt);
  EXPECT_EQ(then.publish, (Confirmation{kAppointment, kRequest.id, kPeru, kClosed}));
}

TEST(Registration, AnEndWithdrawsAndKeepsWhatIsKnown) {
  for (const Event& end : {kCancelled, kRejected}) {
    const auto then = decide(kRegisteredEntry, end);
    ASSERT_TRUE(then.store);
    EXPECT_EQ(then.store->state, EntryState::kWithdrawn);
    EXPECT_EQ(then.store->registration, kRegistration);
    EXPECT_EQ(then.publish, std::nullopt);
  }
}

TEST(Registration, AnEndThatOvertakesTheRequestLeavesATombstone) {
  EXPECT_EQ(decide({}, kCancelled).store, kTombstone);
  EXPECT_EQ(decide({}, kRejected).store, kTombstone);
}

TEST(Registration, ALateRequestDoesNotOverwriteTheTombstoneAndGetsNoAnswer) {
  const auto then = decide(kTombstone, kRequest);
  EXPECT_EQ(then.store, std::nullopt);
  EXPECT_EQ(then.publish, std::nullopt);
}

TEST(Registration, ASecondEndChangesNothing) {
  EXPECT_EQ(decide(kTombstone, kCancelled).store, std::nullopt);
}

TEST(Registration, AConfirmationInTheLogChangesNothing) {
  const auto then = decide(kRegisteredEntry, kConfirmed);
  EXPECT_EQ(then.store, std::nullopt);
  EXPECT_EQ(then.publish, std::nullopt);
}

TEST(Registration, RulesThatFailDecideNothing) {
  EXPECT_FALSE(decide_registration({}, kRequest, Failing{}));
}

TEST(Registration, TheIdFollowsFromCountryAndAppointmentForEver) {
  EXPECT_EQ(kRegistration.value().to_string(), "a1433adb-96ae-88a4-a0dd-ab859242390c");
  EXPECT_NE(registration_of(kChile, kAppointment), kRegistration);
}

TEST(Registration, EntriesSurviveTheirEncoding) {
  AppointmentRequested full{kRef,
                            {.center = 1,
                             .specialty = 2,
                             .medic = kMaxJsonInteger,
                             .date = parse_rfc3339("2030-01-31T10:00:00.000Z")}};
  const CountryEntry withdrawn{
      .state = EntryState::kWithdrawn, .request = full, .registration = kRegistration};
  for (const CountryEntry& entry : {kRegisteredEntry, kRefusedEntry, kTombstone, withdrawn}) {
    EXPECT_EQ(decode_country_entry(encode(entry)).value(), entry);
  }
}

TEST(Registration, DamagedEntriesAreCorruption) {
  for (const char* bytes :
       {"", "{}", "[]", R"({"state":"registered"})", R"({"state":"refused"})",
        R"({"state":"unheard of"})", R"({"state":"withdrawn","appointmentId":"x"})"}) {
    EXPECT_EQ(decode_country_entry(bytes).error().code, ErrorCode::kCorruption) << bytes;
  }
}

}  // namespace
}  // namespace citas::workers
