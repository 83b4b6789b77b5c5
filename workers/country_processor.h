// CountryProcessor: enters a country's appointments into its own store, and answers each request.
//
// Two durable consumers feed it: the country's events, and what the reconciler sends again. For
// each message: decide (registration.h), commit to the store, publish the confirmation, and
// acknowledge only when that publication is acknowledged. Messages are taken in groups; a group is
// one synced write.
//
// The store is the cursor. Its mark is a low-watermark: everything up to it is settled
// (settled_events.h), and it is written with the store's changes, never ahead of them. Whenever
// this process starts, or bus and store may be at odds, the consumer is deleted and made again from
// behind the mark (consumer_keeper.h), whatever it had acknowledged: an older copy of the store, or
// of the bus, asks for what it misses, and what a crashed predecessor was working on comes at once.
// Where the stream itself lacks an event, the mark waits in front of it for the relay to mend that.
// All of it may come twice; the store makes that harmless.
//
// Poison. Tries are counted in the store (try_ledger.h). A message that is noted there was part of
// a group that was never finished, or has failed before, and is from then on tried alone, so that
// one that crashes the process, or makes it hang (hang_watch.h), is charged for it, and its
// neighbours are not. Those with the fewest tries go first, and one that has failed before waits
// until what was published before it is on the bus, so that a message that crashes the process
// delays its neighbours by one crash. After max_tries a dead letter is published, and the
// message terminated only when that is acknowledged; an operator's retry gives it a new set of
// tries (redelivery.h). A version of a request or of its end that this program does not know is no
// poison: it waits, unsettled, for a later program. The tries of what was given up stay, so that no
// copy of it is tried again, until a retry succeeds: a key for each death that the log records.
// Messages that cannot be read, or are of another country, are dead letters at once.
//
// Healing. The store holds which log it belongs to, the last event that it has seen, and the hash
// there. If the stream is of another log, of another epoch of it (a backup was restored), or of one
// that went another way (an older copy of it was put back), the store is emptied and filled again.
// A stream that ends before what the store has seen is taken for one that is still being filled:
// which way it went shows when it gets there.
//
// A store that fails. That step is an error, and the store is of no use any more: begin() goes on
// with one that was opened anew, as after a start. Messages that were being tried just then are not
// charged for it. See processor_keeper.h.
//
// One processor per store, and one store per country and bus. One thread; counters() from any.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "events/codec.h"
#include "workers/consumer_keeper.h"
#include "workers/country_rules.h"
#include "workers/country_store.h"
#include "workers/outbox.h"
#include "workers/piece.h"
#include "workers/settled_events.h"
#include "workers/try_ledger.h"

namespace citas::workers {

struct ProcessorOptions {
  std::size_t max_batch = 256;  // messages committed together
  std::uint32_t max_tries = 5;
  // What is not acknowledged for so long, though nothing crashed, is delivered again.
  std::chrono::milliseconds ack_wait{std::chrono::seconds{10}};
  // Before the second try; doubles with each further one.
  std::chrono::milliseconds first_backoff{200};
  std::chrono::milliseconds longest_backoff{std::chrono::seconds{30}};
  // A store was emptied that held what came of events of `was` (as origin_of() says), since the
  // stream's are of `is`; both may be the same, where it went another way.
  std::function<void(const std::string& was, const std::string& is)> on_start_over =
      [](const std::string&, const std::string&) {};
};

class CountryProcessor final : public Piece {
 public:
  // Borrows all but country and options. Needs a store before it is stepped: begin().
  static Result<std::unique_ptr<CountryProcessor>> open(CountryCode country, Bus& bus,
                                                        const CountryRules& rules,
                                                        const Codec& codec, const Clock& clock,
                                                        const ProcessorOptions& options);
  // Works with that store from the next step on, and knows of any before it no more than a new
  // process would. Borrows it, until it is given another.
  void begin(CountryStore& store);

  std::string_view name() const override { return name_; }
  // Error: the store cannot be read or written. Nothing of the batch is acknowledged, and the next
  // step needs another store. Corruption: it is damaged.
  Result<bool> step() override;
  void pause() override;
  const ConsumerCounters& counters() const { return counters_; }
  // Why nothing is received; empty when all is well. Any thread.
  std::string trouble() const;
  // Whether the bus has left out events, so that its mark waits in front of them. Any thread.
  bool lacks_events() const { return !missing_.text().empty(); }

