#include "ops/citas/options.h"

#include <gtest/gtest.h>

#include "ops/citas/exit_codes.h"

namespace citas::ops {
namespace {

TEST(ParseSize, TakesBytesAndBinaryUnits) {
  EXPECT_EQ(parse_size("0").value(), 0U);
  EXPECT_EQ(parse_size("1048576").value(), 1'048'576U);
  EXPECT_EQ(parse_size("4KiB").value(), 4'096U);
  EXPECT_EQ(parse_size("1.5MiB").value(), 1'572'864U);
  EXPECT_EQ(parse_size("2GiB").value(), std::uint64_t{2} << 30);
  EXPECT_EQ(parse_size("1TiB").value(), std::uint64_t{1} << 40);
}

TEST(ParseSize, RefusesAnythingElse) {
  for (const char* text :
       {"", "MiB", "-1", "1MB", "1 MiB", "1mib", "1MiBs", "nan", "inf", "9e99"}) {
    const auto size = parse_size(text);
    ASSERT_FALSE(size) << text;
    EXPECT_EQ(size.error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(ParseListenAddress, TakesNumericAddresses) {
  const auto v4 = parse_listen_address("127.0.0.1:8080").value();
  EXPECT_EQ(v4.host, "127.0.0.1");
  EXPECT_EQ(v4.port, 8080);
  EXPECT_EQ(v4.url(81), "http://127.0.0.1:81");
  const auto v6 = parse_listen_address("[::1]:0").value();
  EXPECT_EQ(v6.host, "::1");
  EXPECT_EQ(v6.url(81), "http://[::1]:81");
}

TEST(ParseListenAddress, RefusesAnythingElse) {
  for (const char* text :
       {"", ":", "8080", ":8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
        "127.0.0.1:http", "127.0.0:80", "localhost:80", "::1:80", "[::1]", "[127.0.0.1]:80"}) {
    const auto address = parse_listen_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(ListenAddress, KnowsWhatOnlyThisMachineReaches) {
  for (const char* text : {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1"}) {
    EXPECT_TRUE(parse_listen_address(text).value().is_loopback()) << text;
  }
  for (const char* text :
       {"0.0.0.0:1", "128.0.0.1:1", "12.7.0.1:1", "[::]:1", "[::ffff:7f00:1]:1"}) {
    EXPECT_FALSE(parse_listen_address(text).value().is_loopback()) << text;
  }
}

TEST(ExitCodes, TellDamageAndMisuseFromTheRest) {
  EXPECT_EQ(exit_code_of({ErrorCode::kCorruption, ""}), 3);
  EXPECT_EQ(exit_code_of({ErrorCode::kInvalidArgument, ""}), 2);
  for (const auto code :
       {ErrorCode::kUnavailable, ErrorCode::kNotFound, ErrorCode::kConflict,
        ErrorCode::kFailedPrecondition, ErrorCode::kUnknownOutcome, ErrorCode::kStorageFull}) {
    EXPECT_EQ(exit_code_of({code, ""}), 1);
  }
}

TEST(ParseCountries, TakesCodesBetweenCommas) {
  EXPECT_EQ(to_string(parse_countries("PE").value()), "PE");
  EXPECT_EQ(to_string(parse_countries("PE,CL,PE").value()), "CL,PE");
  for (const char* text : {"", ",", "PE,", ",PE", "PE,,CL", "pe", "PER", "PE CL"}) {
    const auto countries = parse_countries(text);
    ASSERT_FALSE(countries) << text;
    EXPECT_EQ(countries.error().code, ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace citas::ops
