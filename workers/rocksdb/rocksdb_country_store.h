// A CountryStore in RocksDB: the folder countries/<ISO>/.
//
//   key                          value
//   'f'                          format version, one byte: 1
//   'm'                          processed, 8 bytes big-endian ‖ log source
//   'a' ‖ appointment id (16)    the entry, as JSON (country_store.h)
//   't' ‖ event id               tries, 4 bytes big-endian
//
// commit() and reset() sync the WAL; note_tries() does not. A tail that RocksDB's recovery drops is
// noticed by its mark: the store is then behind its consumer, and filled again.
#pragma once

#include <filesystem>
#include <memory>

#include "workers/country_store.h"

namespace citas::workers {

class RocksDbCountryStore : public CountryStore {
 public:
  // Creates it where there is none. FailedPrecondition: held by another process, or of an unknown
  // format; Unavailable, Corruption: as RocksDB says. All but the first are mended by deleting the
  // folder.
  static Result<std::unique_ptr<RocksDbCountryStore>> open(const std::filesystem::path& folder);
};

}  // namespace citas::workers
