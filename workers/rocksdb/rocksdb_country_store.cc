#include "workers/rocksdb/rocksdb_country_store.h"

#include <fcntl.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/merge_operator.h>
#include <rocksdb/table.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "events/base/big_endian.h"
#include "events/base/check.h"
#include "events/base/descriptor.h"
#include "events/base/folder.h"
#include "events/base/rocksdb/next_step.h"
#include "events/base/rocksdb/silent_logger.h"

namespace citas::workers {
namespace {

constexpr char kFormatKey[] = "f";
constexpr char kCountryKey[] = "i";
constexpr char kMarkKey[] = "m";
constexpr char kSeenKey[] = "s";
constexpr char kEntryPrefix = 'a';
constexpr char kTryingFile[] = "TRYING";
constexpr std::size_t kTryingBytes = 128;
// A manifest that was cut short is to RocksDB a valid, older one: a table may be missing from the
// middle of the store's history. So each batch says which one it is, and is counted by merging.
constexpr char kBatchKey[] = "n";    // number of the last batch, from 1
constexpr char kCountedKey[] = "c";  // how many batches are in the store
constexpr char kFormat[] = "\x02";
constexpr char kFormatOfHighestSeen[] = "\x01";
// What a start has to replay, too: with one column family, RocksDB bounds its write-ahead log by
// nothing else.
constexpr std::size_t kWriteBufferBytes = std::size_t{4} << 20;
constexpr std::size_t kWalBytes = std::size_t{4} << 20;
constexpr std::size_t kManifestBytes = std::size_t{64} << 10;
constexpr int kBloomBitsPerKey = 10;

template <typename Unsigned>
std::string big_endian(Unsigned value) {
  std::string out;
  append_big_endian(out, value);
  return out;
}

std::string little_endian(std::uint64_t value) {
  std::string out = big_endian(value);
  std::ranges::reverse(out);
  return out;
}

std::uint64_t from_little_endian(std::string bytes) {
  std::ranges::reverse(bytes);
  return read_big_endian<std::uint64_t>(bytes);
}

std::string entry_key(AppointmentId appointment) {
  const auto& bytes = appointment.value().bytes;
  return std::string(1, kEntryPrefix).append(bytes.begin(), bytes.end());
}

// nullopt: not an entry's key.
std::optional<AppointmentId> appointment_of(std::string_view key) {
  Uuid id;
  if (key.size() != 1 + id.bytes.size()) return std::nullopt;
  std::copy(key.begin() + 1, key.end(), id.bytes.begin());
  return AppointmentId{id};
}

std::string tries_key(std::string_view message) { return std::string("t").append(message); }

Error store_error(const std::filesystem::path& folder, const rocksdb::Status& status) {
  std::string message = "country store " + folder.string() + ": " + status.ToString();
  if (is_damage(status)) return {ErrorCode::kCorruption, message};
  return {ErrorCode::kUnavailable, message.append(next_step(status))};
}

// By this process or another. RocksDB has no code for it, and speaks of locks and of files named so
// also where the disk is full, or does not answer.
bool is_held(const rocksdb::Status& opened) {
  const std::string text = opened.ToString();
  const auto says = [&](const char* words) { return text.find(words) != std::string::npos; };
  const bool is_refused = says("While lock file: ") && says(": Resource temporarily unavailable");
  return opened.IsIOError() && (is_refused || says("lock hold by current process"));
}

// RocksDB's own addition of little-endian numbers.
std::shared_ptr<rocksdb::MergeOperator> adder() {
  std::shared_ptr<rocksdb::MergeOperator> adder;
  const auto made = rocksdb::MergeOperator::CreateFromString({}, "uint64add", &adder);
  CHECK(made.ok() && adder);
  return adder;
}

rocksdb::Options db_options() {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.write_buffer_size = kWriteBufferBytes;
  options.max_background_jobs = 2;
  options.max_file_opening_threads = 2;  // instead of 16, however few files there are
  options.info_log = std::make_shared<SilentLogger>();
  // Whoever is told of an error closes it: it must not begin to write again by itself.
  options.max_bgerror_resume_count = 0;
  // Allocated ahead, so that a disk that fills up between two looks at it holds no processor up.
  options.max_total_wal_size = kWalBytes;
  options.manifest_preallocation_size = kManifestBytes;
  options.merge_operator = adder();
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kBloomBitsPerKey));
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

// Which message is tried just now, where another process finds it. One that is cut short or damaged
// names no message, and charges nobody.
class TryingFile {
 public:
  Status open(const std::filesystem::path& path) {
    path_ = path;
    file_ = Descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!file_) return failed();
    // Its space is taken now, so that a disk that fills up holds no processor up here.
    return ::lseek(file_.get(), 0, SEEK_END) < off_t{kTryingBytes} ? write({}) : Status{};
  }

