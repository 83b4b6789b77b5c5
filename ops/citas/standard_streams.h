// The three streams that a process is given, which may be closed, or lead to a full disk.
#pragma once

#include "events/base/result.h"

namespace citas::ops {

// Takes the places of those that are closed. Without it, the first files that are opened get their
// numbers, and what is meant for people is written into stored data. Reading from, or writing to
// such a place fails with EBADF. Call it before anything is opened.
void occupy_closed_streams();

// Writes out what waits for stdout. Unavailable: not all of it has arrived there.
Status finish_stdout();

}  // namespace citas::ops
