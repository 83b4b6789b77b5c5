// The codec: bytes that are written once and read for ever.
#include "events/codec.h"

#include <gtest/gtest.h>

#include <set>

#include "events/event_types.h"
#include "tests/support/events.h"

namespace citas {
namespace {

using namespace testing;  // NOLINT: the vocabulary of these tests

std::vector<EventData> one_of_each() {
  return {AppointmentRequested{ref(1), {.center = 3, .specialty = 4, .medic = 5, .date = kNow}},
          AppointmentRequested{ref(1), {}},
          AppointmentConfirmed{ref(1), RegistrationId{uuid(9)}},
          AppointmentRejected{ref(1), reason("center_closed")},
          AppointmentCancelled{ref(1), reason("other")},
          AppointmentCancelled{ref(1), std::nullopt},
          DeadLetterRecorded{.id = DeadLetterId{uuid(8)},
                             .message_id = "m\"1",
                             .consumer = "processor-PE",
                             .country = country("PE"),
                             .reason = reason("crashed"),
                             .attempts = 5,
                             .appointment = AppointmentId{uuid(1)},
                             .payload_sha256 = "00"},
          DeadLetterRecorded{
              .message_id = "m2", .country = country("PE"), .reason = reason("malformed")},
          DeadLetterRetried{DeadLetterId{uuid(8)}, country("CL"), AppointmentId{uuid(1)}},
          DeadLetterDiscarded{DeadLetterId{uuid(8)}, country("PE"), AppointmentId{uuid(1)},
                              reason("unprocessable")},
          DeadLetterDiscarded{DeadLetterId{uuid(8)}, country("PE"), std::nullopt, reason("other")}};
}

TEST(CodecTest, ReadsBackEveryTypeExactly) {
  const Codec codec;
  for (const EventData& data : one_of_each()) {
    Event event = event_at(12, data);
    event.correlation = uuid(50);
    event.causation = EventId{uuid(51)};
    event.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const auto decoded = codec.decode(Codec::encode(event, kTestLog));
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(*decoded, event) << type_of(data);
  }
}

// Published bytes: if this test has to change, stored logs have become unreadable to others.
TEST(CodecTest, WritesThePublishedForm) {
  EXPECT_EQ(Codec::encode(event_at(12, AppointmentRequested{ref(1), {.center = 3}}), kTestLog),
            R"({"specversion":"1.0","id":"00000000-0000-7000-8000-000000000070",)"
            R"("source":"citas/00000000-0000-7000-8000-000000000007/main",)"
            R"("type":"citas.appointment.requested.v1",)"
            R"("subject":"00000000-0000-7000-8000-000000000001",)"
            R"("time":"2026-09-21T14:13:20.012Z","position":"12","tenant":"default",)"
            R"("actor":"anonymous","commandid":"00000000-0000-7000-8000-000000000063",)"
            R"("data":{"insuredId":"00001","scheduleId":100,"countryISO":"PE","centerId":3}})");
}

TEST(CodecTest, WritesThePublishedFormOfDeadLetters) {
  const auto data_of = [](const EventData& data) {
    const std::string text = Codec::encode(event_at(12, data), kTestLog);
    return text.substr(text.find("\"type\""));
  };
  const DeadLetterId id{uuid(8)};
  const std::string envelope =
      R"(","subject":"00000000-0000-7000-8000-000000000001","time":"2026-09-21T14:13:20.012Z",)"
      R"("position":"12","tenant":"default","actor":"anonymous",)"
      R"("commandid":"00000000-0000-7000-8000-000000000063",)"
      R"("data":{"deadLetterId":"00000000-0000-7000-8000-000000000008",)";
  EXPECT_EQ(data_of(DeadLetterRecorded{.id = id,
                                       .message_id = "m1",
                                       .consumer = "processor-PE",
                                       .country = country("PE"),
                                       .reason = reason("processing_failed"),
                                       .attempts = 5,
                                       .appointment = AppointmentId{uuid(1)},
                                       .payload_sha256 = "00"}),
            R"("type":"citas.deadletter.recorded.v1)" + envelope +
                R"("messageId":"m1","consumer":"processor-PE","countryISO":"PE",)"
                R"("reason":"processing_failed","attempts":5,"payloadSha256":"00"}})");
  EXPECT_EQ(data_of(DeadLetterRetried{id, country("CL"), AppointmentId{uuid(1)}}),
            R"("type":"citas.deadletter.retried.v1)" + envelope + R"("countryISO":"CL"}})");
  EXPECT_EQ(
      data_of(DeadLetterDiscarded{id, country("PE"), AppointmentId{uuid(1)}, reason("other")}),
      R"("type":"citas.deadletter.discarded.v1)" + envelope +
          R"("countryISO":"PE","reason":"other"}})");
}

// As earlier builds wrote it.
TEST(CodecTest, ReadsLettersThatHaveNoId) {
  const Event event = event_at(
      12,
      DeadLetterRecorded{
          .message_id = "m1", .consumer = "c", .country = country("PE"), .reason = reason("r")});
  const std::string text = Codec::encode(event, kTestLog);
  EXPECT_EQ(text.find("deadLetterId"), std::string::npos);
  EXPECT_EQ(Codec{}.decode(text), event);
}

