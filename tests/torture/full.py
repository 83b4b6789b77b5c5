"""The disk fills up under load, again and again, and is freed again.

Before anything is damaged the server refuses commands with 503 `storage_full`, and goes on
answering reads. When space returns it goes on by itself, and everything that it acknowledged is
there. Where only the bus, the read models or the countries' stores have a disk that is full,
clients go on being served, and the fan-out goes on by itself when the bus's, or the countries', has
room again.
"""

import contextlib
import http.client
import shutil
import time

import checks
import oracle
from framework import Broken, CannotRun, Suite, percentile, promise
from harness import citas, wait_until
from load import INSUREDS, Load
from small_disk import CannotMount, Filler, free_bytes, small_disk
from system import OneServer

DISK_MIB = 64
FLOOR = DISK_MIB * 2**20 // 8
CLIENTS = 4
# A disk that citas itself has filled so far is compared and replaced by an empty one.
WORN_BYTES = DISK_MIB * 2**20 * 5 // 8
RESUME_LIMIT_S = 10
# What else has a disk: how much space that leaves it when it is said to be full, and its size.
COPIES = {"bus": 24, "projections": 24, "countries": 24}


class FullDisk:
    """A server on a small disk under load, and how the disk gets full and empty."""

    def __init__(self, run, system, known, disk):
        self._run, self._known, self._disk = run, known, disk
        self.system, self.server = system, system.server
        self._filler = Filler(disk)
        self.waits = []  # for the first acknowledgement after there was space again

    def below_the_floor(self):
        self._filler.leave(FLOOR * 3 // 4)

    def into_the_reserve(self):
        self._filler.leave(FLOOR // 4)

    def to_the_last_byte(self):
        self._filler.leave(0)

    def slowly(self):
        """What clients write does the rest."""
        self._filler.leave(FLOOR + 3 * 2**19)

    def in_and_out(self):
        """Below the floor and above it, faster than the server may believe in either."""
        for _ in range(10):
            self._filler.leave(FLOOR // 2)
            time.sleep(self._run.random.uniform(0, 0.15))  # the random moment
            self._filler.remove()
            time.sleep(self._run.random.uniform(0, 0.15))
        self._filler.leave(FLOOR * 3 // 4)

    def play(self, fill, end_of_server):
        enough = self._known.answered + self._run.random.randint(20, 200)
        wait_until(lambda: self._known.answered >= enough, "commands are acknowledged")
        fill()
        self._until_read_only()
        self._check_while_full()
        end_of_server()
        started = time.monotonic()
        before = self._known.answered
        self._filler.remove()
        if not self.server.process.alive():
            self.server.start()
        wait_until(
            lambda: self._known.answered > before,
            "commands are acknowledged again",
            timeout_s=RESUME_LIMIT_S,
            interval_s=0.005,
        )
        self.waits.append(time.monotonic() - started)

    def _refusals(self):
        return self._known.unavailable["storage_full"]

    def _until_read_only(self):
        def refused_by_now():
            try:
                return self.server.metric("citas_read_only") == 1
            except (OSError, http.client.HTTPException) as failure:
                raise Broken(self._last_words()) from failure

        wait_until(refused_by_now, "the server says that it is read-only")
        self._until_refused()

    def _until_refused(self):
        """Every client has been refused since, or could have been."""
        enough = self._refusals() + 2 * CLIENTS
        wait_until(lambda: self._refused(enough), "commands are refused")

    def _refused(self, enough):
        promise(self.server.process.alive(), self._last_words)
        return self._refusals() >= enough

    def _last_words(self):
        state = "does not answer" if self.server.process.alive() else "ended"
        return f"the server {state}:\n{self.server.process.output()[-2000:]}"

    def _check_while_full(self):
        client = self.server.client
        head = client.get("/events/head").json
        insured = self._run.random.choice(INSUREDS)
        position = self._run.random.randint(1, int(head["position"]))
        promise(client.get(f"/appointments/{insured}").status == 200, "a list is not answered")
        promise(client.get(f"/events/{position}").status == 200, "an event is not answered")
        ready = client.get("/readyz?verbose")
        promise(ready.status == 200 and ready.json["status"] == "degraded", ready.text)
        self._until_refused()
        promise(client.get("/events/head").json == head, "the log grew while it was read-only")
        self._run.checked["reads answered while full"] += 3
        self._run.checked["logs that stood still while full"] += 1

    def serves_on(self):
        pass

    def is_killed(self):
        self.server.kill()
        self._check_not_opened()

    def is_stopped(self):
        self.server.stop()
        self._check_not_opened()

    def _check_not_opened(self):
        """Not before there is room; but it can be read as it is."""
        self._filler.leave(FLOOR // 2)
        refused = citas("serve", "--data", self.server.data, "--listen", "127.0.0.1:0")
        promise(refused.returncode == 1 and "free some space" in refused.stderr, refused.stderr)
        verified = citas("verify", "--data", self.server.data)
        promise(verified.returncode == 0, verified.stderr)
        self._run.checked["starts refused, log verified on the full disk"] += 1


FILLS = ["below_the_floor", "into_the_reserve", "to_the_last_byte", "slowly", "in_and_out"]
ENDS = {"serves_on": 6, "is_killed": 1, "is_stopped": 1}


@contextlib.contextmanager
def evidence_kept(run, disk):
    """What is on a small disk would be gone with it."""
    try:
        yield
    except BaseException:
        shutil.copytree(disk, run.folder / "evidence", ignore=shutil.ignore_patterns("filler"))
        raise


def fill_one_disk(run, number, rounds, options, fills):
    """Until it is worn or the rounds are over; returns how many were played, and the waits."""
    folder = run.folder / f"disk-{number}"
    known = oracle.Oracle(run.folder / f"oracle-{number}.jsonl")
    with small_disk(folder, DISK_MIB) as disk, evidence_kept(run, disk):
        system = OneServer(run.folder, *options)
        system.server.data = disk / "data"
        system.server.start()
        full = FullDisk(run, system, known, disk)
        load = Load(system.server, known, run.random.random(), CLIENTS, f"disk-{number}")
        played = 0
        while played < rounds and free_bytes(disk) > DISK_MIB * 2**20 - WORN_BYTES:
            fill = run.random.choice(fills)
            end_of_server = run.random.choices(list(ENDS), ENDS.values())[0]
            full.play(getattr(full, fill), getattr(full, end_of_server))
            load.check()
            played += 1
            run.injected[f"filled {fill.replace('_', ' ')}"] += 1
            run.injected[f"server {end_of_server.replace('_', ' ')}"] += 1
        load.stop()
        promise(set(known.unavailable) <= {"storage_full"}, f"503: {dict(known.unavailable)}")
        checks.compare_everything(run, system, known)
    return played, full.waits


def fill_disks(run, options, fills):
    waits, number, played = [], 0, 0
    while played < run.cycles:
        number += 1
        rounds, waited = fill_one_disk(run, number, run.cycles - played, options, fills)
        played += rounds
        waits += waited
        run.done = played
        run.progress(f"{played}/{run.cycles}")
    run.figures["disks"] = number
    run.figures["acknowledged again after, p50, s"] = round(percentile(waits, 0.5), 2)
    run.figures["acknowledged again after, at most, s"] = round(max(waits), 2)


def fill_the_disk_of(run, copy):
    """Only what is filled from the log is on a full disk: clients do not notice, and it is whole
    when there is room again: by itself, but for the read models, which may need a restart."""
    known = oracle.Oracle(run.folder / f"oracle-{copy}.jsonl")
    system = OneServer(run.folder)
    system.server.data = run.folder / f"data-{copy}"
    folder = system.server.data / copy
    with small_disk(folder, COPIES[copy]) as disk:
        system.server.start()
        load = Load(system.server, known, run.random.random(), CLIENTS, copy)
        wait_until(lambda: known.answered > 100, "commands are acknowledged")
        filler = Filler(disk)
        for _ in range(20):  # what a store frees while it cleans up is taken, too
            filler.leave(0)
            before = known.answered
            wait_until(lambda least=before + 20: known.answered > least, "clients are served")
            promise(system.server.process.alive(), system.server.process.output()[-2000:])
        run.figures[f"{copy}/ full: what /readyz says"] = troubles(system.server)
        if copy == "bus":
            promise(f"the disk of {folder} has" in bus_trouble(system.server), "nobody is told")
        if copy == "projections":
            restart_without_room(run, system.server, copy)
        if copy == "countries":
            wait_for_room_from_the_start(run, system.server, filler)
        filler.remove()
        if not system.server.process.alive():
            system.server.start()
        load.stop()
        run.injected[f"the disk of {copy}/ filled to the last byte"] += 1
        recover(run, system, copy)
        checks.compare_everything(run, system, known)


def troubles(server):
    parts = server.client.get("/readyz?verbose").json["parts"]
    return [f"{part['name']} {part['status']}" for part in parts if part["status"] != "ok"]


def bus_trouble(server):
    parts = server.client.get("/readyz?verbose").json["parts"]
    bus = next(part for part in parts if part["name"] == "bus")
    return "" if bus["status"] == "ok" else bus["reason"]


def restart_without_room(run, server, copy):
    """kill -9, and a start on the full disk: the server starts, or says what is missing."""
    server.kill()
    address = server.launch()
    wait_until(
        lambda: not server.process.alive() or (address.exists() and address.read_text()),
        "the server has started, or has ended",
    )
    run.injected[f"kill -9 and a start, {copy}/ being full"] += 1
    if server.process.alive():
        server.kill()
        run.figures[f"{copy}/ full: a start"] = "succeeds"
        return
    words = server.process.output().splitlines()[-1]
    promise(server.process.wait() == 1 and "space" in words, words)
    run.figures[f"{copy}/ full: a start"] = "is refused, saying that space is missing"


def wait_for_room_from_the_start(run, server, filler):
    """A server whose stores cannot be recovered serves, and says what it waits for."""
    server.kill()
    filler.leave(0)  # what the stores had allocated ahead is free again
    server.start()
    wait_until(lambda: "its store is opened again" in bus_trouble(server), "it says why it waits")
    promise("No space left" in bus_trouble(server), lambda: bus_trouble(server))
    run.injected["kill -9 and a start, countries/ being full"] += 1
    run.figures["countries/ full: a start"] = "succeeds, and its processors wait"


def recover(run, system, copy):
    """By itself; the read models by itself, or by what the runbook says: a restart."""
    started = time.monotonic()
    try:
        system.server.all_settled(INSUREDS, timeout_s=20)
        how = f"by itself after {time.monotonic() - started:.1f} s"
    except AssertionError:
        promise(copy == "projections", f"not by itself: {bus_trouble(system.server)}")
        system.server.restart()
        how = "after a restart"
    run.figures[f"{copy}/ was whole again"] = how


def fill_everything(run, options=(), fills=FILLS):
    try:
        fill_disks(run, options, fills)
        for copy in ("bus", "countries") if run.short else COPIES:
            fill_the_disk_of(run, copy)
    except CannotMount as reason:
        raise CannotRun(str(reason)) from reason


SUITES = {"full": Suite(fill_everything, "the disk fills up under load", short=3, long=100)}
