// Dead letters: messages that could not be processed, put on record for the operators.
#pragma once

#include "commands/rejection.h"
#include "events/event.h"

namespace citas::commands {

struct RecordDeadLetter {
  DeadLetterRecorded letter;
};

// Idempotent by the caller's command key (message id and consumer), not by state.
Decided decide(const RecordDeadLetter& command);

}  // namespace citas::commands
