#include "events/backup/file_name.h"

#include <algorithm>

namespace citas::backup {
namespace {

constexpr std::string_view kManifest = "/manifest.json";
constexpr std::string_view kSegment = ".segment";
constexpr std::size_t kIdSize = 19;
constexpr std::size_t kNumberDigits = 6;

bool is_number(std::string_view text) {
  return text.size() >= kNumberDigits &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::string id_at(Timestamp time) {
  std::string id = format_rfc3339(time);
  std::erase_if(id, [](char c) { return c == '-' || c == ':' || c == '.'; });
  return id;
}

std::optional<Timestamp> time_of_id(std::string_view id) {
  if (id.size() != kIdSize) return std::nullopt;
  std::string text(id);
  for (const auto& [at, mark] : {std::pair(4, '-'), {7, '-'}, {13, ':'}, {16, ':'}, {19, '.'}}) {
    text.insert(static_cast<std::size_t>(at), 1, mark);
  }
  const auto time = parse_rfc3339(text);
  return time && id_at(*time) == id ? time : std::nullopt;
}

std::string manifest_file(std::string_view id) { return std::string(id).append(kManifest); }

std::string segment_file(std::string_view id, std::size_t number) {
  const std::string digits = std::to_string(number);
  const std::size_t zeros = kNumberDigits - std::min(kNumberDigits, digits.size());
  return std::string(id).append("/").append(zeros, '0').append(digits).append(kSegment);
}

std::optional<std::string> id_of_manifest_file(std::string_view file) {
  if (!file.ends_with(kManifest)) return std::nullopt;
  const std::string_view id = file.substr(0, file.size() - kManifest.size());
  return time_of_id(id) ? std::optional(std::string(id)) : std::nullopt;
}

bool is_backup_file(std::string_view file) {
  if (id_of_manifest_file(file)) return true;
  const std::size_t slash = file.find('/');
  if (slash == std::string_view::npos || !file.ends_with(kSegment)) return false;
  const std::string_view number = file.substr(slash + 1, file.size() - slash - 1 - kSegment.size());
  return time_of_id(file.substr(0, slash)) && is_number(number);
}

Status check_backup_file(std::string_view file) {
  if (is_backup_file(file)) return {};
  return failure(ErrorCode::kInvalidArgument,
                 "backups: " + std::string(file) + " is not the name of a backup's file");
}

}  // namespace citas::backup
