#include "ops/citas/event_reader.h"

#include <fmt/format.h>

#include "events/event_types.h"
#include "ops/citas/http_client.h"
#include "ops/citas/offline_log.h"

namespace citas::ops {
namespace {

constexpr std::size_t kPage = 4'096;

// Applies what a folder's reader must filter itself.
class Selection {
 public:
  Selection(const EventFilter& filter, const Codec& codec, const EventVisitor& visit)
      : filter_(filter), codec_(codec), visit_(visit), left_(filter.limit) {}

  // False: no more are wanted, or decoding failed.
  bool offer(const RecordView& record) {
    if (!filter_.type.empty()) {
      const auto event = codec_.decode(record.bytes);
      if (!event) {
        status_ = failure(event.error());
        return false;
      }
      if (type_of(event->data) != filter_.type) return true;
    }
    done_ = left_ == 0 || !visit_(record.bytes) || --left_ == 0;
    return !done_;
  }
  bool done() const { return done_ || !status_; }
  const Status& status() const { return status_; }

 private:
  const EventFilter& filter_;
  const Codec& codec_;
  const EventVisitor& visit_;
  std::size_t left_;
  bool done_ = false;
  Status status_;
};

Status read_folder(const std::filesystem::path& data, const EventFilter& filter,
                   const EventVisitor& visit) {
  const auto offline = OfflineLog::open(data, RocksDbEventLog::Mode::kReadOnly);
  if (!offline) return failure(offline.error());
  const EventLog& log = (*offline)->log();
  Selection selection(filter, (*offline)->codec(), visit);
  if (!filter.tag.empty()) {
    const Tag tag = parse_tag(filter.tag).value();
    const Status read =
        log.read_tag({.tag = tag, .first = Position{filter.from}, .last = Position{filter.to}},
                     [&](const RecordView& record) { return selection.offer(record); });
    return read ? selection.status() : read;
  }
  Position after{filter.from == 0 ? 0 : filter.from - 1};
  while (!selection.done() && after < log.committed() && after.value() < filter.to) {
    const Status read = log.read(after, kPage, [&](const RecordView& record) {
      after = record.position;
      return record.position.value() <= filter.to && selection.offer(record);
    });
    if (!read) return read;
  }
  return selection.status();
}

std::string export_path(const EventFilter& filter) {
  std::string path = fmt::format("/events?from={}", filter.from);
  if (filter.to != UINT64_MAX) path += fmt::format("&to={}", filter.to);
  if (!filter.tag.empty()) path += "&tag=" + filter.tag;
  if (!filter.type.empty()) path += "&type=" + filter.type;
  return path;
}

// Cuts a stream of pieces into lines.
class Lines {
 public:
  explicit Lines(const EventVisitor& visit) : visit_(visit) {}
  bool take(std::string_view piece) {
    rest_.append(piece);
    std::size_t begin = 0;
    for (std::size_t end; (end = rest_.find('\n', begin)) != std::string::npos; begin = end + 1) {
      if (!visit_(std::string_view(rest_).substr(begin, end - begin))) return false;
    }
    rest_.erase(0, begin);
    return true;
  }

 private:
  const EventVisitor& visit_;
  std::string rest_;
};

Status read_server(const std::string& url, const EventFilter& filter, const EventVisitor& visit) {
  HttpClient client(url);
  std::size_t left = filter.limit;
  bool stopped = left == 0;
  if (stopped) return {};
  const EventVisitor limited = [&](std::string_view bytes) {
    stopped = !visit(bytes) || --left == 0;
    return !stopped;
  };
  Lines lines(limited);
  const auto answer = client.stream(export_path(filter), {"Accept: application/x-ndjson"},
                                    [&](std::string_view piece) { return lines.take(piece); });
  if (stopped) return {};  // the transfer was broken off by us
  if (!answer) return failure(answer.error());
  if (answer->status != 200) return failure(problem_of(*answer));
  return {};
}

}  // namespace

Status read_events(const EventSource& source, const EventFilter& filter,
                   const EventVisitor& visit) {
  return source.url.empty() ? read_folder(source.data, filter, visit)
                            : read_server(source.url, filter, visit);
}

}  // namespace citas::ops
