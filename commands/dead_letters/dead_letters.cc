#include "commands/dead_letters/dead_letters.h"

namespace citas::commands {

Decided decide(const RecordDeadLetter& command) {
  Decision decision;
  decision.events.emplace_back(command.letter);
  return decision;
}

}  // namespace citas::commands
