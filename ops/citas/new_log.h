// A new, empty log: where a server may begin one.
//
// A data folder whose disk is not mounted looks like one that was never used. A server that begins
// a log there shows no appointment to anybody, and gives slots away that are taken.
#pragma once

#include <filesystem>
#include <string>

#include "events/base/result.h"

namespace citas::ops {

// Whether the data folder holds a log, or the beginning of one. Also true of what this user may not
// look into: opening it says so.
bool has_log(const std::filesystem::path& data);

// FailedPrecondition: `data` is the folder of a log itself, as in `--data ./data/log`. What is
// begun there is empty, and lies within the one that was meant.
Status check_is_no_log(const std::filesystem::path& data);

// Ok where there is a log, and where a server may begin one. FailedPrecondition, saying what to do:
// there is none, and `must_exist`; or `data` is a log itself; or other folders beside it are the
// copies of one. (A country's store does not count: a worker makes it, before there need be a log.)
Status check_may_begin_log(const std::filesystem::path& data, bool must_exist);

// "/srv/citas/log (ext4, mounted at /srv)": what lies there, or would, were it made.
std::string describe_place(const std::filesystem::path& folder);

}  // namespace citas::ops
