"""The suites on simulated disks and damaged files: a C++ program (disk/) does the checking."""

import json
import os
import pathlib
import subprocess

from framework import Broken, Suite
from harness import CITAS

PROGRAM = pathlib.Path(os.environ.get("CITAS_TORTURE_BIN", CITAS.with_name("citas_torture")))


def scratch_in_memory():
    """Thousands of little stores are made and thrown away."""
    memory = pathlib.Path("/dev/shm")
    return os.environ | ({"TMPDIR": str(memory)} if os.access(memory, os.W_OK) else {})


def call(suite, cycles, seed, canary="none"):
    """The program's result: what it injected, checked and found."""
    finished = subprocess.run(
        [PROGRAM, suite, "--cycles", str(cycles), "--seed", str(seed), "--canary", canary],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env=scratch_in_memory(),
    )
    if finished.returncode not in (0, 1):
        raise Broken(f"{PROGRAM.name} ended with {finished.returncode}: {finished.stderr[-2000:]}")
    return json.loads(finished.stdout)


def run_in_process(run):
    result = call(run.suite, run.cycles, run.seed)
    run.injected.update(result["injected"])
    run.done = sum(result["injected"].values())  # a fault a cycle
    run.cycles = min(run.cycles, result["figures"].get("ways to damage this store", run.cycles))
    run.checked.update(result["checked"])
    run.figures.update(result["figures"])
    if result["failure"]:
        raise Broken(result["failure"])


SUITES = {
    "power": Suite(run_in_process, "power cuts on a simulated disk", short=150, long=1000),
    "power-restores": Suite(run_in_process, "the same while a log is restored", 60, 1000),
    "io": Suite(run_in_process, "the Nth operation of the disk fails, for every N", 10, 0),
    "rot": Suite(run_in_process, "damaged files of the log, byte by byte", 300, 0),
    "rot-projections": Suite(run_in_process, "the same of the read models' files", 60, 0),
    "rot-countries": Suite(run_in_process, "the same of a country's own store", 500, 0),
}
