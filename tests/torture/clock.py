"""The wall clock jumps under a running server, and between its runs: hours either way, into a leap
day, through the gap and the fold of daylight saving time. All of it runs meanwhile: the bus, both
processors, the reconciler, and clients that book and cancel.

The order of the log and its positions do not care, each event carries the time that the clock
showed when it happened, in UTC, and everything settles in the time that it takes with a clock that
is right. A backup restored up to a time ends where the running maximum of time says.
"""

import bisect
import datetime
import itertools
import json
import time

import checks
import oracle
from backup import Backups, running_maximum
from fake_clock import FakeClock
from framework import Suite, promise
from harness import citas, wait_until
from load import INSUREDS, Load
from system import OneServer

BOOKINGS = 8  # on each side of a moment
LEAD_S = 1.0  # before a moment that is crossed: time enough for a booking on a busy machine
TOLERANCE_S = 0.05  # times have milliseconds
CLIENTS = 4
# Of real time, after the load. What a killed server had not acknowledged comes again after 10 s.
SETTLED_WITHIN_S, SETTLED_AFTER_KILL_S = 5, 20
RESTORES = 4
FIRST_SCHEDULE = 1_000_000  # beyond those of the load
INSURED = INSUREDS[0]
UTC = datetime.timezone.utc


def at(*fields):
    return datetime.datetime(*fields, tzinfo=UTC).timestamp()


# Offsets of the clock to the true one.
JUMPS = {
    "true time": 0,
    "one hour ahead": 3600,
    "one hour behind": -3600,
    "a year behind": -365 * 86_400,
}
# Moments that the clock goes through while clients book. Chile's summer time ended on 2026-04-05 at
# 03:00 UTC and began again on 2026-09-06 at 04:00 UTC.
MOMENTS = {
    "into a leap day": at(2028, 2, 29),
    "out of a leap day": at(2028, 3, 1),
    "through the fold": at(2026, 4, 5, 3),
    "through the gap": at(2026, 9, 6, 4),
}


def seconds_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def as_text(seconds):
    shown = datetime.datetime.fromtimestamp(seconds, UTC)
    return shown.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Told:
    """What one client was told, and what the clock showed meanwhile; in the order of its requests.
    Nobody else asks for its slots."""

    def __init__(self, run, server, clock, known):
        self._run, self._server, self._clock, self._known = run, server, clock, known
        self._schedules = itertools.count(FIRST_SCHEDULE)
        self.between = []  # (appointment, earliest, latest)

    def book(self, count=1):
        for _ in range(count):
            earliest = self._clock.now()
            answer = self._ask()
            promise(answer.status == 201, answer.text)
            booked = answer.json
            self.between.append((booked["appointmentId"], earliest, self._clock.now()))
            promise(
                seconds_of(booked["createdAt"]) >= earliest - TOLERANCE_S,
                f"createdAt {booked['createdAt']} is before the request",
            )

    def check_dates(self):
        """"Not in the past" means: by the clock as it is now."""
        for hours, expected in ((2, 201), (-2, 400)):
            date = as_text(self._clock.now() + 3600 * hours)
            answer = self._ask(date=date)
            promise(answer.status == expected, f"{date}: {answer.status} {answer.text}")
            self._run.checked["dates judged by the clock"] += 1

    def _ask(self, **optional):
        schedule = next(self._schedules)
        key = f"told-{schedule}"
        body = {"insuredId": INSURED, "scheduleId": schedule, "countryISO": "PE", **optional}
        self._known.intends(key, "/appointments", body)
        answer = self._server.client.post("/appointments", body, idempotency_key=key)
        if answer.status != 201:
            self._known.refused_one(key)
        else:
            booking = oracle.Booking(key, body, answer.json["appointmentId"], int(answer.position))
            self._known.booked(booking)
        return answer


