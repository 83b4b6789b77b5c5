#include "commands/idempotency.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <cstring>

#include "commands/command.h"
#include "events/base/big_endian.h"
#include "events/base/check.h"

namespace citas::commands {
namespace {

constexpr char kFormat = 1;
constexpr std::size_t kSize = 1 + 8 + std::tuple_size_v<Fingerprint>;

// Fields are separated by a byte that none of them can hold.
constexpr char kSeparator = '\x1f';

void add(std::string& out, std::string_view field) { out.append(field).push_back(kSeparator); }
void add(std::string& out, std::int64_t field) { add(out, std::to_string(field)); }
void add(std::string& out, Timestamp field) { add(out, field.time_since_epoch().count()); }

template <typename T>
void add(std::string& out, const std::optional<T>& field) {
  if (field) return add(out, *field);
  add(out, std::string_view{});
}

void add(std::string& out, const Uuid& uuid) { add(out, uuid.to_string()); }
void add(std::string& out, const CountryCode& country) { add(out, country.text()); }
void add(std::string& out, const InsuredId& insured) { add(out, insured.text()); }
void add(std::string& out, const ReasonCode& reason) { add(out, reason.text()); }

// The fields of each command. They and their order are compared with what is stored for ever.

void add_fields(std::string& out, const RequestAppointment& request) {
  add(out, request.insured);
  add(out, request.slot.country);
  add(out, request.slot.schedule.value());
  add(out, request.details.center);
  add(out, request.details.specialty);
  add(out, request.details.medic);
  add(out, request.details.date);
}

void add_fields(std::string& out, const ConfirmAppointment& confirm) {
  add(out, confirm.appointment.value());
  add(out, confirm.country);
  add(out, confirm.registration.value());
}

void add_fields(std::string& out, const RejectAppointment& refusal) {
  add(out, refusal.appointment.value());
  add(out, refusal.country);
  add(out, refusal.reason);
}

void add_fields(std::string& out, const CancelAppointment& cancel) {
  add(out, cancel.appointment.value());
  add(out, cancel.insured);
  if (cancel.reason) add(out, *cancel.reason);
}

void add_fields(std::string& out, const RecordDeadLetter& record) {
  add(out, record.letter.message_id);
  add(out, record.letter.consumer);
  add(out, record.letter.country);
  add(out, record.letter.reason);
  add(out, record.letter.payload_sha256);
}

void add_fields(std::string& out, const RetryDeadLetter& retry) { add(out, retry.id.value()); }

void add_fields(std::string& out, const DiscardDeadLetter& discard) {
  add(out, discard.id.value());
  add(out, discard.reason);
}

std::string canonical(const CommandData& command) {
  std::string out;
  add(out, static_cast<std::int64_t>(command.index()));
  std::visit([&](const auto& data) { add_fields(out, data); }, command);
  return out;
}

}  // namespace

IdempotencyKey idempotency_key(const TenantId& tenant, std::string_view principal,
                               std::string_view route, std::string_view resource,
                               std::string_view client_key, const CommandData& command) {
  constexpr std::string_view kZero{"\0", 1};
  return {
      sha256({tenant.value(), kZero, principal, kZero, route, kZero, resource, kZero, client_key}),
      canonical(command)};
}

struct Fingerprinter::Mac {
  // The context keeps a reference of its own to the algorithm.
  Mac() {
    EVP_MAC* const algorithm = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    CHECK(algorithm != nullptr);
    context.reset(EVP_MAC_CTX_new(algorithm));
    EVP_MAC_free(algorithm);
    CHECK(context != nullptr);
  }

  std::unique_ptr<EVP_MAC_CTX, decltype(&EVP_MAC_CTX_free)> context{nullptr, &EVP_MAC_CTX_free};
};

Fingerprinter::Fingerprinter(std::string_view log_key) : mac_(std::make_unique<Mac>()) {
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                               OSSL_PARAM_construct_end()};
  CHECK(EVP_MAC_init(mac_->context.get(), reinterpret_cast<const unsigned char*>(log_key.data()),
                     log_key.size(), params) == 1);
}

Fingerprinter::~Fingerprinter() = default;

Fingerprint Fingerprinter::operator()(std::string_view canonical_command) {
  EVP_MAC_CTX* const context = mac_->context.get();
  Sha256 full;
  std::size_t size = 0;
  // Begun again with the key that it has.
  CHECK(EVP_MAC_init(context, nullptr, 0, nullptr) == 1);
  CHECK(EVP_MAC_update(context, reinterpret_cast<const unsigned char*>(canonical_command.data()),
                       canonical_command.size()) == 1);
  CHECK(EVP_MAC_final(context, full.data(), &size, full.size()) == 1 && size == full.size());
  Fingerprint result;
  std::memcpy(result.data(), full.data(), result.size());
  return result;
}

std::string encode_outcome(const StoredOutcome& outcome) {
  std::string bytes(1, kFormat);
  append_big_endian(bytes, outcome.position.value());
  bytes.append(reinterpret_cast<const char*>(outcome.fingerprint.data()),
               outcome.fingerprint.size());
  return bytes;
}

Result<StoredOutcome> decode_outcome(std::string_view bytes) {
  if (bytes.size() != kSize || bytes[0] != kFormat) {
    return failure(ErrorCode::kCorruption, "a stored command outcome is not readable");
  }
  StoredOutcome outcome;
  outcome.position = Position{read_big_endian<std::uint64_t>(bytes, 1)};
  std::memcpy(outcome.fingerprint.data(), bytes.data() + 9, outcome.fingerprint.size());
  return outcome;
}

}  // namespace citas::commands
