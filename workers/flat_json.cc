#include "workers/flat_json.h"

#include <simdjson.h>

#include <algorithm>

namespace citas::workers {
namespace {

namespace ondemand = simdjson::ondemand;

auto malformed(std::string what) { return failure(ErrorCode::kInvalidArgument, std::move(what)); }

Result<std::variant<std::string, std::uint64_t>> read_value(ondemand::value value) {
  ondemand::json_type type;
  if (value.type().get(type)) return malformed("not JSON");
  std::string_view text;
  std::uint64_t number = 0;
  if (type == ondemand::json_type::string && !value.get_string().get(text)) {
    return std::string(text);
  }
  if (type == ondemand::json_type::number && !value.get_uint64().get(number)) return number;
  return malformed("a value that is neither a string nor a non-negative integer");
}

}  // namespace

Result<FlatJson> FlatJson::parse(std::string_view bytes,
                                 std::initializer_list<std::string_view> known_fields) {
  if (bytes.size() > kMaxFlatJsonSize) return malformed("too long");
  simdjson::padded_string padded(bytes);
  ondemand::parser parser;
  ondemand::document document;
  ondemand::object object;
  if (parser.iterate(padded).get(document)) return malformed("not JSON");
  if (document.get_object().get(object)) return malformed("not a JSON object");
  FlatJson flat;
  for (auto entry : object) {
    std::string_view name;
    if (entry.error() || entry.unescaped_key().get(name)) return malformed("not JSON");
    if (std::ranges::find(known_fields, name) == known_fields.end()) {
      return malformed("an unknown field");
    }
    if (flat.has(name)) return malformed("a repeated field");
    ondemand::value value;
    std::string owned_name(name);
    if (entry.value().get(value)) return malformed("not JSON");
    auto read = read_value(value);
    if (!read) return failure(std::move(read.error()));
    flat.fields_.push_back({std::move(owned_name), std::move(*read)});
  }
  // The parser answers so only when nothing is left.
  const bool at_end = document.current_location().error() == simdjson::OUT_OF_BOUNDS;
  if (!at_end) return malformed("bytes after the object");
  return flat;
}

const FlatJson::Value* FlatJson::find(std::string_view name) const {
  const auto found = std::ranges::find(fields_, name, &Field::name);
  return found == fields_.end() ? nullptr : &found->value;
}

std::optional<std::string_view> FlatJson::string(std::string_view name) const {
  const Value* value = find(name);
  const auto* text = value == nullptr ? nullptr : std::get_if<std::string>(value);
  return text == nullptr ? std::nullopt : std::optional<std::string_view>(*text);
}

std::optional<std::uint64_t> FlatJson::number(std::string_view name) const {
  const Value* value = find(name);
  const auto* number = value == nullptr ? nullptr : std::get_if<std::uint64_t>(value);
  return number == nullptr ? std::nullopt : std::optional(*number);
}

}  // namespace citas::workers
