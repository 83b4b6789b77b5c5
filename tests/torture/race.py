"""Many clients on few slots: they book, cancel, give up waiting, send again, and reuse keys.

The checker needs no search. The log claims an order of everything that happened; every answer has to
fit that order, at some moment between the question and the answer. Positions are the clock: what
was acknowledged before a question was asked lies before its moment, what was asked after the
answer lies behind it.
"""

import bisect
import collections
import contextlib
import dataclasses
import http.client
import itertools
import random
import threading
import time
import types

import checks
import oracle
from client import Client
from framework import Broken, Suite, promise
from harness import Server

CLIENTS = 12
SLOTS = [(country, schedule) for country in ("PE", "CL") for schedule in (1, 2, 3)]
INSUREDS = [f"{number:05}" for number in range(1, 13)]
IMPATIENCE = 0.03  # how often a client hangs up and asks again
REUSE = 0.02  # how often it tries its last key with another command
REPEAT = 0.02  # how often an old one with its own command, whose appointment is cancelled since
REMEMBERED = 100  # acknowledged commands whose keys a client knows still


@dataclasses.dataclass
class Operation:
    kind: str  # book or cancel
    insured: str
    slot: tuple
    asked: float
    answered: float = 0.0
    status: int = 0
    appointment: str = None
    hung_up: bool = False  # asked twice: what was asked first may take effect after the answer


class KeylessClient(Client):
    """The canary: as if the server ignored idempotency keys."""

    def request(self, method, target, body=None, headers=None):
        kept = {name: value for name, value in (headers or {}).items() if name != "Idempotency-Key"}
        return super().request(method, target, body, kept)


class Racer:
    """One client. Its operations, all answered, are in `done`."""

    def __init__(self, client, seed, name, operations):
        self._client = client
        self._random = random.Random(f"{seed}/{name}")
        self._name = name
        self._keys = itertools.count(1)
        self._left = operations
        self._mine = collections.deque(maxlen=4)  # bookings that may be live
        self._ended = collections.deque(maxlen=REMEMBERED)  # bookings, cancelled since
        self.bookings = collections.deque(maxlen=REMEMBERED)
        self.cancellations = collections.deque(maxlen=REMEMBERED)
        self.done = []
        self.counts = collections.Counter()

    def run(self):
        for _ in range(self._left):
            if self._ended and self._random.random() < REPEAT:
                self._repeat(self._random.choice(self._ended))
            if self._mine and self._random.random() < 0.45:
                self._cancel(self._mine.popleft())
            else:
                self._book()

    def _book(self):
        insured, slot = self._random.choice(INSUREDS), self._random.choice(SLOTS)
        body = {"insuredId": insured, "scheduleId": slot[1], "countryISO": slot[0]}
        key = self._next_key()
        operation, answer = self._perform("book", insured, slot, "/appointments", body, key)
        promise(answer.status in (201, 409), answer.text)
        if answer.status == 201:
            operation.appointment = answer.json["appointmentId"]
            booking = oracle.Booking(key, body, operation.appointment, int(answer.position))
            self._mine.append(booking)
            self.bookings.append(booking)

    def _cancel(self, booking):
        insured, appointment = booking.body["insuredId"], booking.appointment
        slot = (booking.body["countryISO"], booking.body["scheduleId"])
        target = f"/appointments/{insured}/{appointment}/cancellation"
        key, body = self._next_key(), {"reason": "other"}
        operation, answer = self._perform("cancel", insured, slot, target, body, key)
        promise(answer.status == 200, answer.text)
        operation.appointment = appointment
        self._ended.append(booking)
        self.cancellations.append(oracle.Cancellation(key, target, body, appointment))

    def _repeat(self, booking):
        """Its appointment is cancelled, its slot free or another's: only who remembers the key can
        tell this from a new request."""
        answer = self._client.post("/appointments", booking.body, idempotency_key=booking.key)
        checks.check_repeated(booking.key, answer, 201, booking.appointment)
        self.counts["keys repeated after the cancellation"] += 1

    def _next_key(self):
        return f"{self._name}-{next(self._keys)}"

    def _perform(self, kind, insured, slot, target, body, key):
        operation = Operation(kind, insured, slot, time.monotonic())
        if self._random.random() < IMPATIENCE:
            operation.hung_up = True
            self._hang_up(target, body, key)
        answer = self._client.post(target, body, idempotency_key=key)
        operation.answered, operation.status = time.monotonic(), answer.status
        self.done.append(operation)
        self.counts[f"{kind}: {answer.status}"] += 1
        if answer.status == 201 and self._random.random() < REUSE:
            self._reuse(key, body)
        return operation, answer

    def _hang_up(self, target, body, key):
        """Asks, and does not wait for the answer."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            self._client.send_only("POST", target, body, {"Idempotency-Key": key})
        self.counts["hung up and asked again"] += 1

    def _reuse(self, key, body):
        other = {**body, "scheduleId": body["scheduleId"] + 1000}
        answer = self._client.post("/appointments", other, idempotency_key=key)
        promise(answer.status == 422, f"a key was taken for another command: {answer.text}")
        self.counts["keys reused for another command"] += 1


class Moments:
    """Between which positions an operation took place, by what else was known when."""

    def __init__(self, operations, place, abandoned):
        # Several may claim an event: who asked for what was there got it as his answer. It was
        # stored after the first of them asked, and before the first was answered.
        asked, answered = {}, {}
        for one in filter(lambda each: each.appointment, operations):
            position = place[one.kind][one.appointment]
            asked[position] = min(one.asked, asked.get(position, one.asked))
            answered[position] = min(one.answered, answered.get(position, one.answered))
        for position, moment in abandoned.items():
            asked[position] = min(moment, asked.get(position, moment))
        by_answer = sorted((moment, position) for position, moment in answered.items())
        self._answered = [moment for moment, _ in by_answer]
        self._highest = list(itertools.accumulate((p for _, p in by_answer), max))
        by_question = sorted(((moment, p) for p, moment in asked.items()), reverse=True)
        self._asked = [-moment for moment, _ in by_question]
        self._lowest = list(itertools.accumulate((p for _, p in by_question), min))

    def of(self, operation):
        """The log's length at the earliest and the latest moment."""
        before = bisect.bisect_left(self._answered, operation.asked)
        after = bisect.bisect_left(self._asked, -operation.answered)
        earliest = self._highest[before - 1] if before else 0
        latest = self._lowest[after - 1] - 1 if after else float("inf")
        return earliest, latest


