// JsonLog: the program's log on stderr, one JSON object a line (spdlog underneath).
//
//   {"time":…,"level":"info","message":…,<fields>}
//
// Fields never hold a person's data. Writing happens on a thread of its own; when stderr does not
// keep up, the oldest lines are dropped rather than anybody delayed.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace spdlog {
class logger;
namespace details {
class thread_pool;
}
}  // namespace spdlog

namespace citas::ops {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// "debug", "info", "warning", "error".
std::optional<LogLevel> parse_log_level(std::string_view text);

struct LogField {
  std::string_view name;
  std::variant<std::string_view, std::int64_t, double> value;
};

// Thread-safe.
class JsonLog {
 public:
  explicit JsonLog(LogLevel least);
  // Writes what is waiting; drops it where nobody has read for two seconds.
  ~JsonLog();
  JsonLog(const JsonLog&) = delete;
  JsonLog& operator=(const JsonLog&) = delete;

  bool is_on(LogLevel level) const { return level >= least_; }
  void write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});
  void info(std::string_view message, std::initializer_list<LogField> fields = {}) {
    write(LogLevel::kInfo, message, fields);
  }
  void warning(std::string_view message, std::initializer_list<LogField> fields = {}) {
    write(LogLevel::kWarning, message, fields);
  }
  void error(std::string_view message, std::initializer_list<LogField> fields = {}) {
    write(LogLevel::kError, message, fields);
  }

  // An error, written before it returns: for a process that ends at once.
  static void last_words(std::string_view message, std::initializer_list<LogField> fields);

 private:
  class Stderr;

  const LogLevel least_;
  std::shared_ptr<Stderr> stderr_;
  std::shared_ptr<spdlog::details::thread_pool> writer_;
  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace citas::ops
