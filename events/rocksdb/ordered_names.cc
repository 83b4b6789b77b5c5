#include "events/rocksdb/ordered_names.h"

#include <filesystem>

namespace citas {

rocksdb::IOStatus OrderedNames::RenameFile(const std::string& from, const std::string& to,
                                           const rocksdb::IOOptions& options,
                                           rocksdb::IODebugContext* debug) {
  std::unique_ptr<rocksdb::FSDirectory> folder;
  rocksdb::IOStatus done =
      target()->NewDirectory(std::filesystem::path(to).parent_path(), options, &folder, debug);
  if (done.ok()) done = folder->Fsync(options, debug);
  return done.ok() ? target()->RenameFile(from, to, options, debug) : done;
}

}  // namespace citas
