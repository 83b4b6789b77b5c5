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

}  // namespace
}  // namespace citas::workers
