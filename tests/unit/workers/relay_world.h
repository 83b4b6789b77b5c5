// RelayTest: a log, and the relay that copies it to a bus in memory.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/workers/log_world.h"
#include "workers/memory/memory_bus.h"
#include "workers/relay.h"
#include "workers/topology.h"

namespace citas::workers {

class RelayTest : public testing::Test {
 protected:
  void run(LogWorld& world, Relay& relay) {
    int idle = 0;
    for (int i = 0; i < 10'000 && idle < 3; ++i) {
      idle = relay.step().value() ? 0 : idle + 1;
      world.clock.advance(std::chrono::milliseconds{250});
    }
  }
  std::unique_ptr<Relay> relay_of(LogWorld& world) {
    return std::move(
        *Relay::open(world.log, bus_, world.clock,
                     {.window = 8, .max_batch = 3, .on_replaced = [this](const std::string& why) {
                        reasons_.push_back(why);
                      }}));
  }
  void run_for(std::chrono::milliseconds time, Relay& relay) {
    for (std::chrono::milliseconds passed{0}; passed < time;
         passed += std::chrono::milliseconds{10}) {
      while (relay.step().value()) {
      }
      world_.clock.advance(std::chrono::milliseconds{10});
    }
  }
  void expect_copy_of(const LogWorld& world) {
    const std::uint64_t head = world.log.head().position.value();
    ASSERT_EQ(bus_.stream_info(kEventsStream)->messages, head);
    for (std::uint64_t i = 1; i <= head; ++i) {
      const auto message = broker_.message(kEventsStream, i).value();
      EXPECT_EQ(message.payload, read_one(world.log, Position{i})->bytes);
      EXPECT_EQ(find_header(message.headers, kPositionHeader), std::to_string(i));
    }
  }
  // A stream with foreign messages.
  void publish_foreign(std::string_view subject, std::string_view id = {}) {
    publish({.subject = std::string(subject), .headers = {}, .payload = "foreign"}, id);
  }
  void publish(const StoredMessage& message, std::string_view id = {}) {
    auto publisher = std::move(*bus_.open_publisher({}));
    ASSERT_TRUE(publisher->publish(1, {.subject = message.subject,
                                       .message_id = id,
                                       .headers = message.headers,
                                       .payload = message.payload,
                                       .expected_last_sequence = {}}));
  }
  void reconnect() {
    broker_.set_up(false);
    broker_.set_up(true);
  }

  // What came of a minute in which two servers filled the streams over each other's.
  struct Rivalry {
    std::string told_us, told_them;
    bool we_kept_away = false;
  };
  // Neither may do so without pause.
  Rivalry fight(LogWorld& other, Relay& mine, Relay& theirs) {
    Rivalry rivalry;
    for (int i = 0; i < 60 * 4; ++i) {
      for (Relay* relay : {&mine, &theirs}) EXPECT_TRUE(relay->step());
      for (LogWorld* world : {&world_, &other})
        world->clock.advance(std::chrono::milliseconds{250});
      rivalry.we_kept_away |= !mine.bus_is_ours();
    }
    EXPECT_LE(mine.stats().rebuilds + theirs.stats().rebuilds, 10U);
    rivalry.told_us = mine.trouble();
    rivalry.told_them = theirs.trouble();
    return rivalry;
  }
  // The other one has ended.
  void expect_peace(Relay& mine) {
    run_for(std::chrono::minutes{6}, mine);
    expect_copy_of(world_);
    run_for(std::chrono::minutes{15}, mine);
    EXPECT_EQ(mine.trouble(), "");
  }

  LogWorld world_;
  MemoryBroker broker_{world_.clock};
  MemoryBus bus_{broker_};
  std::vector<std::string> reasons_;  // for which streams were replaced
};

}  // namespace citas::workers
