// SimulatedDisk: a file system in memory that knows what a power cut would leave of it.
//
// Each file has what programs see and what is durable; writes are durable, sector by sector, after
// a sync of the file, and names after a sync of their folder. A cut switches the disk off at one
// operation; after_power_cut() and after_crash() return the disk that the next start finds.
// A fault makes one operation of a kind fail, as a failing disk or a full one does.
//
// Thread-safe. Everything random comes from the generator that is passed in; which of RocksDB's
// threads gets which operation number is up to the scheduler.
#pragma once

#include <rocksdb/file_system.h>

#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace citas::torture {

enum class Operation { kLook, kOpen, kRead, kWrite, kSync, kFolderSync, kRename, kCreate, kDelete };
inline constexpr std::array kAllOperations{
    Operation::kLook,  // whether there is a file, or which there are
    Operation::kOpen,       Operation::kRead,   Operation::kWrite,  Operation::kSync,
    Operation::kFolderSync, Operation::kRename, Operation::kCreate, Operation::kDelete};
const char* to_string(Operation kind);

// What becomes of that which was not synced.
enum class Loss {
  kDrop,     // all of it is lost
  kTear,     // of each file and folder an arbitrary beginning survives, files cut at sectors
  kReorder,  // each sector and each change of a folder survives or not, whatever came before or
             // after it: POSIX promises a name only to who has synced its folder
};
inline constexpr std::array kAllLosses{Loss::kDrop, Loss::kTear, Loss::kReorder};
const char* to_string(Loss loss);

struct Fault {
  Operation kind;
  std::uint64_t number;  // the how manieth of its kind, from 1
  bool no_space = false;
};

class SimulatedDisk : public rocksdb::FileSystemWrapper {
 public:
  using Random = std::mt19937_64;
  static constexpr std::size_t kSector = 512;

  // Empty but for `root`, which is durable.
  explicit SimulatedDisk(const std::string& root);
  ~SimulatedDisk() override;

  // --- Faults. Set before use. ---

  // Switches the disk off at the `number`th operation that changes it (from 1).
  void cut_power_at(std::uint64_t number);
  void cut_power_now();
  void fail(const Fault& fault);
  // A canary: syncs report success and do nothing.
  void ignore_syncs();

  // --- What happened. ---

  bool power_is_off() const;
  bool fault_happened() const;
  // The file, or else the operation, that a message about the fault has to name.
  std::string fault_subject() const;
  std::uint64_t changes() const;  // operations that changed it, or tried to
  std::uint64_t count(Operation kind) const;

  // --- The disk that the next start finds. Everything on it is durable. ---

  std::shared_ptr<SimulatedDisk> after_power_cut(Loss loss, Random& random) const;
  // The process was killed: the machine keeps what was written.
  std::shared_ptr<SimulatedDisk> after_crash() const;

  // --- Damage done from outside, durable at once. ---

  std::vector<std::string> files() const;
  std::string contents(const std::string& path) const;
  void set_contents(const std::string& path, std::string bytes);

  // --- rocksdb::FileSystem ---

  using Options = rocksdb::IOOptions;
  using FileOptions = rocksdb::FileOptions;
  using Debug = rocksdb::IODebugContext;
  using IOStatus = rocksdb::IOStatus;

