"""What the outside knows: every intent, every answer, and what must hold for them in the end."""

import collections
import dataclasses
import threading

from framework import Journal, promise

REQUESTED = "citas.appointment.requested.v1"
CONFIRMED = "citas.appointment.confirmed.v1"
REJECTED = "citas.appointment.rejected.v1"
CANCELLED = "citas.appointment.cancelled.v1"
STATUS_AFTER = {CONFIRMED: "completed", REJECTED: "failed", CANCELLED: "cancelled"}
# What never happens where every rule accepts, as in all systems that an oracle watches.
REFUSALS = (REJECTED, "citas.deadletter.recorded.v1", "citas.deadletter.discarded.v1")


@dataclasses.dataclass(frozen=True)
class Booking:
    """An acknowledged request."""

    key: str
    body: dict
    appointment: str
    position: int


@dataclasses.dataclass(frozen=True)
class Cancellation:
    """An acknowledged one."""

    key: str
    target: str
    body: dict
    appointment: str


class Oracle:
    """Thread-safe while recording; ask for its record when the load has ended.

    Every intent is in its journal, on disk, before it is sent, and every acknowledgement before
    anything is done with it: a file outside of all that gets killed.
    """

    def __init__(self, journal):
        self._journal = Journal(journal)
        self._mutex = threading.Lock()
        self.bookings = []
        self._cancelled = 0
        self.answered = 0
        self._refused = 0
        self._resent = 0
        self.unavailable = collections.Counter()  # answers of 503, by their codes

    def intends(self, key, target, body):
        self._journal.write(intent=key, target=target, body=body)

    def booked(self, booking):
        self._journal.write(booked=booking.key, at=booking.position, id=booking.appointment)
        with self._mutex:
            self.bookings.append(booking)
            self.answered += 1

    def cancelled(self, key, appointment):
        self._journal.write(cancelled=key, id=appointment)
        with self._mutex:
            self._cancelled += 1
            self.answered += 1

    def refused_one(self, key):
        self._journal.write(refused=key)
        with self._mutex:
            self._refused += 1

    def count_resent(self):
        with self._mutex:
            self._resent += 1

    def count_unavailable(self, code):
        with self._mutex:
            self.unavailable[code] += 1

    def figures(self):
        return {
            "booked": len(self.bookings),
            "cancelled": self._cancelled,
            "refused": self._refused,
            "sent again": self._resent,
            "of these after 503": self.unavailable.total(),
        }

    def record(self):
        """What the journal says, read from its file: this, and no memory of ours, is compared."""
        record = Record(self._journal.read())
        told = (len(self.bookings), self._cancelled, self._refused)
        found = (len(record.bookings), len(record.cancellations), record.refused)
        promise(found == told, f"{self._journal.path} has {found} answers, {told} were given")
        return record


class Record:
    """Every intent and every answer, of a journal's entries."""

    def __init__(self, entries):
        self.bookings, self.cancellations, self.refused = [], [], 0
        intents, answered = {}, set()
        for entry in entries:
            if "intent" in entry:
                intents[entry["intent"]] = entry["target"], entry["body"]
            elif "booked" in entry:
                key, (_, body) = entry["booked"], intents[entry["booked"]]
                self.bookings.append(Booking(key, body, entry["id"], entry["at"]))
                answered.add(key)
            elif "cancelled" in entry:
                key = entry["cancelled"]
                self.cancellations.append(Cancellation(key, *intents[key], entry["id"]))
                answered.add(key)
            else:
                self.refused += 1
                answered.add(entry["refused"])
        self.unanswered = sorted(intents.keys() - answered)

    def defects(self, events):
        """Sentences about everything in the log that contradicts what clients were told."""
        return [
            *(f"asked, and never answered: {key}" for key in self.unanswered),
            *gaps(events),
            *self._lost_or_unasked(events),
            *self._misplaced(events),
            *double_bookings(events),
            *repeated_facts(events),
            *unsettled(events),
            *refusals(events),
        ]

    def _lost_or_unasked(self, events):
        """Every intent was sent until it was answered: acknowledged and logged are the same."""
        booked = {booking.appointment for booking in self.bookings}
        cancelled = {cancellation.appointment for cancellation in self.cancellations}
        for kind, event_type, told in (
            ("booking", REQUESTED, booked),
            ("cancellation", CANCELLED, cancelled),
        ):
            logged = subjects(events, event_type)
            yield from (f"acknowledged {kind}, not in the log: {each}" for each in told - logged)
            yield from (f"{kind} in the log, never acknowledged: {each}" for each in logged - told)

    def _misplaced(self, events):
        by_position = {int(event["position"]): event for event in events}
        for booking in self.bookings:
            event = by_position.get(booking.position)
            if event is None or event["subject"] != booking.appointment:
                yield f"{booking.appointment} is not at its position {booking.position}"
            elif event["data"] != booking.body:
                yield f"{booking.appointment} was stored as {event['data']}"


def subjects(events, event_type):
    return {event["subject"] for event in events if event["type"] == event_type}


def gaps(events):
    for expected, event in enumerate(events, start=1):
        if event["position"] != str(expected):
            yield f"position {event['position']} where {expected} belongs"
            return


def double_bookings(events):
    holders = {}
    for event in events:
        slot = (event["data"]["countryISO"], event["data"].get("scheduleId"))
        if event["type"] == REQUESTED:
            if slot in holders:
                yield f"slot {slot} is given to {event['subject']} and {holders[slot]}"
            holders[slot] = event["subject"]
        elif event["type"] in (REJECTED, CANCELLED) and holders.get(slot) == event["subject"]:
            del holders[slot]


def repeated_facts(events):
    counts = collections.Counter((event.get("subject"), event["type"]) for event in events)
    for (subject, event_type), count in counts.items():
        if count > 1 and not event_type.startswith("citas.deadletter."):
            yield f"{event_type} of {subject} is in the log {count} times"


def statuses(events):
    """The status of each appointment, by its events alone."""
    found = {}
    for event in events:
        if event["type"] == REQUESTED:
            found[event["subject"]] = "pending"
        elif event["type"] in STATUS_AFTER:
            found[event["subject"]] = STATUS_AFTER[event["type"]]
    return found


def unsettled(events):
    for appointment, status in statuses(events).items():
        if status == "pending":
            yield f"{appointment} is still pending"


def refusals(events):
    """A completed appointment is one that its country has confirmed: where no rule refuses
    anything, whatever was refused or given up was wrongly so."""
    for event in events:
        if event["type"] in REFUSALS:
            yield f"{event['type']} at {event['position']}, where every rule accepts: {event['data']}"