  Status write(std::string_view message) {
    std::array<char, kTryingBytes> bytes{};
    // A longer key cannot be told, and is not charged for its group.
    if (message.size() < bytes.size()) std::ranges::copy(message, bytes.begin());
    const auto written = ::pwrite(file_.get(), bytes.data(), bytes.size(), 0);
    return written == static_cast<ssize_t>(bytes.size()) ? Status{} : failed();
  }

  std::string read() const {
    std::array<char, kTryingBytes> bytes{};
    const auto found = ::pread(file_.get(), bytes.data(), bytes.size(), 0);
    if (found != static_cast<ssize_t>(bytes.size())) return {};
    return {bytes.begin(), std::ranges::find(bytes, '\0')};
  }

 private:
  Status failed() const {
    return failure(ErrorCode::kUnavailable, path_.string() + ": " + std::strerror(errno));
  }

  std::filesystem::path path_;
  Descriptor file_;
};

class Store final : public RocksDbCountryStore {
 public:
  // `disk` may be null: this machine's.
  Store(std::filesystem::path folder, const std::shared_ptr<rocksdb::FileSystem>& disk,
        std::optional<CountryCode> country)
      : folder_(std::move(folder)),
        country_(country),
        env_(disk ? rocksdb::NewCompositeEnv(disk) : nullptr) {}

  Status open() {
    std::error_code error;
    std::filesystem::create_directories(folder_, error);
    if (auto locked = lock(); !locked) return locked;
    rocksdb::DB* db = nullptr;
    const auto opened = rocksdb::DB::Open(options(), folder_.string(), &db);
    db_.reset(db);
    batches_ = 0;
    if (is_held(opened)) return failure(held());
    if (!opened.ok()) return failure(store_error(folder_, opened));
    if (auto made = trying_.open(folder_ / kTryingFile); !made) return made;
    return check_format();
  }

  CountryMark mark() const override { return mark_; }

  Result<std::optional<CountryEntry>> find(AppointmentId appointment) const override {
    auto value = get(entry_key(appointment));
    if (!value) return failure(std::move(value.error()));
    if (!*value) return std::optional<CountryEntry>{};
    auto entry = decode_country_entry(**value);
    if (!entry) return failure(std::move(entry.error()));
    return std::optional(std::move(*entry));
  }

  Status visit(const Visit& visit) const override {
    const std::unique_ptr<rocksdb::Iterator> entries(db_->NewIterator({}));
    for (entries->Seek(std::string(1, kEntryPrefix)); entries->Valid(); entries->Next()) {
      const std::string_view key = entries->key().ToStringView();
      if (key.front() != kEntryPrefix) break;
      const auto id = appointment_of(key);
      if (!id)
        return failure(ErrorCode::kCorruption,
                       "country store " + folder_.string() +
                           ": a key is no appointment's; delete the folder, it is "
                           "filled again");
      const auto entry = decode_country_entry(entries->value().ToStringView());
      if (!entry) return failure(entry.error());
      visit(*id, *entry);
    }
    if (!entries->status().ok()) return failure(store_error(folder_, entries->status()));
    return {};
  }

  Result<std::optional<std::uint32_t>> tries(std::string_view message) const override {
    auto value = get(tries_key(message));
    if (!value) return failure(std::move(value.error()));
    if (!*value || (*value)->size() != sizeof(std::uint32_t)) return std::optional<std::uint32_t>{};
    return std::optional(read_big_endian<std::uint32_t>(**value));
  }

  Status note_tries(std::span<const Tries> tries) override {
    rocksdb::WriteBatch batch;
    for (const Tries& noted : tries) batch.Put(tries_key(noted.message), big_endian(noted.count));
    return write(batch, /*sync=*/false);
  }

  Status begin_try(std::string_view message) override { return trying_.write(message); }
  std::string begun_try() const override { return trying_.read(); }

