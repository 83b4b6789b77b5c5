"""The suites on simulated disks: they run inside one C++ program (disk/), which does the checking."""

import json
import os
import pathlib
import subprocess

from framework import Broken, Suite, promise
from harness import CITAS

PROGRAM = pathlib.Path(os.environ.get("CITAS_TORTURE_BIN", CITAS.with_name("citas_torture")))
# What is taken away, and the suite that has to notice.
CANARIES = {
    "no-sync": ("power", 20),
    "early-acknowledge": ("power", 20),
    "no-deduplication": ("power", 20),
    "no-marker-check": ("rot", 2000),
}


def call(suite, cycles, seed, canary="none"):
    """The program's result: what it injected, checked and found."""
    finished = subprocess.run(
        [PROGRAM, suite, "--cycles", str(cycles), "--seed", str(seed), "--canary", canary],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode not in (0, 1):
        raise Broken(f"{PROGRAM.name} ended with {finished.returncode}: {finished.stderr[-2000:]}")
    return json.loads(finished.stdout)


def run_in_process(run):
    result = call(run.suite, run.cycles, run.seed)
    run.injected.update(result["injected"])
    run.checked.update(result["checked"])
    run.figures.update(result["figures"])
    if result["failure"]:
        raise Broken(result["failure"])


def run_canaries(run):
    """Each safeguard removed in turn, `cycles` times: the suites must fail every time."""
    for number in range(run.cycles):
        for canary, (suite, cycles) in CANARIES.items():
            seed = run.seed + 1000 * number
            failure = call(suite, cycles, seed, canary)["failure"]
            promise(failure, f"{suite} does not notice {canary} with seed {seed}")
            run.injected[canary] += 1
            run.checked[f"{suite} failed, as it must"] += 1


SUITES = {
    "power": Suite(run_in_process, "power cuts on a simulated disk", short=150, long=1000),
    "io": Suite(run_in_process, "the Nth operation of the disk fails, for every N", 12, 0),
    "rot": Suite(run_in_process, "damaged files, byte by byte", 600, 0),
    "canaries": Suite(run_canaries, "safeguards removed: the harness must fail", 1, 20),
}
