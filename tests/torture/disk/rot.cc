// A stopped log's files are damaged. Whoever opens and reads it gets an error or the truth: never a
// wrong answer, and never a log that has silently become shorter.
#include <map>
#include <set>

#include "events/base/check.h"
#include "events/verify.h"
#include "tests/torture/disk/session.h"
#include "tests/torture/disk/trials.h"

namespace citas::torture {
namespace {

constexpr int kLives = 3;
constexpr int kBatches = 4;
constexpr std::size_t kBatchSize = 3;

// Everything that can be asked of a log.
struct Answers {
  Head head;
  std::vector<std::string> events;
  std::map<Tag, std::vector<Position>> tags;
  std::map<CommandKey, std::optional<std::string>> results;
  friend bool operator==(const Answers&, const Answers&) = default;
};

Files files_of(const SimulatedDisk& disk, const std::filesystem::path& folder) {
  Files files;
  for (const std::string& file : disk.files()) {
    files[std::filesystem::path(file).lexically_relative(folder)] = disk.contents(file);
  }
  return files;
}

// Makes `folder` on `disk`, which holds `before`, hold `after`.
void change(SimulatedDisk& disk, const std::filesystem::path& folder, const Files& before,
            const Files& after) {
  for (const auto& [file, bytes] : before) {
    if (!after.contains(file)) disk.DeleteFile(folder / file, {}, nullptr).PermitUncheckedError();
  }
  for (const auto& [file, bytes] : after) {
    const auto old = before.find(file);
    if (old == before.end()) {
      CHECK(rocksdb::WriteStringToFile(&disk, bytes, folder / file, true).ok());
    } else if (old->second != bytes) {
      disk.set_contents(folder / file, bytes);
    }
  }
}

class LogTrials final : public Trials {
 public:
  explicit LogTrials(const Plan& plan) : plan_(plan), world_(plan.seed), random_(plan.seed) {
    write_store();
    truth_ = ask_undamaged();
    files_ = files_of(*disk_, world_.log_folder());
  }

  const Files& files() const override { return files_; }
  void adopt(Files files) override {
    change(*disk_, world_.log_folder(), files_, files);
    files_ = std::move(files);
    Answers adopted = ask_undamaged();
    // Outcomes carry fingerprints, whose key is random in every log: what else there is, is the
    // same.
    truth_.results = adopted.results;
    if (adopted != truth_) throw Defect("adopted files: " + difference(adopted));
  }

  // An auditor first, who must not be told that the log is unaltered, unless it is; then a reader,
  // and a server.
  std::string attempt(const Damage& damage) override {
    Files damaged = files_;
    damage.inflict(damaged);
    const auto disk = disk_->after_crash();
    change(*disk, world_.log_folder(), files_, damaged);
    refused_.clear();
    const std::string verified = verify_copy(disk);
    read_copy(disk);
    const std::string verdict = serve(disk) + "; verify: " + verified;
    for (const Error& error : refused_) check_code(error);
    return verdict;
  }

 private:
  std::string named(const Error& error) {
    refused_.push_back(error);
    return std::string(to_string(error.code));
  }

  // What is damaged is called that, or an operator would be sent to try again.
  static void check_code(const Error& error) {
    if (error.code == ErrorCode::kCorruption) return;
    throw Defect("refused as " + std::string(to_string(error.code)) + ": " + error.message);
  }

  Result<std::unique_ptr<RocksDbEventLog>> open_copy(const std::shared_ptr<SimulatedDisk>& disk,
                                                     RocksDbEventLog::Mode mode) {
    return RocksDbEventLog::open(world_.log_folder(), world_.codec, world_.ids, mode,
                                 storage_on(disk));
  }

