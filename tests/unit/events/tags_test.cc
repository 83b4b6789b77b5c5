// Tags: which identities an event can be found by.
#include "events/tags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "events/base/hex.h"
#include "tests/support/events.h"

namespace citas {
namespace {

using namespace testing;  // NOLINT: the vocabulary of these tests
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Tags, FollowFromTypeAndData) {
  const auto tags = tags_of(AppointmentRequested{ref(1, "00500", slot("CL", 7)), {}});
  EXPECT_THAT(tags, ElementsAre(Tag{"appointment:00000000-0000-7000-8000-000000000001"},
                                Tag{"slot:CL:7"}, Tag{"insured:00500"}));
  EXPECT_THAT(tags_of(DeadLetterRecorded{}), IsEmpty());
  const Tag letter{"deadletter:00000000-0000-7000-8000-000000000008"};
  const DeadLetterId id{uuid(8)};
  EXPECT_THAT(tags_of(DeadLetterRecorded{.id = id, .appointment = AppointmentId{uuid(1)}}),
              ElementsAre(letter, appointment_tag(AppointmentId{uuid(1)})));
  EXPECT_THAT(tags_of(DeadLetterRetried{id, country("PE"), AppointmentId{uuid(1)}}),
              ElementsAre(letter, appointment_tag(AppointmentId{uuid(1)})));
  EXPECT_THAT(tags_of(DeadLetterDiscarded{id, country("PE"), {}, reason("other")}),
              ElementsAre(letter));
}

TEST(Tags, ParseOnlyTheirCanonicalForm) {
  EXPECT_EQ(parse_tag("slot:PE:100"), slot_tag(slot("PE", 100)));
  EXPECT_EQ(parse_tag("insured:00001"), insured_tag(insured("00001")));
  EXPECT_EQ(parse_tag("appointment:00000000-0000-7000-8000-00000000000A"),
            appointment_tag(AppointmentId{uuid(10)}));
  EXPECT_EQ(parse_tag("deadletter:00000000-0000-7000-8000-000000000008"),
            dead_letter_tag(DeadLetterId{uuid(8)}));
  for (const char* text : {"", "deadletter:", "deadletter:1", "slot:", "slot:PE",
                           "slot:PE:", "slot:PE:0", "slot:PE:01", "slot:PE:9007199254740992",
                           "slot:pe:1", "insured:1", "appointment:1", "country:PE", "SLOT:PE:1"}) {
    EXPECT_FALSE(parse_tag(text)) << text;
  }
}

// The keys of the index: another one, and what earlier versions indexed is not found.
TEST(Tags, DigestsStayAsTheyAre) {
  EXPECT_EQ(to_hex(digest_of(TenantId{"default"}, insured_tag(insured("00001")))),
            "3250bca594297e909179725b1036d099")
      << "the beginning of the SHA-256 of tenant, a zero byte, and tag";
}

TEST(Tags, DigestsTellTenantsApart) {
  const Tag tag = insured_tag(insured("00001"));
  EXPECT_NE(digest_of(TenantId{"a"}, tag), digest_of(TenantId{"b"}, tag));
  EXPECT_EQ(digest_of(TenantId{"a"}, tag), digest_of(TenantId{"a"}, tag));
}

}  // namespace
}  // namespace citas
