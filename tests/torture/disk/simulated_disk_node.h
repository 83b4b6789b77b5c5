// What a SimulatedDisk is made of, for the two files that implement it.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/torture/disk/simulated_disk.h"

namespace citas::torture {

// A file, or a folder.
struct SimulatedDisk::Node {
  bool folder = false;
  // Of a file.
  std::string now;
  std::string durable;
  std::set<std::uint64_t> dirty;  // sectors written since the last sync
  // Of a folder.
  std::map<std::string, NodePtr> names;
  std::map<std::string, NodePtr> durable_names;
  std::vector<FolderChange> pending;
};

// A path, cut before its last name.
struct Place {
  std::string folder;
  std::string name;
};

Place place_of(std::string path);

}  // namespace citas::torture