  // As `citas verify` does.
  std::string verify_copy(const std::shared_ptr<SimulatedDisk>& disk) {
    const auto log = open_copy(disk, RocksDbEventLog::Mode::kInspect);
    if (!log) return "refused with " + named(log.error());
    const MarkedHead& marked = (*log)->marked_head();
    if (marked.log != (*log)->identity().id) return "refused with corruption";
    const auto report =
        verify(**log, world_.codec,
               {.expected = {{marked.head.position, marked.head.hash, ErrorCode::kCorruption}}});
    if (!report) return "refused with " + named(report.error());
    if (report->head.hash != truth_.head.hash) {
      throw Defect("citas verify finds unaltered what ends at " +
                   std::to_string(report->head.position.value()));
    }
    return "unaltered";
  }

  void read_copy(const std::shared_ptr<SimulatedDisk>& disk) {
    const auto log = open_copy(disk, RocksDbEventLog::Mode::kReadOnly);
    if (!log) return refused_.push_back(log.error());
    const auto answers = ask(**log);
    if (!answers) return refused_.push_back(answers.error());
    if (*answers != truth_) throw Defect("read-only: " + difference(*answers));
  }

  std::string serve(const std::shared_ptr<SimulatedDisk>& disk) {
    const auto opened = open(disk);
    if (!opened) return "refused to open with " + named(opened.error());
    const auto answers = ask((*opened)->log());
    if (!answers) return "opened, and refused to answer with " + named(answers.error());
    if (*answers == truth_) return "harmless: every answer is right";
    throw Defect(difference(*answers));
  }

  Result<std::unique_ptr<Session>> open(const std::shared_ptr<SimulatedDisk>& disk) {
    return Session::open(world_, disk, plan_.canary);
  }

  void write_store() {
    disk_ = world_.new_disk();
    for (int life = 0; life < kLives; ++life) {
      const auto session = open(disk_).value();
      for (int batch = 0; batch < kBatches; ++batch) {
        std::vector<std::size_t> intents;
        for (std::size_t n = 0; n < kBatchSize; ++n) intents.push_back(ledger_.intend(random_));
        if (const Status sent = session->send(ledger_, intents); !sent) {
          throw Defect(sent.error().message);
        }
      }
    }
    disk_ = disk_->after_crash();
  }

  // On a copy, since recovery empties the WAL.
  Answers ask_undamaged() { return ask(open(disk_->after_crash()).value()->log()).value(); }

  // As a server and its readers would ask. An error is an answer, too: the damage was noticed.
  Result<Answers> ask(const EventLog& log) const {
    Answers answers{.head = log.head()};
    std::set<Tag> tags;
    const Status read = log.read(Position{0}, SIZE_MAX, [&](const RecordView& record) {
      answers.events.emplace_back(record.bytes);
      return true;
    });
    if (!read) return failure(read.error());
    for (const Intent& intent : ledger_.intents()) {
      const CommandKey& key = intent.command.idempotency->key;
      const auto result = log.command_result(key);
      if (!result) return failure(result.error());
      answers.results[key] = *result;
      if (!intent.event) continue;
      for (const Tag& tag : tags_of(intent.event->data)) tags.insert(tag);
    }
    for (const Tag& tag : tags) {
      auto& positions = answers.tags[tag];
      const Status tagged = log.read_tag({.tag = tag}, [&](const RecordView& record) {
        positions.push_back(record.position);
        return true;
      });
      if (!tagged) return failure(tagged.error());
    }
    return answers;
  }

  std::string difference(const Answers& answers) const {
    if (answers.head != truth_.head) {
      return "the log silently ends at " + std::to_string(answers.head.position.value()) + " of " +
             std::to_string(truth_.head.position.value());
    }
    if (answers.events != truth_.events) return "an event reads differently";
    if (answers.tags != truth_.tags) return "the tag index silently lacks entries";
    return "outcomes of idempotency keys are silently forgotten";
  }

  const Plan& plan_;
  World world_;
  std::mt19937_64 random_;
  Ledger ledger_;
  std::shared_ptr<SimulatedDisk> disk_;
  Files files_;
  Answers truth_;
  std::vector<Error> refused_;  // by this damage, to whoever asked
};

}  // namespace

void run_rot(const Plan& plan, Report& report) {
  run_trials(plan, report, [&] { return std::make_unique<LogTrials>(plan); });
}

}  // namespace citas::torture
