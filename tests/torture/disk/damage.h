// Damage: what bad disks and wrong hands do to stored files, one at a time. One bit of one byte, a
// file cut short, two sectors or two files exchanged, a file gone.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace citas::torture {

using Files = std::map<std::string, std::string>;  // contents by path

struct Damage {
  std::string kind;  // "log: bit flipped"
  std::string what;  // the file, and where
  std::function<void(Files&)> inflict;
};

// Every way to damage these files: each byte, but for a sample of those files that nobody reads. In
// the order of the paths, so that the number of a damage means the same for files of the same
// sizes.
std::vector<Damage> all_damages(const Files& files, std::uint64_t seed);

// The regular files below a folder, by their paths in it.
Files read_files(const std::filesystem::path& folder);
// Makes the folder hold these files and nothing else.
void write_files(const std::filesystem::path& folder, const Files& files);

}  // namespace citas::torture
