"""The bus is stopped, frozen, emptied, put back to an older state, or damaged, under load; and an
operator deletes and purges its streams, or writes into them, while it is up.

Clients must not notice: they are answered as fast as with it. When it is back, the backlog drains
in less than twice the time it took to build up, every appointment settles soon after, and a
consumer of its own sees exactly the log; after each fault, so that none is mended by the next.
"""

import os
import shutil
import signal
import time

import bus_view
import checks
import oracle
from framework import Suite, percentile, promise
from harness import wait_until
from load import INSUREDS, Load, LoadClient
from nats_wire import NOBODY_ANSWERS, BusAddress, NatsWire
from system import System

# How long the bus is away: minutes in the long form, scaled down in the short one.
LONG_S = {"stopped": 600, "frozen": 60, "wiped": 20, "older": 20, "damaged": 20}
SHORT_S = {"stopped": 5, "frozen": 4, "wiped": 3, "older": 3, "damaged": 3}
# How long clients go on after the streams of a bus that stays up have been changed. Then, as when it
# is wiped, all of the log is published again, and the long form's is long.
OPERATED = ("purged", "holed", "deleted", "foreign")
LONG_S |= dict.fromkeys(OPERATED, 20)
SHORT_S |= dict.fromkeys(OPERATED, 5)
# How long clients are watched while all is well, to compare with.
CALM_S = 2
# Clients of the bus try to connect every quarter of a second, and the reconciler asks again for
# what has been pending for 15 s: an answer that the bus has lost takes as long.
SETTLED_WITHIN_S = 20
# An outage does not slow down a booking: the same, but for the noise of a machine that is busy with
# starting a bus.
SLOWER, NOISE_S = 2, 0.05
LONGEST_ANSWER_S = 1.0
# What JetStream calls it that a stream, a message or whoever would answer is not there.
GONE = {10059, 10037, 10043, 10057, NOBODY_ANSWERS}


class Bus:
    """Ways in which the bus goes away and comes back; each returns what brings it back.

    A server that has noticed what an operator does may make its streams anew before it is all done:
    the first step has to succeed, the others may find nothing left to do."""

    def __init__(self, run, nats):
        self._random = run.random
        self._nats = nats
        self._older = run.folder / "older-store"

    def stopped(self):
        self._nats.process.terminate()
        return self._nats.start

    def frozen(self):
        os.kill(self._nats.process.pid, signal.SIGSTOP)
        return lambda: os.kill(self._nats.process.pid, signal.SIGCONT)

    def wiped(self):
        self._nats.kill()
        self._nats.wipe()
        return self._nats.start

    def older(self):
        """Comes back with what it had stored an outage ago, if there is such a copy."""
        self._nats.kill()
        shutil.rmtree(self._older, ignore_errors=True)
        shutil.copytree(self._nats.store, self._older)
        return self._put_back

    def _put_back(self):
        self._nats.start()
        time.sleep(1)  # more is published meanwhile, which the older store will lack
        self._nats.kill()
        self._nats.wipe()
        shutil.copytree(self._older, self._nats.store)
        self._nats.start()

    def damaged(self):
        self._nats.kill()
        for file in sorted(self._nats.store.rglob("*.blk")):
            self._flip_some_bits(file)
        return self._nats.start

    def purged(self):
        self._ask("STREAM.PURGE.CITAS_EVENTS")
        return self._nothing

    def holed(self):
        last = self._ask("STREAM.INFO.CITAS_EVENTS")["state"]["last_seq"]
        holes = [{"seq": self._random.randint(1, last)} for _ in range(20)]
        return self._do([("$JS.API.STREAM.MSG.DELETE.CITAS_EVENTS", hole) for hole in holes])

    def deleted(self):
        streams = ("EVENTS", "REDELIVER", "CONFIRMATIONS", "DEADLETTERS")
        return self._do([(f"$JS.API.STREAM.DELETE.CITAS_{stream}", None) for stream in streams])

    def foreign(self):
        note = {"note": "not an event"}
        return self._do([(f"citas.events.{country}.note", note) for country in ("PE", "CL")])

    def _do(self, steps):
        for number, (subject, body) in enumerate(steps):
            answer = self._request(subject, body)
            error = answer.get("error")
            is_gone = number > 0 and error and error["err_code"] in GONE
            promise(not error or is_gone, f"{subject}: {answer}")
        return self._nothing

    def _nothing(self):
        """The bus was never away."""

    def _ask(self, what):
        answer = self._request(f"$JS.API.{what}", None)
        promise("error" not in answer, f"{what}: {answer}")
        return answer

    def _request(self, subject, body):
        wire = NatsWire(BusAddress(self._nats.port))
        try:
            return wire.request(subject, body)
        finally:
            wire.close()

    def _flip_some_bits(self, file):
        with file.open("r+b") as block:
            size = file.stat().st_size
            for _ in range(3 if size else 0):
                offset = self._random.randrange(size)
                block.seek(offset)
                byte = block.read(1)[0]
                block.seek(offset)
                block.write(bytes([byte ^ 1 << self._random.randrange(8)]))


