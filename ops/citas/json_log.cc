#include "ops/citas/json_log.h"

#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "events/base/clock.h"
#include "events/base/json_text.h"

namespace citas::ops {
namespace {

constexpr std::array<std::string_view, 4> kLevels{"debug", "info", "warning", "error"};
constexpr std::size_t kWaitingLines = 8'192;

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

std::optional<LogLevel> parse_log_level(std::string_view text) {
  const auto found = std::ranges::find(kLevels, text);
  if (found == kLevels.end()) return std::nullopt;
  return static_cast<LogLevel>(found - kLevels.begin());
}

JsonLog::JsonLog(LogLevel least)
    : least_(least),
      writer_(std::make_shared<spdlog::details::thread_pool>(kWaitingLines, 1)),
      logger_(std::make_shared<spdlog::async_logger>(
          "citas", std::make_shared<spdlog::sinks::stderr_sink_mt>(), writer_,
          spdlog::async_overflow_policy::overrun_oldest)) {
  logger_->set_pattern("%v");
  logger_->set_level(spdlog::level::trace);
}

JsonLog::~JsonLog() { logger_->flush(); }

void JsonLog::last_words(std::string_view message, std::initializer_list<LogField> fields) {
  const std::string line = line_of(LogLevel::kError, message, fields) + '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);
}

void JsonLog::write(LogLevel level, std::string_view message,
                    std::initializer_list<LogField> fields) {
  if (is_on(level)) logger_->info(line_of(level, message, fields));
}

}  // namespace citas::ops
