#include "api/json_object.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "events/base/check.h"

namespace citas::api {
namespace {

using nlohmann::json;

Problem malformed(std::string detail) {
  return {.code = ProblemCode::kMalformedJson, .detail = std::move(detail)};
}

// The SAX handler that nlohmann's (iterative) parser drives. Depth 1 is inside the object.
class ObjectReader final : public nlohmann::json_sax<json> {
 public:
  ObjectReader(std::span<const JsonField> fields, const FieldReader& read)
      : fields_(fields), read_(read) {}

  bool null() override { return value({.kind = JsonValue::Kind::kNull}); }
  bool boolean(bool) override { return value({.kind = JsonValue::Kind::kBoolean}); }
  bool number_integer(number_integer_t number) override {
    return value({.kind = JsonValue::Kind::kInteger, .integer = number});
  }
  bool number_unsigned(number_unsigned_t number) override {
    if (number > std::uint64_t{INT64_MAX}) return value({.kind = JsonValue::Kind::kNumber});
    return number_integer(static_cast<number_integer_t>(number));
  }
  bool number_float(number_float_t, const string_t&) override {
    return value({.kind = JsonValue::Kind::kNumber});
  }
  bool string(string_t& text) override {
    return value({.kind = JsonValue::Kind::kString, .text = text});
  }
  bool binary(binary_t&) override { return false; }  // not in JSON text

  bool key(string_t& name) override {
    if (depth_ == 1) begin_field(name);
    return true;
  }
  bool start_object(std::size_t) override { return depth_ == 0 ? descend() : start_compound(); }
  bool start_array(std::size_t) override {
    return depth_ == 0 ? not_an_object() : start_compound();
  }
  bool end_object() override { return ascend(); }
  bool end_array() override { return ascend(); }

  bool parse_error(std::size_t at, const std::string&, const json::exception& why) override {
    const bool is_number = why.id == kNumberOverflow;
    return fail((is_number ? "The body holds a number that is too large to be read (at byte "
                           : "The body is not valid JSON in UTF-8 (at byte ") +
                std::to_string(at) + ").");
  }

  // After a parse that was not refused.
  std::vector<FieldError> take_errors() {
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      if (fields_[i].required && !seen(i)) {
        errors_.push_back(missing_field(fields_[i].name));
      }
    }
    return std::move(errors_);
  }
  std::optional<Problem>& refused() { return refused_; }

 private:
  static constexpr std::size_t kSkip = SIZE_MAX;  // as current_: the value is of no field
  static constexpr int kNumberOverflow = 406;     // among nlohmann's exceptions

  bool seen(std::size_t index) const { return (seen_ >> index & 1U) != 0; }

  void begin_field(std::string_view name) {
    const auto found = std::ranges::find(fields_, name, &JsonField::name);
    if (found == fields_.end()) return skip_unknown(name);
    current_ = static_cast<std::size_t>(found - fields_.begin());
    const std::uint64_t bit = std::uint64_t{1} << current_;
    if ((seen_ & bit) == 0) {
      seen_ |= bit;
      return;
    }
    if ((repeated_ & bit) == 0) errors_.push_back(repeated_field(name));
    repeated_ |= bit;
    current_ = kSkip;
  }

  void skip_unknown(std::string_view name) {
    current_ = kSkip;
    if (unknown_ >= kMaxUnknownFields) return;
    // Named once, however often it comes.
    if (std::ranges::find(errors_, name, &FieldError::field) != errors_.end()) return;
    ++unknown_;
    errors_.push_back(unknown_field(name));
  }

  bool value(const JsonValue& value) {
    if (depth_ == 0) return not_an_object();
    if (depth_ > 1 || current_ == kSkip) return true;
    if (const auto fault = read_(current_, value)) {
      errors_.push_back(field_error(fields_[current_].name, *fault));
    }
    return true;
  }

  bool start_compound() { return value({.kind = JsonValue::Kind::kCompound}) && descend(); }
  bool descend() {
    if (++depth_ <= kMaxJsonDepth) return true;
    return fail("The body nests too deeply.");
  }
  bool ascend() {
    --depth_;
    return true;
  }
  bool not_an_object() { return fail("The body must be a JSON object."); }
  bool fail(std::string detail) {
    refused_ = malformed(std::move(detail));
    return false;
  }

  const std::span<const JsonField> fields_;
  const FieldReader& read_;
  std::vector<FieldError> errors_;
  std::optional<Problem> refused_;
  std::uint64_t seen_ = 0;      // one bit for each field
  std::uint64_t repeated_ = 0;  // likewise: named once, however often it comes
  std::size_t current_ = kSkip;
  std::size_t depth_ = 0;
  std::size_t unknown_ = 0;
};

}  // namespace

tl::expected<std::vector<FieldError>, Problem> read_object(std::string_view body,
                                                           std::span<const JsonField> fields,
                                                           const FieldReader& read) {
  CHECK(fields.size() <= 64);
  // The parser takes a zero byte for the end of its input.
  if (body.find('\0') != std::string_view::npos) {
    return tl::unexpected(malformed("The body holds a zero byte, which is not JSON."));
  }
  ObjectReader reader(fields, read);
  if (json::sax_parse(body.begin(), body.end(), &reader)) return reader.take_errors();
  return tl::unexpected(
      std::move(reader.refused()).value_or(malformed("The body is not valid JSON.")));
}

}  // namespace citas::api
