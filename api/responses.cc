#include "api/responses.h"

namespace citas::api {
namespace {

// What the tags of an epoch begin with.
std::string tag_prefix(Epoch epoch) {
  return std::string{'"'}.append(std::to_string(epoch.value())).append(1, '-');
}

}  // namespace

http::Response json_response(int status, std::string body) {
  http::Response response;
  response.status = status;
  response.headers.reserve(8);
  response.headers.push_back({"Content-Type", "application/json"});
  response.body = std::move(body);
  return response;
}

void set_position(http::Response& response, Position position) {
  response.headers.push_back({"Citas-Position", std::to_string(position.value())});
}

void set_entity_tag(http::Response& response, Epoch epoch, Position last_change,
                    std::optional<std::uint32_t> model_version) {
  std::string tag = tag_prefix(epoch).append(std::to_string(last_change.value()));
  if (model_version) tag.append(1, '.').append(std::to_string(*model_version));
  response.headers.push_back({"ETag", tag.append(1, '"')});
}

std::optional<Position> last_change_in(std::string_view entity_tag, Epoch epoch) {
  const std::string prefix = tag_prefix(epoch);
  if (!entity_tag.starts_with(prefix) || !entity_tag.ends_with('"')) return std::nullopt;
  entity_tag.remove_prefix(prefix.size());
  entity_tag.remove_suffix(1);
  const std::size_t dot = entity_tag.find('.');
  // Like the position, the version is a number that is written in one way only.
  const bool has_wrong_version =
      dot != std::string_view::npos && !parse_position(entity_tag.substr(dot + 1));
  return has_wrong_version ? std::nullopt : parse_position(entity_tag.substr(0, dot));
}

void append_pagination(std::string& body, std::size_t limit, std::string_view next_cursor) {
  body.append(R"("pagination":{"limit":)").append(std::to_string(limit));
  if (next_cursor.empty()) {
    body.append(R"(,"hasMore":false,"nextCursor":null})");
  } else {
    body.append(R"(,"hasMore":true,"nextCursor":")").append(next_cursor).append(R"("})");
  }
}

std::string_view header_of(const http::Response& response, std::string_view name) {
  for (const http::Field& field : response.headers) {
    if (http::equals_ignoring_case(field.name, name)) return field.value;
  }
  return {};
}

}  // namespace citas::api
