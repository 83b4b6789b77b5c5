"""Backups of a server under load, restored into a folder that holds another future.

Each round backs up, damages a copy of the backup, which has to be refused, and restores a backup:
in turns whole, up to a position and up to a time, now and then an earlier one than the last. The
restored log is the original one to the byte and has a new epoch. A server started on it, and a
worker beside it, find read models, country stores and streams of what was given up, and rebuild
them; then they go on into a future of their own, which the next round finds.
"""

import itertools
import json
import shutil
import threading
import time
import types

import bus_view
import checks
import oracle
from backup_damage import damage_one_file, skip_last_segment
from framework import Suite, percentile, promise
from harness import citas, wait_until
from load import CLIENTS, INSUREDS, Load
from system import OneServer, System

ROUNDS_OF_A_HISTORY = 20  # then the log is long, and another one begins
EVENTS_OF_A_ROUND = 150
REFUSED_AS_CORRUPT = 3
WAYS_TO_RESTORE = ("whole", "to a position", "to a time")
AN_EARLIER_ONE_EVERY = 4  # rounds, so that each of the ways meets it
PROBES, WINDOWS, WINDOW_S = 4, 6, 2.0


class Backups:
    """A folder of backups, used by the program's commands."""

    def __init__(self, folder):
        self.folder = folder

    def create(self, data, *options):
        return self._json("create", "--data", data, *options)

    def restore(self, data, *options):
        return self._json("restore", "--data", data, *options)

    def verify(self, *options):
        return citas("backup", "verify", "--backups", self.folder, *options)

    def _json(self, command, *options):
        done = citas("backup", command, "--backups", self.folder, "-o", "json", *options)
        promise(done.returncode == 0, f"backup {command} failed: {done.stderr}")
        return json.loads(done.stdout)


def running_maximum(events):
    return itertools.accumulate((event["time"] for event in events), max)


