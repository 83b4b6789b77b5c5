// The fields of which keys and values are made.
//
// Integers are big-endian (events/base/big_endian.h), and times are milliseconds since 1970 with
// the sign bit flipped, so that bytes sort as numbers and times do.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "events/base/big_endian.h"
#include "events/base/time.h"
#include "events/base/uuid.h"
#include "events/ids.h"

namespace citas::projections {

inline constexpr std::uint64_t kSignBit = std::uint64_t{1} << 63;

inline void append_time(std::string& out, Timestamp time) {
  append_big_endian(out, static_cast<std::uint64_t>(time.time_since_epoch().count()) ^ kSignBit);
}

inline Timestamp read_time(std::string_view bytes, std::size_t offset) {
  const std::uint64_t sortable = read_big_endian<std::uint64_t>(bytes, offset);
  return Timestamp{std::chrono::milliseconds{static_cast<std::int64_t>(sortable ^ kSignBit)}};
}

inline void append_uuid(std::string& out, const Uuid& uuid) {
  out.append(reinterpret_cast<const char*>(uuid.bytes.data()), uuid.bytes.size());
}

inline Uuid read_uuid(std::string_view bytes, std::size_t offset) {
  Uuid uuid;
  std::memcpy(uuid.bytes.data(), bytes.data() + offset, uuid.bytes.size());
  return uuid;
}

// The key of what a read model knows of an appointment by its id: `kind` tenant 0 id(16).
inline std::string appointment_key(char kind, const TenantId& tenant, AppointmentId appointment) {
  std::string key;
  key.reserve(1 + tenant.value().size() + 1 + sizeof(Uuid));
  key.append(1, kind).append(tenant.value()).append(1, '\0');
  append_uuid(key, appointment.value());
  return key;
}

}  // namespace citas::projections
