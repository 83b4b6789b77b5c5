#include "api/responses.h"

namespace citas::api {

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

void set_entity_tag(http::Response& response, Position last_change) {
  response.headers.push_back({"ETag", '"' + std::to_string(last_change.value()) + '"'});
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