class Scenes:
    """A system whose clock jumps, again and again."""

    def __init__(self, run):
        self._run = run
        self._clock = FakeClock(run.folder)
        self.system = OneServer(run.folder)
        self._server = self.system.server
        self.known = oracle.Oracle(run.folder / "oracle.jsonl")
        self.told = Told(run, self._server, self._clock, self.known)
        self._settled_s = 0.0
        self._played = 0
        self._start()

    def _start(self):
        with self._clock.environment():
            self._server.start()

    def play(self, name, killed):
        moment = MOMENTS.get(name)
        self._played += 1
        seed, client = self._run.random.random(), f"scene-{self._played}"
        load = Load(self._server, self.known, seed, CLIENTS, client)
        self.told.book(BOOKINGS)  # so that the jump falls between requests of one client
        self._clock.set(JUMPS[name] if moment is None else moment - LEAD_S - time.time())
        if killed:
            self._server.kill()
            self._start()
            self._run.injected["killed and started under the new time"] += 1
        if moment is None:
            self.told.book(BOOKINGS)
        else:
            self._cross(moment)
        self.told.check_dates()
        load.stop()
        self._settle(name, SETTLED_AFTER_KILL_S if killed else SETTLED_WITHIN_S)
        self._run.injected[f"clock: {name}"] += 1

    def _cross(self, moment):
        first = len(self.told.between)
        while self._clock.now() < moment:
            self.told.book()
        self.told.book(BOOKINGS)
        told = self.told.between[first:]
        before = sum(latest < moment for _, _, latest in told)
        after = sum(earliest >= moment for _, earliest, _ in told)
        promise(before > 0 and after >= BOOKINGS, f"{before} before the moment, {after} after it")
        self._run.checked["bookings before a moment that was crossed"] += before
        self._run.checked["bookings after it"] += after

    def _settle(self, name, limit_s):
        """Timeouts do not depend on the wall clock."""
        started = time.monotonic()
        self._server.all_settled(INSUREDS, timeout_s=limit_s)
        wait_until(
            lambda: self._server.metric("citas_relay_lag_events") == 0,
            f"the relay is done: {name}",
            limit_s,
        )
        self._settled_s = max(self._settled_s, time.monotonic() - started)
        self._run.figures["longest until all was settled, s"] = round(self._settled_s, 2)


def check_times(run, told, events):
    requested = [event for event in events if event["type"] == oracle.REQUESTED]
    by_id = {event["subject"]: event for event in requested}
    for appointment, earliest, latest in told:
        shown = seconds_of(by_id[appointment]["time"])
        promise(
            earliest - TOLERANCE_S <= shown <= latest + TOLERANCE_S,
            f"{appointment} says {by_id[appointment]['time']}, the clock said {as_text(earliest)}",
        )
    run.checked["times recorded truthfully"] += len(told)
    asked = [appointment for appointment, _, _ in told]
    known = set(asked)
    order = [event["subject"] for event in requested if event["subject"] in known]
    promise(order == asked, "requests are out of order")
    run.checked["positions in the order of requests"] += len(order)


def check_crossings(run, events):
    """Both sides of every moment are in the log, the later side behind the earlier one."""
    for name, moment in MOMENTS.items():
        times = [seconds_of(event["time"]) for event in events]
        sides = [shown >= moment for shown in times if abs(shown - moment) < LEAD_S]
        crossed = sum(not before and after for before, after in itertools.pairwise(sides))
        promise(crossed >= run.injected[f"clock: {name}"], f"{name}: crossed {crossed} times")
        run.checked["moments crossed in the log"] += crossed


def times_that_came_twice(times, latest):
    """Times up to which a log can be restored, although events behind that end claim to be earlier:
    those at which the last one that is kept happened, and others."""
    in_order = sorted(times)
    first, now = latest[0], as_text(time.time())  # a backup reaches no further than its own time
    edges, others = [], []
    for shown in times:
        kept = bisect.bisect_right(latest, shown)
        if first <= shown < now and kept < bisect.bisect_right(in_order, shown):
            (edges if latest[kept - 1] == shown else others).append(shown)
    promise(edges and others, "the clock was never set back")
    return edges, others


def check_restores(run, server, exported, events):
    """Up to a time means: the longest prefix of which no event claims to be later."""
    backups = Backups(run.folder / "backups")
    made = backups.create(server.data)
    latest = list(running_maximum(events))
    among = times_that_came_twice([event["time"] for event in events], latest)
    for number in range(RESTORES):
        until = run.random.choice(among[number % len(among)])
        expected = bisect.bisect_right(latest, until)
        target = run.folder / f"restored-{number}"
        restored = backups.restore(target, made["id"], "--until", until)
        promise(
            int(restored["position"]) == expected,
            f"restored up to {until}: {restored['position']} events instead of {expected}",
        )
        again = citas("events", "export", "--data", target)
        promise(again.returncode == 0, again.stderr)
        promise(again.stdout.encode().splitlines() == exported[:expected], "the log differs")
        run.checked["restored up to a time that came twice"] += 1


def play_all(run):
    scenes = Scenes(run)
    server = scenes.system.server
    for number in run.rounds():
        killed = run.random.choice(list(JUMPS))
        for name in run.random.sample([*JUMPS, *MOMENTS], len(JUMPS) + len(MOMENTS)):
            scenes.play(name, killed=name == killed)
        scenes.play("true time", killed=False)  # behind all others: some are years ahead
        run.progress(f"{number + 1}/{run.cycles}")
    exported = server.client.get("/events", accept="application/x-ndjson").body.splitlines()
    events = [json.loads(line) for line in exported]
    check_times(run, scenes.told.between, events)
    check_crossings(run, events)
    check_restores(run, server, exported, events)
    checks.compare_everything(run, scenes.system, scenes.known)


SUITES = {"clock": Suite(play_all, "the wall clock jumps", short=1, long=50)}
