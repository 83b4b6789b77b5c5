// The rocksdb::FileSystem that a SimulatedDisk shows: handles, names and folders. What the disk
// holds and what of it survives is in simulated_disk.cc.
#include <rocksdb/env.h>

#include "events/base/rocksdb/silent_logger.h"
#include "tests/torture/disk/simulated_disk.h"
#include "tests/torture/disk/simulated_disk_node.h"

namespace citas::torture {

using rocksdb::IOStatus;
using rocksdb::Slice;

// One open file, however it was opened.
class SimulatedDisk::OpenFile {
 public:
  OpenFile(SimulatedDisk& disk, NodePtr node) : disk_(disk), node_(std::move(node)) {}

  IOStatus append(std::string_view bytes) { return disk_.write(node_, std::nullopt, bytes); }
  IOStatus write(std::uint64_t offset, std::string_view bytes) {
    return disk_.write(node_, offset, bytes);
  }
  IOStatus read(std::uint64_t offset, std::size_t size, Slice* result, char* scratch) const {
    return disk_.read(node_, offset, size, result, scratch);
  }
  IOStatus sync() { return disk_.sync(node_); }
  IOStatus truncate(std::uint64_t size) { return disk_.truncate(node_, size); }
  std::uint64_t size() const { return disk_.size_of(node_); }

  class Sequential;
  class RandomAccess;
  class Writable;
  class RandomRW;

 private:
  SimulatedDisk& disk_;
  NodePtr node_;
};

class SimulatedDisk::OpenFile::Sequential : public rocksdb::FSSequentialFile {
 public:
  explicit Sequential(OpenFile file) : file_(std::move(file)) {}
  IOStatus Read(size_t size, const Options&, Slice* result, char* scratch, Debug*) override {
    const IOStatus got = file_.read(at_, size, result, scratch);
    if (got.ok()) at_ += result->size();
    return got;
  }
  IOStatus Skip(uint64_t size) override {
    at_ += size;
    return IOStatus::OK();
  }

 private:
  OpenFile file_;
  std::uint64_t at_ = 0;
};

class SimulatedDisk::OpenFile::RandomAccess : public rocksdb::FSRandomAccessFile {
 public:
  explicit RandomAccess(OpenFile file) : file_(std::move(file)) {}
  IOStatus Read(uint64_t offset, size_t size, const Options&, Slice* result, char* scratch,
                Debug*) const override {
    return file_.read(offset, size, result, scratch);
  }

 private:
  OpenFile file_;
};

class SimulatedDisk::OpenFile::Writable : public rocksdb::FSWritableFile {
 public:
  explicit Writable(OpenFile file) : file_(std::move(file)) {}
  using rocksdb::FSWritableFile::Append;
  using rocksdb::FSWritableFile::PositionedAppend;
  IOStatus Append(const Slice& bytes, const Options&, Debug*) override {
    return file_.append(bytes.ToStringView());
  }
  IOStatus PositionedAppend(const Slice& bytes, uint64_t offset, const Options&, Debug*) override {
    return file_.write(offset, bytes.ToStringView());
  }
  IOStatus Truncate(uint64_t size, const Options&, Debug*) override { return file_.truncate(size); }
  IOStatus Close(const Options&, Debug*) override { return IOStatus::OK(); }
  IOStatus Flush(const Options&, Debug*) override { return IOStatus::OK(); }
  IOStatus Sync(const Options&, Debug*) override { return file_.sync(); }
  uint64_t GetFileSize(const Options&, Debug*) override { return file_.size(); }
  bool IsSyncThreadSafe() const override { return true; }