 private:
  struct Item {
    MessageSource* source;
    Message message;
    std::string key;  // names it in the store's tries; empty when the message has no id
    std::uint32_t tries = 0;
  };
  // kWait: for a later version of this program, which can read it.
  enum class Verdict { kDone, kConfirm, kRetry, kWait, kGiveUp };
  struct Trial {
    Verdict verdict = Verdict::kDone;
    std::optional<Confirmation> confirmation = std::nullopt;
    std::string traceparent = {};
    std::string_view reason = {};  // why it is given up
  };
  // What a group has led to so far; later messages of the group see it.
  struct Round {
    CountryChanges changes;
    std::map<AppointmentId, CountryEntry> entries;
  };

  CountryProcessor(CountryCode country, Bus& bus, const CountryRules& rules, const Codec& codec,
                   const Clock& clock, const ProcessorOptions& options,
                   std::unique_ptr<MessageSource> events,
                   std::unique_ptr<MessageSource> redelivered,
                   std::unique_ptr<Publisher> publisher);

  // Forgets what was received, and what is under way: all of it comes again.
  void forget_messages();
  Status keep_consumers();
  // Everything behind the store's mark comes again.
  void begin_behind_mark();
  // Fills group_ and suspects_ with what has come in.
  Status receive();
  Status receive_from(MessageSource& source, std::size_t limit);
  // False: from the events' consumer, and not its next delivery.
  bool is_next(const MessageSource& source, const Message& message);
  void tell_what_is_missing();
  // Deliveries that go missing again and again go to somebody else.
  void note_gap();
  // Makes store and stream agree on the log; the message that raised the doubt is not processed.
  Status doubt_log(MessageSource& source, const Message& message);
  // Compares what the stream holds where the store has seen it, if it has come so far.
  Status check_mark();
  // Whether the message can be processed: an event behind what the store has seen cannot be
  // before that is known to be of this stream. What cannot comes again, or never should.
  Result<bool> admit(MessageSource& source, const Message& message);
  Status take(MessageSource& source, Message message);
  // Empties the store; everything is delivered again.
  Status start_over(const std::string& log_source);
  Status process(std::vector<Item> items, bool alone);
  // False: there was none that may be tried now.
  Result<bool> process_one_suspect();
  bool may_try(std::uint32_t tries);
  // Writes down what was settled since the last commit.
  Status save_mark();
  Status start_tries(const std::vector<Item>& items, bool alone);
  // Error: the store cannot be read.
  Result<Trial> try_one(Item& item, Round& round);
  Result<Trial> decide(const Item& item, Round& round);
  Result<std::optional<CountryEntry>> entry_of(AppointmentId appointment, const Round& round) const;
  Status count_try(Item& item, Trial& trial, Round& round);
  void conclude(Item item, const Trial& trial);
  void settle(const MessageSource& source, const Message& message);
  void on_published(const OutboxItem& item);
  void note_recorded(const Message& message);
  void confirm(Item item, const Trial& trial);
  void give_up(Item item, std::string_view reason);
  std::chrono::milliseconds backoff(std::uint32_t tries) const;

  const CountryCode country_;
  const std::string name_;
  Bus& bus_;
  CountryStore* store_ = nullptr;
  const CountryRules& rules_;
  const Codec& codec_;
  const Clock& clock_;
  const ProcessorOptions options_;
  TryLedger ledger_;
  ConsumerCounters counters_;
  std::unique_ptr<MessageSource> events_;
  std::unique_ptr<MessageSource> redelivered_;
  ConsumerKeeper events_keeper_;
  ConsumerKeeper redelivered_keeper_;
  Outbox outbox_;
  SettledEvents settled_;
  bool is_missing_told_ = false;
  Trouble missing_;
  std::uint32_t gaps_ = 0;  // soon after one another
  Clock::Monotonic last_gap_{};
  Trouble rival_;
  Trouble later_;           // stays: only another program can read it
  bool mark_fits_ = false;  // when the stream was last looked at
  std::vector<Message> received_;
  std::vector<Item> group_;
  // To be tried alone, by their tries; bounded by max_ack_pending of the consumers.
  std::multimap<std::uint32_t, Item> suspects_;
  // The publications that are waited for before one that has failed is tried again.
  std::optional<std::uint64_t> published_before_;
};

}  // namespace citas::workers
