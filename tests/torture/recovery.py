"""kill -9 under load on a long log: how soon clients are served, and bookings completed, again.

What a start has to do must not grow with the log. So the log is made long first, and each kill
comes at a random moment of a load that leaves work behind everywhere: events not yet in the read
models, not yet on the bus, not yet confirmed.
"""

import subprocess
import time

from contract import ROOT
from framework import Suite, percentile, promise
from harness import Server, citas, wait_until

LONG_EVENTS, SHORT_EVENTS = 1_000_000, 20_000
CONNECTIONS = 64
# Well below what one machine settles, so that what waits at a kill is recovery, not a backlog.
BOOKINGS_A_SECOND = 1_500
EARLIEST_S, LATEST_S = 0.5, 8.0
READY_P99_S = 2.0
COMPLETED_P99_S = 4.0
SCRIPTS = ROOT / "bench/http"


class Load:
    """wrk, booking until it is told to end."""

    def __init__(self, server, seed, rate=None):
        script, pace = ("paced.lua", [rate // 2]) if rate else ("post.lua", [])
        command = ["wrk", "-t2", f"-c{CONNECTIONS}", "-d1h", "-s", SCRIPTS / script]
        command += [server.client.url, "--", seed, *pace]
        self._process = subprocess.Popen(
            [str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()


def position(server):
    return int(server.client.get("/events/head").json["position"])


def is_caught_up(server):
    return (
        server.metric("citas_relay_lag_events") == 0
        and server.metric("citas_projection_lag_events") == 0
    )


def make_long(run, server, events):
    with Load(server, run.random.randrange(2**20)):
        while (at := position(server)) < events:
            run.progress(f"{at:,} events")
            time.sleep(0.5)
    wait_until(lambda: is_caught_up(server), "all is on the bus", 600, interval_s=0.5)


def booked_and_completed(server, number):
    """Books one more, and waits until its country has confirmed it."""
    body = {"insuredId": "00042", "scheduleId": 2**52 + number, "countryISO": "PE"}
    booked = wait_until(lambda: book(server, body), "a booking is accepted", interval_s=0.005)
    settled = server.settled(body["insuredId"], booked["appointmentId"], timeout_s=60)
    promise(settled["status"] == "completed", f"it is {settled['status']}")


def book(server, body):
    answer = server.client.post("/appointments", body)
    return answer.json if answer.status == 201 else None


def kill_and_time(run, server, number):
    """How long it takes from the start of the next server until it is ready, and until it has
    completed a booking."""
    with Load(server, run.random.randrange(2**20), BOOKINGS_A_SECOND):
        time.sleep(run.random.uniform(EARLIEST_S, LATEST_S))  # the random moment
        server.kill()
    started = time.monotonic()
    server.start()
    ready = time.monotonic() - started
    booked_and_completed(server, number)
    run.injected["kill -9 of the server and its bus"] += 1
    return ready, time.monotonic() - started


def recover(run):
    server = Server(run.folder)
    server.start()
    make_long(run, server, SHORT_EVENTS if run.short else LONG_EVENTS)
    run.figures["events before the first kill"] = position(server)
    ready, completed = [], []
    for number in run.rounds():
        times = kill_and_time(run, server, number)
        ready.append(times[0])
        completed.append(times[1])
        run.progress(f"{number + 1}/{run.cycles}: {times[0]:.2f} s, {times[1]:.2f} s")
    for what, times in (("ready", ready), ("a booking is completed", completed)):
        run.figures[f"start until {what}, s: p50, p99, max"] = [
            round(percentile(times, fraction), 3) for fraction in (0.5, 0.99, 1)
        ]
    run.figures["events after the last kill"] = position(server)
    server.stop()
    verified = citas("verify", "--data", server.data, timeout_s=300)
    promise(verified.returncode == 0, verified.stderr)
    run.checked["logs verified"] += 1
    # A short form has too few for a percentile, on a machine that does other things besides.
    for what, times, limit in (
        ("ready", ready, READY_P99_S),
        ("settling", completed, COMPLETED_P99_S),
    ):
        promise(
            run.short or percentile(times, 0.99) < limit,
            f"a server was {what} only {percentile(times, 0.99):.2f} s (p99) after its start",
        )


SUITES = {"recovery": Suite(recover, "kill -9 under load on a long log", short=3, long=20)}