 private:
  OpenFile file_;
};

class SimulatedDisk::OpenFile::RandomRW : public rocksdb::FSRandomRWFile {
 public:
  explicit RandomRW(OpenFile file) : file_(std::move(file)) {}
  IOStatus Write(uint64_t offset, const Slice& bytes, const Options&, Debug*) override {
    return file_.write(offset, bytes.ToStringView());
  }
  IOStatus Read(uint64_t offset, size_t size, const Options&, Slice* result, char* scratch,
                Debug*) const override {
    return file_.read(offset, size, result, scratch);
  }
  IOStatus Flush(const Options&, Debug*) override { return IOStatus::OK(); }
  IOStatus Sync(const Options&, Debug*) override { return file_.sync(); }
  IOStatus Close(const Options&, Debug*) override { return IOStatus::OK(); }

 private:
  OpenFile file_;
};

class SimulatedDisk::OpenFolder : public rocksdb::FSDirectory {
 public:
  OpenFolder(SimulatedDisk& disk, NodePtr node) : disk_(disk), node_(std::move(node)) {}
  IOStatus Fsync(const Options&, Debug*) override { return disk_.sync_folder(node_); }
  IOStatus Close(const Options&, Debug*) override { return IOStatus::OK(); }
  size_t GetUniqueId(char*, size_t) const override { return 0; }

