"""Each kind of file in the bus's own store is damaged in turn, while the bus is down for a moment.

The log is the only truth, and the bus a copy of it: whatever is damaged, everything settles soon
after, later bookings take no longer than before, and the stream and the countries' stores are what
the log says. A bus that does not start any more is emptied, as its operator would.
"""

import itertools
import time

import bus_view
import checks
import oracle
from framework import Suite, promise
from harness import wait_until
from load import INSUREDS, Load
from system import System

LOAD_S, SHORT_LOAD_S, LOAD_AFTER_S = 6, 2, 2
# The reconciler asks again for what is pending for 15 s; a second question comes 30 s later.
SETTLED_WITHIN_S = 25
# Of a booking made when all has settled: a consumer that stands still is found by it.
COMPLETED_WITHIN_S = 5

STREAMS = ["CITAS_EVENTS", "CITAS_CONFIRMATIONS", "CITAS_REDELIVER"]
OF_A_STREAM = ["msgs/*.blk", "msgs/*.idx", "msgs/*.fss", "meta.inf", "meta.sum"]
OF_A_CONSUMER = ["obs/*/o.dat", "obs/*/meta.inf", "obs/*/meta.sum"]
_schedules = itertools.count(1_000_000)
WAYS = ["flip", "cut"]
CASES = [
    (stream, files, way)
    for stream in STREAMS
    for files in OF_A_STREAM + OF_A_CONSUMER
    for way in WAYS
]


def flip(random, file):
    """Three bits of it."""
    content = bytearray(file.read_bytes())
    for _ in range(3 if content else 0):
        content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    file.write_bytes(content)


def cut(random, file):
    """Off at a random place."""
    size = file.stat().st_size
    with file.open("r+b") as content:
        content.truncate(random.randrange(size) if size else 0)


def damage(run, system, case):
    stream, files, way = case
    found = sorted(system.nats.store.glob(f"jetstream/*/streams/{stream}/{files}"))
    for file in found:
        {"flip": flip, "cut": cut}[way](run.random, file)
    return len(found)


def start_bus(run, system):
    try:
        system.nats.start(timeout_s=5)
    except AssertionError:
        run.injected["the bus did not start, and was emptied"] += 1
        system.nats.kill()
        system.nats.wipe()
        system.nats.start()


def one_case(run, system, known, number, case):
    load = Load(system.server, known, run.seed, clients=3, name=f"rot-{number}")
    time.sleep(SHORT_LOAD_S if run.short else LOAD_S)  # the load's time, not a synchronisation
    load.check()
    system.nats.kill()
    damaged = damage(run, system, case)
    start_bus(run, system)
    time.sleep(LOAD_AFTER_S)
    load.stop()
    started = time.monotonic()
    system.server.all_settled(INSUREDS, timeout_s=120)
    settled = time.monotonic() - started
    completed = max(time_to_complete(system.server, known, country) for country in ("PE", "CL"))
    run.injected[" ".join(case) + f": {damaged} files"] += 1
    run.figures[f"{' '.join(case)}: settled, completed, s"] = [round(settled, 1), round(completed, 2)]
    return settled, completed


def time_to_complete(server, known, country):
    """Of one booking more, on a slot that the load does not know."""
    schedule = next(_schedules)
    key = f"probe-{schedule}"
    body = {"insuredId": INSUREDS[0], "scheduleId": schedule, "countryISO": country}
    known.intends(key, "/appointments", body)
    started = time.monotonic()
    answer = server.client.post("/appointments", body, idempotency_key=key)
    promise(answer.status == 201, answer.text)
    appointment = answer.json["appointmentId"]
    known.booked(oracle.Booking(key, body, appointment, int(answer.position)))
    server.settled(INSUREDS[0], appointment, timeout_s=120)
    return time.monotonic() - started


def rot(run):
    system = System(run.folder)
    known = oracle.Oracle(run.folder / "oracle.jsonl")
    system.start()
    cases = list(CASES)
    run.random.shuffle(cases)
    late = []
    for number in run.rounds():
        case = cases[number % len(cases)]
        settled, completed = one_case(run, system, known, number, case)
        if settled > SETTLED_WITHIN_S or completed > COMPLETED_WITHIN_S:
            late.append(f"{' '.join(case)}: settled after {settled:.0f} s, then {completed:.1f} s")
        run.progress(f"{number + 1}/{run.cycles}: {' '.join(case)}: {settled:.1f} s")
        bus_matches_log(run, system, case)
    promise(not late, "\n".join(late))
    checks.compare_everything(run, system, known)


def bus_matches_log(run, system, case):
    wait_until(
        lambda: system.server.metric("citas_relay_lag_events") == 0, f"the relay catches up: {case}"
    )
    bus_view.await_copy_of_log(run, system, " ".join(case), bus_view.REBUILT_WITHIN_S)


SUITES = {"bus-rot": Suite(rot, "each file of the bus's store damaged in turn", 2, len(CASES))}