TEST(CodecTest, DecisionsOnLettersNameThem) {
  for (const EventData& data : std::initializer_list<EventData>{
           DeadLetterRetried{DeadLetterId{uuid(8)}, country("CL"), AppointmentId{uuid(1)}},
           DeadLetterDiscarded{DeadLetterId{uuid(8)}, country("PE"), {}, reason("other")}}) {
    std::string text = Codec::encode(event_at(12, data), kTestLog);
    ASSERT_TRUE(Codec{}.decode(text));
    const std::string id = R"("deadLetterId":"00000000-0000-7000-8000-000000000008",)";
    text.erase(text.find(id), id.size());
    EXPECT_FALSE(Codec{}.decode(text)) << text;
  }
}

TEST(CodecTest, WhateverATextHoldsCanBeReadAgain) {
  const Codec codec;
  for (const std::string& text : {std::string("quote \" backslash \\ tab \t"), std::string("ñandú"),
                                  std::string("\x01\x7f"), std::string("no UTF-8: \xff\xfe")}) {
    DeadLetterRecorded letter{
        .message_id = text, .country = country("PE"), .reason = reason("malformed")};
    const auto decoded = codec.decode(Codec::encode(event_at(1, letter), kTestLog));
    ASSERT_TRUE(decoded) << decoded.error().message;
    const auto& read = std::get<DeadLetterRecorded>(decoded->data).message_id;
    EXPECT_EQ(read == text, text.find('\xff') == std::string::npos) << read;
  }
}

TEST(CodecTest, ARequestKeepsWithinItsBudget) {
  const Event event = event_at(1'000'000, AppointmentRequested{ref(1), {.center = 3}});
  EXPECT_LE(Codec::encode(event, kTestLog).size(), 500u);
}

TEST(CodecTest, RefusesWhatItDidNotWrite) {
  const Codec codec;
  const std::string good = Codec::encode(event_at(1, AppointmentRequested{ref(1), {}}), kTestLog);
  ASSERT_TRUE(codec.decode(good));
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return text;
  };
  for (const std::string& bad :
       {std::string{}, std::string("{}"), std::string("[]"), std::string("null"), good + "x",
        good.substr(0, good.size() - 1), with("\"position\":\"1\"", "\"position\":1"),
        with("\"position\":\"1\"", "\"position\":\"01\""), with("00001", "0001"),
        with("insuredId", "insured"), with("\"PE\"", "\"pe\""), with("tenant", "tenent"),
        with("requested.v1", "requested.v9"), with("\"scheduleId\":100", "\"scheduleId\":\"100\""),
        with("\"subject\":\"0", "\"subject\":\"x")}) {
    const auto decoded = codec.decode(bad);
    ASSERT_FALSE(decoded) << bad;
    EXPECT_EQ(decoded.error().code, ErrorCode::kCorruption);
    EXPECT_EQ(decoded.error().message.find("00001"), std::string::npos) << "personal data";
  }
}

TEST(CodecTest, UnknownTypesAreAnErrorUnlessTheReaderSkipsThem) {
  const Codec codec;
  std::string text = Codec::encode(event_at(1, AppointmentRequested{ref(1), {}}), kTestLog);
  text.replace(text.find("requested.v1"), 12, "requested.v9");
  EXPECT_FALSE(codec.decode(text));
  const auto skipped = codec.decode_known(text);
  ASSERT_TRUE(skipped);
  EXPECT_FALSE(skipped->has_value());
}

// A version 0 that never was published: the number of the schedule had another name.
Result<std::string> from_v0(std::string_view data) {
  std::string text(data);
  const auto at = text.find("\"slot\"");
  if (at == std::string::npos) return failure(ErrorCode::kCorruption, "v0 without a slot");
  return text.replace(at, 6, "\"scheduleId\"");
}

TEST(CodecTest, UpcastsOldVersionsOnReading) {
  const Codec codec(
      {{"citas.appointment.requested.v0", "citas.appointment.requested.v1", from_v0}});
  const Event event = event_at(1, AppointmentRequested{ref(1), {}});
  std::string text = Codec::encode(event, kTestLog);
  text.replace(text.find("requested.v1"), 12, "requested.v0");
  text.replace(text.find("scheduleId"), 10, "slot");
  EXPECT_FALSE(Codec{}.decode(text));
  const auto decoded = codec.decode(text);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(*decoded, event);
  EXPECT_NE(codec.revision(), Codec{}.revision());
}

Result<std::string> from_before_v0(std::string_view data) {
  std::string text(data);
  return text.replace(text.find("\"place\""), 7, "\"slot\"");
}

TEST(CodecTest, UpcastsFromOneVersionToTheNext) {
  const Codec codec(
      {{"citas.appointment.requested.v0", "citas.appointment.requested.v1", from_v0},
       {"citas.appointment.asked.v0", "citas.appointment.requested.v0", from_before_v0}});
  const Event event = event_at(1, AppointmentRequested{ref(1), {}});
  std::string text = Codec::encode(event, kTestLog);
  text.replace(text.find("requested.v1"), 12, "asked.v0");
  text.replace(text.find("scheduleId"), 10, "place");
  const auto decoded = codec.decode(text);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(*decoded, event);
}

TEST(EventTypes, EveryAlternativeHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (const EventData& data : one_of_each()) {
    EXPECT_TRUE(is_event_type(type_of(data)));
    names.insert(type_of(data));
  }
  EXPECT_EQ(names.size(), std::variant_size_v<EventData>);
}

}  // namespace
}  // namespace citas