 private:
  SimulatedDisk& disk_;
  NodePtr node_;
};

IOStatus SimulatedDisk::NewSequentialFile(const std::string& path, const FileOptions&,
                                          std::unique_ptr<rocksdb::FSSequentialFile>* result,
                                          Debug*) {
  const std::lock_guard lock(mutex_);
  const NodePtr node = find(path);
  if (!node) return IOStatus::PathNotFound(path);
  const IOStatus begun = begin(Operation::kOpen, path);
  if (begun.ok()) *result = std::make_unique<OpenFile::Sequential>(OpenFile(*this, node));
  return begun;
}

IOStatus SimulatedDisk::NewRandomAccessFile(const std::string& path, const FileOptions&,
                                            std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                                            Debug*) {
  const std::lock_guard lock(mutex_);
  const NodePtr node = find(path);
  if (!node) return IOStatus::PathNotFound(path);
  const IOStatus begun = begin(Operation::kOpen, path);
  if (begun.ok()) *result = std::make_unique<OpenFile::RandomAccess>(OpenFile(*this, node));
  return begun;
}

IOStatus SimulatedDisk::NewWritableFile(const std::string& path, const FileOptions&,
                                        std::unique_ptr<rocksdb::FSWritableFile>* result, Debug*) {
  const std::lock_guard lock(mutex_);
  NodePtr node;
  const IOStatus opened = open_new(path, node);
  if (opened.ok()) *result = std::make_unique<OpenFile::Writable>(OpenFile(*this, node));
  return opened;
}

IOStatus SimulatedDisk::ReopenWritableFile(const std::string& path, const FileOptions& options,
                                           std::unique_ptr<rocksdb::FSWritableFile>* result,
                                           Debug* debug) {
  {
    const std::lock_guard lock(mutex_);
    if (const NodePtr node = find(path)) {
      const IOStatus begun = begin(Operation::kOpen, path);
      if (begun.ok()) *result = std::make_unique<OpenFile::Writable>(OpenFile(*this, node));
      return begun;
    }
  }
  return NewWritableFile(path, options, result, debug);
}

IOStatus SimulatedDisk::ReuseWritableFile(const std::string&, const std::string&,
                                          const FileOptions&,
                                          std::unique_ptr<rocksdb::FSWritableFile>*, Debug*) {
  return IOStatus::NotSupported("reuse of log files");
}

IOStatus SimulatedDisk::NewRandomRWFile(const std::string& path, const FileOptions&,
                                        std::unique_ptr<rocksdb::FSRandomRWFile>* result, Debug*) {
  const std::lock_guard lock(mutex_);
  const NodePtr node = find(path);
  if (!node) return IOStatus::PathNotFound(path);
  const IOStatus begun = begin(Operation::kOpen, path);
  if (begun.ok()) *result = std::make_unique<OpenFile::RandomRW>(OpenFile(*this, node));
  return begun;
}

IOStatus SimulatedDisk::NewMemoryMappedFileBuffer(
    const std::string&, std::unique_ptr<rocksdb::MemoryMappedFileBuffer>*) {
  return IOStatus::NotSupported("memory-mapped files");
}

IOStatus SimulatedDisk::NewDirectory(const std::string& path, const Options&,
                                     std::unique_ptr<rocksdb::FSDirectory>* result, Debug*) {
  const std::lock_guard lock(mutex_);
  const NodePtr node = find(path);
  if (!node || !node->folder) return IOStatus::PathNotFound(path);
  const IOStatus begun = begin(Operation::kOpen, path);
  if (begun.ok()) *result = std::make_unique<OpenFolder>(*this, node);
  return begun;
}

IOStatus SimulatedDisk::FileExists(const std::string& path, const Options&, Debug*) {
  const std::lock_guard lock(mutex_);
  const IOStatus begun = begin(Operation::kLook, path);
  return begun.ok() && !find(path) ? IOStatus::NotFound(path) : begun;
}

IOStatus SimulatedDisk::GetChildren(const std::string& path, const Options&,
                                    std::vector<std::string>* result, Debug*) {
  const std::lock_guard lock(mutex_);
  const NodePtr node = find(path);
  if (!node || !node->folder) return IOStatus::PathNotFound(path);
  const IOStatus begun = begin(Operation::kLook, path);
  if (!begun.ok()) return begun;
  result->clear();
  for (const auto& [name, child] : node->names) result->push_back(name);
  return IOStatus::OK();
}

IOStatus SimulatedDisk::GetChildrenFileAttributes(const std::string& path, const Options&,
                                                  std::vector<rocksdb::FileAttributes>* result,
                                                  Debug*) {
  const std::lock_guard lock(mutex_);
  const NodePtr node = find(path);
  if (!node || !node->folder) return IOStatus::PathNotFound(path);
  const IOStatus begun = begin(Operation::kLook, path);
  if (!begun.ok()) return begun;
  result->clear();
  for (const auto& [name, child] : node->names) result->push_back({name, child->now.size()});
  return IOStatus::OK();
}

IOStatus SimulatedDisk::DeleteFile(const std::string& path, const Options&, Debug*) {
  const std::lock_guard lock(mutex_);
  const NodePtr node = find(path);
  if (!node || node->folder) return IOStatus::PathNotFound(path);
  const IOStatus begun = begin(Operation::kDelete, path);
  if (!begun.ok()) return begun;
  const Place place = place_of(path);
  return change_folder(place.folder, {{place.name, nullptr}});
}

IOStatus SimulatedDisk::Truncate(const std::string& path, size_t size, const Options&, Debug*) {
  NodePtr node;
  {
    const std::lock_guard lock(mutex_);
    node = find(path);
  }
  return node ? truncate(node, size) : IOStatus::PathNotFound(path);
}

IOStatus SimulatedDisk::CreateDir(const std::string& path, const Options&, Debug*) {
  const std::lock_guard lock(mutex_);
  if (find(path)) return IOStatus::IOError(path, "exists");
  NodePtr node;
  const IOStatus created = open_new(path, node);
  if (created.ok()) node->folder = true;
  return created;
}

IOStatus SimulatedDisk::CreateDirIfMissing(const std::string& path, const Options& options,
                                           Debug* debug) {
  if (FileExists(path, options, debug).ok()) return IOStatus::OK();
  return CreateDir(path, options, debug);
}

IOStatus SimulatedDisk::DeleteDir(const std::string& path, const Options&, Debug*) {
  const std::lock_guard lock(mutex_);
  const NodePtr node = find(path);
  if (!node || !node->folder) return IOStatus::PathNotFound(path);
  if (!node->names.empty()) return IOStatus::IOError(path, "not empty");
  const IOStatus begun = begin(Operation::kDelete, path);
  if (!begun.ok()) return begun;
  const Place place = place_of(path);
  return change_folder(place.folder, {{place.name, nullptr}});
}

IOStatus SimulatedDisk::GetFileSize(const std::string& path, const Options&, uint64_t* size,
                                    Debug*) {
  const std::lock_guard lock(mutex_);
  const NodePtr node = find(path);
  if (!node) return IOStatus::PathNotFound(path);
  const IOStatus begun = begin(Operation::kLook, path);
  if (begun.ok()) *size = node->now.size();
  return begun;
}

IOStatus SimulatedDisk::GetFileModificationTime(const std::string&, const Options&, uint64_t* time,
                                                Debug*) {
  *time = 0;
  return IOStatus::OK();
}

IOStatus SimulatedDisk::GetAbsolutePath(const std::string& path, const Options&,
                                        std::string* result, Debug*) {
  *result = path;
  return IOStatus::OK();
}

// Within a folder it is one change; between folders two, of which power loss may keep one.
IOStatus SimulatedDisk::rename_locked(const std::string& from, const std::string& to) {
  const NodePtr node = find(from);
  if (!node) return IOStatus::PathNotFound(from);
  const IOStatus begun = begin(Operation::kRename, from);
  if (!begun.ok()) return begun;
  const Place old_place = place_of(from);
  const Place new_place = place_of(to);
  if (old_place.folder == new_place.folder) {
    return change_folder(old_place.folder, {{old_place.name, nullptr}, {new_place.name, node}});
  }
  const IOStatus linked = change_folder(new_place.folder, {{new_place.name, node}});
  return linked.ok() ? change_folder(old_place.folder, {{old_place.name, nullptr}}) : linked;
}

IOStatus SimulatedDisk::RenameFile(const std::string& from, const std::string& to, const Options&,
                                   Debug*) {
  const std::lock_guard lock(mutex_);
  return rename_locked(from, to);
}

IOStatus SimulatedDisk::LinkFile(const std::string& from, const std::string& to, const Options&,
                                 Debug*) {
  const std::lock_guard lock(mutex_);
  const NodePtr node = find(from);
  if (!node) return IOStatus::PathNotFound(from);
  const IOStatus begun = begin(Operation::kCreate, to);
  if (!begun.ok()) return begun;
  const Place place = place_of(to);
  return change_folder(place.folder, {{place.name, node}});
}

IOStatus SimulatedDisk::NumFileLinks(const std::string&, const Options&, uint64_t* count, Debug*) {
  *count = 1;
  return IOStatus::OK();
}

IOStatus SimulatedDisk::AreFilesSame(const std::string& first, const std::string& second,
                                     const Options&, bool* same, Debug*) {
  const std::lock_guard lock(mutex_);
  *same = find(first) == find(second);
  return IOStatus::OK();
}

// The log keeps a lock of its own; RocksDB's would only be another file.
IOStatus SimulatedDisk::LockFile(const std::string&, const Options&, rocksdb::FileLock** lock,
                                 Debug*) {
  *lock = new rocksdb::FileLock;  // NOLINT(cppcoreguidelines-owning-memory): the interface's way
  return IOStatus::OK();
}

IOStatus SimulatedDisk::UnlockFile(rocksdb::FileLock* lock, const Options&, Debug*) {
  delete lock;  // NOLINT(cppcoreguidelines-owning-memory)
  return IOStatus::OK();
}

IOStatus SimulatedDisk::NewLogger(const std::string&, const Options&,
                                  std::shared_ptr<rocksdb::Logger>* result, Debug*) {
  *result = std::make_shared<SilentLogger>();
  return IOStatus::OK();
}

IOStatus SimulatedDisk::GetFreeSpace(const std::string&, const Options&, uint64_t* bytes, Debug*) {
  *bytes = std::uint64_t{1} << 40;
  return IOStatus::OK();
}

IOStatus SimulatedDisk::IsDirectory(const std::string& path, const Options&, bool* is, Debug*) {
  const std::lock_guard lock(mutex_);
  const NodePtr node = find(path);
  if (!node) return IOStatus::PathNotFound(path);
  *is = node->folder;
  return IOStatus::OK();
}

}  // namespace citas::torture
