"""kill -9 of server, worker and bus, each alone, in pairs and all together, at random moments under
load, and while they recover from such a kill.

Clients repeat whatever was not answered under the same Idempotency-Key until it is. In the end
nothing acknowledged may be lost, no slot given twice, every appointment settled, and the bus and
the countries' own stores hold what the log says.
"""

import time

import checks
import oracle
from framework import Suite, percentile, promise
from harness import wait_until
from load import Load
from system import System

EARLIEST_S, LATEST_S = 0.05, 3.0
RECOVERY_P99_S = 2.0


def random_moment(run):
    """Short waits are as likely as long ones: most of what breaks is young."""
    return EARLIEST_S * (LATEST_S / EARLIEST_S) ** run.random.random()


def kills_of(system):
    return {
        system.kill_server: 5,
        system.kill_worker: 2,
        system.kill_bus: 2,
        system.kill_bus_and_wipe_it: 1,
        system.kill_server_and_bus: 1,
        system.kill_server_and_worker: 1,
        system.kill_worker_and_bus: 1,
        system.kill_everything: 1,
        system.kill_server_while_starting: 3,
        system.kill_worker_while_starting: 1,
        system.kill_bus_while_starting: 1,
    }


def choices(run, kills):
    """Each kind once, in any order, and then as often as it weighs."""
    yield from run.random.sample(list(kills), len(kills))
    while True:
        yield run.random.choices(list(kills), kills.values())[0]


def served_again(system, known, load):
    """How long it takes from the kill until a client's booking is acknowledged."""
    before = known.answered
    wait_until(
        lambda: load.check() or known.answered > before,
        "clients are served again",
        interval_s=0.005,
    )


def kill_repeatedly(run, system, known, load):
    """Returns how long clients had to wait after each kill of the server."""
    kills = kills_of(system)
    waits = []
    for number, kill in zip(run.rounds(), choices(run, kills)):
        time.sleep(random_moment(run))  # the random moment, not a synchronisation
        kill()
        served_again(system, known, load)
        run.injected[kill.__name__.replace("_", " ")] += 1
        if "server" in kill.__name__ or kill == system.kill_everything:
            waits.append(time.monotonic() - system.killed_at)
        run.progress(f"{number + 1}/{run.cycles}, {len(known.bookings)} booked")
    return waits


def kill_and_compare(run):
    system = System(run.folder, random=run.random)
    known = oracle.Oracle(run.folder / "oracle.jsonl")
    system.start()
    load = Load(system.server, known, run.random.random())
    waits = kill_repeatedly(run, system, known, load)
    load.stop()
    run.figures["recovery p50, s"] = round(percentile(waits, 0.5) or 0, 3)
    run.figures["recovery p99, s"] = round(percentile(waits, 0.99) or 0, 3)
    checks.compare_everything(run, system, known)
    # A short form has too few for a percentile, on a machine that does other things besides.
    promise(
        run.short or percentile(waits, 0.99) < RECOVERY_P99_S,
        f"clients had to wait {percentile(waits, 0.99):.2f} s (p99) after a kill of the server",
    )


SUITES = {"kill": Suite(kill_and_compare, "kill -9 of server, worker and bus", short=25, long=1000)}
