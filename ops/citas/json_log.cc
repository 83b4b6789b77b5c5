#include "ops/citas/json_log.h"

#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "events/base/clock.h"
#include "events/base/json_text.h"
#include "ops/citas/line_writer.h"

namespace citas::ops {
namespace {

constexpr std::array<std::string_view, 4> kLevels{"debug", "info", "warning", "error"};
constexpr std::size_t kWaitingLines = 8'192;

// A reader of stderr who does not read holds up the end of the program for no longer.
constexpr std::chrono::seconds kPatienceAtTheEnd{2};

std::string line_of(LogLevel level, std::string_view message,
                    std::initializer_list<LogField> fields) {
  nlohmann::ordered_json line;
  line["time"] = format_rfc3339(SystemClock{}.now());
  line["level"] = kLevels[static_cast<std::size_t>(level)];
  line["message"] = message;
  for (const LogField& field : fields) {
    std::visit([&](const auto& value) { line[std::string(field.name)] = value; }, field.value);
  }
  return json_text(line);
}

}  // namespace

// The writer's thread is the only one that uses it.
class JsonLog::Stderr final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  void hurry() { lines_.hurry(kPatienceAtTheEnd); }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    lines_.write({line.data(), line.size()});
  }
  void flush_() override {}

  LineWriter lines_{STDERR_FILENO};
};

std::optional<LogLevel> parse_log_level(std::string_view text) {
  const auto found = std::ranges::find(kLevels, text);
  if (found == kLevels.end()) return std::nullopt;
  return static_cast<LogLevel>(found - kLevels.begin());
}

JsonLog::JsonLog(LogLevel least)
    : least_(least),
      stderr_(std::make_shared<Stderr>()),
      writer_(std::make_shared<spdlog::details::thread_pool>(kWaitingLines, 1)),
      logger_(std::make_shared<spdlog::async_logger>(
          "citas", stderr_, writer_, spdlog::async_overflow_policy::overrun_oldest)) {
  logger_->set_pattern("%v");
  logger_->set_level(spdlog::level::trace);
}

JsonLog::~JsonLog() {
  stderr_->hurry();
  logger_->flush();
}

void JsonLog::last_words(std::string_view message, std::initializer_list<LogField> fields) {
  const std::string line = line_of(LogLevel::kError, message, fields) + '\n';
  LineWriter lines(STDERR_FILENO);
  lines.hurry(kPatienceAtTheEnd);
  lines.write(line);
}

void JsonLog::write(LogLevel level, std::string_view message,
                    std::initializer_list<LogField> fields) {
  if (is_on(level)) logger_->info(line_of(level, message, fields));
}

}  // namespace citas::ops
