#include "tests/torture/disk/trials.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "events/base/check.h"
#include "tests/support/temp_folder.h"

namespace citas::torture {
namespace {

constexpr unsigned kPatienceS = 120;  // for one attempt
constexpr char kWords[] = "stderr";   // the file that gets a child's
constexpr char kFiles[] = "files";    // the folder that keeps those of the first child
constexpr char kAssertion[] = "stopped by an assertion of RocksDB";

// Which trials are made, in their order: first some of each kind in turn, so that the rare ones (a
// file deleted) are among them and any defect shows soon, then others evenly spread over all.
std::vector<std::size_t> select(const Plan& plan, const std::vector<Damage>& damages) {
  const std::size_t all = damages.size();
  const std::size_t count = plan.cycles == 0 ? all : std::min<std::size_t>(plan.cycles, all);
  const auto spread = [&](std::size_t turn, std::size_t of, std::size_t over) {
    return (plan.seed + turn * over / of) % over;
  };
  std::map<std::string, std::vector<std::size_t>> kinds;
  for (std::size_t number = 0; number < all; ++number) {
    kinds[damages[number].kind].push_back(number);
  }
  std::vector<std::size_t> order;
  std::set<std::size_t> chosen;
  const auto choose = [&](std::size_t number) {
    if (order.size() < count && chosen.insert(number).second) order.push_back(number);
  };
  const std::size_t of_each = 1 + count / (2 * kinds.size());
  for (std::size_t turn = 0; turn < of_each; ++turn) {
    for (const auto& [kind, numbers] : kinds)
      choose(numbers[spread(turn, of_each, numbers.size())]);
  }
  for (std::size_t turn = 0; turn < count; ++turn) choose(spread(turn, count, all));
  return order;
}

// What a child says, line by line: a word, a space, and text that holds no line break.
void say(std::FILE* to, const char* word, std::string text) {
  std::ranges::replace(text, '\n', ' ');
  std::fprintf(to, "%s %s\n", word, text.c_str());
  std::fflush(to);
}

// In the child: attempts from `turn` on, up to the middle or the end. What a child does after
// another one is so done in every run, and not only after an assertion.
void attempt_some(const Plan& plan, Trials& trials, std::size_t turn, std::FILE* to) {
  const std::vector<Damage> damages = all_damages(trials.files(), plan.seed);
  const std::vector<std::size_t> selected = select(plan, damages);
  say(to, "all", std::to_string(damages.size()));
  const std::size_t middle = selected.size() / 2;
  const bool hands_over = turn < middle;
  const std::size_t until = hands_over ? middle : selected.size();
  for (; turn < until; ++turn) {
    const Damage& damage = damages[selected[turn]];
    say(to, "kind", damage.kind);
    say(to, "what", damage.what);
    ::alarm(kPatienceS);
    try {
      say(to, "verdict", trials.attempt(damage));
    } catch (const Defect& defect) {
      say(to, "defect", defect.what());
      return;
    }
  }
  ::alarm(0);
  say(to, hands_over ? "middle" : "end", "");
}

// What the parent has heard so far.
class Account {
 public:
  explicit Account(Report& report) : report_(report) {}

  void hear(const std::string& line) {
    const std::string word = line.substr(0, line.find(' '));
    const std::string text = line.substr(word.size() + 1);
    if (word == "kind") {
      kind_ = text;
    } else if (word == "what") {
      what_ = text;
      under_way_ = true;
      ++report_.injected[kind_];
    } else if (word == "verdict") {
      note(text);
    } else if (word == "defect") {
      throw Defect(kind_ + ", " + what_ + ": " + text);
    } else if (word == "all") {
      hear_size(std::stoull(text));
    } else if (word == "middle") {
      hands_over_ = true;
    } else if (word == "end") {
      ended_ = true;
    }
  }

  // Whether the child that has gone said that another is to go on.
  bool hands_over() { return std::exchange(hands_over_, false); }

  // The child is gone before its end. `words`: what it wrote to stderr.
  void died(int status, const std::string& words) {
    const bool by_assertion = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT &&
                              words.find("Assertion `") != std::string::npos;
    if (by_assertion && under_way_) return note(kAssertion);
    throw Defect((under_way_ ? kind_ + ", " + what_ : std::string("before any damage")) +
                 ": the process ended with status " + std::to_string(status) + ": " +
                 words.substr(words.size() - std::min<std::size_t>(words.size(), 1000)));
  }

  bool ended() const { return ended_; }
  std::size_t done() const { return done_; }

 private:
  void note(const std::string& verdict) {
    ++report_.checked[verdict];
    ++done_;
    under_way_ = false;
  }

  void hear_size(std::uint64_t all) {
    std::uint64_t& known = report_.figures["ways to damage this store"];
    if (known != 0 && known != all) throw Defect("a child damages other files than the first");
    known = all;
  }

  Report& report_;
  std::string kind_;
  std::string what_;
  bool under_way_ = false;
  bool hands_over_ = false;
  bool ended_ = false;
  std::size_t done_ = 0;
};

// Of the first child, whichever calls this.
void use_same_files(Trials& trials, const std::filesystem::path& kept) {
  if (std::filesystem::exists(kept)) {
    trials.adopt(read_files(kept));
  } else {
    write_files(kept, trials.files());
  }
}

// Never returns. What the child leaves behind is below `folder`.
[[noreturn]] void be_child(const Plan& plan, std::size_t turn, int pipe,
                           const std::filesystem::path& folder,
                           const std::function<std::unique_ptr<Trials>()>& prepare) {
  ::setenv("TMPDIR", folder.c_str(), 1);
  const int words =
      ::open((folder / kWords).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  CHECK(words >= 0 && ::dup2(words, STDERR_FILENO) >= 0);
  std::FILE* to = ::fdopen(pipe, "w");
  CHECK(to != nullptr);
  {
    const std::unique_ptr<Trials> trials = prepare();
    use_same_files(*trials, folder / kFiles);
    attempt_some(plan, *trials, turn, to);
  }
  // RocksDB's statics are not worth waiting for.
  std::_Exit(0);
}

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void listen_to_child(int pipe, Account& account) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> from(::fdopen(pipe, "r"), &std::fclose);
  CHECK(from != nullptr);
  std::string line;
  for (int c = std::fgetc(from.get()); c != EOF; c = std::fgetc(from.get())) {
    if (c != '\n') {
      line += static_cast<char>(c);
      continue;
    }
    account.hear(line);
    line.clear();
  }
}

}  // namespace

void run_trials(const Plan& plan, Report& report,
                const std::function<std::unique_ptr<Trials>()>& prepare) {
  const testing::TempFolder folder;
  Account account(report);
  while (!account.ended()) {
    int ends[2];
    CHECK(::pipe2(ends, O_CLOEXEC) == 0);
    const pid_t child = ::fork();
    CHECK(child >= 0);
    if (child == 0) be_child(plan, account.done(), ends[1], folder.path(), prepare);
    ::close(ends[1]);
    try {
      listen_to_child(ends[0], account);
    } catch (const Defect&) {
      ::waitpid(child, nullptr, 0);
      throw;
    }
    int status = 0;
    CHECK(::waitpid(child, &status, 0) == child);
    if (!account.ended() && !account.hands_over()) {
      account.died(status, text_of(folder.path() / kWords));
    }
  }
}

}  // namespace citas::torture
