// What every bus adapter promises (workers/bus.h), run on each of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/contract/workers/bus_world.h"

namespace citas::workers {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;

using MakeWorld = std::unique_ptr<BusWorld> (*)();

class BusContract : public testing::TestWithParam<MakeWorld> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(eventually(*world_, [&] { return bus_->connected(); }));
    ASSERT_TRUE(bus_->ensure_stream(stream_));
    publisher_ = std::move(*bus_->open_publisher({}));
  }

  void publish(std::uint64_t ticket, const std::string& id, const std::string& payload,
               std::optional<std::uint64_t> expected = {}) {
    ASSERT_TRUE(publisher_->publish(ticket, {.subject = "letters.a",
                                             .message_id = id,
                                             .headers = headers_,
                                             .payload = payload,
                                             .expected_last_sequence = expected}));
  }

  // Waits for the completions of `count` publications.
  std::vector<Completion> completions(std::size_t count) {
    std::vector<Completion> all;
    EXPECT_TRUE(eventually(*world_, [&] {
      publisher_->poll(all);
      return all.size() >= count;
    }));
    EXPECT_EQ(all.size(), count);
    return all;
  }

  Result<PublishAck> publish_and_wait(const std::string& id, const std::string& payload,
                                      std::optional<std::uint64_t> expected = {}) {
    publish(1, id, payload, expected);
    return completions(1).at(0).outcome;
  }

  void publish_three_the_second_elsewhere() {
    publish_and_wait("", "first");
    ASSERT_TRUE(publisher_->publish(1, {.subject = "letters.b",
                                        .message_id = {},
                                        .headers = {},
                                        .payload = "another subject",
                                        .expected_last_sequence = {}}));
    completions(1);
    publish_and_wait("", "third");
  }

  std::unique_ptr<MessageSource> open_source(Bus& bus) {
    return std::move(*bus.open_source(consumer_, {"Colour"}));
  }

  // Waits for `count` messages.
  std::vector<Message> receive(MessageSource& source, std::size_t count) {
    std::vector<Message> all;
    EXPECT_TRUE(eventually(*world_, [&] {
      source.poll(count - all.size(), all);
      return all.size() == count;
    }));
    return all;
  }

  static std::vector<std::string> payloads(const std::vector<Message>& messages) {
    std::vector<std::string> all;
    for (const Message& message : messages) all.push_back(message.payload);
    return all;
  }

  std::unique_ptr<BusWorld> world_ = GetParam()();
  std::unique_ptr<Bus> bus_ = world_->connect();
  std::unique_ptr<Publisher> publisher_;
  Headers headers_ = {{"Colour", "blue"}, {"Shape", "round"}};
  StreamSpec stream_{.name = "LETTERS", .subjects = {"letters.>"}};
  ConsumerSpec consumer_{.stream = "LETTERS",
                         .durable = "reader",
                         .filter_subject = "letters.a",
                         .deliver_group = "readers",
                         .ack_wait = milliseconds{1'000},  // a test's next step takes less
                         .max_ack_pending = 100};
};

TEST_P(BusContract, StoresWhatIsPublishedInOrder) {
  for (int i = 1; i <= 3; ++i) publish(10U + static_cast<unsigned>(i), "", std::to_string(i));

  const auto done = completions(3);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(done[i].ticket, 11 + i);
    ASSERT_TRUE(done[i].outcome) << done[i].outcome.error().message;
    EXPECT_EQ(done[i].outcome->sequence, 1 + i);
  }
  const auto info = bus_->stream_info("LETTERS");
  ASSERT_TRUE(info);
  EXPECT_EQ(info->messages, 3U);
  EXPECT_EQ(info->last_sequence, 3U);
}

