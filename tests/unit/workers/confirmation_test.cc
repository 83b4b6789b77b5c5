// The small JSON documents between workers: what is written can be read, and nothing else can.
#include "workers/confirmation.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/workers/log_world.h"
#include "workers/dead_letter.h"
#include "workers/reconciler.h"
#include "workers/topology.h"

namespace citas::workers {
namespace {

const AppointmentId kAppointment{*Uuid::parse("01890a5d-ac96-774b-bcce-b302099a8057")};
const EventId kRequest{*Uuid::parse("01890a5d-ac96-774b-bcce-000000000001")};
const Confirmation kConfirmed{kAppointment, kRequest, kPeru, RegistrationId{kAppointment.value()}};
const Confirmation kRefused{kAppointment, kRequest, kChile, *ReasonCode::parse("center_closed")};

TEST(Confirmation, HasThePublishedForm) {
  EXPECT_EQ(encode(kConfirmed),
            R"({"type":"AppointmentConfirmation","source":"appointment.service",)"
            R"("appointmentId":"01890a5d-ac96-774b-bcce-b302099a8057",)"
            R"("requestEventId":"01890a5d-ac96-774b-bcce-000000000001","countryISO":"PE",)"
            R"("outcome":"confirmed","registrationId":"01890a5d-ac96-774b-bcce-b302099a8057"})");
  EXPECT_EQ(message_id(kConfirmed), "01890a5d-ac96-774b-bcce-000000000001/confirmed");
  EXPECT_EQ(message_id(kRefused), "01890a5d-ac96-774b-bcce-000000000001/refused");
}

TEST(Confirmation, WhatIsWrittenCanBeRead) {
  EXPECT_EQ(parse_confirmation(encode(kConfirmed)).value(), kConfirmed);
  EXPECT_EQ(parse_confirmation(encode(kRefused)).value(), kRefused);
}

TEST(Confirmation, ARefusalMayLeaveItsReasonOut) {
  auto json = nlohmann::json::parse(encode(kRefused));
  json.erase("reason");
  EXPECT_EQ(std::get<ReasonCode>(parse_confirmation(json.dump()).value().outcome).text(),
            "unspecified");
  json["reason"] = "The doctor, Jane Roe, is ill";
  EXPECT_FALSE(parse_confirmation(json.dump())) << "free text could hold a person's data";
}

TEST(Confirmation, ARefusalMayNameARegistration) {
  auto json = nlohmann::json::parse(encode(kRefused));
  json["registrationId"] = "01890a5d-ac96-774b-bcce-b302099a8057";
  EXPECT_EQ(parse_confirmation(json.dump()).value(), kRefused);
  json["registrationId"] = "none";
  EXPECT_FALSE(parse_confirmation(json.dump()));
}

TEST(Confirmation, HostileBytesAreRefused) {
  const std::string good = encode(kConfirmed);
  std::vector<std::string> hostile{
      "",
      "null",
      "[]",
      "{}",
      "\"text\"",
      "{\"type\"",
      std::string(100'000, '['),
      "{\"type\":" + std::string(2'000, '{'),
      good + "x",
      good + good,
      "{\"type\":\"AppointmentConfirmation\"," + good.substr(1),  // a repeated field
      "{\"extra\":\"1\"," + good.substr(1),
      "{\"reason\":\"center_closed\"," + good.substr(1),
      std::string("\xFF\xFE\x00{", 4),
      "{\"type\":\"\xC3\x28\"}",
      "{\"type\":\"" + std::string(5'000, 'a') + "\"}",
  };
  for (std::size_t i = 0; i < good.size(); ++i) hostile.push_back(good.substr(0, i));
  for (const std::string& bytes : hostile) {
    EXPECT_FALSE(parse_confirmation(bytes)) << bytes.substr(0, 80);
  }
}

TEST(Confirmation, AFlippedBitIsRefusedOrReadsBackAsWhatItSays) {
  const std::string good = encode(kRefused);
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::string flipped = good;
      flipped[i] = static_cast<char>(static_cast<unsigned char>(flipped[i]) ^ (1U << bit));
      const auto read = parse_confirmation(flipped);
      if (!read) continue;
      EXPECT_EQ(parse_confirmation(encode(*read)).value(), *read)
          << "byte " << i << ", bit " << bit;
    }
  }
}

Message message(const std::string& id) {
  return {.subject = "citas.confirmations.PE",
          .headers = {{kMessageIdHeader, id}},
          .payload = "whatever",
          .stream_sequence = 9,
          .reply = {}};
}

TEST(DeadLetter, WhatIsWrittenCanBeRead) {
  auto letter = make_dead_letter(message("id-1"), "processor-PE", kPeru, "processing_failed");
  EXPECT_EQ(parse_dead_letter(encode(letter)).value(), letter);
  letter.letter.appointment = kAppointment;
  letter.letter.attempts = 5;
  EXPECT_EQ(parse_dead_letter(encode(letter)).value(), letter);
  EXPECT_EQ(message_id(letter), "id-1/processor-PE");
  letter.retry = Position{0};
  EXPECT_EQ(parse_dead_letter(encode(letter)).value(), letter);
  EXPECT_EQ(message_id(letter), "id-1/processor-PE");
  letter.retry = Position{12};
  EXPECT_EQ(parse_dead_letter(encode(letter)).value(), letter);
  EXPECT_EQ(message_id(letter), "id-1/processor-PE/r12");
}

TEST(DeadLetter, AnUnprintableIdIsReplacedByThePlaceInTheStream) {
  for (const std::string& id : {std::string("\xFF\x01", 2), std::string("two words"),
                                std::string(500, 'a'), std::string()}) {
    const auto letter = make_dead_letter(message(id), "confirmations", {}, "malformed_message");
    EXPECT_EQ(letter.letter.message_id, "citas.confirmations.PE#9");
    EXPECT_EQ(letter.letter.country.text(), "XX");
    EXPECT_TRUE(parse_dead_letter(encode(letter)));
  }
}

TEST(DeadLetter, HostileBytesAreRefused) {
  const std::string good = encode(make_dead_letter(message("id"), "c", kPeru, "malformed_message"));
  for (std::size_t i = 0; i < good.size(); ++i) {
    EXPECT_FALSE(parse_dead_letter(good.substr(0, i)));
  }
  std::string negative = good;
  negative.replace(negative.find("\"attempts\":1"), 12, "\"attempts\":-1");
  EXPECT_FALSE(parse_dead_letter(negative));
}

TEST(Topology, SubjectsFollowTheTypes) {
  EXPECT_EQ(event_subject("PE", "citas.appointment.requested.v1"),
            "citas.events.PE.appointment.requested");
  EXPECT_EQ(event_subject("_", "citas.thing.v12"), "citas.events._.thing");
  EXPECT_EQ(country_of_subject("citas.confirmations.PE"), kPeru);
  EXPECT_EQ(country_of_subject("citas.confirmations.pe"), std::nullopt);
  EXPECT_EQ(country_of_subject("citas.confirmations."), std::nullopt);
}

// Else what was lost on the bus would be dropped as a duplicate for as long as the window is.
TEST(Topology, AnAnswerToWhatTheReconcilerAsksAgainIsNoDuplicate) {
  for (const StreamSpec& spec : stream_specs()) {
    const bool holds_answers = spec.name == kConfirmationsStream || spec.name == kDeadLettersStream;
    if (!holds_answers) continue;
    EXPECT_LT(spec.duplicate_window, ReconcilerOptions{}.pending_after) << spec.name;
  }
}

}  // namespace
}  // namespace citas::workers
