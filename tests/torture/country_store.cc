// Reads a stopped country's store: for each appointment id on stdin one line of JSON on stdout, its
// entry as stored, or null.
//
//   citas_country_store FOLDER
#include <iostream>
#include <string>

#include "events/base/check.h"
#include "workers/rocksdb/rocksdb_country_store.h"

int main(int argc, char** argv) {
  CHECK(argc == 2);
  const auto store = citas::workers::RocksDbCountryStore::open(argv[1]);
  if (!store) {
    std::cerr << store.error().message << '\n';
    return 1;
  }
  for (std::string id; std::getline(std::cin, id);) {
    if (id.empty()) continue;
    const auto entry = (*store)->find(citas::AppointmentId{citas::Uuid::parse(id).value()});
    if (!entry) {
      std::cerr << entry.error().message << '\n';
      return 1;
    }
    std::cout << (*entry ? citas::workers::encode(**entry) : "null") << '\n';
  }
}
