#include "api/field_error.h"

namespace citas::api {
namespace {

constexpr std::size_t kMaxNameSize = 64;

// The front of a client's name, cut between characters; something to see where it is empty.
std::string shortened(std::string_view name) {
  if (name.empty()) return R"("")";
  if (name.size() <= kMaxNameSize) return std::string{name};
  std::size_t end = kMaxNameSize;
  const auto continues = [&](std::size_t at) {
    return (static_cast<unsigned char>(name[at]) & 0xC0U) == 0x80U;
  };
  while (end > 0 && continues(end)) --end;
  return std::string{name.substr(0, end)}.append("…");
}

}  // namespace

std::string one_of(std::span<const std::string_view> names) {
  std::string rule;
  for (const std::string_view name : names) {
    rule.append(rule.empty() ? "must be one of " : ", ").append(name);
  }
  return rule;
}

FieldError field_error(std::string_view field, const FieldFault& fault) {
  std::string message{field};
  message.append(1, ' ').append(fault.rule);
  return {std::string{field}, fault.code, std::move(message)};
}

FieldError missing_field(std::string_view field) {
  return field_error(field, {"required", "is required"});
}

FieldError repeated_field(std::string_view field) {
  return field_error(field, {"repeated_field", "is given more than once"});
}

FieldError unknown_field(std::string_view field) {
  return field_error(shortened(field), {"unknown_field", "is not known here"});
}

}  // namespace citas::api
