// A CountryStore in RocksDB: the folder countries/<ISO>/.
//
//   key                          value
//   'f'                          format version, one byte: 2
//   'i'                          the country, two letters; absent in stores of earlier versions
//   'm'                          processed, 8 bytes big-endian ‖ log source
//   's'                          seen, 8 bytes big-endian ‖ the hash there
//   'a' ‖ appointment id (16)    the entry, as JSON (country_store.h)
//   't' ‖ key of a message       tries, 4 bytes big-endian
//   'n', 'c'                     number of the last batch, and how many are counted: 8 bytes
//                                little-endian each; they differ when a batch was lost
//
// Beside them a file TRYING: the key of the message that is tried just now, and zeros, 128 bytes
// together; rewritten in place without a sync.
//
// commit() of entries or failures and reset() sync the WAL; the rest does not. A tail that
// RocksDB's recovery drops takes its marks along, and is processed once more.
//
// The folder is locked (folder.h), and looked for before each write: what is written goes by name,
// and the name may be another store's by now.
//
// Version 1 had the same layout, but its mark was the highest sequence seen, and events below it
// could be missing. A store of version 1 is emptied when it is opened, and so filled again.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <utility>

#include "workers/country_store.h"

namespace rocksdb {
class FileSystem;
}

namespace citas::workers {

class RocksDbCountryStore : public CountryStore {
 public:
  // As below, on a file system of the caller's: for tests.
  static Result<std::unique_ptr<RocksDbCountryStore>> open_on(
      const std::shared_ptr<rocksdb::FileSystem>& disk, const std::filesystem::path& folder,
      std::optional<CountryCode> country = {});

  // Creates it where there is none. Without a country, whoever's it is. FailedPrecondition: held by
  // another process, of another country, or of an unknown format; Unavailable, Corruption: as
  // RocksDB says. All but the first are mended by deleting the folder.
  static Result<std::unique_ptr<RocksDbCountryStore>> open(const std::filesystem::path& folder,
                                                           std::optional<CountryCode> country = {});

  // Every entry, by appointment id. Corruption, Unavailable: cannot be read to its end.
  using Visit = std::function<void(AppointmentId, const CountryEntry&)>;
  virtual Status visit(const Visit& visit) const = 0;
};

// A store's folder. Made with all above it, but not while a process works that has had it open:
// whose whole data folder was moved away, finds no half of one in its place.
class RocksDbCountryStoreHome final : public CountryStoreHome {
 public:
  RocksDbCountryStoreHome(std::filesystem::path folder, CountryCode country)
      : folder_(std::move(folder)), country_(country) {}
  Result<std::unique_ptr<CountryStore>> open() override;
  void discard() override;

 private:
  const std::filesystem::path folder_;
  const CountryCode country_;
  bool was_open_ = false;
};

}  // namespace citas::workers
