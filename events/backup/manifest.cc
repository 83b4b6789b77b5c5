#include "events/backup/manifest.h"

#include <nlohmann/json.hpp>

#include "events/base/hex.h"

namespace citas::backup {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;
constexpr std::string_view kBeforeHash = R"({"sha256":")";
constexpr std::string_view kBeforeBody = R"(","backup":)";
constexpr std::string_view kBehindBody = "}\n";
constexpr std::size_t kHashDigits = 64;

Json time_json(Timestamp time) {
  return time == Timestamp::min() ? Json(nullptr) : Json(format_rfc3339(time));
}

Json to_json(const SegmentInfo& segment) {
  return {{"file", segment.file},
          {"after", segment.before.head.position.value()},
          {"to", segment.after.head.position.value()},
          {"epoch", segment.after.head.epoch.value()},
          {"time", time_json(segment.after.running_maximum)},
          {"hashBefore", to_hex(segment.before.head.hash)},
          {"hash", to_hex(segment.after.head.hash)},
          {"results", segment.results},
          {"resultsAtEnd", segment.results_at_end},
          {"sizeBytes", segment.size_bytes},
          {"sha256", to_hex(segment.sha256)}};
}

// Reads members, and remembers whether all were there in the right form.
class Members {
 public:
  explicit Members(const Json& object) : object_(object), failed_(!object.is_object()) {}

  std::string text(const char* name) {
    const Json* member = find(name);
    if (member != nullptr && member->is_string()) return member->get<std::string>();
    failed_ = true;
    return {};
  }
  std::uint64_t number(const char* name) {
    const Json* member = find(name);
    if (member != nullptr && member->is_number_unsigned()) return member->get<std::uint64_t>();
    failed_ = true;
    return 0;
  }
  std::uint32_t small_number(const char* name) {
    const std::uint64_t value = number(name);
    failed_ = failed_ || value > UINT32_MAX;
    return static_cast<std::uint32_t>(value);
  }
  Timestamp time(const char* name) {
    const auto parsed = parse_rfc3339(text(name));
    failed_ = failed_ || !parsed;
    return parsed.value_or(Timestamp{});
  }
  Timestamp time_or_null(const char* name) {
    const Json* member = find(name);
    return member != nullptr && member->is_null() ? Timestamp::min() : time(name);
  }
  Sha256 hash(const char* name) {
    Sha256 value = {};
    failed_ = !from_hex(text(name), value) || failed_;
    return value;
  }
  const Json& member(const char* name) {
    static const Json kNone;
    const Json* found = find(name);
    failed_ = failed_ || found == nullptr;
    return found != nullptr ? *found : kNone;
  }
  bool failed() const { return failed_; }

 private:
  const Json* find(const char* name) const {
    if (!object_.is_object()) return nullptr;
    const auto found = object_.find(name);
    return found == object_.end() ? nullptr : &*found;
  }

  const Json& object_;
  bool failed_;
};

tl::unexpected<Error> damaged(std::string_view what) {
  return failure(ErrorCode::kCorruption, "its manifest " + std::string(what));
}

// The state before a segment is the one after its predecessor.
Result<SegmentInfo> read_segment_info(const Json& json, const ChainState& before) {
  Members members(json);
  SegmentInfo segment;
  segment.file = members.text("file");
  segment.before = before;
  segment.after.head.position = Position{members.number("to")};
  segment.after.head.epoch = Epoch{members.small_number("epoch")};
  segment.after.running_maximum = members.time_or_null("time");
  segment.after.head.hash = members.hash("hash");
  segment.results = members.small_number("results");
  segment.results_at_end = members.small_number("resultsAtEnd");
  segment.size_bytes = members.number("sizeBytes");
  segment.sha256 = members.hash("sha256");
  const bool continues = members.number("after") == before.head.position.value() &&
                         members.hash("hashBefore") == before.head.hash &&
                         segment.after.head.position >= before.head.position;
  if (members.failed()) return damaged("cannot be read");
  if (!continues) return damaged("lists segments that do not continue each other");
  return segment;
}

Result<Manifest> read_body(const Json& json) {
  Members members(json);
  const std::uint64_t format = members.number("format");
  if (!members.failed() && format > kFormat) {
    return failure(ErrorCode::kFailedPrecondition,
                   "its format " + std::to_string(format) +
                       " is not known to this program; use the version of citas that made it");
  }
  Manifest manifest;
  manifest.id = members.text("id");
  manifest.kind = members.text("kind") == "full" ? Kind::kFull : Kind::kIncremental;
  manifest.created = members.time("created");
  Members log(members.member("log"));
  const auto id = Uuid::parse(log.text("id"));
  manifest.log = {LogId{id.value_or(Uuid{})}, log.text("partition")};
  manifest.epoch = Epoch{members.small_number("epoch")};
  const Json& segments = members.member("segments");
  if (members.failed() || log.failed() || !id || !segments.is_array() || segments.empty()) {
    return damaged("cannot be read");
  }
  ChainState reached{{Epoch{0}, Position{0}, manifest.log.genesis()}, Timestamp::min()};
  for (const Json& one : segments) {
    auto segment = read_segment_info(one, reached);
    if (!segment) return failure(segment.error());
    reached = segment->after;
    manifest.segments.push_back(*std::move(segment));
  }
  return manifest;
}

}  // namespace

std::string_view to_string(Kind kind) { return kind == Kind::kFull ? "full" : "incremental"; }

std::string encode(const Manifest& manifest) {
  Json segments = Json::array();
  for (const SegmentInfo& segment : manifest.segments) segments.push_back(to_json(segment));
  const std::string body = Json{
      {"format", kFormat},
      {"id", manifest.id},
      {"kind", to_string(manifest.kind)},
      {"created", format_rfc3339(manifest.created)},
      {"log", {{"id", manifest.log.id.value().to_string()}, {"partition", manifest.log.partition}}},
      {"epoch", manifest.epoch.value()},
      {"segments",
       std::move(segments)}}.dump();
  return std::string(kBeforeHash)
      .append(to_hex(sha256({body})))
      .append(kBeforeBody)
      .append(body)
      .append(kBehindBody);
}

Result<Manifest> decode_manifest(std::string_view bytes) {
  constexpr std::size_t kFixed =
      kBeforeHash.size() + kHashDigits + kBeforeBody.size() + kBehindBody.size();
  if (bytes.size() < kFixed || !bytes.starts_with(kBeforeHash) || !bytes.ends_with(kBehindBody)) {
    return damaged("is damaged");
  }
  const auto digits = bytes.substr(kBeforeHash.size(), kHashDigits);
  std::string_view body = bytes.substr(kBeforeHash.size() + kHashDigits);
  if (!body.starts_with(kBeforeBody)) return damaged("is damaged");
  body = body.substr(kBeforeBody.size(), body.size() - kBeforeBody.size() - kBehindBody.size());
  if (to_hex(sha256({body})) != digits) return damaged("is damaged");
  return read_body(Json::parse(body, nullptr, /*allow_exceptions=*/false));
}

}  // namespace citas::backup
