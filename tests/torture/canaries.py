"""Safeguards removed, one at a time: the suites must fail, every time."""

import functools
import shutil

import backup
import disk
import full
import replay
from framework import CannotRun, Suite, execute, promise

# What is taken away, the suite that has to notice, and how long that suite tries.
ON_DISK = {
    "no-sync": ("power", 20),
    "early-acknowledge": ("power", 20),
    "no-deduplication": ("power", 20),
    "no-marker-check": ("rot", 2000),
    "no-mark": ("rot-countries", 2000),
    "no-checksums": ("rot-projections", 20),
}
# The same with servers: a suite without its safeguard, and its cycles.
WITH_SERVERS = {
    "backup skips a segment": (
        "backup",
        functools.partial(backup.play_rounds, skips_a_segment=True),
        2,
    ),
    "free-space floor of zero": (
        "full",
        functools.partial(
            full.fill_everything,
            options=("--free-space-floor", "0"),
            fills=["to_the_last_byte"],
        ),
        1,
    ),
    "read model looks at the clock": (
        "replay",
        functools.partial(replay.compare_replays, canary=True),
        1,
    ),
}


def seeds(run):
    return (run.seed + 1000 * number for number in run.rounds())


def note(run, canary, suite, seed, failure):
    promise(failure, f"{suite} does not notice {canary} with seed {seed}")
    run.injected[canary] += 1
    run.checked[f"{suite} failed, as it must"] += 1


def run_on_disk(run):
    for seed in seeds(run):
        for canary, (suite, cycles) in ON_DISK.items():
            note(run, canary, suite, seed, disk.call(suite, cycles, seed, canary)["failure"])


def run_with_servers(run):
    for seed in seeds(run):
        for canary, (suite, play, cycles) in WITH_SERVERS.items():
            broken = execute(suite, Suite(play, canary, cycles, cycles), cycles, seed, True)
            shutil.rmtree(broken.folder, ignore_errors=True)
            if broken.skipped:
                raise CannotRun(broken.skipped)
            note(run, canary, suite, seed, broken.failure)


SUITES = {
    "canaries": Suite(run_on_disk, "safeguards removed: the harness must fail", 1, 20),
    "canaries-served": Suite(run_with_servers, "the same with servers", 1, 10),
}
