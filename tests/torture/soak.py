"""Mixed load for as long as it is told: memory and file descriptors stay flat, lag stays bounded.

Clients book and cancel, others read lists, single appointments, the past, histories and exports, and
read models are rebuilt meanwhile. In the long form others that do not pause come first, and fill what
grows with the log until it is full, which would take hours. The first half of the time is not looked
at either. What counts is the slope over the second half, as the median of the slopes between any two
samples: a peak does not bend it.
"""

import itertools
import pathlib
import statistics
import time

import checks
import oracle
from framework import Suite, promise
from harness import citas, wait_until
from load import Load
from readers import Readers
from system import System

# A cycle is some seconds of load. The long form has few clients, and they pause, or the log of some
# hours would not fit into the memory of what compares it in the end.
CYCLE_S = {True: 2, False: 10}  # in the short form, in the long one
CLIENTS = {True: 8, False: 4}
PAUSE_S = {True: 0.01, False: 0.1}
CYCLES_OF_A_REBUILD = {True: 2, False: 30}
LEAST_SAMPLES = 8
# More than the caches hold: that of the log's blocks is the last to be full, at 128 MiB. Many clients
# share a sync, and the readers leave them the time of this process.
EVENTS_AT_FIRST = 300_000
CLIENTS_AT_FIRST = 32
READERS_PAUSE_AT_FIRST_S = 0.05
LOOKS = 4  # at the lags, in each cycle
LAG_LIMIT_EVENTS = 1_000
LAGS = {
    "the relay": "citas_relay_lag_events",
    "the read models": "citas_projection_lag_events",
}
READ_MODELS = ["appointments_by_insured", "pending_appointments", "dead_letters"]
# What the second half may add: a part of what there is, and what is small anyway. The short form's
# seconds are still among those in which caches fill.
GROWTH_LIMIT = 0.1
SLACK = {
    True: {"memory, MiB": 48, "file descriptors": 16},
    False: {"memory, MiB": 16, "file descriptors": 8},
}


def sample(process):
    folder = pathlib.Path(f"/proc/{process.pid}")
    pages = int((folder / "statm").read_text().split()[1])
    return {
        "memory, MiB": pages * 4096 / 2**20,
        "file descriptors": len(list((folder / "fd").iterdir())),
    }


class Watch:
    """Samples of every process, and the highest lags."""

    def __init__(self, system):
        self._system = system
        self.samples = {name: [] for name in system.processes()}
        self.lags = dict.fromkeys(LAGS, 0)

    def look_at_lags(self):
        for what, metric in LAGS.items():
            self.lags[what] = max(self.lags[what], self._system.server.metric(metric))

    def take_samples(self):
        for name, process in self._system.processes().items():
            self.samples[name].append(sample(process))


def rebuild(run, server, name):
    """Beside the one that serves; exit code 4 would say that this one was wrong."""
    done = citas("projections", "rebuild", name, "--url", server.client.url, timeout_s=600)
    promise(done.returncode == 0, f"rebuild of {name}: {done.stderr}")
    run.injected["rebuilds of a read model"] += 1


def live_one_cycle(run, watch, crowds):
    for _ in range(LOOKS):
        time.sleep(CYCLE_S[run.short] / LOOKS)  # the load's time, not a synchronisation
        for crowd in crowds:
            crowd.check()
        watch.look_at_lags()
    watch.take_samples()


def fill_caches(run, system, known):
    crowds = [
        Load(system.server, known, run.seed, CLIENTS_AT_FIRST, name="first"),
        Readers(system.server, known, run.seed, pause_s=READERS_PAUSE_AT_FIRST_S),
    ]

    def are_full():
        for crowd in crowds:
            crowd.check()
        events = system.server.metric("citas_log_position")
        run.progress(f"caches fill, {events:.0f}/{EVENTS_AT_FIRST} events")
        return events >= EVENTS_AT_FIRST

    wait_until(are_full, "the caches are full", timeout_s=3_600, interval_s=1)
    for crowd in crowds:
        crowd.stop()
    for what, metric in LAGS.items():
        wait_until(lambda metric=metric: system.server.metric(metric) == 0, f"{what} catch up")
    run.injected["events before the first sample"] += EVENTS_AT_FIRST


def soak(run):
    system = System(run.folder)
    known = oracle.Oracle(run.folder / "oracle.jsonl")
    system.start()
    if not run.short:
        fill_caches(run, system, known)
    pause = PAUSE_S[run.short]
    crowds = [
        Load(system.server, known, run.seed, CLIENTS[run.short], pause_s=pause),
        Readers(system.server, known, run.seed, pause_s=pause),
    ]
    watch, models = Watch(system), itertools.cycle(READ_MODELS)
    for number in run.rounds():
        live_one_cycle(run, watch, crowds)
        if number % CYCLES_OF_A_REBUILD[run.short] == 1:
            rebuild(run, system.server, next(models))
        run.progress(f"{number + 1}/{run.cycles}, lags {list(watch.lags.values())}")
    for crowd in crowds:
        crowd.stop()
    run.injected["seconds of load"] += run.cycles * CYCLE_S[run.short]
    check_watch(run, watch)
    checks.compare_everything(run, system, known)


def check_watch(run, watch):
    for name, taken in watch.samples.items():
        check_flat(run, name, taken)
    for what, most in watch.lags.items():
        run.figures[f"highest lag of {what}, events"] = most
        promise(most < LAG_LIMIT_EVENTS, f"{what} lagged {most:.0f} events behind")
        run.checked["bounded lags"] += 1


def slope(values):
    """Per sample: the median of the slopes between any two."""
    pairs = itertools.combinations(enumerate(values), 2)
    return statistics.median((y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in pairs)


def check_flat(run, process, samples):
    promise(len(samples) >= LEAST_SAMPLES, f"{len(samples)} samples of {process} show nothing")
    for what, slack in SLACK[run.short].items():
        late = [one[what] for one in samples[len(samples) // 2 :]]
        level, growth = statistics.median(late), slope(late) * (len(late) - 1)
        run.figures[f"{process}, {what}: level, growth of the second half"] = [
            round(level, 1),
            round(growth, 1),
        ]
        promise(
            growth <= GROWTH_LIMIT * level + slack,
            f"{process}: {what} grew by {growth:.0f} in the second half, to {late[-1]:.0f}",
        )
        run.checked["flat curves"] += 1


SUITES = {"soak": Suite(soak, "mixed load: memory and lag stay bounded", short=8, long=1440)}
