// The names of a backup's files. Whatever else lies in a store is somebody else's: it is neither
// listed nor written nor removed, so that a store may be a folder where other people keep things.
//
//   <id>/manifest.json     what makes it a backup (manifest.h)
//   <id>/<number>.segment  its segments (segment.h), numbered from 1; six digits, or more
//
// An id is the time of the backup's making, "20261124T201530123Z": it sorts by time, and is a
// file's name anywhere.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "events/base/result.h"
#include "events/base/time.h"

namespace citas::backup {

std::string id_at(Timestamp time);
// nullopt: it is not an id.
std::optional<Timestamp> time_of_id(std::string_view id);

std::string manifest_file(std::string_view id);
std::string segment_file(std::string_view id, std::size_t number);
// nullopt: the file is not a manifest's.
std::optional<std::string> id_of_manifest_file(std::string_view file);

// Whether a backup could have a file of that name.
bool is_backup_file(std::string_view file);
// InvalidArgument: it could not.
Status check_backup_file(std::string_view file);

}  // namespace citas::backup
