#include "projections/appointments/appointments_by_insured.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "projections/entry_batch.h"
#include "projections/memory/memory_read_store.h"
#include "tests/support/events.h"

namespace citas::projections {
namespace {

using citas::testing::at_ms;
using citas::testing::event_at;
using citas::testing::insured;
using citas::testing::kNow;
using citas::testing::reason;
using citas::testing::ref;
using citas::testing::slot;
using citas::testing::uuid;

// kNow is 2026-09-21T14:13:20Z; the event at position n is n milliseconds later.
constexpr std::string_view kRequested =
    R"({"appointmentId":"00000000-0000-7000-8000-000000000001","insuredId":"00001",)"
    R"("scheduleId":100,"countryISO":"PE","createdAt":"2026-09-21T14:13:20.001Z",)"
    R"("status":"pending","lifecycle":"requested","updatedAt":"2026-09-21T14:13:20.001Z"})";

class AppointmentsByInsuredTest : public ::testing::Test {
 protected:
  // Given the next event of the log.
  Status given(EventData data) {
    return projection_.apply(event_at(++position_, std::move(data)), batch_);
  }

  std::string stored(std::string_view key) {
    const auto value = batch_.get(key).value();
    return value ? std::string(*value) : std::string();
  }

  // The row of an appointment, found as find() does.
  std::string row(const AppointmentRef& ref) {
    const auto locator = parse_locator(stored(locator_key(kDefaultTenant, ref.appointment)));
    if (!locator) return {};
    return stored(row_key(kDefaultTenant, locator->insured, {locator->sort_time, ref.appointment}));
  }
  std::string json(const AppointmentRef& ref) {
    const std::string stored = row(ref);
    return std::string(parse_row(stored).value().json);
  }
  InsuredSummary summary(std::string_view id) {
    return parse_summary(stored(summary_key(kDefaultTenant, insured(id)))).value();
  }