class Slots:
    """Who held each slot, at every length of the log."""

    def __init__(self, events):
        self._changes = collections.defaultdict(lambda: [(0, None, None)])
        for event in events:
            slot = (event["data"]["countryISO"], event["data"]["scheduleId"])
            holder = (event["subject"], event["data"]["insuredId"])
            if event["type"] != oracle.REQUESTED:
                holder = (None, None)
            self._changes[slot].append((int(event["position"]), *holder))

    def holders(self, slot, earliest, latest):
        """Everyone who held it at some length in [earliest, latest]: (appointment, insured)."""
        changes = self._changes[slot]
        first = bisect.bisect_right(changes, earliest, key=lambda change: change[0]) - 1
        for position, appointment, insured in itertools.islice(changes, first, None):
            if position > latest:
                return
            yield appointment, insured


def defects(operations, events):
    """Sentences about answers that fit no order."""
    requested = positions(events, oracle.REQUESTED)
    cancelled = positions(events, oracle.CANCELLED)
    place = {"book": requested, "cancel": cancelled}
    for one in operations:
        if one.appointment and one.appointment not in place[one.kind]:
            yield f"acknowledged, not in the log: {one}"
            return
    abandoned = abandoned_requests(operations, events)
    told = {requested[one.appointment] for one in operations if one.kind == "book" and one.appointment}
    untold = set(requested.values()) - told - abandoned.keys()
    yield from (f"in the log, nobody was told: position {each}" for each in sorted(untold))
    moments, slots = Moments(operations, place, abandoned), Slots(events)
    for one in operations:
        earliest, latest = moments.of(one)
        if not fits(one, slots, earliest, latest, cancelled):
            yield f"no moment between lengths {earliest} and {latest} of the log explains {one}"


def fits(one, slots, earliest, latest, cancelled):
    if one.kind == "cancel":
        return cancelled[one.appointment] <= latest
    holders = slots.holders(one.slot, earliest, latest)
    if one.status == 201:
        return any(appointment == one.appointment for appointment, _ in holders)
    return any(appointment and insured != one.insured for appointment, insured in holders)


def abandoned_requests(operations, events):
    """Bookings that somebody may have caused who hung up, asked again, and was refused: each
    position, and when that one asked. A refusal is not kept, and the first of his requests may
    come to its turn last."""
    askers = collections.defaultdict(list)
    for one in operations:
        if one.kind == "book" and one.hung_up and not one.appointment:
            askers[one.slot, one.insured].append(one.asked)
    found = {}
    for event in events:
        data = event["data"]
        asked = askers.get(((data["countryISO"], data["scheduleId"]), data["insuredId"]))
        if event["type"] == oracle.REQUESTED and asked:
            found[int(event["position"])] = min(asked)
    return found


def positions(events, event_type):
    return {e["subject"]: int(e["position"]) for e in events if e["type"] == event_type}


def race(run, client=Client):
    server = Server(run.folder, "--nats", "none", "--workers", "none").start()
    share = -(-run.cycles // CLIENTS)
    clients = [client(server.client.url, validate=False) for _ in range(CLIENTS)]
    racers = [Racer(one, run.seed, f"racer-{n}", share) for n, one in enumerate(clients)]
    failures = []

    def drive(racer):
        try:
            racer.run()
        except (Broken, OSError, http.client.HTTPException) as failure:
            failures.append(failure)

    started = time.monotonic()
    threads = [threading.Thread(target=drive, args=(racer,), daemon=True) for racer in racers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise Broken("\n".join(map(str, failures))) from failures[0]
    run.done = share * CLIENTS
    run.figures["operations a second"] = round(share * CLIENTS / (time.monotonic() - started))
    compare(run, racers, server.client.events())
    bookings = [booking for racer in racers for booking in racer.bookings]
    checks.check_keys(run, server, types.SimpleNamespace(bookings=bookings))
    cancellations = [cancellation for racer in racers for cancellation in racer.cancellations]
    checks.check_cancellation_keys(run, server, cancellations)
    server.stop()
    checks.verify(run, server)


def compare(run, racers, events):
    operations = [operation for racer in racers for operation in racer.done]
    found = [
        *itertools.islice(defects(operations, events), 20),
        *oracle.gaps(events),
        *oracle.double_bookings(events),
        *oracle.repeated_facts(events),
    ]
    promise(not found, lambda: "\n".join(found))
    for racer in racers:
        run.injected.update(racer.counts)
    run.checked["operations that fit the log's order"] += len(operations)
    run.checked["events, one holder per slot at a time"] += len(events)


SUITES = {"race": Suite(race, "many clients on few slots, a linearizable history", 4000, 10**6)}
