"""The wall clock jumps under a running server, and between its runs: hours either way, into a leap
day, through the gap and the fold of daylight saving time.

The order of the log and its positions do not care, and each event carries the time that the clock
showed when it happened, in UTC.
"""

import datetime
import itertools
import time

import checks
import oracle
from fake_clock import FakeClock
from framework import Suite, promise
from harness import Server

BOOKINGS = 15
TOLERANCE_S = 0.05  # times have milliseconds
UTC = datetime.timezone.utc


def at(*fields):
    """Seconds from now to that moment."""
    return lambda: datetime.datetime(*fields, tzinfo=UTC).timestamp() - time.time()


# What the clock shows, as an offset to the true one. Chile's summer time ended on 2026-04-05 at
# 03:00 UTC and began again on 2026-09-06 at 04:00 UTC.
SCENES = {
    "true time": lambda: 0,
    "one hour ahead": lambda: 3600,
    "one hour behind": lambda: -3600,
    "into a leap day": at(2028, 2, 28, 23, 59, 59),
    "out of a leap day": at(2028, 2, 29, 23, 59, 59),
    "through the fold": at(2026, 4, 5, 2, 59, 59),
    "through the gap": at(2026, 9, 6, 3, 59, 59),
    "a year ago": at(2025, 1, 1, 0, 0, 0),
}


def seconds_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Scene:
    """Books and cancels under one showing of the clock, and remembers what it showed."""

    def __init__(self, run, server, clock, schedules):
        self._run, self._server, self._clock = run, server, clock
        self._schedules = schedules
        self.between = []  # (appointment, earliest, latest), in the order of their requests

    def play(self):
        for _ in range(BOOKINGS):
            self._book()
        self._check_dates()

    def _book(self):
        client, earliest = self._server.client, self._clock.now()
        answer = client.book("00001", next(self._schedules))
        promise(answer.status == 201, answer.text)
        booked = answer.json
        self.between.append((booked["appointmentId"], earliest, self._clock.now()))
        promise(
            seconds_of(booked["createdAt"]) >= earliest - TOLERANCE_S,
            f"createdAt {booked['createdAt']} is before the request",
        )

    def _check_dates(self):
        """"Not in the past" means: by the clock as it is now."""
        for hours, expected in ((2, 201), (-2, 400)):
            date = datetime.datetime.fromtimestamp(self._clock.now() + 3600 * hours, UTC)
            answer = self._server.client.book(
                "00001", next(self._schedules), date=date.isoformat(timespec="milliseconds")
            )
            promise(answer.status == expected, f"{date}: {answer.status} {answer.text}")
            self._run.checked["dates judged by the clock"] += 1


def check_times(run, told, events):
    requested = [event for event in events if event["type"] == oracle.REQUESTED]
    by_id = {event["subject"]: event for event in requested}
    for appointment, earliest, latest in told:
        shown = seconds_of(by_id[appointment]["time"])
        promise(
            earliest - TOLERANCE_S <= shown <= latest + TOLERANCE_S,
            f"{appointment} says {by_id[appointment]['time']}, the clock said {earliest}",
        )
    run.checked["times recorded truthfully"] += len(told)
    asked = [appointment for appointment, _, _ in told]
    known = set(asked)
    order = [event["subject"] for event in requested if event["subject"] in known]
    promise(order == asked, "requests are out of order")
    run.checked["positions in the order of requests"] += len(order)


def play_all(run):
    clock, told, schedules = FakeClock(run.folder), [], itertools.count(1)
    server = Server(run.folder, "--nats", "none", "--workers", "none")
    with clock.environment():
        server.start()
    for _ in run.rounds():
        for name in run.random.sample(list(SCENES), len(SCENES)):
            clock.set(SCENES[name]())
            if run.random.random() < 0.3:
                server.kill()
                with clock.environment():
                    server.start()
                run.injected["killed and started under the new time"] += 1
            scene = Scene(run, server, clock, schedules)
            scene.play()
            told += scene.between
            run.injected[f"clock: {name}"] += 1
    events = server.client.events()
    promise(not list(oracle.gaps(events)), "positions have gaps")
    check_times(run, told, events)
    server.stop()
    checks.verify(run, server)


SUITES = {"clock": Suite(play_all, "the wall clock jumps", short=1, long=50)}
