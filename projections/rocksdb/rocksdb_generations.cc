#include "projections/rocksdb/rocksdb_generations.h"

#include <algorithm>
#include <fstream>
#include <system_error>

#include "events/base/folder.h"
#include "events/base/number.h"
#include "events/base/synced_file.h"

namespace citas::projections {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPointer = "CURRENT";
constexpr std::string_view kNewPointer = "CURRENT.new";
constexpr std::size_t kDigits = 8;

std::optional<Generation> parse_folder_name(std::string_view text) {
  const auto number = parse_number<std::uint64_t>(text);
  return number ? std::optional(Generation{*number}) : std::nullopt;
}

std::string folder_name(Generation number) {
  const std::string digits = std::to_string(number.value());
  return std::string(kDigits - std::min(kDigits, digits.size()), '0') + digits;
}

tl::unexpected<Error> failed(std::string_view what, const fs::path& path, std::error_code error) {
  return failure(ErrorCode::kUnavailable,
                 "cannot " + std::string(what) + " " + path.string() + ": " + error.message());
}

}  // namespace

RocksDbGenerations::RocksDbGenerations(fs::path folder, std::size_t block_cache_bytes)
    : folder_(std::move(folder)), shared_(make_read_store_resources(block_cache_bytes)) {}

fs::path RocksDbGenerations::folder_of(std::string_view name, Generation number) const {
  return folder_ / name / folder_name(number);
}

Result<std::optional<Generation>> RocksDbGenerations::current(std::string_view name) const {
  std::ifstream file(folder_ / name / kPointer);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  return parse_folder_name(line);
}

Result<std::vector<Generation>> RocksDbGenerations::list(std::string_view name) const {
  std::vector<Generation> numbers;
  std::error_code error;
  for (fs::directory_iterator entry(folder_ / name, error), end; !error && entry != end;
       entry.increment(error)) {
    const auto number = parse_folder_name(entry->path().filename().string());
    if (number) numbers.push_back(*number);
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return failed("list", folder_ / name, error);
  }
  std::ranges::sort(numbers);
  return numbers;
}

Result<std::shared_ptr<ReadStore>> RocksDbGenerations::open_store(const fs::path& folder,
                                                                  RocksDbReadStore::Mode mode) {
  auto store = RocksDbReadStore::open(folder, mode, shared_);
  if (!store) return failure(std::move(store).error());
  const std::lock_guard lock(mutex_);
  open_[folder] = *store;
  return *std::move(store);
}

Result<std::shared_ptr<ReadStore>> RocksDbGenerations::create(std::string_view name,
                                                              Generation number) {
  const fs::path folder = folder_of(name, number);
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return failed("make", folder, error);
  return open_store(folder, RocksDbReadStore::Mode::kCreate);
}

Result<std::shared_ptr<ReadStore>> RocksDbGenerations::open(std::string_view name,
                                                            Generation number) {
  return open_store(folder_of(name, number), RocksDbReadStore::Mode::kOpen);
}

Result<std::shared_ptr<const ReadStore>> RocksDbGenerations::open_read_only(
    std::string_view name, Generation number) const {
  return RocksDbReadStore::open(folder_of(name, number), RocksDbReadStore::Mode::kReadOnly,
                                shared_);
}

citas::Status RocksDbGenerations::make_current(std::string_view name, Generation number) {
  const fs::path folder = folder_ / name;
  if (auto written = write_synced(folder / kNewPointer, folder_name(number) + "\n"); !written) {
    return written;
  }
  std::error_code error;
  fs::rename(folder / kNewPointer, folder / kPointer, error);
  if (error) return failed("replace", folder / kPointer, error);
  return sync_folder(folder);
}

citas::Status RocksDbGenerations::remove(std::string_view name, Generation number) {
  const fs::path folder = folder_of(name, number);
  {
    const std::lock_guard lock(mutex_);
    const auto entry = open_.extract(folder);
    if (const auto store = entry ? entry.mapped().lock() : nullptr) {
      store->delete_on_close();
      return {};
    }
  }
  std::error_code error;
  fs::remove_all(folder, error);
  if (error) return failed("delete", folder, error);
  return {};
}

}  // namespace citas::projections