  AppointmentsByInsured projection_;
  MemoryReadStore store_;
  EntryBatch batch_{store_};
  std::uint64_t position_ = 0;
};

TEST_F(AppointmentsByInsuredTest, ARequestIsPending) {
  ASSERT_TRUE(given(AppointmentRequested{ref(1), {}}));
  EXPECT_EQ(json(ref(1)), kRequested);
  EXPECT_EQ(summary("00001").count, (std::array<std::uint64_t, 4>{1, 0, 0, 0}));
  EXPECT_EQ(summary("00001").changed_at, Position{1});
}

TEST_F(AppointmentsByInsuredTest, ARequestKeepsAllDetailsItWasMadeWith) {
  const VisitDetails details{
      .center = 7, .specialty = 8, .medic = kMaxJsonInteger, .date = at_ms(0)};
  ASSERT_TRUE(given(AppointmentRequested{ref(1), details}));
  EXPECT_EQ(json(ref(1)),
            R"({"appointmentId":"00000000-0000-7000-8000-000000000001","insuredId":"00001",)"
            R"("scheduleId":100,"countryISO":"PE","centerId":7,"specialtyId":8,)"
            R"("medicId":9007199254740991,"date":"1970-01-01T00:00:00.000Z",)"
            R"("createdAt":"2026-09-21T14:13:20.001Z","status":"pending",)"
            R"("lifecycle":"requested","updatedAt":"2026-09-21T14:13:20.001Z"})");
}

TEST_F(AppointmentsByInsuredTest, TheAnswerToARequestIsItsRow) {
  const AppointmentRequested request{ref(1),
                                     {.center = 7, .specialty = {}, .medic = {}, .date = kNow}};
  ASSERT_TRUE(given(request));
  EXPECT_EQ(appointment_json(event_at(1, request), request), json(ref(1)));
}

TEST_F(AppointmentsByInsuredTest, AConfirmedOneIsCompletedAndBooked) {
  ASSERT_TRUE(given(AppointmentRequested{ref(1), {}}));
  ASSERT_TRUE(given(AppointmentConfirmed{ref(1), RegistrationId{uuid(9)}}));
  EXPECT_EQ(json(ref(1)),
            R"({"appointmentId":"00000000-0000-7000-8000-000000000001","insuredId":"00001",)"
            R"("scheduleId":100,"countryISO":"PE","createdAt":"2026-09-21T14:13:20.001Z",)"
            R"("registrationId":"00000000-0000-7000-8000-000000000009",)"
            R"("status":"completed","lifecycle":"booked","updatedAt":"2026-09-21T14:13:20.002Z"})");
  EXPECT_EQ(summary("00001").count, (std::array<std::uint64_t, 4>{0, 1, 0, 0}));
  EXPECT_EQ(summary("00001").changed_at, Position{2});
}

TEST_F(AppointmentsByInsuredTest, ARejectedOneHasFailedAndSaysWhy) {
  ASSERT_TRUE(given(AppointmentRequested{ref(1), {}}));
  ASSERT_TRUE(given(AppointmentRejected{ref(1), reason("no_quota")}));
  EXPECT_THAT(json(ref(1)), ::testing::EndsWith(
                                R"("status":"failed","lifecycle":"rejected",)"
                                R"("reason":"no_quota","updatedAt":"2026-09-21T14:13:20.002Z"})"));
  EXPECT_EQ(summary("00001").count, (std::array<std::uint64_t, 4>{0, 0, 1, 0}));
}

TEST_F(AppointmentsByInsuredTest, ACancelledOneMayHaveAReason) {
  ASSERT_TRUE(given(AppointmentRequested{ref(1), {}}));
  ASSERT_TRUE(given(AppointmentRequested{ref(2), {}}));
  ASSERT_TRUE(given(AppointmentCancelled{ref(1), std::nullopt}));
  ASSERT_TRUE(given(AppointmentCancelled{ref(2), reason("moved")}));
  EXPECT_THAT(json(ref(1)), ::testing::EndsWith(R"("status":"cancelled","lifecycle":"cancelled",)"
                                                R"("updatedAt":"2026-09-21T14:13:20.003Z"})"));
  EXPECT_THAT(json(ref(2)), ::testing::HasSubstr(R"("reason":"moved")"));
  EXPECT_EQ(summary("00001").count, (std::array<std::uint64_t, 4>{0, 0, 0, 2}));
}

TEST_F(AppointmentsByInsuredTest, ABookedOneThatIsCancelledKeepsItsRegistration) {
  ASSERT_TRUE(given(AppointmentRequested{ref(1), {}}));
  ASSERT_TRUE(given(AppointmentConfirmed{ref(1), RegistrationId{uuid(9)}}));
  ASSERT_TRUE(given(AppointmentCancelled{ref(1), std::nullopt}));
  EXPECT_THAT(json(ref(1)), ::testing::HasSubstr(R"("registrationId")"));
  EXPECT_THAT(json(ref(1)), ::testing::HasSubstr(R"("lifecycle":"cancelled")"));
  EXPECT_EQ(summary("00001").count, (std::array<std::uint64_t, 4>{0, 0, 0, 1}));
}

TEST_F(AppointmentsByInsuredTest, ADeadLetterChangesNothing) {
  ASSERT_TRUE(given(AppointmentRequested{ref(1), {}}));
  DeadLetterRecorded letter;
  letter.appointment = ref(1).appointment;
  ASSERT_TRUE(given(letter));
  EXPECT_EQ(json(ref(1)), kRequested);
  EXPECT_EQ(summary("00001").changed_at, Position{1});
}

TEST_F(AppointmentsByInsuredTest, TheHeadOfARowServesFiltersAndEntityTags) {
  ASSERT_TRUE(given(AppointmentRequested{ref(1, "00001", slot("CL", 3)), {}}));
  ASSERT_TRUE(given(AppointmentRejected{ref(1, "00001", slot("CL", 3)), reason("no_quota")}));
  const std::string stored = row(ref(1));
  const AppointmentRow parsed = parse_row(stored).value();
  EXPECT_EQ(parsed.status, RequestStatus::kFailed);
  EXPECT_EQ(parsed.lifecycle, Lifecycle::kRejected);
  EXPECT_EQ(parsed.country.text(), "CL");
  EXPECT_EQ(parsed.changed_at, Position{2});
}

TEST_F(AppointmentsByInsuredTest, TenantsDoNotMix) {
  Event event = event_at(1, AppointmentRequested{ref(1), {}});
  event.tenant = TenantId{"other"};
  ASSERT_TRUE(projection_.apply(event, batch_));
  EXPECT_EQ(stored(summary_key(kDefaultTenant, insured("00001"))), "");
  EXPECT_NE(stored(summary_key(TenantId{"other"}, insured("00001"))), "");
}

TEST_F(AppointmentsByInsuredTest, AnAnswerToWhatWasNeverRequestedIsCorruption) {
  EXPECT_EQ(given(AppointmentConfirmed{ref(1), RegistrationId{uuid(9)}}).error().code,
            ErrorCode::kCorruption);
  EXPECT_EQ(given(AppointmentCancelled{ref(1), std::nullopt}).error().code, ErrorCode::kCorruption);
}

TEST_F(AppointmentsByInsuredTest, DamagedValuesAreCorruption) {
  ASSERT_TRUE(given(AppointmentRequested{ref(1), {}}));
  const std::string good = row(ref(1));
  const auto code_of_row = [](const std::string& bytes) { return parse_row(bytes).error().code; };
  EXPECT_EQ(code_of_row(good.substr(0, 14)), ErrorCode::kCorruption);
  EXPECT_EQ(code_of_row('\x09' + good.substr(1)), ErrorCode::kCorruption);
  EXPECT_EQ(code_of_row(good.substr(0, 12) + "\xff\xff" + good.substr(14)), ErrorCode::kCorruption);
  EXPECT_EQ(parse_summary("short").error().code, ErrorCode::kCorruption);
  EXPECT_EQ(parse_locator("short").error().code, ErrorCode::kCorruption);
}

TEST(AppointmentRowTest, NamesGoBothWays) {
  for (const auto status : {RequestStatus::kPending, RequestStatus::kCompleted,
                            RequestStatus::kFailed, RequestStatus::kCancelled}) {
    EXPECT_EQ(parse_request_status(to_string(status)), status);
  }
  for (const auto lifecycle :
       {Lifecycle::kRequested, Lifecycle::kBooked, Lifecycle::kRejected, Lifecycle::kCancelled,
        Lifecycle::kArrived, Lifecycle::kFulfilled, Lifecycle::kNoShow}) {
    EXPECT_EQ(parse_lifecycle(to_string(lifecycle)), lifecycle);
  }
  EXPECT_EQ(parse_request_status("booked"), std::nullopt);
  EXPECT_EQ(parse_lifecycle("pending"), std::nullopt);
}

TEST(AppointmentRowTest, KeysSortByTimeThenId) {
  const auto key = [](std::int64_t ms, unsigned char id) {
    return row_key(kDefaultTenant, insured("00001"), {at_ms(ms), AppointmentId{uuid(id)}});
  };
  EXPECT_LT(summary_key(kDefaultTenant, insured("00001")), key(-1'000, 1));
  EXPECT_LT(key(-1'000, 2), key(-1, 1));
  EXPECT_LT(key(-1, 2), key(0, 1));
  EXPECT_LT(key(0, 1), key(0, 2));
  EXPECT_LT(key(0, 2), key(1'790'000'000'000, 1));
  EXPECT_EQ(parse_sort_key(key(-5, 3)), (SortKey{at_ms(-5), AppointmentId{uuid(3)}}));
}

}  // namespace
}  // namespace citas::projections