TEST_P(BusContract, AnEmptyStreamHasNoLastMessage) {
  EXPECT_EQ(bus_->last_message("LETTERS").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(bus_->stream_info("LETTERS")->last_sequence, 0U);
}

TEST_P(BusContract, TheLastMessageHasItsHeaders) {
  publish_and_wait("one", "first");
  publish_and_wait("two", "second");

  const auto last = bus_->last_message("LETTERS");
  ASSERT_TRUE(last) << last.error().message;
  EXPECT_EQ(last->payload, "second");
  EXPECT_EQ(last->subject, "letters.a");
  EXPECT_EQ(last->sequence, 2U);
  EXPECT_EQ(find_header(last->headers, "Colour"), "blue");
  EXPECT_EQ(find_header(last->headers, "Shape"), "round");
  EXPECT_EQ(find_header(last->headers, "Nats-Msg-Id"), "two");
  EXPECT_EQ(find_header(last->headers, "Size"), std::nullopt);
}

TEST_P(BusContract, ReadsTheMessageAtASequence) {
  publish_and_wait("one", "first");
  publish_and_wait("two", "second");

  const auto message = bus_->message_at("LETTERS", 1);
  ASSERT_TRUE(message) << message.error().message;
  EXPECT_EQ(message->payload, "first");
  EXPECT_EQ(message->subject, "letters.a");
  EXPECT_EQ(message->sequence, 1U);
  EXPECT_EQ(find_header(message->headers, "Colour"), "blue");
  EXPECT_EQ(bus_->message_at("LETTERS", 3).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(bus_->message_at("NOBODYS", 1).error().code, ErrorCode::kNotFound);
}

TEST_P(BusContract, FindsTheNextMessageOfAFilter) {
  publish_three_the_second_elsewhere();

  EXPECT_EQ(bus_->next_sequence("LETTERS", "letters.a", 1).value(), 1U);
  EXPECT_EQ(bus_->next_sequence("LETTERS", "letters.a", 2).value(), 3U);
  EXPECT_EQ(bus_->next_sequence("LETTERS", "letters.*", 2).value(), 2U);
  EXPECT_EQ(bus_->next_sequence("LETTERS", "letters.b", 3).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(bus_->next_sequence("LETTERS", "letters.a", 4).error().code, ErrorCode::kNotFound);
}

TEST_P(BusContract, AMessageIdIsStoredOnce) {
  publish_and_wait("same", "first");
  const auto again = publish_and_wait("same", "second");

  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(again->duplicate);
  EXPECT_EQ(again->sequence, 1U);
  EXPECT_EQ(bus_->last_message("LETTERS")->payload, "first");
}

TEST_P(BusContract, AnotherLastSequenceThanExpectedIsAConflict) {
  EXPECT_TRUE(publish_and_wait("one", "first", 0));
  EXPECT_TRUE(publish_and_wait("two", "second", 1));
  const auto refused = publish_and_wait("three", "third", 1);

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_EQ(bus_->stream_info("LETTERS")->last_sequence, 2U);
}

TEST_P(BusContract, ADuplicateIsToldBeforeTheExpectedSequenceIsChecked) {
  publish_and_wait("one", "first", 0);
  publish_and_wait("two", "second", 1);
  const auto again = publish_and_wait("one", "first", 0);

  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(again->duplicate);
}

TEST_P(BusContract, ASubjectWithoutStreamIsUnavailable) {
  ASSERT_TRUE(publisher_->publish(7, {.subject = "nowhere.a",
                                      .message_id = {},
                                      .headers = {},
                                      .payload = "lost",
                                      .expected_last_sequence = {}}));
  const auto done = completions(1);
  EXPECT_EQ(done[0].ticket, 7U);
  ASSERT_FALSE(done[0].outcome);
  EXPECT_EQ(done[0].outcome.error().code, ErrorCode::kUnavailable);
}

TEST_P(BusContract, AFullWindowRefusesUntilPolled) {
  auto narrow = std::move(*bus_->open_publisher({.window = 2}));
  const Publication letter{.subject = "letters.a",
                           .message_id = {},
                           .headers = {},
                           .payload = "x",
                           .expected_last_sequence = {}};
  EXPECT_TRUE(narrow->publish(1, letter));
  EXPECT_TRUE(narrow->publish(2, letter));
  EXPECT_EQ(narrow->free(), 0U);
  EXPECT_EQ(narrow->publish(3, letter).error().code, ErrorCode::kUnavailable);

  std::vector<Completion> done;
  ASSERT_TRUE(eventually(*world_, [&] {
    narrow->poll(done);
    return done.size() == 2;
  }));
  EXPECT_EQ(narrow->free(), 2U);
  EXPECT_TRUE(narrow->publish(3, letter));
}

TEST_P(BusContract, TenThousandPipelinedPublicationsKeepTheirOrder) {
  constexpr std::uint64_t kCount = 10000;
  std::vector<Completion> done;
  std::uint64_t sent = 0;
  ASSERT_TRUE(eventually(*world_, [&] {
    while (sent < kCount && publisher_->free() > 0) {
      publish(sent, "id-" + std::to_string(sent), "payload", sent);
      ++sent;
    }
    publisher_->poll(done);
    return done.size() == kCount;
  }));
  for (const Completion& completion : done) {
    ASSERT_TRUE(completion.outcome) << completion.outcome.error().message;
    ASSERT_EQ(completion.outcome->sequence, completion.ticket + 1);
  }
}

TEST_P(BusContract, DeliversTheFilteredMessagesWithTheWantedHeaders) {
  publish_three_the_second_elsewhere();
  auto source = open_source(*bus_);
  ASSERT_TRUE(bus_->ensure_consumer(consumer_));

  const auto messages = receive(*source, 2);
  EXPECT_THAT(payloads(messages), ElementsAre("first", "third"));
  EXPECT_EQ(messages[0].subject, "letters.a");
  EXPECT_EQ(messages[0].stream_sequence, 1U);
  EXPECT_EQ(messages[1].stream_sequence, 3U);
  EXPECT_EQ(messages[0].deliveries, 1U);
  ASSERT_EQ(messages[0].headers.size(), 1U);
  EXPECT_EQ(find_header(messages[0].headers, "Colour"), "blue");
}

TEST_P(BusContract, WhatIsNotAcknowledgedComesAgainAfterAckWait) {
  publish_and_wait("", "first");
  auto source = open_source(*bus_);
  ASSERT_TRUE(bus_->ensure_consumer(consumer_));

  EXPECT_EQ(receive(*source, 1).at(0).deliveries, 1U);
  const auto again = receive(*source, 1);
  EXPECT_EQ(again.at(0).deliveries, 2U);
  EXPECT_EQ(again.at(0).stream_sequence, 1U);
}

TEST_P(BusContract, AnAcknowledgedMessageMovesTheFloor) {
  publish_and_wait("", "first");
  publish_and_wait("", "second");
  auto source = open_source(*bus_);
  ASSERT_TRUE(bus_->ensure_consumer(consumer_));
  const auto messages = receive(*source, 2);

  ASSERT_TRUE(source->ack(messages[0]));
  EXPECT_TRUE(eventually(*world_, [&] {
    return bus_->consumer_info("LETTERS", "reader")->ack_floor_stream_sequence == 1;
  }));
  EXPECT_EQ(bus_->consumer_info("LETTERS", "reader")->ack_pending, 1U);
  EXPECT_EQ(bus_->consumer_info("LETTERS", "reader")->delivered_stream_sequence, 2U);
}

TEST_P(BusContract, ANakDelaysTheNextDelivery) {
  consumer_.ack_wait = std::chrono::seconds{60};
  publish_and_wait("", "first");
  auto source = open_source(*bus_);
  ASSERT_TRUE(bus_->ensure_consumer(consumer_));

  ASSERT_TRUE(source->nak(receive(*source, 1).at(0), milliseconds{200}));
  EXPECT_EQ(receive(*source, 1).at(0).deliveries, 2U);
}

TEST_P(BusContract, ATerminatedMessageNeverComesAgain) {
  publish_and_wait("", "bad");
  publish_and_wait("", "good");
  auto source = open_source(*bus_);
  ASSERT_TRUE(bus_->ensure_consumer(consumer_));
  const auto messages = receive(*source, 2);

  ASSERT_TRUE(source->term(messages[0]));
  EXPECT_EQ(receive(*source, 1).at(0).payload, "good");
  EXPECT_EQ(receive(*source, 1).at(0).payload, "good");
}

TEST_P(BusContract, NoMoreThanMaxAckPendingAreOutstanding) {
  consumer_.max_ack_pending = 2;
  consumer_.ack_wait = std::chrono::seconds{60};
  for (int i = 1; i <= 3; ++i) publish_and_wait("", std::to_string(i));
  auto source = open_source(*bus_);
  ASSERT_TRUE(bus_->ensure_consumer(consumer_));

  const auto messages = receive(*source, 2);
  EXPECT_EQ(bus_->consumer_info("LETTERS", "reader")->pending, 1U);
  ASSERT_TRUE(source->ack(messages[0]));
  EXPECT_EQ(receive(*source, 1).at(0).payload, "3");
}

TEST_P(BusContract, ADurableConsumerResumesWhereItWas) {
  for (int i = 1; i <= 4; ++i) publish_and_wait("", std::to_string(i));
  auto source = open_source(*bus_);
  ASSERT_TRUE(bus_->ensure_consumer(consumer_));
  for (const Message& message : receive(*source, 4)) {
    if (message.payload == "3") continue;
    ASSERT_TRUE(source->ack(message));
  }
  ASSERT_TRUE(eventually(
      *world_, [&] { return bus_->consumer_info("LETTERS", "reader")->ack_pending == 1; }));
  source.reset();
  publisher_.reset();
  bus_ = world_->connect();
  ASSERT_TRUE(eventually(*world_, [&] { return bus_->connected(); }));

  auto resumed = open_source(*bus_);
  ASSERT_TRUE(bus_->ensure_consumer(consumer_));
  const auto again = receive(*resumed, 1);
  EXPECT_EQ(again[0].payload, "3");
  EXPECT_EQ(again[0].deliveries, 2U);
}

TEST_P(BusContract, SourcesOfOneGroupShareTheMessages) {
  consumer_.ack_wait = std::chrono::seconds{60};
  auto second_bus = world_->connect();
  ASSERT_TRUE(eventually(*world_, [&] { return second_bus->connected(); }));
  auto first = open_source(*bus_);
  auto second = open_source(*second_bus);
  ASSERT_TRUE(bus_->ensure_consumer(consumer_));
  for (int i = 0; i < 50; ++i) publish_and_wait("", std::to_string(i));

  std::vector<Message> received;
  ASSERT_TRUE(eventually(*world_, [&] {
    first->poll(1, received);
    second->poll(1, received);
    return received.size() == 50;
  }));
  std::set<std::uint64_t> sequences;
  for (const Message& message : received) sequences.insert(message.stream_sequence);
  EXPECT_EQ(sequences.size(), 50U);
}

TEST_P(BusContract, WhoHasLeftAGroupGetsNothingUntilItPollsAgain) {
  consumer_.ack_wait = std::chrono::seconds{60};
  auto second_bus = world_->connect();
  ASSERT_TRUE(eventually(*world_, [&] { return second_bus->connected(); }));
  auto first = open_source(*bus_);
  auto second = open_source(*second_bus);
  ASSERT_TRUE(bus_->ensure_consumer(consumer_));
  std::vector<Message> none;
  second->poll(1, none);
  ASSERT_TRUE(none.empty());
  second->leave();
  ASSERT_TRUE(second_bus->stream_info(stream_.name)) << "the bus has heard of it";
  for (int i = 0; i < 50; ++i) publish_and_wait("", std::to_string(i));
  EXPECT_THAT(payloads(receive(*first, 50)), testing::Contains("49"));

  first->leave();
  ASSERT_TRUE(bus_->stream_info(stream_.name));
  second->poll(1, none);
  publish_and_wait("", "after");
  EXPECT_EQ(receive(*second, 1)[0].payload, "after");
}

TEST_P(BusContract, WhoComesAndGoesUnderTrafficLosesNothing) {
  constexpr std::uint64_t kTimes = 200;
  constexpr std::uint64_t kEach = 20;
  const auto source = open_source(*bus_);
  ASSERT_TRUE(bus_->ensure_consumer(consumer_));
  std::set<std::uint64_t> sequences;
  const auto take = [&] {
    std::vector<Message> received;
    source->poll(kEach, received);
    for (const Message& message : received) {
      sequences.insert(message.stream_sequence);
      ASSERT_TRUE(source->ack(message));
    }
  };
  for (std::uint64_t i = 0; i < kTimes; ++i) {
    for (std::uint64_t j = 0; j < kEach; ++j) publish(j, "", "x");
    take();
    source->leave();
    completions(kEach);
  }
  EXPECT_TRUE(eventually(*world_, [&] {
    take();
    return sequences.size() == kTimes * kEach;
  }));
}

TEST_P(BusContract, ADeletedStreamTakesItsConsumersAlong) {
  publish_and_wait("same", "first");
  ASSERT_TRUE(bus_->ensure_consumer(consumer_));
  ASSERT_TRUE(bus_->delete_stream("LETTERS"));

  EXPECT_EQ(bus_->stream_info("LETTERS").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(bus_->consumer_info("LETTERS", "reader").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(bus_->ensure_consumer(consumer_).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(bus_->delete_stream("LETTERS"));
  EXPECT_TRUE(bus_->delete_consumer("LETTERS", "reader"));
}

TEST_P(BusContract, AStreamMadeAgainStartsFromNothing) {
  publish_and_wait("same", "first");
  auto source = open_source(*bus_);
  ASSERT_TRUE(bus_->ensure_consumer(consumer_));
  ASSERT_TRUE(source->ack(receive(*source, 1).at(0)));
  ASSERT_TRUE(bus_->delete_stream("LETTERS"));
  ASSERT_TRUE(bus_->ensure_stream(stream_));

  const auto ack = publish_and_wait("same", "new");
  ASSERT_TRUE(ack) << ack.error().message;
  EXPECT_FALSE(ack->duplicate);
  EXPECT_EQ(ack->sequence, 1U);
  // The source was not opened again: only the consumer was.
  ASSERT_TRUE(bus_->ensure_consumer(consumer_));
  EXPECT_EQ(receive(*source, 1).at(0).payload, "new");
}

TEST_P(BusContract, AConsumerMadeAgainDeliversEverythingOnceMore) {
  publish_and_wait("", "first");
  auto source = open_source(*bus_);
  ASSERT_TRUE(bus_->ensure_consumer(consumer_));
  ASSERT_TRUE(source->ack(receive(*source, 1).at(0)));
  ASSERT_TRUE(eventually(
      *world_, [&] { return bus_->consumer_info("LETTERS", "reader")->ack_pending == 0; }));

  ASSERT_TRUE(bus_->delete_consumer("LETTERS", "reader"));
  source->discard();
  ASSERT_TRUE(bus_->ensure_consumer(consumer_));
  EXPECT_EQ(receive(*source, 1).at(0).payload, "first");
}

TEST_P(BusContract, AConsumerBeginsWhereItsSpecSays) {
  publish_three_the_second_elsewhere();
  publish_and_wait("", "fourth");
  auto source = open_source(*bus_);
  consumer_.start_sequence = 2;
  const auto made = bus_->ensure_consumer(consumer_);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_LT(made->ack_floor_stream_sequence, 3U);
  const auto messages = receive(*source, 2);
  EXPECT_THAT(payloads(messages), ElementsAre("third", "fourth"));
  EXPECT_EQ(bus_->consumer_info("LETTERS", "reader")->pending, 0U);
}

TEST_P(BusContract, AConsumerThatBeginsBehindItsStreamDeliversWhatComesNext) {
  publish_and_wait("", "first");
  auto source = open_source(*bus_);
  consumer_.start_sequence = 7;
  ASSERT_TRUE(bus_->ensure_consumer(consumer_));
  publish_and_wait("", "second");
  EXPECT_EQ(receive(*source, 1).at(0).payload, "second");
}

TEST_P(BusContract, AConsumerOfAnEmptyStreamDeliversTheFirstMessageWhereverItBegins) {
  auto source = open_source(*bus_);
  consumer_.start_sequence = 7;
  ASSERT_TRUE(bus_->ensure_consumer(consumer_));
  publish_and_wait("", "first");
  EXPECT_EQ(receive(*source, 1).at(0).payload, "first");
}

TEST_P(BusContract, WhereAConsumerBeganCannotBeChanged) {
  ASSERT_TRUE(bus_->ensure_consumer(consumer_));
  consumer_.start_sequence = 2;
  EXPECT_EQ(bus_->ensure_consumer(consumer_).error().code, ErrorCode::kFailedPrecondition);
  ASSERT_TRUE(bus_->delete_consumer("LETTERS", "reader"));
  EXPECT_TRUE(bus_->ensure_consumer(consumer_));
}

TEST_P(BusContract, DeliveriesAreNumberedRepetitionsIncluded) {
  publish_three_the_second_elsewhere();
  auto source = open_source(*bus_);
  ASSERT_TRUE(bus_->ensure_consumer(consumer_));
  const auto numbers = [](const std::vector<Message>& messages) {
    std::vector<std::uint64_t> all;
    for (const Message& message : messages) all.push_back(message.consumer_sequence);
    return all;
  };
  EXPECT_THAT(numbers(receive(*source, 2)), ElementsAre(1, 2));
  EXPECT_THAT(numbers(receive(*source, 2)), ElementsAre(3, 4)) << "after ack_wait";

  ASSERT_TRUE(bus_->delete_consumer("LETTERS", "reader"));
  source->discard();
  ASSERT_TRUE(bus_->ensure_consumer(consumer_));
  EXPECT_THAT(numbers(receive(*source, 2)), ElementsAre(1, 2));
}

TEST_P(BusContract, EnsuringAgainChangesNothing) {
  publish_and_wait("", "first");
  ASSERT_TRUE(bus_->ensure_stream(stream_));
  stream_.max_age = std::chrono::hours{1};
  ASSERT_TRUE(bus_->ensure_stream(stream_));
  auto source = open_source(*bus_);
  ASSERT_TRUE(bus_->ensure_consumer(consumer_));
  ASSERT_TRUE(source->ack(receive(*source, 1).at(0)));
  ASSERT_TRUE(eventually(*world_, [&] {
    const auto info = bus_->ensure_consumer(consumer_);
    return info && info->ack_floor_stream_sequence == 1;
  }));
  EXPECT_EQ(bus_->stream_info("LETTERS")->messages, 1U);
}

INSTANTIATE_TEST_SUITE_P(Memory, BusContract, testing::Values(&memory_world));
INSTANTIATE_TEST_SUITE_P(Nats, BusContract, testing::Values(&nats_world));

}  // namespace
}  // namespace citas::workers
