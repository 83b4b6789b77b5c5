"""Mixed load for as long as it is told: memory and file descriptors stay flat, lag stays bounded.

A cycle is ten seconds of load. What is compared are the medians of the second and the last quarter:
the first one fills caches.
"""

import pathlib
import statistics
import time

import checks
import oracle
from framework import Suite, promise
from load import Load
from system import System

CYCLE_S = 10
LAG_LIMIT_EVENTS = 5_000
GROWTH_LIMIT = 1.3  # and some slack, for what is small anyway
SLACK = {"memory, MiB": 48, "file descriptors": 16}


def sample(process):
    folder = pathlib.Path(f"/proc/{process.pid}")
    pages = int((folder / "statm").read_text().split()[1])
    return {
        "memory, MiB": pages * 4096 / 2**20,
        "file descriptors": len(list((folder / "fd").iterdir())),
    }


def soak(run):
    system = System(run.folder)
    known = oracle.Oracle(run.folder / "oracle.jsonl")
    system.start()
    load = Load(system.server, known, run.seed)
    samples = {name: [] for name in system.processes()}
    lags = []
    for number in run.rounds():
        time.sleep(CYCLE_S)  # the load's time, not a synchronisation
        load.check()
        for name, process in system.processes().items():
            samples[name].append(sample(process))
        lags.append(system.server.metric("citas_relay_lag_events"))
        run.progress(f"{number + 1}/{run.cycles}, lag {lags[-1]:.0f}")
    load.stop()
    run.injected["seconds of load"] += run.cycles * CYCLE_S
    for name, taken in samples.items():
        check_flat(run, name, taken)
    run.figures["highest lag of the relay, events"] = max(lags)
    promise(max(lags) < LAG_LIMIT_EVENTS, f"the relay was {max(lags):.0f} events behind")
    checks.compare_everything(run, system, known)


def check_flat(run, process, samples):
    quarter = max(1, len(samples) // 4)
    for what, slack in SLACK.items():
        early = statistics.median(one[what] for one in samples[quarter : 2 * quarter] or samples)
        late = statistics.median(one[what] for one in samples[-quarter:])
        run.figures[f"{process}, {what}: second and last quarter"] = [round(early), round(late)]
        promise(
            late <= GROWTH_LIMIT * early + slack,
            f"{process}: {what} grew from {early:.0f} to {late:.0f}",
        )
        run.checked["flat curves"] += 1


SUITES = {"soak": Suite(soak, "mixed load for cycles of 10 s", short=2, long=1440)}
