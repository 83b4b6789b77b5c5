#include "tests/simulation/clients.h"

#include <algorithm>

#include "tests/simulation/visits.h"

namespace citas::simulation {
namespace {

constexpr std::size_t kClients = 3;
constexpr char kActor[] = "anonymous";
constexpr char kRoute[] = "simulated";

commands::Command with_key(commands::CommandData data, const std::string& key) {
  commands::Command command{.data = std::move(data), .actor = kActor};
  command.idempotency =
      commands::idempotency_key(command.tenant, kActor, kRoute, "", key, command.data);
  return command;
}

}  // namespace

Clients::Clients(Random& random, std::vector<CountryCode> countries, std::size_t commands)
    : random_(random), countries_(std::move(countries)), left_(commands), clients_(kClients) {}

bool Clients::are_done() const {
  return std::ranges::none_of(clients_,
                              [](const Client& client) { return client.command.has_value(); });
}

void Clients::act(commands::Sequencer* sequencer, std::uint64_t session) {
  Client& client = clients_[random_.below(clients_.size())];
  listen(client, session);
  if (!client.command) think(client);
  if (client.command && !client.sent && sequencer != nullptr) send(client, *sequencer, session);
}

void Clients::think(Client& client) {
  if (left_ == 0) return;
  --left_;
  const bool repeats = !promises_.empty() && random_.chance(100);
  if (repeats) {
    const std::size_t old = random_.below(promises_.size());
    client.key = promises_[old].key;
    client.command = kept_[old];
  } else {
    const bool cancels = !bookings_.empty() && random_.chance(400);
    client.key = std::to_string(++keys_);
    client.command = with_key(cancels ? cancellation() : request(), client.key);
  }
  client.sent = false;
}

commands::CommandData Clients::request() {
  const CountryCode country = countries_[random_.below(countries_.size())];
  const auto schedule = static_cast<std::int64_t>(1 + random_.below(2 * kSchedules));
  const std::string insured = "0000" + std::to_string(1 + random_.below(3));
  return commands::RequestAppointment{
      *InsuredId::parse(insured), {country, ScheduleId{schedule}}, {}};
}

commands::CommandData Clients::cancellation() {
  const Booking& booking = bookings_[random_.below(bookings_.size())];
  return commands::CancelAppointment{booking.appointment, booking.insured, {}};
}

void Clients::send(Client& client, commands::Sequencer& sequencer, std::uint64_t session) {
  client.outcome = std::make_shared<std::optional<commands::Outcome>>();
  client.session = session;
  client.sent =
      sequencer
          .submit(*client.command, [outcome = client.outcome](
                                       commands::Outcome done) { *outcome = std::move(done); })
          .has_value();
}

void Clients::listen(Client& client, std::uint64_t session) {
  if (!client.command || !client.sent) return;
  if (client.outcome->has_value()) {
    const commands::Outcome& outcome = **client.outcome;
    if (outcome) remember(client, *outcome);
    const bool refused = !outcome && std::holds_alternative<commands::Rejection>(outcome.error());
    const bool promised =
        std::ranges::find(promises_, client.key, &Promise::key) != promises_.end();
    if (refused && promised) complaint_ = "key " + client.key + " was refused later";
    const bool unknown = !outcome && std::holds_alternative<Error>(outcome.error());
    client.sent = false;
    if (!unknown) client.command.reset();
  } else if (client.session != session) {
    client.sent = false;  // nobody will answer any more: it asks again
  }
}

void Clients::remember(const Client& client, const commands::Accepted& accepted) {
  const Event& event = accepted.event.value();
  const auto known = std::ranges::find(promises_, client.key, &Promise::key);
  if (known != promises_.end()) {
    if (known->event == event.id) return;
    complaint_ = "key " + client.key + " was answered with two events";
    return;
  }
  promises_.push_back({client.key, event.id, event.position});
  kept_.push_back(*client.command);
  if (const auto* request = std::get_if<AppointmentRequested>(&event.data)) {
    bookings_.push_back({request->ref.appointment, request->ref.insured});
  }
}

}  // namespace citas::simulation
