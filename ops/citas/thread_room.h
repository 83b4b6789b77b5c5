// Whether this process may have as many threads as it is going to start.
#pragma once

#include <cstddef>

#include "events/base/result.h"

namespace citas::ops {

// Starts `threads` at once, and ends them. Where one of a limit's last threads cannot be started,
// libraries give up in the middle of what they were doing, some of them by ending the process: so
// it is better known before anything is open. Unavailable: fewer may, and which limits to raise.
Status check_thread_room(std::size_t threads);

}  // namespace citas::ops
