"""One log, folded again and again: with other batches, into other stores, by a program that another
compiler built. Every entry of every read model must come out the same, byte by byte, and the same as
what the server itself had left.

The second compiler is in the long form only: build/clang has to be built first (ops/torture does).
"""

import hashlib
import os
import pathlib
import subprocess

import oracle
from framework import Suite, promise
from harness import CITAS, wait_until
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


def dump(program, *arguments):
    """All that it prints; an entry a line."""
    done = subprocess.run(
        [program, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    promise(done.returncode == 0, f"{program}: {done.stderr.decode()}")
    promise(done.stdout, f"{program} {arguments} printed nothing")
    return done.stdout


def first_difference(expected, found):
    """The first line in which two dumps differ."""
    lines = enumerate(zip(expected.splitlines(), found.splitlines()), start=1)
    for number, (one, other) in lines:
        if one != other:
            return f"line {number}: {one[:200].decode()} is not {other[:200].decode()}"
    return f"{len(expected)} bytes are not {len(found)} bytes"


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
    if run.short:
        return {"GCC": BUILDS["GCC"]}
    for compiler, program in BUILDS.items():
        promise(program.exists(), f"{program} is missing: ops/torture builds it with {compiler}")
    return BUILDS


def ways_to_replay(run):
    """(compiler, program, options): each batch size with each compiler, and each of these twice."""
    for compiler, program in builds(run).items():
        for batch in BATCHES:
            for store in ("memory", "rocksdb"):
                # Each has its own batches where they are random.
                options = ["--batch", batch, "--store", store, "--seed", run.random.randrange(2**32)]
                yield compiler, program, options


def compare_replays(run, canary=False):
    lines = 0
    for number in run.rounds():
        data = make_log(run, number)
        expected = dump(BUILDS["GCC"], "stored", data)
        lines += expected.count(b"\n")
        for compiler, program, options in ways_to_replay(run):
            found = dump(program, "replay", data, *options, *(["--canary"] if canary else []))
            promise(
                found == expected,
                lambda: f"{compiler}, {options}: {first_difference(expected, found)}",
            )
            run.injected[f"replays by {compiler}, {options[3]}, batches of {options[1] or 'any'}"] += 1
            run.checked["bytes compared"] += len(expected)
        run.progress(f"{number + 1}/{run.cycles}")
    run.figures["lines of all read models, once"] = lines
    run.figures["SHA-256 of the last"] = hashlib.sha256(expected).hexdigest()[:16]


SUITES = {"replay": Suite(compare_replays, "one log, folded in many ways", short=1, long=10)}
