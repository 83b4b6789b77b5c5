// Idempotency keys: what scopes them, and what is kept of a command.
#include "commands/idempotency.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "commands/command.h"
#include "events/base/hex.h"
#include "tests/support/events.h"

namespace citas::commands {
namespace {

using namespace citas::testing;  // NOLINT: the vocabulary of these tests

CommandData request(VisitDetails details = {}) {
  return RequestAppointment{insured("00001"), slot("PE", 1), details};
}

CommandKey key(std::string_view tenant, std::string_view principal, std::string_view route,
               std::string_view resource, std::string_view client_key) {
  return idempotency_key(TenantId{std::string(tenant)}, principal, route, resource, client_key,
                         request())
      .key;
}

TEST(IdempotencyKeyTest, IsScopedByEverything) {
  const CommandKey base = key("t", "p", "r", "s", "k");
  EXPECT_EQ(base, key("t", "p", "r", "s", "k"));
  EXPECT_NE(base, key("T", "p", "r", "s", "k"));
  EXPECT_NE(base, key("t", "P", "r", "s", "k"));
  EXPECT_NE(base, key("t", "p", "R", "s", "k"));
  EXPECT_NE(base, key("t", "p", "r", "S", "k"));
  EXPECT_NE(base, key("t", "p", "r", "s", "K"));
  EXPECT_NE(key("ab", "c", "", "", ""), key("a", "bc", "", "", ""));
}

TEST(IdempotencyKeyTest, EveryFieldOfTheCommandCounts) {
  const auto canonical = [](const CommandData& command) {
    return idempotency_key(kDefaultTenant, "p", "r", "s", "k", command).canonical;
  };
  const std::string base = canonical(request());
  EXPECT_EQ(base, canonical(request()));
  EXPECT_NE(base, canonical(request({.center = 1})));
  EXPECT_NE(canonical(request({.center = 1})), canonical(request({.specialty = 1})));
  EXPECT_NE(canonical(request({.specialty = 1})), canonical(request({.medic = 1})));
  EXPECT_NE(base, canonical(request({.date = kNow})));
  EXPECT_NE(base, canonical(RequestAppointment{insured("00002"), slot("PE", 1), {}}));
  EXPECT_NE(base, canonical(RequestAppointment{insured("00001"), slot("CL", 1), {}}));
  EXPECT_NE(base, canonical(RequestAppointment{insured("00001"), slot("PE", 2), {}}));
  const AppointmentId one{uuid(1)};
  EXPECT_NE(canonical(CancelAppointment{one, insured("00001"), std::nullopt}),
            canonical(CancelAppointment{one, insured("00001"), reason("other")}));
}

// Under it lie the outcomes of earlier versions: another one, and their keys are forgotten.
TEST(IdempotencyKeyTest, StaysAsItIs) {
  EXPECT_EQ(to_hex(key("t", "p", "r", "s", "k")),
            "d4c993b168af9115cf2c177567b2df96e777f05a759c49cf256fe1f2f5fcca17")
      << "SHA-256 of the five, with a zero byte between each two";
}

// What a server of another version has stored is compared with it: it stays as it is.
TEST(IdempotencyKeyTest, TheCanonicalFormOfEachCommandIsFixed) {
  const auto canonical = [](const CommandData& command) {
    std::string form = idempotency_key(kDefaultTenant, "p", "r", "s", "k", command).canonical;
    std::ranges::replace(form, '\x1f', '|');
    return form;
  };
  const std::string one = "00000000-0000-7000-8000-000000000001|";
  const std::string two = "00000000-0000-7000-8000-000000000002|";
  const AppointmentId appointment{uuid(1)};
  const DeadLetterRecorded letter{.message_id = "m1",
                                  .consumer = "processor-PE",
                                  .country = country("PE"),
                                  .reason = reason("bad"),
                                  .appointment = appointment,
                                  .payload_sha256 = "00ff"};
  EXPECT_EQ(canonical(request({.center = 3, .medic = 5, .date = at_ms(1'790'000'000'123)})),
            "0|00001|PE|1|3||5|1790000000123|");
  EXPECT_EQ(canonical(request()), "0|00001|PE|1|||||");
  EXPECT_EQ(canonical(ConfirmAppointment{appointment, country("PE"), RegistrationId{uuid(2)}}),
            "1|" + one + "PE|" + two);
  EXPECT_EQ(canonical(RejectAppointment{appointment, country("PE"), reason("closed")}),
            "2|" + one + "PE|closed|");
  EXPECT_EQ(canonical(CancelAppointment{appointment, insured("00001"), reason("other")}),
            "3|" + one + "00001|other|");
  EXPECT_EQ(canonical(CancelAppointment{appointment, insured("00001"), std::nullopt}),
            "3|" + one + "00001|");
  EXPECT_EQ(canonical(RecordDeadLetter{letter}), "4|m1|processor-PE|PE|bad|00ff|");
  EXPECT_EQ(canonical(RetryDeadLetter{DeadLetterId{uuid(1)}}), "5|" + one);
  EXPECT_EQ(canonical(DiscardDeadLetter{DeadLetterId{uuid(1)}, reason("invalid")}),
            "6|" + one + "invalid|");
}

TEST(StoredOutcomeTest, FitsAndReadsBack) {
  const StoredOutcome outcome{Position{123}, Fingerprinter("key")("command")};
  const std::string bytes = encode_outcome(outcome);
  EXPECT_LE(bytes.size(), kMaxCommandResultSize);
  const auto decoded = decode_outcome(bytes);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->position, outcome.position);
  EXPECT_EQ(decoded->fingerprint, outcome.fingerprint);
  EXPECT_EQ(decode_outcome(bytes.substr(1)).error().code, ErrorCode::kCorruption);
  EXPECT_FALSE(decode_outcome(std::string(bytes.size(), '\x07')));
}

// Stored for ever.
TEST(StoredOutcomeTest, StaysAsItIs) {
  Fingerprint fingerprint;
  fingerprint.fill(0xab);
  EXPECT_EQ(encode_outcome({Position{0x0102}, fingerprint}),
            std::string("\x01\0\0\0\0\0\0\x01\x02", 9) + std::string(16, '\xab'));
}

// RFC 4231, test case 2. Fingerprints are stored: they stay as they are.
TEST(FingerprinterTest, IsTheBeginningOfAnHmac) {
  constexpr Fingerprint kExpected{0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e,
                                  0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7};
  Fingerprinter fingerprint("Jefe");
  for (int use = 0; use < 3; ++use) {
    EXPECT_EQ(fingerprint("what do ya want for nothing?"), kExpected);
    EXPECT_NE(fingerprint("what do ya want for nothing!"), kExpected);
  }
}

TEST(FingerprinterTest, DependsOnTheLogsKey) {
  EXPECT_NE(Fingerprinter("a")("command"), Fingerprinter("b")("command"));
}

}  // namespace
}  // namespace citas::commands
