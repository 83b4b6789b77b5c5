// Reads a stopped country's store.
//
//   citas_country_store FOLDER --all    every entry, one "<appointment id> <JSON>" a line
//   citas_country_store FOLDER --plant  stores such lines from stdin; for tests of those who look
#include <iostream>
#include <string>

#include "events/base/check.h"
#include "workers/rocksdb/rocksdb_country_store.h"

namespace citas::workers {
namespace {

Status print_all(const RocksDbCountryStore& store) {
  return store.visit([](AppointmentId id, const CountryEntry& entry) {
    std::cout << id.value().to_string() << ' ' << encode(entry) << '\n';
  });
}

Status plant(RocksDbCountryStore& store) {
  for (std::string id, json; std::cin >> id && std::getline(std::cin, json);) {
    const auto entry = decode_country_entry(json);
    if (!entry) return failure(entry.error());
    const AppointmentId appointment{Uuid::parse(id).value()};
    if (auto stored = store.commit({.entries = {{appointment, *entry}}}); !stored) return stored;
  }
  return {};
}

Status run(const std::string& folder, const std::string& what) {
  const auto store = RocksDbCountryStore::open(folder);
  if (!store) return failure(store.error());
  if (what == "--plant") return plant(**store);
  CHECK(what == "--all");
  return print_all(**store);
}

}  // namespace
}  // namespace citas::workers

int main(int argc, char** argv) {
  CHECK(argc == 3);
  const auto done = citas::workers::run(argv[1], argv[2]);
  if (done) return 0;
  std::cerr << done.error().message << '\n';
  return 1;
}
