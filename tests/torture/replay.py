"""One log, folded again and again: with other batches, into other stores, by a program that another
compiler built. Every entry of every read model must come out the same, byte by byte, and the same as
what the server itself had left.

Two logs a cycle: that of a server under load, and one that is made, which has events of every type
and with every field that they may have. The second compiler takes part where build/clang has been
built: ops/torture does it for the long form, which insists.
"""

import collections
import hashlib
import json
import os
import pathlib
import subprocess

import oracle
from framework import Suite, promise
from harness import CITAS, Server, citas, wait_until
from load import CLIENTS, INSUREDS, Load
from system import OneServer

NAME = "citas_read_models"
BUILDS = {
    "GCC": CITAS.with_name(NAME),
    "clang": pathlib.Path(
        os.environ.get("CITAS_CLANG_BUILD", CITAS.parent.with_name("clang"))
    ) / NAME,
}
# Events a commit; 0 is a random number for each.
BATCHES = (1, 7, 100, 16_384, 0)
EVENTS_OF_A_CYCLE = {True: 1_500, False: 5_000}  # in the short form, in the long one
# What events may have besides what they must: below, by the end of their type's name.
OPTIONAL_FIELDS = {
    "appointment.requested": {"centerId", "specialtyId", "medicId", "date"},
    "appointment.confirmed": set(),
    "appointment.rejected": set(),
    "appointment.cancelled": {"reason"},
    "deadletter.recorded": {"deadLetterId", "subject"},
    "deadletter.retried": set(),
    "deadletter.discarded": {"subject"},
}
OF_ALL_TYPES = {"correlationid", "causationid", "traceparent"}


def run_program(program, *arguments):
    """All that it prints."""
    done = subprocess.run(
        [program, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    promise(done.returncode == 0, f"{program}: {done.stderr.decode()}")
    return done.stdout


def dump(program, *arguments):
    """Every entry of every read model: one a line."""
    printed = run_program(program, *arguments)
    promise(printed, f"{program} {arguments} printed nothing")
    return printed


def first_difference(expected, found):
    """The first line in which two dumps differ."""
    lines = enumerate(zip(expected.splitlines(), found.splitlines()), start=1)
    for number, (one, other) in lines:
        if one != other:
            return f"line {number}: {one[:200].decode()} is not {other[:200].decode()}"
    return f"{len(expected)} bytes are not {len(found)} bytes"


def make_every_event(run, number):
    """The data folder of a stopped server that was started on a log which has everything."""
    folder = run.folder / f"every-event-{number}"
    server = Server(folder, "--nats", "none", "--workers", "none")
    folder.mkdir()
    server.data.mkdir()
    made = ["--events", EVENTS_OF_A_CYCLE[run.short], "--seed", run.random.randrange(2**32)]
    run_program(BUILDS["GCC"], "make", server.data, *made)
    check_that_it_has_everything(server.data)
    server.start()
    wait_until(lambda: server.metric("citas_projection_lag_events") == 0, "read models are built")
    server.stop()
    return server.data


def check_that_it_has_everything(data):
    """Each type, and each optional field of it both present and absent."""
    exported = citas("events", "export", "--data", data)
    promise(exported.returncode == 0, exported.stderr)
    seen = collections.defaultdict(set)
    for line in exported.stdout.splitlines():
        event = json.loads(line)
        kind = event["type"].removeprefix("citas.").rsplit(".v", 1)[0]
        present = event.keys() | event["data"].keys()
        for field in OPTIONAL_FIELDS[kind] | OF_ALL_TYPES:
            seen[kind].add((field, field in present))
    for kind, fields in OPTIONAL_FIELDS.items():
        wanted = {(field, there) for field in fields | OF_ALL_TYPES for there in (True, False)}
        promise(seen[kind] == wanted, f"the log lacks {kind} with {wanted - seen[kind]}")


def make_log(run, number):
    """The data folder of a stopped server that has seen bookings, cancellations, confirmations."""
    folder = run.folder / f"log-{number}"
    folder.mkdir()
    system, known = OneServer(folder), oracle.Oracle(folder / "oracle.jsonl")
    server = system.server.start()
    load = Load(server, known, run.random.random(), CLIENTS)
    enough = EVENTS_OF_A_CYCLE[run.short]
    wait_until(
        lambda: load.check() or server.metric("citas_log_position") >= enough, "a log", timeout_s=120
    )
    load.stop()
    server.all_settled(INSUREDS)
    # A restart in between: what the server leaves behind was not made in one go.
    server.restart()
    server.stop()
    return server.data


def builds(run):
    there = {compiler: program for compiler, program in BUILDS.items() if program.exists()}
    missing = set(BUILDS) - set(there)
    promise(run.short or not missing, f"not built by {missing}: ops/torture replay does it")
    return there


def ways_to_replay(run):
    """(compiler, program, options): each batch size with each compiler, and each of these twice."""
    for compiler, program in builds(run).items():
        for batch in BATCHES:
            for store in ("memory", "rocksdb"):
                # Each has its own batches where they are random.
                options = ["--batch", batch, "--store", store, "--seed", run.random.randrange(2**32)]
                yield compiler, program, options


def compare_all(run, data, canary):
    """Every way to fold this log gives what the server has left. Returns that."""
    expected = dump(BUILDS["GCC"], "stored", data)
    for compiler, program, options in ways_to_replay(run):
        found = dump(program, "replay", data, *options, *(["--canary"] if canary else []))
        promise(
            found == expected,
            lambda: f"{compiler}, {options}: {first_difference(expected, found)}",
        )
        run.injected[f"replays by {compiler}, {options[3]}, batches of {options[1] or 'any'}"] += 1
        run.checked["bytes compared"] += len(expected)
    return expected


def compare_replays(run, canary=False):
    lines = 0
    for number in run.rounds():
        for what, make in (("every event", make_every_event), ("a server", make_log)):
            expected = compare_all(run, make(run, number), canary)
            lines += expected.count(b"\n")
            # That of every event follows from the seed alone, on any machine.
            run.figures[f"SHA-256, the last log of {what}"] = hashlib.sha256(expected).hexdigest()
        run.progress(f"{number + 1}/{run.cycles}")
    run.figures["lines of all read models, once"] = lines


SUITES = {"replay": Suite(compare_replays, "one log, folded in many ways", short=1, long=10)}
