// A stopped log's files are damaged: one bit of one byte, a file cut short, two sectors or two
// files exchanged, a file gone. Whoever opens and reads it gets an error or the truth: never a
// wrong answer, and never a log that has silently become shorter.
#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "tests/torture/disk/session.h"

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

struct Damage {
  std::string kind;
  std::string what;  // the file, and where
  std::function<void(SimulatedDisk&)> inflict;
};

std::string extension(const std::string& file) {
  const std::string name = file.substr(file.rfind('/') + 1);
  for (const char* known : {".log", ".sst"}) {
    if (name.ends_with(known)) return known + 1;
  }
  return name.substr(0, name.find('-'));
}

std::string with_bit_flipped(std::string bytes, std::size_t offset, unsigned bit) {
  bytes[offset] = static_cast<char>(static_cast<unsigned char>(bytes[offset]) ^ (1U << bit));
  return bytes;
}

std::string with_sectors_swapped(std::string bytes, std::size_t first) {
  const std::size_t size = std::min(SimulatedDisk::kSector, bytes.size() - first);
  std::rotate(bytes.begin() + static_cast<std::ptrdiff_t>(first - SimulatedDisk::kSector),
              bytes.begin() + static_cast<std::ptrdiff_t>(first),
              bytes.begin() + static_cast<std::ptrdiff_t>(first + size));
  return bytes;
}

class RotSuite {
 public:
  RotSuite(const Plan& plan, Report& report)
      : plan_(plan), world_(plan.seed), random_(plan.seed), report_(report) {}

  void run() {
    write_store();
    truth_ = ask(*open(disk_->after_crash()).value()).value();  // recovery empties the WAL
    const std::vector<Damage> damages = all_damages();
    const std::size_t count =
        plan_.cycles == 0 ? damages.size() : std::min<std::size_t>(plan_.cycles, damages.size());
    for (std::size_t i = 0; i < count; ++i) {
      try_damage(damages[(plan_.seed + i * damages.size() / count) % damages.size()]);
    }
    report_.figures["ways to damage this store"] = damages.size();
  }

 private:
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

  // As a server and its readers would ask. An error is an answer, too: the damage was noticed.
  Result<Answers> ask(const Session& session) const {
    const EventLog& log = session.log();
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

  std::vector<Damage> all_damages() const {
    std::vector<Damage> damages;
    const std::vector<std::string> files = disk_->files();
    for (const std::string& file : files) add_damages_of(file, damages);
    for (const std::string& one : files) {
      for (const std::string& other : files) {
        if (one < other && extension(one) == extension(other)) {
          damages.push_back({"files exchanged", one + " and " + other, [=](SimulatedDisk& disk) {
                               const std::string bytes = disk.contents(one);
                               disk.set_contents(one, disk.contents(other));
                               disk.set_contents(other, bytes);
                             }});
        }
      }
    }
    return damages;
  }

  void add_damages_of(const std::string& file, std::vector<Damage>& damages) const {
    const std::string kind = extension(file);
    const std::size_t size = disk_->contents(file).size();
    const auto add = [&](const std::string& how, std::size_t at,
                         const std::function<std::string(std::string)>& change) {
      damages.push_back(
          {kind + ": " + how, file + " at " + std::to_string(at),
           [=](SimulatedDisk& disk) { disk.set_contents(file, change(disk.contents(file))); }});
    };
    // Nobody reads these: a sample shows it.
    const std::size_t stride = kind == "OPTIONS" || kind == "IDENTITY" ? 101 : 1;
    for (std::size_t at = 0; at < size; at += stride) {
      const auto bit = static_cast<unsigned>((plan_.seed + at) % 8);
      add("bit flipped", at,
          [=](const std::string& bytes) { return with_bit_flipped(bytes, at, bit); });
      add("cut short", at, [=](const std::string& bytes) { return bytes.substr(0, at); });
    }
    for (std::size_t at = SimulatedDisk::kSector; at < size; at += SimulatedDisk::kSector) {
      add("sectors exchanged", at,
          [=](const std::string& bytes) { return with_sectors_swapped(bytes, at); });
    }
    damages.push_back({kind + ": deleted", file, [file](SimulatedDisk& disk) {
                         disk.DeleteFile(file, {}, nullptr).PermitUncheckedError();
                       }});
  }

  void try_damage(const Damage& damage) {
    ++report_.injected[damage.kind];
    const auto disk = disk_->after_crash();
    damage.inflict(*disk);
    const auto opened = open(disk);
    if (!opened) {
      ++report_.checked["refused to open"];
      return;
    }
    const auto answers = ask(**opened);
    if (!answers) {
      ++report_.checked["opened, and refused to answer"];
    } else if (*answers == truth_) {
      ++report_.checked["harmless: every answer is right"];
    } else {
      throw Defect(damage.kind + ", " + damage.what + ": " + difference(*answers));
    }
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
  Report& report_;
  Ledger ledger_;
  std::shared_ptr<SimulatedDisk> disk_;
  Answers truth_;
};

}  // namespace

void run_rot(const Plan& plan, Report& report) { RotSuite(plan, report).run(); }

}  // namespace citas::torture