class TimedClient(LoadClient):
    """Knows how long each command took, until there was an answer to it."""

    answers = []  # (when asked, seconds), of all clients; appending is atomic

    def _answer_to(self, target, body, key):
        asked = time.monotonic()
        answer = super()._answer_to(target, body, key)
        self.answers.append((asked, time.monotonic() - asked))
        return answer


def times_between(start, end):
    return [took for asked, took in list(TimedClient.answers) if start <= asked < end]


def serve_for(load, seconds):
    """Returns how long each answer took."""
    start = time.monotonic()
    while time.monotonic() < start + seconds:
        load.check()
        time.sleep(0.05)  # the load's time, not a synchronisation
    return times_between(start, start + seconds)


def check_answers(run, name, calm, without):
    """Commands asked without the bus, against those with it."""
    promise(calm and without, f"{name}: no client was answered")
    figures = [round(1000 * percentile(times, 0.99), 1) for times in (calm, without)]
    run.figures[f"p99 of answers with the bus, and while it was {name}, ms"] = figures
    limit_s = SLOWER * percentile(calm, 0.99) + NOISE_S
    promise(
        percentile(without, 0.99) <= limit_s,
        f"{name}: p99 of answers {figures[1]} ms, with the bus {figures[0]} ms",
    )
    longest_s = max(LONGEST_ANSWER_S, SLOWER * max(calm))
    promise(max(without) < longest_s, f"{name}: a client waited {max(without):.1f} s")
    run.checked["answers without the bus, timed"] += len(without)


def check_recovery(run, system, name, away_s):
    """The load has ended, and the bus has come back."""
    started = time.monotonic()
    wait_until(
        lambda: system.server.metric("citas_relay_lag_events") == 0,
        f"{name}: the backlog drains in less than twice its length",
        2 * away_s,
    )
    drained = time.monotonic() - started
    system.server.all_settled(INSUREDS, SETTLED_WITHIN_S)
    settled = time.monotonic() - started
    run.figures[f"drained, settled after the bus was {name}, s"] = [
        round(drained, 1),
        round(settled, 1),
    ]
    promise(settled < 2 * away_s + SETTLED_WITHIN_S, f"{name}: settled after {settled:.0f} s")
    # What is damaged is found by reading it, at a bounded pace, and published again; what others did
    # to the streams is found by looking at them now and then.
    is_found = name == "damaged" or name in OPERATED
    patience_s = bus_view.REBUILT_WITHIN_S if is_found else 0
    bus_view.await_copy_of_log(run, system, f"after the bus was {name}", patience_s)


def break_the_bus(run):
    system = System(run.folder)
    known = oracle.Oracle(run.folder / "oracle.jsonl")
    system.start()
    bus = Bus(run, system.nats)
    for number in run.rounds():
        for name, seconds in (SHORT_S if run.short else LONG_S).items():
            client = f"{name}-{number}"
            load = Load(system.server, known, run.seed, 3, client, TimedClient)
            calm = serve_for(load, CALM_S)
            come_back = getattr(bus, name)()
            away = time.monotonic()
            without = serve_for(load, seconds)
            come_back()
            away = time.monotonic() - away
            load.stop()
            run.injected[f"bus {name}, {seconds} s"] += 1
            check_answers(run, name, calm, without)
            check_recovery(run, system, name, away)
    checks.compare_everything(run, system, known)


SUITES = {"bus": Suite(break_the_bus, "the bus stopped, frozen, emptied, old, damaged, meddled with", 1, 1)}
