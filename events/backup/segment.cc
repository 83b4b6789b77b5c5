#include "events/backup/segment.h"

#include <zstd.h>

#include <cstring>

#include "events/base/big_endian.h"
#include "events/base/check.h"

namespace citas::backup {
namespace {

constexpr std::string_view kMagic = "citasBS1";
constexpr int kCompressionLevel = 3;

void append_short(std::string& out, std::string_view text) {
  CHECK(text.size() <= UINT8_MAX);
  out.push_back(static_cast<char>(text.size()));
  out.append(text);
}

// Cuts fields from the front; once something is missing, all that follows is empty.
class Cutter {
 public:
  explicit Cutter(std::string_view bytes) : rest_(bytes) {}

  std::string_view bytes(std::size_t size) {
    if (size > rest_.size()) {
      failed_ = true;
      rest_ = {};
      return {};
    }
    const auto cut = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return cut;
  }
  std::uint64_t number(std::size_t size) {
    std::uint64_t value = 0;
    for (const char byte : bytes(size)) value = value << 8 | static_cast<unsigned char>(byte);
    return value;
  }
  std::string_view short_text() { return bytes(number(1)); }
  template <std::size_t Size>
  void array(std::array<unsigned char, Size>& out) {
    const auto cut = bytes(Size);
    if (!failed_) std::memcpy(out.data(), cut.data(), Size);
  }
  bool failed() const { return failed_; }
  bool at_end() const { return !failed_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

tl::unexpected<Error> damaged(std::string_view what) {
  return failure(ErrorCode::kCorruption, std::string(what));
}

Result<std::string> decompress(std::string_view file) {
  const auto size = ZSTD_getFrameContentSize(file.data(), file.size());
  if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR ||
      size > kMaxSegmentBytes) {
    return damaged("it is not a segment");
  }
  std::string content(size, '\0');
  const std::size_t got = ZSTD_decompress(content.data(), content.size(), file.data(), file.size());
  if (ZSTD_isError(got) != 0 || got != size) return damaged("it cannot be decompressed");
  return content;
}

void cut_head(Cutter& cutter, Segment& segment) {
  Uuid id;
  cutter.array(id.bytes);
  segment.origin.log = {LogId{id}, std::string(cutter.short_text())};
  segment.origin.fingerprint_key = cutter.short_text();
  segment.before.head.position = Position{cutter.number(8)};
  segment.before.head.epoch = Epoch{static_cast<std::uint32_t>(cutter.number(4))};
  segment.before.running_maximum =
      Timestamp{std::chrono::milliseconds{static_cast<std::int64_t>(cutter.number(8))}};
  cutter.array(segment.before.head.hash);
}

Status cut_records(Cutter& cutter, Segment& segment) {
  Position position = segment.before.head.position;
  for (auto left = cutter.number(4); left > 0 && !cutter.failed(); --left) {
    position = Position{position.value() + 1};
    const auto record = decode_record(position, cutter.bytes(cutter.number(4)));
    if (!record) return failure(record.error());
    segment.records.push_back(*record);
  }
  return {};
}

void cut_results(Cutter& cutter, Segment& segment) {
  for (auto left = cutter.number(4); left > 0 && !cutter.failed(); --left) {
    ListedResult result;
    result.position = Position{cutter.number(8)};
    cutter.array(result.key);
    result.value = cutter.short_text();
    segment.results.push_back(result);
  }
}

}  // namespace

SegmentBuilder::SegmentBuilder(const SegmentOrigin& origin, const ChainState& before) {
  head_.append(kMagic);
  const auto& id = origin.log.id.value().bytes;
  head_.append(id.begin(), id.end());
  append_short(head_, origin.log.partition);
  append_short(head_, origin.fingerprint_key);
  append_big_endian(head_, before.head.position.value());
  append_big_endian(head_, before.head.epoch.value());
  const auto time = before.running_maximum.time_since_epoch().count();
  append_big_endian(head_, static_cast<std::uint64_t>(time));
  head_.append(bytes_of(before.head.hash));
}

std::size_t SegmentBuilder::size_of(const RecordView& record) {
  return sizeof(std::uint32_t) + kRecordHeaderSize + record.bytes.size();
}

std::size_t SegmentBuilder::size_of(const ListedResult& result) {
  return sizeof(std::uint64_t) + result.key.size() + 1 + result.value.size();
}

void SegmentBuilder::add(const RecordView& record) {
  const std::string stored =
      encode_record(record.epoch, record.running_maximum, record.hash, record.bytes);
  append_big_endian(records_, static_cast<std::uint32_t>(stored.size()));
  records_.append(stored);
  ++record_count_;
}

void SegmentBuilder::add(const ListedResult& result) {
  append_big_endian(results_, result.position.value());
  results_.append(bytes_of(result.key));
  append_short(results_, result.value);
  ++result_count_;
}

std::string SegmentBuilder::finish() const {
  CHECK(size_bytes() <= kMaxSegmentBytes);
  std::string content;
  content.reserve(size_bytes());
  content.append(head_);
  append_big_endian(content, record_count_);
  content.append(records_);
  append_big_endian(content, result_count_);
  content.append(results_);
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(),
                                                                     &ZSTD_freeCCtx);
  CHECK(context != nullptr);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kCompressionLevel);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  std::string file(ZSTD_compressBound(content.size()), '\0');
  const std::size_t size =
      ZSTD_compress2(context.get(), file.data(), file.size(), content.data(), content.size());
  CHECK(ZSTD_isError(size) == 0);
  file.resize(size);
  return file;
}

Result<Segment> read_segment(std::string_view file) {
  auto content = decompress(file);
  if (!content) return failure(content.error());
  Segment segment;
  segment.content = std::make_unique<const std::string>(*std::move(content));
  Cutter cutter(*segment.content);
  if (cutter.bytes(kMagic.size()) != kMagic) return damaged("it is of an unknown format");
  cut_head(cutter, segment);
  if (const Status records = cut_records(cutter, segment); !records) {
    return failure(records.error());
  }
  cut_results(cutter, segment);
  if (!cutter.at_end()) return damaged("it does not end where it should");
  return segment;
}

}  // namespace citas::backup
