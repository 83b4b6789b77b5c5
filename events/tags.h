// Tags: the identities an event concerns, by which it can be found without scanning the log.
//
//   appointment:<uuid>   slot:<country>:<scheduleId>   insured:<insuredId>   deadletter:<uuid>
//
// Which tags an event has follows from its type and data alone (see tags.cc for the table).
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/event.h"

namespace citas {

using Tag = Strong<struct TagTag, std::string>;

Tag appointment_tag(AppointmentId appointment);
Tag slot_tag(const Slot& slot);
Tag insured_tag(const InsuredId& insured);
Tag dead_letter_tag(DeadLetterId letter);

std::vector<Tag> tags_of(const EventData& data);

// A tag as a client wrote it, brought to its canonical form; nullopt when it is none of the above.
std::optional<Tag> parse_tag(std::string_view text);

// What the tag index is keyed by: the first 16 bytes of SHA-256(tenant ‖ 0 ‖ tag). Two tags may
// share a digest, so a reader compares the record's own tags too.
using TagDigest = std::array<unsigned char, 16>;
TagDigest digest_of(const TenantId& tenant, const Tag& tag);

}  // namespace citas
