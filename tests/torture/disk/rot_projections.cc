// The stored files of read models are damaged. Whoever opens them notices and builds them anew, or
// whoever reads them does, and a rebuild mends them; or every answer is right.
#include <algorithm>
#include <map>
#include <set>

#include "events/memory/memory_event_log.h"
#include "projections/all_projections.h"
#include "projections/engine.h"
#include "projections/rocksdb/rocksdb_generations.h"
#include "tests/support/temp_folder.h"
#include "tests/torture/disk/trials.h"
#include "tests/unit/projections/history.h"

namespace citas::torture {
namespace {

using projections::ProjectionEngine;
using Content = std::map<std::string, std::map<std::string, std::string>>;

// With the empty one at the beginning these are three tables: from four on RocksDB would compact
// them at once, and wait a second after each error of that.
constexpr int kLives = 2;
constexpr std::size_t kEventsOfALife = 40;
constexpr std::size_t kEventsNotYetApplied = 5;
constexpr std::size_t kBlockCacheBytes = std::size_t{1} << 20;

[[noreturn]] void give_up(const std::string& during, const Error& error) {
  throw Defect(during + ": " + error.message);
}

// All read models of one folder, opened as a server does.
struct Opened {
  std::unique_ptr<projections::RocksDbGenerations> generations;
  std::unique_ptr<ProjectionEngine> engine;
  bool discarded = false;  // at least one was found wrong at once
};

class ProjectionTrials final : public Trials {
 public:
  explicit ProjectionTrials(const Plan& plan) : plan_(plan), history_(log_, plan.seed) {
    for (int life = 0; life < kLives; ++life) {
      history_.random_steps(kEventsOfALife);
      truth_of(folder_.path() / "store");
    }
    files_ = read_files(folder_.path() / "store");
    history_.random_steps(kEventsNotYetApplied);
    truth_ = truth_of(folder_.path() / "truth");
  }

  const Files& files() const override { return files_; }
  void adopt(Files files) override { files_ = std::move(files); }

  std::string attempt(const Damage& damage) override {
    Files damaged = files_;
    damage.inflict(damaged);
    write_files(folder_.path() / "damaged", damaged);
    Opened opened;
    const Status done = open(folder_.path() / "damaged", touched(damaged), opened);
    if (!done) return "refused to open";
    auto content = read(*opened.engine);
    if (content && plan_.canary == Canary::kNoChecksums) {
      change_unseen(*opened.engine);
      content = read(*opened.engine);
    }
    if (!content) return mend(*opened.engine);
    if (!is_true(*content)) throw Defect("a read model answers wrongly");
    return opened.discarded ? "noticed, and built anew" : "harmless: every answer is right";
  }

 private:
  // The read models whose files the damage has changed: opening the others would prove nothing.
  std::set<std::string> touched(const Files& damaged) const {
    std::set<std::string> names;
    for (const auto& [path, bytes] : files_) {
      const auto left = damaged.find(path);
      if (left != damaged.end() && left->second == bytes) continue;
      names.insert(path.substr(0, path.find('/')));
    }
    return names;
  }

  Status open(const std::filesystem::path& folder, const std::set<std::string>& names,
              Opened& opened) {
    opened.generations =
        std::make_unique<projections::RocksDbGenerations>(folder, kBlockCacheBytes);
    projections::EngineOptions options;
    options.on_discarded = [&](std::string_view, const Error&) { opened.discarded = true; };
    auto projections = projections::all_projections();
    std::erase_if(projections,
                  [&](const auto& one) { return !names.contains(std::string(one->name())); });
    auto engine = ProjectionEngine::open(log_, codec_, clock_, *opened.generations,
                                         std::move(projections), options);
    if (!engine) return failure(engine.error());
    opened.engine = *std::move(engine);
    return {};
  }

  // Everything that can be read once the log has been caught up with.
  Result<Content> read(ProjectionEngine& engine) const {
    Content content;
    for (const std::string& name : engine.names()) {
      for (std::size_t applied = 1; applied > 0;) {
        const auto stepped = engine.step(name);
        if (!stepped) return failure(stepped.error());
        applied = *stepped;
      }
      if (auto read = read_one(*engine.live(name).store().value(), content[name]); !read) {
        return failure(read.error());
      }
    }
    return content;
  }

  // By a scan, and each entry by its key: the two take different ways to a file.
  Status read_one(const projections::ReadStore& store,
                  std::map<std::string, std::string>& entries) const {
    const auto view = store.view();
    if (!view) return failure(view.error());
    const Status scanned = (*view)->scan({}, projections::Order::kAscending,
                                         [&](std::string_view key, std::string_view value) {
                                           entries.emplace(key, value);
                                           return true;
                                         });
    if (!scanned) return scanned;
    for (const auto& [key, value] : entries) {
      const auto got = store.get(key);
      if (!got) return failure(got.error());
      if (*got != value) throw Defect("one entry reads in two ways");
    }
    return {};
  }

  // The canary: a store that gives another value than was put there.
  static void change_unseen(ProjectionEngine& engine) {
    const auto store = engine.live(engine.names().front()).store().value();
    const auto view = store->view().value();
    std::string key;
    const Status found = view->scan({}, projections::Order::kAscending, [&](auto first, auto) {
      key = first;
      return false;
    });
    if (!found) give_up("the canary", found.error());
    const std::vector<projections::Mutation> mutations{{key, "another value"}};
    const auto checkpoint = store->checkpoint().value();
    const auto writable = std::const_pointer_cast<projections::ReadStore>(store);
    if (const Status done = writable->commit(mutations, *checkpoint); !done) {
      give_up("the canary", done.error());
    }
  }

  std::string mend(ProjectionEngine& engine) const {
    for (const std::string& name : engine.names()) {
      const auto rebuilt = engine.rebuild(name, {}, {});
      if (!rebuilt) give_up("a rebuild does not mend " + name, rebuilt.error());
    }
    const auto content = read(engine);
    if (!content) give_up("not readable after a rebuild", content.error());
    if (!is_true(*content)) throw Defect("wrong even after a rebuild");
    return "refused to answer, and mended by a rebuild";
  }

  bool is_true(const Content& content) const {
    return std::ranges::all_of(content,
                               [&](const auto& one) { return truth_.at(one.first) == one.second; });
  }

  // Brings the read models in a folder up to date and returns what they hold.
  Content truth_of(const std::filesystem::path& folder) {
    std::set<std::string> names;
    for (const auto& one : projections::all_projections()) names.emplace(one->name());
    Opened opened;
    if (const Status done = open(folder, names, opened); !done)
      give_up("making the store", done.error());
    const auto content = read(*opened.engine);
    if (!content) give_up("making the store", content.error());
    return *content;
  }

  const Plan& plan_;
  const testing::TempFolder folder_;
  MemoryEventLog log_{testing::kTestLog};
  testing::History history_;
  Codec codec_;
  ManualClock clock_{testing::kNow};
  Files files_;
  Content truth_;
};

}  // namespace

void run_rot_projections(const Plan& plan, Report& report) {
  run_trials(plan, report, [&] { return std::make_unique<ProjectionTrials>(plan); });
}

}  // namespace citas::torture