class History:
    """One log, its backups, and a folder elsewhere that gets them restored."""

    def __init__(self, run, number, skips_a_segment):
        folder = run.folder / f"history-{number}"
        (folder / "original").mkdir(parents=True)
        (folder / "elsewhere").mkdir()
        self._run, self._number, self._folder = run, number, folder
        self._skips_a_segment = skips_a_segment
        self._known = oracle.Oracle(folder / "oracle.jsonl")
        self._original = OneServer(folder / "original")
        # With a bus and a worker of their own, or all in one.
        self._elsewhere = (System, OneServer)[number % 2](folder / "elsewhere")
        self._data = self._elsewhere.server.data
        self._backups = Backups(folder / "backups")
        self._made = []
        self._original.start()
        self._latest_epoch = self._original.server.client.get("/events/head").json["epoch"]

    def play(self, number):
        made = self._back_up_under_load(number)
        exported = self._export_original()
        self._check_damaged_backup(made["id"])
        restored = self._restore(*self._choose(number), exported)
        self._check_restored(restored, exported)
        self._live_on(number, restored, exported)

    def end(self):
        self._elsewhere.stop_bus()
        self._original.stop()
        checks.verify(self._run, self._original.server)

    # --- Backing up ---

    def _back_up_under_load(self, number):
        server = self._original.server
        load = Load(server, self._known, self._run.random.random(), CLIENTS, f"round-{number}")
        for share in (1, 2):
            enough = self._known.answered + EVENTS_OF_A_ROUND // 2
            wait_until(lambda least=enough: load.check() or self._known.answered >= least, "load")
            acknowledged = max(booking.position for booking in list(self._known.bookings))
            full = not self._skips_a_segment and self._run.random.random() < 0.2
            options = ["--full"] if full else []
            made = self._backups.create(server.data, *options)
            promise(int(made["position"]) >= acknowledged, "a backup lacks acknowledged events")
            self._made.append(made)
            self._run.injected[f"{made['kind']} backups under load"] += 1
        load.stop()
        if self._skips_a_segment:
            skip_last_segment(self._backups.folder / made["id"])
        return made

    def _export_original(self):
        """The stored bytes of all events: one line each."""
        exported = self._original.server.client.get("/events", accept="application/x-ndjson")
        promise(exported.status == 200, exported.text)
        return exported.body.splitlines()

    def _check_damaged_backup(self, made):
        copy = Backups(self._folder / "damaged")
        shutil.copytree(self._backups.folder, copy.folder)
        kind, what = damage_one_file(self._run.random, copy.folder, made)
        verified = copy.verify(made)
        promise(verified.returncode != 0, f"{kind} ({what}): verify says {verified.stdout}")
        target = self._folder / "refused"
        refused = citas("backup", "restore", "--backups", copy.folder, "--data", target, made)
        promise(refused.returncode != 0, f"{kind} ({what}): restore says {refused.stdout}")
        promise(not (target / "log").exists(), f"{kind} ({what}): a log was made of it")
        promise(
            kind == "manifest missing" or refused.returncode == REFUSED_AS_CORRUPT,
            f"{kind} ({what}): {refused.stderr}",
        )
        shutil.rmtree(copy.folder)
        shutil.rmtree(target, ignore_errors=True)
        self._run.injected[f"damaged: {kind}"] += 1
        self._run.checked["damaged backups refused, by verify and restore"] += 1

    # --- Restoring ---

    def _choose(self, number):
        """A backup, and how it is to be restored."""
        if self._skips_a_segment:
            return self._made[-1], "whole"
        how, made = WAYS_TO_RESTORE[number % len(WAYS_TO_RESTORE)], self._made[-1]
        if number % AN_EARLIER_ONE_EVERY == AN_EARLIER_ONE_EVERY - 1:
            made = self._run.random.choice(self._made[:-1])
            self._run.injected["an earlier backup than the last restored"] += 1
        return made, how

    def _restore(self, made, how, exported):
        shutil.rmtree(self._data / "log", ignore_errors=True)
        events = [json.loads(line) for line in exported[: int(made["position"])]]
        expected, options = int(made["position"]), []
        if how == "to a position":
            expected = self._run.random.randint(1, expected)
            options = ["--until", str(expected)]
        elif how == "to a time":
            until = self._run.random.choice(events)["time"]
            expected = sum(latest <= until for latest in running_maximum(events))
            options = ["--until", until]
        restored = self._backups.restore(self._data, made["id"], *options)
        promise(
            int(restored["position"]) == expected,
            f"restored {how} up to {restored['position']} instead of {expected}",
        )
        self._run.injected[f"restored {how}"] += 1
        return restored

    def _check_restored(self, restored, exported):
        end = int(restored["position"])
        head = f"{end}:{restored['hash']}"
        for where in (["--data", self._data], ["--url", self._original.server.client.url]):
            verified = citas("verify", *where, "--expect", head)
            promise(verified.returncode == 0, f"{where[0]}: {verified.stderr}")
        again = citas("events", "export", "--data", self._data)
        promise(again.returncode == 0, again.stderr)
        promise(again.stdout.encode().splitlines() == exported[:end], "the restored log differs")
        # Restores within one second would have one epoch (ADR 9): nobody is that fast.
        promise(restored["epoch"] > self._latest_epoch, f"epoch {restored['epoch']} is not new")
        self._latest_epoch = restored["epoch"]
        self._run.checked["events of restored logs, to the byte"] += end

    # --- Another future ---

    def _live_on(self, number, restored, exported):
        server, end = self._elsewhere.server, int(restored["position"])
        self._elsewhere.start()
        server.all_settled(INSUREDS, timeout_s=60)
        head = server.client.get("/events/head").json
        promise(head["epoch"] == restored["epoch"], f"the server shows epoch {head['epoch']}")
        kept = [booking for booking in self._known.bookings if booking.position <= end]
        checks.check_keys(self._run, server, types.SimpleNamespace(bookings=kept), count=20)
        abandoned = oracle.Oracle(self._folder / "abandoned.jsonl")
        load = Load(server, abandoned, self._run.random.random(), CLIENTS, f"future-{number}")
        enough = EVENTS_OF_A_ROUND // 2
        wait_until(lambda: load.check() or abandoned.answered >= enough, "another future")
        load.stop()
        self._compare(exported[:end])

    def _compare(self, prefix):
        """Whatever was left of the future before: nothing shows it any more."""
        server = self._elsewhere.server
        server.all_settled(INSUREDS, timeout_s=60)
        wait_until(lambda: server.metric("citas_relay_lag_events") == 0, "the relay is done")
        exported = server.client.get("/events", accept="application/x-ndjson").body.splitlines()
        promise(exported[: len(prefix)] == prefix, "the past has changed")
        events = [json.loads(line) for line in exported]
        defects = [
            *oracle.gaps(events),
            *oracle.double_bookings(events),
            *oracle.repeated_facts(events),
        ]
        promise(not defects, lambda: "\n".join(defects[:20]))
        checks.check_read_model(self._run, server, events)
        bus_view.check_stream(self._run, self._elsewhere.bus_address(), events)
        self._elsewhere.stop()
        checks.verify(self._run, server)
        bus_view.check_country_stores(self._run, self._elsewhere.country_folders(), events)


