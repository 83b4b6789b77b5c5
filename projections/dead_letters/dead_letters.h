// dead_letters: what could not be processed, and what has become of it. The operators'.
//
// Keys (integers are big-endian):
//
//   'd' tenant 0 id(16)               a letter: state(1) ‖ first(8) ‖ changed(8) ‖ JSON, as GET
//                                     shows it; `first` and `changed` are positions of its events
//   'i' tenant 0 list(1) first(8)     an entry of a list: id(16). A letter is in the list of its
//                                     state, and in that of all
//   'a' tenant 0 appointment(16)      the ids(16) of its letters, while it is pending
//   's' tenant 0                      how many are in each state(4 × 8) ‖ recorded(8) ‖ changed(8)
//
// It holds nobody's personal data: letters have none.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "events/event.h"
#include "projections/projection.h"

namespace citas::projections {

// Open: waits for an operator. Retried: sent again, not answered yet. Settled: its appointment was
// answered or cancelled, so that nothing is left to decide.
enum class LetterState : std::uint8_t { kOpen, kRetried, kDiscarded, kSettled };
inline constexpr std::size_t kLetterStates = 4;
// In the enumeration's order.
inline constexpr std::array<std::string_view, kLetterStates> kLetterStateNames{
    "open", "retried", "discarded", "settled"};

std::string_view to_string(LetterState state);
std::optional<LetterState> parse_letter_state(std::string_view text);

class DeadLetters final : public Projection {
 public:
  static constexpr std::string_view kName = "dead_letters";

  std::string_view name() const override { return kName; }
  std::uint32_t version() const override { return 2; }
  // Few events concern it, and those who ask for a position may wait this long.
  std::chrono::milliseconds patience() const override { return std::chrono::milliseconds{20}; }
  Status apply(const Event& event, ReadModelBatch& batch) const override;
};

// --- What is stored, for those who read it ---

struct LetterRow {
  LetterState state = LetterState::kOpen;
  Position first;       // where it was recorded for the first time: its place in every list
  Position changed_at;  // its last event
  std::string json;
};

struct LetterSummary {
  std::array<std::uint64_t, kLetterStates> count{};  // by state
  std::uint64_t recorded = 0;                        // messages that died, each time counted
  Position changed_at;                               // the last event of any letter
};

std::string letter_key(const TenantId& tenant, DeadLetterId letter);
// The keys of a list begin with this; nullopt: of all.
std::string list_key(const TenantId& tenant, std::optional<LetterState> state);
std::string letters_summary_key(const TenantId& tenant);

// Corruption: not what apply() wrote; rebuild the projection.
Result<LetterRow> parse_letter(std::string_view stored);
Result<DeadLetterId> parse_list_entry(std::string_view stored);
Result<LetterSummary> parse_letters_summary(std::string_view stored);

}  // namespace citas::projections
