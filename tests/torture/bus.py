"""The bus is stopped, frozen, emptied, put back to an older state, or damaged, under load.

Clients must not notice. When it is back, the backlog drains in less than twice the time it took to
build up, every appointment settles, and a consumer of its own sees exactly the log.
"""

import os
import shutil
import signal
import time

import checks
import oracle
from framework import Suite, promise
from harness import wait_until
from load import INSUREDS, Load
from system import System

# How long the bus is away: minutes in the long form, scaled down in the short one.
LONG_S = {"stopped": 600, "frozen": 60, "wiped": 20, "older": 20, "damaged": 20}
SHORT_S = {"stopped": 6, "frozen": 5, "wiped": 3, "older": 3}
# What draining takes at least: clients of the bus try to connect every few seconds, and the
# reconciler looks for what is pending for longer than this.
PATIENCE_S = 30


class Bus:
    """Ways in which the bus goes away and comes back; each returns what brings it back."""

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

    def _flip_some_bits(self, file):
        with file.open("r+b") as block:
            size = file.stat().st_size
            for _ in range(3 if size else 0):
                offset = self._random.randrange(size)
                block.seek(offset)
                byte = block.read(1)[0]
                block.seek(offset)
                block.write(bytes([byte ^ 1 << self._random.randrange(8)]))


def serve_without(known, load, seconds):
    """Clients go on being answered, at all times, while the bus is away."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        before = known.answered
        wait_until(
            lambda least=before: load.check() or known.answered > least,
            "clients are served without the bus",
            timeout_s=5,
        )
        time.sleep(0.05)


def break_the_bus(run):
    system = System(run.folder)
    known = oracle.Oracle(run.folder / "oracle.jsonl")
    system.start()
    bus = Bus(run, system.nats)
    for number in run.rounds():
        for name, seconds in (SHORT_S if run.short else LONG_S).items():
            load = Load(system.server, known, run.seed, clients=3, name=f"{name}-{number}")
            come_back = getattr(bus, name)()
            away = time.monotonic()
            serve_without(known, load, seconds)
            come_back()
            away = time.monotonic() - away
            load.stop()
            started = time.monotonic()
            system.server.all_settled(INSUREDS, timeout_s=2 * away + PATIENCE_S)
            took = time.monotonic() - started
            run.injected[f"bus {name}, {seconds} s"] += 1
            run.figures[f"settled after the bus was {name}, s"] = round(took, 1)
            promise(took < 2 * away + PATIENCE_S, f"{name}: settled only after {took:.0f} s")
    checks.compare_everything(run, system, known)


SUITES = {"bus": Suite(break_the_bus, "the bus stopped, frozen, emptied, old, damaged", 1, 1)}
