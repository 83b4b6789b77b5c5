#include "tests/torture/disk/simulated_disk.h"

#include <algorithm>

#include "events/base/check.h"
#include "tests/torture/disk/simulated_disk_node.h"

namespace citas::torture {

using rocksdb::IOStatus;
using rocksdb::Slice;

namespace {

bool coin(SimulatedDisk::Random& random) { return (random() & 1) != 0; }

std::uint64_t up_to(SimulatedDisk::Random& random, std::uint64_t most) {
  return std::uniform_int_distribution<std::uint64_t>(0, most)(random);
}

}  // namespace

Place place_of(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  const auto slash = path.rfind('/');
  return {path.substr(0, slash), path.substr(slash + 1)};
}

const char* to_string(Operation kind) {
  switch (kind) {
    case Operation::kLook:
      return "look";
    case Operation::kOpen:
      return "open";
    case Operation::kRead:
      return "read";
    case Operation::kWrite:
      return "write";
    case Operation::kSync:
      return "sync";
    case Operation::kFolderSync:
      return "folder-sync";
    case Operation::kRename:
      return "rename";
    case Operation::kCreate:
      return "create";
    case Operation::kDelete:
      return "delete";
  }
  return "?";
}

const char* to_string(Loss loss) {
  switch (loss) {
    case Loss::kDrop:
      return "drop";
    case Loss::kTear:
      return "tear";
    case Loss::kReorder:
      return "reorder";
  }
  return "?";
}

SimulatedDisk::SimulatedDisk(const std::string& root)
    : FileSystemWrapper(rocksdb::FileSystem::Default()),
      root_path_(root),
      root_(std::make_shared<Node>()) {
  root_->folder = true;
}

SimulatedDisk::~SimulatedDisk() = default;

void SimulatedDisk::cut_power_at(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  cut_at_ = changes_ + number;
}

void SimulatedDisk::cut_power_now() {
  const std::lock_guard lock(mutex_);
  off_ = true;
}

void SimulatedDisk::fail(const Fault& fault) {
  const std::lock_guard lock(mutex_);
  fault_ = fault;
  counts_ = {};
}

void SimulatedDisk::ignore_syncs() {
  const std::lock_guard lock(mutex_);
  ignores_syncs_ = true;
}

bool SimulatedDisk::power_is_off() const {
  const std::lock_guard lock(mutex_);
  return off_;
}

bool SimulatedDisk::fault_happened() const {
  const std::lock_guard lock(mutex_);
  return fault_happened_;
}

std::uint64_t SimulatedDisk::changes() const {
  const std::lock_guard lock(mutex_);
  return changes_;
}

std::uint64_t SimulatedDisk::count(Operation kind) const {
  const std::lock_guard lock(mutex_);
  return counts_[static_cast<std::size_t>(kind)];
}

std::string SimulatedDisk::fault_subject() const {
  const std::lock_guard lock(mutex_);
  return fault_subject_;
}

// Counts an operation and decides whether it takes place.
IOStatus SimulatedDisk::begin(Operation kind, const std::string& what) {
  if (kind != Operation::kLook && kind != Operation::kOpen && kind != Operation::kRead) {
    ++changes_;
    if (cut_at_ != 0 && changes_ >= cut_at_) off_ = true;
  }
  if (off_) return IOStatus::IOError(what, "the power is off");
  const std::uint64_t number = ++counts_[static_cast<std::size_t>(kind)];
  if (fault_ && fault_->kind == kind && fault_->number == number) {
    fault_happened_ = true;
    fault_subject_ = what;
    return fault_->no_space ? IOStatus::NoSpace(what, "No space left on device")
                            : IOStatus::IOError(what, "Input/output error");
  }
  return IOStatus::OK();
}

SimulatedDisk::NodePtr SimulatedDisk::find(const std::string& path) const {
  if (!path.starts_with(root_path_)) return nullptr;
  NodePtr node = root_;
  for (std::size_t from = root_path_.size(); node && from < path.size();) {
    const auto slash = std::min(path.find('/', from), path.size());
    const std::string name = path.substr(from, slash - from);
    from = slash + 1;
    if (name.empty()) continue;
    const auto found = node->names.find(name);
    node = found == node->names.end() ? nullptr : found->second;
  }
  return node;
}

IOStatus SimulatedDisk::change_folder(const std::string& folder, FolderChange change) {
  const NodePtr node = find(folder);
  if (!node || !node->folder) return IOStatus::PathNotFound(folder);
  for (const auto& [name, target] : change) {
    if (target) {
      node->names[name] = target;
    } else {
      node->names.erase(name);
    }
  }
  node->pending.push_back(std::move(change));
  return IOStatus::OK();
}

void SimulatedDisk::write(Node& node, std::uint64_t offset, std::string_view bytes) {
  if (bytes.empty()) return;
  if (node.now.size() < offset + bytes.size()) node.now.resize(offset + bytes.size());
  node.now.replace(offset, bytes.size(), bytes);
  for (std::uint64_t at = offset / kSector; at <= (offset + bytes.size() - 1) / kSector; ++at) {
    node.dirty.insert(at);
  }
}

void SimulatedDisk::truncate(Node& node, std::uint64_t size) {
  node.now.resize(size);
  node.dirty.insert(size / kSector);
}

void SimulatedDisk::sync(Node& node) {
  node.durable.resize(node.now.size());
  for (const std::uint64_t sector : node.dirty) {
    const std::size_t from = sector * kSector;
    if (from >= node.now.size()) continue;
    const std::size_t size = std::min(kSector, node.now.size() - from);
    node.durable.replace(from, size, node.now, from, size);
  }
  node.dirty.clear();
}

SimulatedDisk::NodePtr SimulatedDisk::copy(const Node& node) {
  auto twin = std::make_shared<Node>();
  twin->folder = node.folder;
  twin->now = twin->durable = node.now;
  for (const auto& [name, child] : node.names) twin->names[name] = copy(*child);
  twin->durable_names = twin->names;
  return twin;
}

// Harsher than journalling file systems (ext4, xfs, btrfs), which keep changes in their order, and
// the name of a file that was synced.
std::vector<bool> SimulatedDisk::surviving_changes(const Node& node, Loss loss, Random& random) {
  const std::size_t count = node.pending.size();
  std::vector<bool> kept(count, false);
  if (loss == Loss::kTear) std::fill_n(kept.begin(), up_to(random, count), true);
  if (loss == Loss::kReorder) {
    for (std::size_t i = 0; i < count; ++i) kept[i] = coin(random);
  }
  return kept;
}

SimulatedDisk::NodePtr SimulatedDisk::survivor(const Node& node, Loss loss, Random& random) {
  auto left = std::make_shared<Node>();
  left->folder = node.folder;
  if (node.folder) {
    std::map<std::string, NodePtr> names = node.durable_names;
    const std::vector<bool> kept = surviving_changes(node, loss, random);
    for (std::size_t i = 0; i < node.pending.size(); ++i) {
      if (!kept[i]) continue;
      for (const auto& [name, target] : node.pending[i]) names[name] = target;
    }
    for (const auto& [name, child] : names) {
      if (child) left->names[name] = survivor(*child, loss, random);
    }
    left->durable_names = left->names;
    return left;
  }
  std::string bytes = node.durable;
  if (loss != Loss::kDrop && !node.dirty.empty()) {
    const std::size_t kept = up_to(random, node.dirty.size());
    std::size_t number = 0;
    for (const std::uint64_t sector : node.dirty) {
      const bool keep = loss == Loss::kReorder ? coin(random) : number < kept;
      ++number;
      const std::size_t from = sector * kSector;
      if (!keep || from >= node.now.size()) continue;
      const std::size_t size = std::min(kSector, node.now.size() - from);
      if (bytes.size() < from + size) bytes.resize(from + size);
      bytes.replace(from, size, node.now, from, size);
    }
    // The file's length may have been written out ahead of its contents.
    if (loss == Loss::kReorder && bytes.size() < node.now.size() && coin(random)) {
      bytes.resize(bytes.size() + up_to(random, node.now.size() - bytes.size()));
    }
  }
  left->now = left->durable = std::move(bytes);
  return left;
}

std::shared_ptr<SimulatedDisk> SimulatedDisk::after_power_cut(Loss loss, Random& random) const {
  auto next = std::make_shared<SimulatedDisk>(root_path_);
  const std::lock_guard lock(mutex_);
  next->root_ = survivor(*root_, loss, random);
  return next;
}

std::shared_ptr<SimulatedDisk> SimulatedDisk::after_crash() const {
  auto next = std::make_shared<SimulatedDisk>(root_path_);
  const std::lock_guard lock(mutex_);
  next->root_ = copy(*root_);
  return next;
}

std::vector<std::string> SimulatedDisk::files() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> found;
  const auto visit = [&](const auto& self, const Node& node, const std::string& path) -> void {
    for (const auto& [name, child] : node.names) {
      std::string at = path;
      at.append("/").append(name);
      if (child->folder) {
        self(self, *child, at);
      } else {
        found.push_back(at);
      }
    }
  };
  visit(visit, *root_, root_path_);
  return found;
}

