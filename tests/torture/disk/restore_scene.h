// RestoreScene: a log, its backup, and the place on a simulated disk to which that is restored.
#pragma once

#include <memory>

#include "events/backup/memory/memory_backup_store.h"
#include "events/backup/restore.h"
#include "tests/torture/disk/session.h"

namespace citas::torture {

class RestoreScene {
 public:
  using Disk = std::shared_ptr<SimulatedDisk>;

  // The log, and to where it is restored, follow from the seed.
  explicit RestoreScene(std::uint64_t seed);

  Disk new_disk() const;
  // As citas backup restore does it.
  Status restore(const Disk& disk);
  // Whether the log is in its place, whole, and can be opened for writing; if not, there is none,
  // and no server begins one beside what a restore has left. Throws Defect.
  bool is_restored(const Disk& disk);
  // Only opens it for writing, as a server does.
  Status open(const Disk& disk);

 private:
  std::filesystem::path place() const { return world_.folder.path() / "restored" / "log"; }
  Result<std::unique_ptr<RocksDbEventLog>> open(const Disk& disk, RocksDbEventLog::Mode mode);
  void check_none(const Disk& disk);
  void check_same(const EventLog& log) const;

  World world_;
  std::unique_ptr<Session> original_;
  backup::MemoryBackupStore store_;
  backup::Manifest backup_;
  Position until_{0};
};

}  // namespace citas::torture
