"""Whole systems on one thread, from seeds: they run inside one C++ program (tests/simulation)."""

import json
import os
import pathlib
import subprocess

from framework import Broken, Suite
from harness import CITAS

PROGRAM = pathlib.Path(os.environ.get("CITAS_SIMULATION_BIN", CITAS.with_name("citas_simulation")))


def run_seeds(run):
    """`cycles` seeds from run.seed on; the first that breaks a promise ends it."""
    finished = subprocess.run(
        [PROGRAM, "--cycles", str(run.cycles), "--seed", str(run.seed)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode not in (0, 1):
        raise Broken(f"{PROGRAM.name} ended with {finished.returncode}: {finished.stderr[-2000:]}")
    result = json.loads(finished.stdout)
    run.injected.update(result["injected"])
    run.checked.update(result["checked"])
    run.done = result["checked"]["seeds"]
    run.figures.update(result["figures"])
    if result["failure"]:
        raise Broken(result["failure"])


SUITES = {
    "simulation": Suite(run_seeds, "whole systems on one thread, from seeds", 1000, 1_000_000),
}
