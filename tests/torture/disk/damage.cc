#include "tests/torture/disk/damage.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "events/base/check.h"

namespace citas::torture {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSector = 512;
constexpr std::size_t kSample = 101;  // of what nobody reads, each so manieth byte

// What a file is: files of one kind could be taken for each other.
std::string kind_of(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  for (const char* known : {".log", ".sst"}) {
    if (name.ends_with(known)) return known + 1;
  }
  return name.substr(0, name.find('-'));
}

std::string with_bit_flipped(std::string bytes, std::size_t offset, unsigned bit) {
  bytes[offset] = static_cast<char>(static_cast<unsigned char>(bytes[offset]) ^ (1U << bit));
  return bytes;
}

std::string with_sectors_swapped(std::string bytes, std::size_t first) {
  const std::size_t size = std::min(kSector, bytes.size() - first);
  std::rotate(bytes.begin() + static_cast<std::ptrdiff_t>(first - kSector),
              bytes.begin() + static_cast<std::ptrdiff_t>(first),
              bytes.begin() + static_cast<std::ptrdiff_t>(first + size));
  return bytes;
}

void add_damages_of(const std::string& file, std::size_t size, std::uint64_t seed,
                    std::vector<Damage>& damages) {
  const std::string kind = kind_of(file);
  const auto add = [&](const std::string& how, std::size_t at,
                       const std::function<std::string(std::string)>& change) {
    damages.push_back({kind + ": " + how, file + " at " + std::to_string(at),
                       [=](Files& files) { files[file] = change(std::move(files[file])); }});
  };
  const std::size_t stride = kind == "OPTIONS" || kind == "IDENTITY" ? kSample : 1;
  for (std::size_t at = 0; at < size; at += stride) {
    const auto bit = static_cast<unsigned>((seed + at) % 8);
    add("bit flipped", at,
        [=](const std::string& bytes) { return with_bit_flipped(bytes, at, bit); });
    add("cut short", at, [=](const std::string& bytes) { return bytes.substr(0, at); });
  }
  for (std::size_t at = kSector; at < size; at += kSector) {
    add("sectors exchanged", at,
        [=](const std::string& bytes) { return with_sectors_swapped(bytes, at); });
  }
  damages.push_back({kind + ": deleted", file, [file](Files& files) { files.erase(file); }});
}

}  // namespace

std::vector<Damage> all_damages(const Files& files, std::uint64_t seed) {
  std::vector<Damage> damages;
  for (const auto& [file, bytes] : files) add_damages_of(file, bytes.size(), seed, damages);
  for (const auto& [one, unused] : files) {
    for (const auto& [other, unused_too] : files) {
      if (one >= other || kind_of(one) != kind_of(other)) continue;
      damages.push_back({kind_of(one) + ": files exchanged", one + " and " + other,
                         [=](Files& all) { std::swap(all[one], all[other]); }});
    }
  }
  return damages;
}

Files read_files(const fs::path& folder) {
  Files files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    files[entry.path().lexically_relative(folder)] = {std::istreambuf_iterator<char>(in), {}};
  }
  return files;
}

void write_files(const fs::path& folder, const Files& files) {
  fs::remove_all(folder);
  for (const auto& [path, bytes] : files) {
    fs::create_directories((folder / path).parent_path());
    std::ofstream out(folder / path, std::ios::binary);
    out << bytes;
    CHECK(out.flush().good());
  }
}

}  // namespace citas::torture
