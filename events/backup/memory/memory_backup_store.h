// A BackupStore in memory, for tests.
#pragma once

#include "events/backup/backup_store.h"

namespace citas::backup {

class MemoryBackupStore final : public BackupStore {
 public:
  Result<std::map<std::string, std::uint64_t, std::less<>>> list() const override;
  Result<std::string> read(std::string_view name) const override;
  Status write(std::string_view name, std::string_view bytes) override;
  Status remove(std::string_view name) override;

  // What a bad disk would do.
  std::map<std::string, std::string, std::less<>>& files() { return files_; }

 private:
  std::map<std::string, std::string, std::less<>> files_;
};

}  // namespace citas::backup