  const char* Name() const override { return "SimulatedDisk"; }
  IOStatus NewSequentialFile(const std::string&, const FileOptions&,
                             std::unique_ptr<rocksdb::FSSequentialFile>*, Debug*) override;
  IOStatus NewRandomAccessFile(const std::string&, const FileOptions&,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>*, Debug*) override;
  IOStatus NewWritableFile(const std::string&, const FileOptions&,
                           std::unique_ptr<rocksdb::FSWritableFile>*, Debug*) override;
  IOStatus ReopenWritableFile(const std::string&, const FileOptions&,
                              std::unique_ptr<rocksdb::FSWritableFile>*, Debug*) override;
  IOStatus ReuseWritableFile(const std::string&, const std::string&, const FileOptions&,
                             std::unique_ptr<rocksdb::FSWritableFile>*, Debug*) override;
  IOStatus NewRandomRWFile(const std::string&, const FileOptions&,
                           std::unique_ptr<rocksdb::FSRandomRWFile>*, Debug*) override;
  IOStatus NewMemoryMappedFileBuffer(const std::string&,
                                     std::unique_ptr<rocksdb::MemoryMappedFileBuffer>*) override;
  IOStatus NewDirectory(const std::string&, const Options&, std::unique_ptr<rocksdb::FSDirectory>*,
                        Debug*) override;
  IOStatus FileExists(const std::string&, const Options&, Debug*) override;
  IOStatus GetChildren(const std::string&, const Options&, std::vector<std::string>*,
                       Debug*) override;
  IOStatus GetChildrenFileAttributes(const std::string&, const Options&,
                                     std::vector<rocksdb::FileAttributes>*, Debug*) override;
  IOStatus DeleteFile(const std::string&, const Options&, Debug*) override;
  IOStatus Truncate(const std::string&, size_t, const Options&, Debug*) override;
  IOStatus CreateDir(const std::string&, const Options&, Debug*) override;
  IOStatus CreateDirIfMissing(const std::string&, const Options&, Debug*) override;
  IOStatus DeleteDir(const std::string&, const Options&, Debug*) override;
  IOStatus GetFileSize(const std::string&, const Options&, uint64_t*, Debug*) override;
  IOStatus GetFileModificationTime(const std::string&, const Options&, uint64_t*, Debug*) override;
  IOStatus GetAbsolutePath(const std::string&, const Options&, std::string*, Debug*) override;
  IOStatus RenameFile(const std::string&, const std::string&, const Options&, Debug*) override;
  IOStatus LinkFile(const std::string&, const std::string&, const Options&, Debug*) override;
  IOStatus NumFileLinks(const std::string&, const Options&, uint64_t*, Debug*) override;
  IOStatus AreFilesSame(const std::string&, const std::string&, const Options&, bool*,
                        Debug*) override;
  IOStatus LockFile(const std::string&, const Options&, rocksdb::FileLock**, Debug*) override;
  IOStatus UnlockFile(rocksdb::FileLock*, const Options&, Debug*) override;
  IOStatus NewLogger(const std::string&, const Options&, std::shared_ptr<rocksdb::Logger>*,
                     Debug*) override;
  IOStatus GetFreeSpace(const std::string&, const Options&, uint64_t*, Debug*) override;
  IOStatus IsDirectory(const std::string&, const Options&, bool*, Debug*) override;

 private:
  struct Node;
  using NodePtr = std::shared_ptr<Node>;
  // Of one folder: names that appear, or disappear (null). One change is all or nothing.
  using FolderChange = std::map<std::string, NodePtr>;
  class OpenFile;
  class OpenFolder;

  // All of these with mutex_ held.
  IOStatus begin(Operation kind, const std::string& what);
  NodePtr find(const std::string& path) const;
  IOStatus change_folder(const std::string& folder, FolderChange change);
  IOStatus open_new(const std::string& path, NodePtr& node);
  IOStatus rename_locked(const std::string& from, const std::string& to);
  static void write(Node& node, std::uint64_t offset, std::string_view bytes);
  static void truncate(Node& node, std::uint64_t size);
  static void sync(Node& node);
  static std::vector<bool> surviving_changes(const Node& node, Loss loss, Random& random);
  static NodePtr survivor(const Node& node, Loss loss, Random& random);
  static NodePtr copy(const Node& node);

  IOStatus write(const NodePtr& node, std::optional<std::uint64_t> offset, std::string_view bytes);
  IOStatus read(const NodePtr& node, std::uint64_t offset, std::size_t size, rocksdb::Slice* result,
                char* scratch);
  IOStatus sync(const NodePtr& node);
  IOStatus truncate(const NodePtr& node, std::uint64_t size);
  IOStatus sync_folder(const NodePtr& node);
  std::uint64_t size_of(const NodePtr& node) const;

  const std::string root_path_;
  mutable std::mutex mutex_;
  NodePtr root_;
  std::array<std::uint64_t, kAllOperations.size()> counts_{};
  std::uint64_t changes_ = 0;
  std::uint64_t cut_at_ = 0;  // 0: never
  bool off_ = false;
  bool ignores_syncs_ = false;
  std::optional<Fault> fault_;
  bool fault_happened_ = false;
  std::string fault_subject_;
};

}  // namespace citas::torture
