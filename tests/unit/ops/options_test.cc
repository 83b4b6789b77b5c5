#include "ops/citas/options.h"

#include <gtest/gtest.h>

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
