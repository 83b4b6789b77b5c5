#include "events/verify.h"

#include "events/base/hex.h"

namespace citas {
namespace {

constexpr std::size_t kPage = 4'096;

Error bad(Position position, std::string_view what) {
  return {ErrorCode::kCorruption,
          "position " + std::to_string(position.value()) + " " + std::string(what)};
}

class Verifier {
 public:
  Verifier(const EventLog& log, const Codec& codec, const VerifyOptions& options)
      : log_(log), options_(options), records_(log.identity(), codec, options.expected) {}

  Result<VerifyReport> run() {
    const Position end = log_.committed();
    while (reached() < end) {
      const Position before = reached();
      if (const Status page = check_page(); !page) return failure(page.error());
      if (reached() == before) return failure(bad(following(), "is missing"));
      if (options_.on_progress) options_.on_progress(reached(), end);
    }
    const Head head = records_.state().head;
    if (head.hash != log_.head().hash) {
      return failure(ErrorCode::kCorruption, "the log's head is not the end of its chain");
    }
    if (const Status finished = records_.finish(); !finished) return failure(finished.error());
    return VerifyReport{head.position.value(), head};
  }

 private:
  Position reached() const { return records_.state().head.position; }
  Position following() const { return Position{reached().value() + 1}; }

  Status check_page() {
    Status checked;
    const Status read = log_.read(reached(), kPage, [&](const RecordView& record) {
      checked = check_record(record);
      return checked.has_value();
    });
    return read ? checked : read;
  }

  Status check_record(const RecordView& record) {
    const auto event = records_.next(record);
    if (!event) return failure(event.error());
    return options_.check_tags ? check_tags(*event) : Status{};
  }

  Status check_tags(const Event& event) const {
    for (const Tag& tag : tags_of(event.data)) {
      bool found = false;
      const Status read = log_.read_tag(
          {.tenant = event.tenant, .tag = tag, .first = event.position, .last = event.position},
          [&](const RecordView&) {
            found = true;
            return false;
          });
      if (!read) return read;
      if (!found) return failure(bad(event.position, "is missing from the tag index"));
    }
    return {};
  }

  const EventLog& log_;
  const VerifyOptions& options_;
  RecordVerifier records_;
};

}  // namespace

ChainVerifier::ChainVerifier(const LogIdentity& log, const Codec& codec,
                             std::vector<ExpectedHead> expected)
    : codec_(codec),
      state_{{Epoch{0}, Position{0}, log.genesis()}, Timestamp::min()},
      missing_(std::move(expected)) {
  note_expected();
}

Result<Event> ChainVerifier::next(std::string_view bytes) {
  const Position following{state_.head.position.value() + 1};
  auto event = codec_.decode(bytes);
  if (!event) return failure(bad(following, "is not a readable event: " + event.error().message));
  if (event->position != following) {
    return failure(bad(following, "holds an event of another position"));
  }
  extend(state_, event->time, bytes);
  note_expected();
  return event;
}

void ChainVerifier::note_expected() {
  std::erase_if(missing_, [&](const ExpectedHead& expected) {
    return expected.position == state_.head.position && expected.hash == state_.head.hash;
  });
}

Status ChainVerifier::finish() const {
  if (missing_.empty()) return {};
  const ExpectedHead& first = missing_.front();
  const std::string position = std::to_string(first.position.value());
  return failure(first.otherwise,
                 first.position > state_.head.position
                     ? "the log ends before the expected position " + position
                     : "the log has another hash at the expected position " + position);
}

Result<Event> RecordVerifier::next(const RecordView& record) {
  if (record.position.value() != chain_.state().head.position.value() + 1) {
    return failure(bad(Position{chain_.state().head.position.value() + 1}, "is missing"));
  }
  auto event = chain_.next(record.bytes);
  if (!event) return event;
  if (chain_.state().head.hash != record.hash) {
    return failure(
        bad(record.position, "does not continue the hash chain: it, or one before, was altered"));
  }
  if (chain_.state().running_maximum != record.running_maximum) {
    return failure(bad(record.position, "has a wrong running maximum of time"));
  }
  if (record.epoch < epoch_) {
    return failure(bad(record.position, "goes back to an earlier epoch"));
  }
  epoch_ = record.epoch;
  return event;
}

ChainState RecordVerifier::state() const {
  ChainState state = chain_.state();
  state.head.epoch = epoch_;
  return state;
}

std::optional<ExpectedHead> parse_expected_head(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto position = parse_position(text.substr(0, colon));
  ExpectedHead expected;
  if (!position || !from_hex(text.substr(colon + 1), expected.hash)) return std::nullopt;
  expected.position = *position;
  return expected;
}

Result<VerifyReport> verify(const EventLog& log, const Codec& codec, const VerifyOptions& options) {
  return Verifier(log, codec, options).run();
}

}  // namespace citas