std::string SimulatedDisk::contents(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  const NodePtr node = find(path);
  CHECK(node && !node->folder);
  return node->now;
}

void SimulatedDisk::set_contents(const std::string& path, std::string bytes) {
  const std::lock_guard lock(mutex_);
  const NodePtr node = find(path);
  CHECK(node && !node->folder);
  node->now = node->durable = std::move(bytes);
  node->dirty.clear();
}

IOStatus SimulatedDisk::write(const NodePtr& node, std::optional<std::uint64_t> offset,
                              std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  const IOStatus begun = begin(Operation::kWrite, "write");
  const bool failed = !begun.ok();
  if (failed && off_ && changes_ > cut_at_) return begun;
  // What fails, or is under way when the power goes, has been done in part.
  write(*node, offset.value_or(node->now.size()), bytes.substr(0, bytes.size() / (failed ? 2 : 1)));
  return begun;
}

IOStatus SimulatedDisk::read(const NodePtr& node, std::uint64_t offset, std::size_t size,
                             Slice* result, char* scratch) {
  const std::lock_guard lock(mutex_);
  const IOStatus begun = begin(Operation::kRead, "read");
  *result = Slice(scratch, 0);
  if (!begun.ok() || offset >= node->now.size()) return begun;
  const std::size_t got = node->now.copy(scratch, size, offset);
  *result = Slice(scratch, got);
  return begun;
}

