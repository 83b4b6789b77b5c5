"""Safeguards removed, one at a time: the suites must fail, every time, and by what was removed.

A suite that fails by anything else, such as a timeout or a program that does not start, has not
noticed the canary.
"""

import dataclasses
import functools
import re
import shutil

import backup
import disk
import full
import race
import replay
from framework import Suite, execute, promise


@dataclasses.dataclass(frozen=True)
class Canary:
    """What is taken away, the suite that has to notice, and how long that suite tries."""

    name: str
    suite: str
    cycles: int
    noticed: str  # a pattern: how the suite has to put it
    play: object = None  # the suite without its safeguard; None: the program of `disk` has it


ON_DISK = [
    # Files that lack their end, their name or what they name keep the log from opening.
    Canary(
        "no-sync",
        "power",
        20,
        r"but \S+ \d+ was acknowledged|does not open: .*(Corruption|No such file or directory|Column family not found)",
    ),
    Canary(
        "no-sync",
        "power-restores",
        40,
        r"and is not there|what was restored does not open|is gone after its first start"
        r"|is nothing that an unfinished restore has left",
    ),
    Canary(
        "early-acknowledge",
        "power",
        20,
        r"but \S+ \d+ was acknowledged|is not the event that was acknowledged",
    ),
    Canary("no-deduplication", "power", 20, r"was answered by \S+ \d+, and now otherwise"),
    Canary("no-marker-check", "rot", 2000, r"the log silently ends at"),
    Canary("no-mark", "rot-countries", 2000, r"has seen everything up to \d+, and does not hold it"),
    Canary("no-checksums", "rot-projections", 20, r"a read model answers wrongly"),
]
WITH_SERVERS = [
    Canary(
        "no-deduplication",
        "race",
        3000,
        r"instead of its first outcome",
        functools.partial(race.race, client=race.KeylessClient),
    ),
    Canary(
        "backup skips a segment",
        "backup",
        2,
        r"up to \d+ instead of \d+|ends at position \d+, before|the restored log differs",
        functools.partial(backup.play_rounds, skips_a_segment=True),
    ),
    Canary(
        "free-space floor of zero",
        "full",
        1,
        r"the server (ended|does not answer):[\s\S]*No space left on device",
        functools.partial(
            full.fill_everything,
            options=("--free-space-floor", "0"),
            fills=["to_the_last_byte"],
        ),
    ),
    Canary(
        "read model looks at the clock",
        "replay",
        1,
        r"line \d+: .* is not ",
        functools.partial(replay.compare_replays, canary=True),
    ),
]


def seeds(run):
    return (run.seed + 1000 * number for number in run.rounds())


def check_noticed(canary, seed, failure):
    promise(failure, f"{canary.suite} does not notice {canary.name} with seed {seed}")
    promise(
        re.search(canary.noticed, failure),
        f"{canary.suite} failed with {canary.name} and seed {seed}, but not by it: {failure}",
    )


def note(run, canary, seed, failure):
    check_noticed(canary, seed, failure)
    run.injected[f"{canary.name}, in {canary.suite}"] += 1
    run.checked[f"{canary.suite} failed, by what was removed"] += 1


def run_on_disk(run):
    for seed in seeds(run):
        for canary in ON_DISK:
            failure = disk.call(canary.suite, canary.cycles, seed, canary.name)["failure"]
            note(run, canary, seed, failure)


def run_with_servers(run):
    for seed in seeds(run):
        for canary in WITH_SERVERS:
            suite = Suite(canary.play, canary.name, canary.cycles, canary.cycles)
            broken = execute(canary.suite, suite, canary.cycles, seed, True)
            if broken.interrupted:
                raise KeyboardInterrupt
            if broken.skipped:
                run.figures[f"not tried: {canary.name}"] = broken.skipped
            else:
                note(run, canary, seed, broken.failure)
                shutil.rmtree(broken.folder, ignore_errors=True)


SUITES = {
    "canaries": Suite(run_on_disk, "safeguards removed: the harness must fail", 1, 20),
    "canaries-served": Suite(run_with_servers, "the same with servers", 1, 10),
}