  Status commit(const CountryChanges& changes) override {
    rocksdb::WriteBatch batch;
    for (const auto& [appointment, entry] : changes.entries) {
      batch.Put(entry_key(appointment), encode(entry));
    }
    for (const std::string& message : changes.settled) batch.Delete(tries_key(message));
    for (const std::string& event : changes.ended) {
      if (auto forgotten = forget_tries(event, batch); !forgotten) return forgotten;
    }
    for (const Tries& failed : changes.failed) {
      batch.Put(tries_key(failed.message), big_endian(failed.count));
    }
    CountryMark mark = raised(mark_, changes);
    put_mark(batch, mark);
    auto written = write(batch, must_sync(changes));
    if (written) mark_ = std::move(mark);
    return written;
  }

  Status reset(std::string_view log_source) override {
    if (auto emptied = empty(); !emptied) return emptied;
    mark_ = {.log_source = std::string(log_source)};
    if (auto cleared = trying_.write({}); !cleared) return cleared;
    rocksdb::WriteBatch batch;
    put_mark(batch, mark_);
    return write(batch, /*sync=*/true);
  }

 private:
  rocksdb::Options options() const {
    rocksdb::Options chosen = db_options();
    if (env_) chosen.env = env_.get();
    return chosen;
  }

  Error held() const {
    return {ErrorCode::kFailedPrecondition, "country store " + folder_.string() +
                                                " is held by another process; a country has one "
                                                "processor: stop the other one first"};
  }

  // No damage, whatever it is: what lies there may be another's, and is not to be deleted.
  Error displaced(const Error& why) const {
    if (why.code == ErrorCode::kUnavailable) return {why.code, "country store: " + why.message};
    return {ErrorCode::kUnavailable,
            "country store " + folder_.string() +
                " was moved, replaced or deleted while it was in use; what lies there is opened "
                "instead, or made anew, and filled again"};
  }

  Status lock() {
    lock_ = FolderLock::none();  // opened again in place: its own would keep it out
    auto locked = FolderLock::for_writing(folder_);
    if (!locked && locked.error().code == ErrorCode::kFailedPrecondition) return failure(held());
    if (!locked) return failure(locked.error().code, "country store: " + locked.error().message);
    lock_ = *std::move(locked);
    return {};
  }

  Status empty() {
    db_.reset();
    const auto destroyed = rocksdb::DestroyDB(folder_.string(), options());
    if (!destroyed.ok()) return failure(store_error(folder_, destroyed));
    return open();
  }

  Status check_format() {
    auto format = get(kFormatKey);
    if (!format) return failure(std::move(format.error()));
    if (!*format) {
      const auto earlier = get(kBatchKey);
      if (!earlier) return failure(earlier.error());
      if (*earlier) return empty();
      return write_format();
    }
    if (**format == kFormatOfHighestSeen) return empty();
    if (**format != kFormat) {
      return failure(ErrorCode::kFailedPrecondition,
                     "country store " + folder_.string() +
                         " is of another format: delete the folder, it is filled again");
    }
    const auto whole = is_whole();
    if (!whole) return failure(whole.error());
    if (!*whole) return empty();
    if (auto ours = check_country(); !ours) return ours;
    // RocksDB allocates its write-ahead log with the first write: now, so that a disk that fills up
    // before there is something to write holds no processor up.
    if (auto written = write_format(); !written) return written;
    return read_mark();
  }

  // Another's mark says nothing of this country's events: those below it would never be asked for.
  Status check_country() const {
    const auto theirs = get(kCountryKey);
    if (!theirs) return failure(theirs.error());
    if (!*theirs || !country_ || **theirs == country_->text()) return {};
    return failure(ErrorCode::kFailedPrecondition,
                   "country store " + folder_.string() + " is of " + **theirs + ", not of " +
                       std::string(country_->text()) +
                       ": put the folder back where it belongs, or delete it; it is filled again");
  }

  // Of all sendings of an event: their keys begin with it.
  Status forget_tries(const std::string& event, rocksdb::WriteBatch& batch) const {
    const std::string prefix = tries_key(event);
    const std::unique_ptr<rocksdb::Iterator> noted(db_->NewIterator({}));
    for (noted->Seek(prefix); noted->Valid() && noted->key().starts_with(prefix); noted->Next()) {
      batch.Delete(noted->key());
    }
    if (!noted->status().ok()) return failure(store_error(folder_, noted->status()));
    return {};
  }

