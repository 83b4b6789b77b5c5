// HttpClient: requests to a running server, by libcurl. For the commands that take --url.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "events/base/result.h"

namespace citas::ops {

struct HttpAnswer {
  long status = 0;
  std::string body;
};

// One connection, kept open between requests. For one thread at a time.
class HttpClient {
 public:
  // "http://127.0.0.1:8080", with or without a slash at the end.
  explicit HttpClient(std::string base_url);
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) = delete;

  // Unavailable: no answer; the message names the address. Any status is an answer.
  Result<HttpAnswer> get(std::string_view path, const std::vector<std::string>& headers = {});
  Result<HttpAnswer> post(std::string_view path, std::string_view json,
                          const std::vector<std::string>& headers = {});
  // Hands the body over as it comes in; `take` returns false to stop. The answer's body is only
  // filled when the status is not 200.
  using TakePiece = std::function<bool(std::string_view piece)>;
  Result<HttpAnswer> stream(std::string_view path, const std::vector<std::string>& headers,
                            const TakePiece& take);

 private:
  struct Handle;
  Result<HttpAnswer> perform(std::string_view path, const std::vector<std::string>& headers,
                             const std::string_view* json, const TakePiece* take);

  std::string base_url_;
  std::unique_ptr<Handle> handle_;
};

// The answer to a GET, or what it says is wrong.
Result<std::string> get_ok(HttpClient& client, std::string_view path);
// The message of the problem that the server answered with, and its code by the status. Unavailable
// for whatever else stands between here and the server: it says nothing of what is stored there.
Error problem_of(const HttpAnswer& answer);

}  // namespace citas::ops