class LatencyProbe:
    """Clients that book one appointment after the other and measure each answer."""

    def __init__(self, server):
        self._server = server
        self._schedules = itertools.count(1_000_000)

    def window(self):
        """The seconds that each booking took within a time of WINDOW_S."""
        took, end = [], time.monotonic() + WINDOW_S
        threads = [threading.Thread(target=self._book, args=(took, end)) for _ in range(PROBES)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return took

    def _book(self, took, end):
        client = self._server.client.clone(validate=False)
        while (started := time.monotonic()) < end:
            promise(client.book("00001", next(self._schedules)).status == 201, "not booked")
            took.append(time.monotonic() - started)
        client.close()


class BackupsWithoutPause:
    """Full ones, one after the other, as long as the block lasts."""

    def __init__(self, data, backups):
        self._data, self._backups = data, backups
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.made = 0

    def _run(self):
        while not self._stopped.is_set():
            self._backups.create(self._data, "--full", "--keep-full", "2")
            self.made += 1

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        self._thread.join()


def measure_latency(run):
    """How long a POST takes while full backups are being made, and while none is: in turns, so
    that the machine is the same for both."""
    folder = run.folder / "latency"
    folder.mkdir()
    system = OneServer(folder, "--nats", "none")
    server = system.server.start()
    probe, backups = LatencyProbe(server), Backups(folder / "backups")
    probe.window()  # warms up, and makes something to back up
    took, made = {"without": [], "with": []}, 0
    for _ in range(WINDOWS):
        took["without"] += probe.window()
        with BackupsWithoutPause(server.data, backups) as running:
            took["with"] += probe.window()
        made += running.made
    server.stop()
    for which, values in took.items():
        for name, fraction in (("p50", 0.5), ("p99", 0.99)):
            figure = f"POST {which} backups, {name}, ms"
            run.figures[figure] = round(1000 * percentile(values, fraction), 2)
        run.figures[f"POST {which} backups, answers"] = len(values)
    run.figures["full backups meanwhile"] = made


def play_rounds(run, skips_a_segment=False):
    for first in range(0, run.cycles, ROUNDS_OF_A_HISTORY):
        history = History(run, first // ROUNDS_OF_A_HISTORY, skips_a_segment)
        for number in range(first, min(first + ROUNDS_OF_A_HISTORY, run.cycles)):
            history.play(number)
            run.done += 1
            run.progress(f"{number + 1}/{run.cycles}")
        history.end()
    if not run.short:
        measure_latency(run)


SUITES = {"backup": Suite(play_rounds, "backups under load, damaged, restored", short=4, long=100)}
