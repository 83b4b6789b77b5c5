"""What is measured. Each scenario returns rows; a row is a dict with at least `scenario`."""

import contextlib
import json
import resource
import shutil
import sys
import tempfile
import threading
import time

import load
import programs

APPOINTMENTS = 100_000
INSUREDS = 20_000
ECHO_THREADS = (1, 2, 4)
SETTLE_CONNECTIONS = 64
# A backlog that grows shows as probes that take longer and longer.
BACKLOG_MS = 250
BACKLOG_GROWTH = 2


class Bench:
    """The settings of a run, and what its scenarios share."""

    def __init__(self, options):
        self.options = options
        self.build = options.build
        self.seed = options.seed
        self._echo_threads = None

    def say(self, text):
        if not self.options.quiet:
            print(text, file=sys.stderr, flush=True)

    def next_seed(self):
        self.seed += 1
        return self.seed

    @contextlib.contextmanager
    def citas(self, workers):
        data = tempfile.mkdtemp(prefix="bench-http-", dir=self.options.data_root)
        try:
            with programs.start_citas(self.build, data, workers) as server:
                yield server
        finally:
            shutil.rmtree(data, ignore_errors=True)

    def echo(self, get_bytes=0):
        return programs.start_echo(self.build, self.echo_threads(), get_bytes)

    def echo_threads(self):
        """The number of I/O threads with which the echo is fastest here."""
        if self._echo_threads is None:
            rates = {}
            for threads in ECHO_THREADS:
                with programs.start_echo(self.build, threads) as server:
                    run = load.wrk(server, "post.lua", 64, min(2, self.options.seconds), 1)
                rates[threads] = run["per_second"]
            self._echo_threads = max(rates, key=rates.get)
            self.say(f"echo threads: {self._echo_threads} of "
                     + ", ".join(f"{t}: {r:,.0f}/s" for t, r in rates.items()))
        return self._echo_threads

    def measure(self, scenario, server, script, connections):
        self.say(f"{scenario} at {connections} connections")
        return {"scenario": scenario,
                **load.wrk(server, script, connections, self.options.seconds, self.next_seed())}


def echo_only(scenario, script):
    def run(bench):
        with bench.echo() as server:
            return [bench.measure(scenario, server, script, connections)
                    for connections in bench.options.connections]
    return run


def against_echo(bench, scenario, server, script):
    """Measures real and echo in turn, so that whatever slows the machine slows both."""
    rows = []
    with bench.echo() as echo:
        for connections in bench.options.connections:
            limit = bench.measure(f"echo-{scenario}", echo, script, connections)
            real = bench.measure(scenario, server, script, connections)
            real["ratio_to_echo"] = real["per_second"] / limit["per_second"]
            rows += [limit, real]
    return rows


def post(bench):
    """Durable POST, fan-out paused."""
    bench.echo_threads()
    with bench.citas("none") as server:
        return against_echo(bench, "post", server, "post.lua")


def mean_answer_bytes(server):
    """Of GET by insured, headers not counted."""
    with load.Connection(server) as connection:
        sizes = [len(json.dumps(connection.ask("GET", f"/appointments/{number:05}")[1],
                                separators=(",", ":"))) for number in range(100)]
    return sum(sizes) // len(sizes)


def echo_as_long(bench, server):
    """An echo of answers as long as those of `server`: what their size alone costs."""
    with bench.echo(mean_answer_bytes(server)) as echo:
        return [bench.measure("echo-get-as-long", echo, "get.lua", connections)
                for connections in bench.options.connections]


def get(bench):
    """GET by insured."""
    bench.echo_threads()
    appointments = bench.options.appointments
    with bench.citas("none") as server:
        bench.say(f"booking {appointments:,} appointments")
        load.load_appointments(server, appointments, min(INSUREDS, appointments))
        return against_echo(bench, "get", server, "get.lua") + echo_as_long(bench, server)


class Probe(threading.Thread):
    """Books an appointment now and then, and notes how long each took to be completed."""

    def __init__(self, server, first_schedule):
        super().__init__()
        self._server = server
        self._schedule = first_schedule
        self._ended = threading.Event()
        self.samples_ms = []
        self.failure = None

    def run(self):
        try:
            with load.Connection(self._server) as connection:
                while not self._ended.wait(0.05):
                    self._schedule += 1
                    self.samples_ms.append(load.settling_ms(connection, "00001", self._schedule))
        except (programs.Failed, OSError) as error:
            self.failure = str(error)

    def stop(self):
        self._ended.set()
        self.join()
        if self.failure:
            raise programs.Failed(self.failure)


def settle_at(bench, server, rate):
    """One step: POSTs at `rate` with everything running."""
    bench.say(f"settle at {rate:,}/s")
    probe = Probe(server, first_schedule=2**51 + rate * 1_000)
    probe.start()
    row = load.wrk(server, "paced.lua", SETTLE_CONNECTIONS, bench.options.settle_seconds,
                   bench.next_seed(), rate / load.WRK_THREADS)
    ended = time.monotonic()
    probe.stop()
    third = max(1, len(probe.samples_ms) // 3)
    first, last = load.median(probe.samples_ms[:third]), load.median(probe.samples_ms[-third:])
    kept_up = row["per_second"] >= 0.97 * rate and row["status_errors"] == 0
    steady = last <= max(BACKLOG_MS, BACKLOG_GROWTH * first)
    return {"scenario": "settle", **row, "rate": rate, "sustained": kept_up and steady,
            "completed_first_third_ms": first, "completed_last_third_ms": last,
            "backlog_seconds": time.monotonic() - ended}


def settle(bench):
    """POST to completed, everything on one machine, at rising rates until one is too much."""
    rows = []
    with bench.citas("all") as server:
        for rate in bench.options.rates:
            rows.append(settle_at(bench, server, rate))
            if not rows[-1]["sustained"]:
                break
    return rows


def idle_row(bench, name, server):
    """Memory that a connection costs which has been served and now waits."""
    count = bench.options.idle_connections
    bench.say(f"{name} with {count:,} connections")
    with load.Connection(server) as connection:
        connection.ask("GET", "/appointments/00001")
        before = server.resident_bytes()
        with contextlib.ExitStack() as stack:
            for _ in range(count):
                idle = stack.enter_context(load.Connection(server))
                idle.ask("GET", "/appointments/00001")
            after = server.resident_bytes()
    return {"scenario": name, "connections": count, "server_rss_bytes": after,
            "bytes_per_connection": (after - before) / count}


def idle(bench):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        with bench.citas("none") as server:
            return [idle_row(bench, "idle", server)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def echo_idle(bench):
    with bench.echo() as server:
        return [idle_row(bench, "echo-idle", server)]


SCENARIOS = {
    "post": post,
    "get": get,
    "settle": settle,
    "idle": idle,
    "echo-post": echo_only("echo-post", "post.lua"),
    "echo-get": echo_only("echo-get", "get.lua"),
    "echo-idle": echo_idle,
}
# What runs unless told otherwise; post and get measure their echo themselves.
DEFAULT = ("post", "get", "settle", "idle")
