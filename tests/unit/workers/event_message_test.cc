#include "workers/event_message.h"

#include <gtest/gtest.h>

#include "tests/unit/workers/log_world.h"

namespace citas::workers {
namespace {

TEST(EventMessage, CarriesTheEnvelopeInItsHeaders) {
  LogWorld world;
  const AppointmentId appointment = world.request(kPeru);
  const Event event = world.events().at(0);
  const auto record = read_one(world.log, Position{1}).value();

  EventMessageReader reader;
  const auto message = reader.read(Epoch{7}, record.position, record.hash, record.bytes);
  ASSERT_TRUE(message) << message.error().message;
  EXPECT_EQ(message->subject, "citas.events.PE.appointment.requested");
  EXPECT_EQ(message->country, "PE");
  EXPECT_EQ(message->id, event.id.value().to_string());
  EXPECT_EQ(find_header(message->headers, "Content-Type"), "application/cloudevents+json");
  EXPECT_EQ(find_header(message->headers, "ce-id"), message->id);
  EXPECT_EQ(find_header(message->headers, "ce-type"), "citas.appointment.requested.v1");
  EXPECT_EQ(find_header(message->headers, "ce-specversion"), "1.0");
  EXPECT_EQ(find_header(message->headers, "ce-source"), world.log.identity().source());
  EXPECT_EQ(find_header(message->headers, "ce-subject"), appointment.value().to_string());
  EXPECT_EQ(find_header(message->headers, "ce-time"), format_rfc3339(event.time));
  EXPECT_EQ(find_header(message->headers, "Citas-Position"), "1");
  EXPECT_EQ(find_header(message->headers, "Citas-Hash")->size(), 64U);
  EXPECT_EQ(find_header(message->headers, "Citas-Epoch"), "7");
  EXPECT_EQ(find_header(message->headers, "traceparent"), std::nullopt);
}

TEST(EventMessage, ATypeOfTomorrowPasses) {
  EventMessageReader reader;
  const auto message = reader.read(
      Epoch{1}, Position{3}, {},
      R"({"specversion":"1.0","id":"i","source":"s","type":"citas.thing.done.v2",)"
      R"("time":"2030-01-01T00:00:00.000Z","position":"3","traceparent":"t","data":{"a":[{}]}})");
  ASSERT_TRUE(message) << message.error().message;
  EXPECT_EQ(message->subject, "citas.events._.thing.done");
  EXPECT_EQ(find_header(message->headers, "traceparent"), "t");
}

TEST(EventMessage, TheOriginTellsLogsAndTheirFuturesApart) {
  const Headers first{{"ce-source", "citas/x/main"}, {"Citas-Epoch", "1"}};
  EXPECT_EQ(origin_of(first), "citas/x/main");
  EXPECT_EQ(origin_of({first[0]}), "citas/x/main") << "as earlier versions published";
  EXPECT_EQ(origin_of({first[0], {"Citas-Epoch", "5"}}), "citas/x/main#5");
  EXPECT_EQ(origin_of(Headers{{"Citas-Epoch", "5"}}), std::nullopt);
  const LogWorld restored(1, Epoch{5});
  EXPECT_EQ(origin_of(restored.log), restored.log.identity().source() + "#5");
}

TEST(EventMessage, OtherBytesAreCorruption) {
  EventMessageReader reader;
  for (const char* bytes : {"", "{}", "null", "[1]", R"({"specversion":"1.0","id":1})", "{\"a"}) {
    EXPECT_EQ(reader.read(Epoch{1}, Position{3}, {}, bytes).error().code, ErrorCode::kCorruption)
        << bytes;
  }
}

}  // namespace
}  // namespace citas::workers