IOStatus SimulatedDisk::sync(const NodePtr& node) {
  const std::lock_guard lock(mutex_);
  const IOStatus begun = begin(Operation::kSync, "sync");
  if (begun.ok() && !ignores_syncs_) sync(*node);
  // A kernel that could not write pages marks them clean: no later sync will write them.
  if (!begun.ok() && !off_) node->dirty.clear();
  return begun;
}

IOStatus SimulatedDisk::truncate(const NodePtr& node, std::uint64_t size) {
  const std::lock_guard lock(mutex_);
  const IOStatus begun = begin(Operation::kWrite, "truncate");
  if (begun.ok()) truncate(*node, size);
  return begun;
}

IOStatus SimulatedDisk::sync_folder(const NodePtr& node) {
  const std::lock_guard lock(mutex_);
  const IOStatus begun = begin(Operation::kFolderSync, "sync folder");
  if (!begun.ok() || ignores_syncs_) return begun;
  node->durable_names = node->names;
  node->pending.clear();
  return begun;
}

std::uint64_t SimulatedDisk::size_of(const NodePtr& node) const {
  const std::lock_guard lock(mutex_);
  return node->now.size();
}

// A new file under that name; one that was there stays as it was for whoever has it open.
IOStatus SimulatedDisk::open_new(const std::string& path, NodePtr& node) {
  const IOStatus begun = begin(Operation::kCreate, path);
  if (!begun.ok()) return begun;
  node = std::make_shared<Node>();
  const Place place = place_of(path);
  return change_folder(place.folder, {{place.name, node}});
}

}  // namespace citas::torture
