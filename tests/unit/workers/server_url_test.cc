#include "workers/nats/server_url.h"

#include <gtest/gtest.h>

namespace citas::workers {
namespace {

TEST(WithoutCredentials, MasksThoseOfEachUrl) {
  EXPECT_EQ(without_credentials("nats://a:secret@one:1,nats://two:2,nats://b@three", "***@"),
            "nats://***@one:1,nats://two:2,nats://***@three");
  EXPECT_EQ(without_credentials("nats://a:s@cret@one", ""), "nats://one");
  EXPECT_EQ(without_credentials("a:secret@one:1", ""), "one:1");
  EXPECT_EQ(without_credentials("managed", "***@"), "managed");
  EXPECT_EQ(without_credentials("", "***@"), "");
}

TEST(PortsOf, AreThoseOfAllServers) {
  using Ports = std::set<std::uint16_t>;
  EXPECT_EQ(ports_of("nats://a:7@one:1,tls://[::1]:2/,nats://three"), (Ports{1, 2, 4222}));
  EXPECT_EQ(ports_of("nats://[::1]"), Ports{4222});
  EXPECT_EQ(ports_of("nats://one:99999"), Ports{4222});
}

TEST(CheckServerUrls, TakesOneOrSeveral) {
  for (const char* urls :
       {"nats://one", "nats://one:4222", "tls://a:s@cret@one:1,nats://[::1]:2"}) {
    EXPECT_TRUE(check_server_urls(urls)) << urls;
  }
}

TEST(CheckServerUrls, NamesTheFirstThatIsNone) {
  for (const char* urls : {"", "manged", "one:4222", "http://one", "nats://", "nats://:4222",
                           "nats://a:b@", "nats://one,", "nats://one,,nats://two"}) {
    EXPECT_FALSE(check_server_urls(urls)) << urls;
  }
  const auto refused = check_server_urls("nats://a:secret@one,http://b:secret@two");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(refused.error().message.find("http://***@two"), std::string::npos);
  EXPECT_EQ(refused.error().message.find("secret"), std::string::npos);
}

}  // namespace
}  // namespace citas::workers
