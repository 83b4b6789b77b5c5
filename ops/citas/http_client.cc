#include "ops/citas/http_client.h"

#include <curl/curl.h>

#include <nlohmann/json.hpp>

#include "events/base/check.h"
#include "ops/citas/json_member.h"

namespace citas::ops {
namespace {

constexpr long kConnectTimeoutMs = 5'000;
// A transfer that moves nothing for this long is broken.
constexpr long kStallSeconds = 60;

using HeaderList = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

HeaderList header_list(const std::vector<std::string>& headers, bool json) {
  curl_slist* list = nullptr;
  if (json) list = curl_slist_append(list, "Content-Type: application/json");
  for (const std::string& header : headers) list = curl_slist_append(list, header.c_str());
  return {list, &curl_slist_free_all};
}

bool is_on_this_machine(const std::string& url) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), &curl_url_cleanup);
  char* found = nullptr;
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK ||
      curl_url_get(parsed.get(), CURLUPART_HOST, &found, 0) != CURLUE_OK) {
    return false;
  }
  const std::unique_ptr<char, decltype(&curl_free)> host(found, &curl_free);
  const std::string_view name(host.get());
  return name == "localhost" || name == "[::1]" || name.starts_with("127.");
}

struct Receiver {
  CURL* curl;
  std::string body;
  const HttpClient::TakePiece* take;
};

std::size_t receive(char* data, std::size_t size, std::size_t count, void* closure) {
  auto& receiver = *static_cast<Receiver*>(closure);
  const std::string_view piece(data, size * count);
  long status = 0;
  curl_easy_getinfo(receiver.curl, CURLINFO_RESPONSE_CODE, &status);
  if (receiver.take && status == 200) return (*receiver.take)(piece) ? piece.size() : 0;
  receiver.body.append(piece);
  return piece.size();
}

// Of a problem of ours.
ErrorCode code_of(long status) {
  switch (status) {
    case 404:
      return ErrorCode::kNotFound;
    case 409:
      return ErrorCode::kConflict;
    case 500:
      return ErrorCode::kCorruption;
    case 503:
      return ErrorCode::kUnavailable;
    default:
      return ErrorCode::kInvalidArgument;
  }
}

}  // namespace

struct HttpClient::Handle {
  Handle() : curl(curl_easy_init()) { CHECK(curl != nullptr); }
  ~Handle() { curl_easy_cleanup(curl); }
  CURL* curl;
};

HttpClient::HttpClient(std::string base_url)
    : base_url_(std::move(base_url)), handle_(std::make_unique<Handle>()) {
  while (base_url_.ends_with('/')) base_url_.pop_back();
}

HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;

Result<HttpAnswer> HttpClient::perform(std::string_view path,
                                       const std::vector<std::string>& headers,
                                       const std::string_view* json, const TakePiece* take) {
  CURL* curl = handle_->curl;
  curl_easy_reset(curl);
  const std::string url = base_url_ + std::string(path);
  const HeaderList list = header_list(headers, json != nullptr);
  Receiver receiver{curl, {}, take};
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list.get());
  // A proxy to the world outside, which the environment may name, does not lead back in here.
  if (is_on_this_machine(base_url_)) curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, kStallSeconds);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &receive);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &receiver);
  if (json) {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(json->size()));
    curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, json->data());
  }
  const CURLcode code = curl_easy_perform(curl);
  HttpAnswer answer;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
  if (code != CURLE_OK) {
    return failure(ErrorCode::kUnavailable, "no answer from " + base_url_ + ": " +
                                                curl_easy_strerror(code) +
                                                "; is the server running there?");
  }
  answer.body = std::move(receiver.body);
  return answer;
}

Result<HttpAnswer> HttpClient::get(std::string_view path, const std::vector<std::string>& headers) {
  return perform(path, headers, nullptr, nullptr);
}

Result<HttpAnswer> HttpClient::post(std::string_view path, std::string_view json,
                                    const std::vector<std::string>& headers) {
  return perform(path, headers, &json, nullptr);
}

Result<HttpAnswer> HttpClient::stream(std::string_view path,
                                      const std::vector<std::string>& headers,
                                      const TakePiece& take) {
  return perform(path, headers, nullptr, &take);
}

Error problem_of(const HttpAnswer& answer) {
  const auto problem = nlohmann::json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  const std::string message = text_member(problem, "message");
  if (!message.empty()) return {code_of(answer.status), message};
  return {ErrorCode::kUnavailable, "the answer has status " + std::to_string(answer.status) +
                                       " and is not of citas; does a proxy stand in between?"};
}

Result<std::string> get_ok(HttpClient& client, std::string_view path) {
  auto answer = client.get(path);
  if (!answer) return failure(answer.error());
  if (answer->status != 200) return failure(problem_of(*answer));
  return std::move(answer->body);
}

}  // namespace citas::ops
