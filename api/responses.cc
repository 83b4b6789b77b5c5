#include "api/responses.h"

namespace citas::api {
namespace {

std::string entity_tag(Epoch epoch, Position last_change) {
  std::string tag{'"'};
  tag.append(std::to_string(epoch.value())).append(1, '-');
  return tag.append(std::to_string(last_change.value())).append(1, '"');
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

void set_entity_tag(http::Response& response, Epoch epoch, Position last_change) {
  response.headers.push_back({"ETag", entity_tag(epoch, last_change)});
}

std::optional<Position> last_change_in(std::string_view entity_tag_sent, Epoch epoch) {
  const std::size_t dash = entity_tag_sent.find('-');
  if (dash == std::string_view::npos || !entity_tag_sent.ends_with('"')) return std::nullopt;
  const std::string_view digits = entity_tag_sent.substr(dash + 1);
  const auto position = parse_position(digits.substr(0, digits.size() - 1));
  // One form only: what is not exactly what was sent is not ours.
  if (!position || entity_tag(epoch, *position) != entity_tag_sent) return std::nullopt;
  return position;
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
