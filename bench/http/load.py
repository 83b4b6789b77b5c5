"""Load: wrk for rates, and plain sockets where answers matter."""

import concurrent.futures
import json
import pathlib
import socket
import statistics
import subprocess
import time

from programs import Failed

HERE = pathlib.Path(__file__).resolve().parent
WRK_THREADS = 2
SETTLE_DEADLINE_SECONDS = 60
CHUNK = 65536


def wrk(program, script, connections, seconds, *arguments):
    """One run of wrk against `program`. Returns its figures and what the program used meanwhile."""
    command = ["wrk", f"-t{min(WRK_THREADS, connections)}", f"-c{connections}", f"-d{seconds}s",
               "--timeout", "10s", "-s", str(HERE / script), program.url, "--",
               *(str(argument) for argument in arguments)]
    cpu_before = program.cpu_seconds()
    began = time.monotonic()
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    wall_seconds = time.monotonic() - began
    line = next((l for l in run.stdout.splitlines() if l.startswith("RESULT ")), None)
    if line is None:
        raise Failed(f"wrk failed: {run.stdout}{run.stderr}")
    result = json.loads(line.removeprefix("RESULT "))
    return {
        "connections": connections,
        "per_second": result["requests"] / (result["duration_us"] / 1e6),
        "p50_ms": result["p50_us"] / 1e3,
        "p99_ms": result["p99_us"] / 1e3,
        "max_ms": result["max_us"] / 1e3,
        "socket_errors": result["socket_errors"],
        "timeouts": result["timeouts"],
        "status_errors": result["status_errors"],
        "server_cores": (program.cpu_seconds() - cpu_before) / wall_seconds,
        "server_rss_bytes": program.resident_bytes(),
    }


class Connection:
    """A keep-alive connection that sends one request at a time."""

    def __init__(self, program):
        self._socket = socket.create_connection(("127.0.0.1", program.port), timeout=30)
        self._received = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def ask(self, method, path, body=None):
        """Returns the status and the body, parsed where it is JSON."""
        content = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\n"
        if body is not None:
            head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
        self._socket.sendall(head.encode() + b"\r\n" + content)
        return self._receive()

    def _receive(self):
        while b"\r\n\r\n" not in self._received:
            self._more()
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        length = int(headers.get("content-length", 0))
        while len(self._received) < length:
            self._more()
        body, self._received = self._received[:length], self._received[length:]
        is_json = "json" in headers.get("content-type", "")
        return int(lines[0].split()[1]), json.loads(body) if is_json and body else body

    def _more(self):
        received = self._socket.recv(CHUNK)
        if not received:
            raise Failed("the server closed a connection in the middle of an exchange")
        self._received += received


def book(connection, insured, schedule, country):
    status, answer = connection.ask("POST", "/appointments", {
        "insuredId": insured, "scheduleId": schedule, "countryISO": country})
    if status != 201:
        raise Failed(f"POST /appointments was answered {status}: {answer}")
    return answer


def load_appointments(program, appointments, insureds, connections=64):
    """Books `appointments`, evenly over `insureds`, and returns when reads show them all."""
    def book_share(share):
        with Connection(program) as connection:
            for number in range(share, appointments, connections):
                book(connection, f"{number % insureds:05}", number + 1, "PE" if number % 2 else "CL")

    with concurrent.futures.ThreadPoolExecutor(connections) as pool:
        list(pool.map(book_share, range(connections)))
    with Connection(program) as connection:
        for insured in range(0, insureds, max(1, insureds // 50)):
            await_total(connection, f"{insured:05}", appointments // insureds)


def await_total(connection, insured, total):
    deadline = time.monotonic() + SETTLE_DEADLINE_SECONDS
    while time.monotonic() < deadline:
        _, answer = connection.ask("GET", f"/appointments/{insured}")
        if answer["total"] >= total:
            return
        time.sleep(0.01)
    raise Failed(f"insured {insured} does not show {total} appointments; projections lag")


def settling_ms(connection, insured, schedule):
    """Books one appointment and returns how long it took until it was completed."""
    began = time.monotonic()
    booked = book(connection, insured, schedule, "PE")
    path = f"/appointments/{insured}/{booked['appointmentId']}"
    while time.monotonic() - began < SETTLE_DEADLINE_SECONDS:
        status, answer = connection.ask("GET", path)
        if status == 200 and answer["status"] == "completed":
            return (time.monotonic() - began) * 1e3
        time.sleep(0.005)
    raise Failed(f"an appointment was not completed within {SETTLE_DEADLINE_SECONDS} s")


def median(values):
    return statistics.median(values) if values else float("nan")