  Status write_format() {
    rocksdb::WriteBatch batch;
    batch.Put(kFormatKey, kFormat);
    if (country_) batch.Put(kCountryKey, std::string(country_->text()));
    return write(batch, /*sync=*/true);
  }

  // Whether every batch is there that was written up to the last one that is.
  Result<bool> is_whole() {
    const auto last = get(kBatchKey);
    if (!last) return failure(last.error());
    const auto counted = get(kCountedKey);
    if (!counted) return failure(counted.error());
    if (*last != *counted || !*last || (*last)->size() != sizeof batches_) return false;
    batches_ = from_little_endian(**last);
    return true;
  }

  Status read_mark() {
    auto value = get(kMarkKey);
    if (!value) return failure(std::move(value.error()));
    if (!*value || (*value)->size() < sizeof(std::uint64_t)) return {};
    mark_.processed = read_big_endian<std::uint64_t>(**value);
    mark_.log_source = (*value)->substr(sizeof(std::uint64_t));
    auto seen = get(kSeenKey);
    if (!seen) return failure(std::move(seen.error()));
    if (!*seen || (*seen)->size() < sizeof(std::uint64_t)) return {};
    mark_.seen = read_big_endian<std::uint64_t>(**seen);
    mark_.hash = (*seen)->substr(sizeof(std::uint64_t));
    return {};
  }

  static void put_mark(rocksdb::WriteBatch& batch, const CountryMark& mark) {
    batch.Put(kMarkKey, big_endian(mark.processed) + mark.log_source);
    batch.Put(kSeenKey, big_endian(mark.seen) + mark.hash);
  }

  Result<std::optional<std::string>> get(const std::string& key) const {
    std::string value;
    const auto status = db_->Get({}, key, &value);
    if (status.IsNotFound()) return std::optional<std::string>{};
    if (!status.ok()) return failure(store_error(folder_, status));
    return std::optional(std::move(value));
  }

  Status write(rocksdb::WriteBatch& batch, bool sync) {
    if (const Status placed = lock_.check_in_place(); !placed) {
      return failure(displaced(placed.error()));
    }
    batch.Put(kBatchKey, little_endian(batches_ + 1));
    batch.Merge(kCountedKey, little_endian(1));
    rocksdb::WriteOptions options;
    options.sync = sync;
    const auto status = db_->Write(options, &batch);
    if (status.ok()) ++batches_;
    if (!status.ok()) return failure(store_error(folder_, status));
    return {};
  }

  const std::filesystem::path folder_;
  const std::optional<CountryCode> country_;
  FolderLock lock_ =
      FolderLock::none();              // closed after db_, whose own lock on that file ends by it
  std::unique_ptr<rocksdb::Env> env_;  // outlives db_
  std::unique_ptr<rocksdb::DB> db_;
  TryingFile trying_;
  CountryMark mark_;
  std::uint64_t batches_ = 0;  // ever written
};

}  // namespace

Result<std::unique_ptr<CountryStore>> RocksDbCountryStoreHome::open() {
  std::error_code ignored;
  if (was_open_ && !std::filesystem::exists(folder_.parent_path(), ignored)) {
    return failure(ErrorCode::kUnavailable,
                   "country store " + folder_.string() +
                       ": the folder that it lay in is gone; put it back, or start again");
  }
  auto opened = RocksDbCountryStore::open(folder_, country_);
  if (!opened) return failure(std::move(opened.error()));
  was_open_ = true;
  return *std::move(opened);
}

void RocksDbCountryStoreHome::discard() {
  std::error_code ignored;
  // Where it is a disk of its own, the folder stays, and is empty.
  std::filesystem::remove_all(folder_, ignored);
}

Result<std::unique_ptr<RocksDbCountryStore>> RocksDbCountryStore::open(
    const std::filesystem::path& folder, std::optional<CountryCode> country) {
  return open_on(nullptr, folder, country);
}

Result<std::unique_ptr<RocksDbCountryStore>> RocksDbCountryStore::open_on(
    const std::shared_ptr<rocksdb::FileSystem>& disk, const std::filesystem::path& folder,
    std::optional<CountryCode> country) {
  auto store = std::make_unique<Store>(folder, disk, country);
  if (auto opened = store->open(); !opened) return failure(std::move(opened.error()));
  return store;
}

}  // namespace citas::workers
