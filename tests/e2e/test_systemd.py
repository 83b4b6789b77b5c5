"""The server and the worker as systemd's services: what they tell, and the units they run in."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading
import time

import pytest

from client import Client
from contract import ROOT
from harness import CITAS, Process, Server, citas, wait_until
from service_manager import ServiceManager, with_environment
from traced_disk import STRACE, TracedDisk, needs_tracing

UNITS = ROOT / "ops/packaging/systemd"
WATCHDOG_S = 2.0
EXTENSION = "EXTEND_TIMEOUT_USEC=30000000"
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd is not installed"
)


@pytest.fixture
def manager(tmp_path, monkeypatch):
    playing = ServiceManager(tmp_path, WATCHDOG_S)
    with_environment(monkeypatch, playing)
    yield playing
    playing.close()


def test_a_service_from_start_to_stop(manager, new_server):
    server = new_server().start()
    manager.wait_for("READY=1")
    manager.wait_for("WATCHDOG=1", count=6)
    signs = manager.times("WATCHDOG=1")
    gaps = [later - earlier for earlier, later in zip(signs, signs[1:])]
    # Half of the time, and up to an eighth of that for the next look; a busy machine adds to it.
    assert min(gaps) >= WATCHDOG_S / 2 * 0.9
    assert sorted(gaps)[len(gaps) // 2] < WATCHDOG_S * 0.75
    assert "serving at http://127.0.0.1:" in manager.status()
    server.stop()
    messages = manager.messages()
    order = ["STATUS=opening the log", "STATUS=opening the read models", "STATUS=starting the bus"]
    order += ["READY=1", "STOPPING=1"]
    assert [message for message in messages if message in order] == order
    assert "WATCHDOG=1" not in messages[messages.index("STOPPING=1") :]


def test_an_abstract_socket(tmp_path, monkeypatch, new_server):
    playing = ServiceManager(tmp_path, abstract=True)
    with_environment(monkeypatch, playing)
    new_server("--nats", "none").start().stop()
    playing.wait_for("STOPPING=1")
    messages = playing.messages()
    playing.close()
    assert "READY=1" in messages and "WATCHDOG=1" not in messages


def test_nobody_listens(monkeypatch, tmp_path, new_server):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    new_server("--nats", "none").start().stop()


def test_ready_means_that_it_serves(manager, new_server):
    """READY comes once /readyz says so, not before the read models have caught up."""
    server = new_server("--nats", "none").start()
    manager.wait_for("READY=1")
    assert server.client.get("/readyz").status == 200


def test_a_refused_start_says_why(manager, new_server):
    server = new_server("--nats", "none").start()
    manager.wait_for("READY=1")
    second = Server(server.folder, "--nats", "none")
    second.launch()
    assert second.process.wait() == 1
    wait_until(lambda: "in use by another process" in manager.status(), "the reason is told")


@needs_tracing
def test_a_hanging_disk_stops_the_signs(manager, new_server):
    server = new_server("--nats", "none").start()
    server.client.book("00001", 1)
    manager.wait_for("WATCHDOG=1", count=2)
    (wal,) = server.data.glob("log/db/*.log")
    disk = TracedDisk(server, "fdatasync", "delay_enter=600s", wal)
    before = len(manager.times("WATCHDOG=1"))
    manager.wait_for("WATCHDOG=1", count=before + 1)  # an idle server lives on

    booking = threading.Thread(target=attempt, args=(server, 2))
    booking.start()
    try:
        silence_for(manager, "WATCHDOG=1", WATCHDOG_S * 2, len(manager.times("WATCHDOG=1")))
        assert server.client.get("/livez").status == 200
        assert server.process.alive()
    finally:
        disk.process.terminate()  # the disk comes back
        booking.join()
    signs = len(manager.times("WATCHDOG=1"))
    manager.wait_for("WATCHDOG=1", count=signs + 2)
    assert server.client.book("00001", 3).status == 201
    server.stop()


def attempt(server, schedule):
    client = server.client.clone(validate=False)
    client.book("00001", schedule)
    client.close()


def silence_for(manager, message, seconds, since):
    """Not a word for so long, but for one that was on its way."""
    begun = time.monotonic()

    def silent():
        said = manager.times(message)
        assert len(said) <= since + 1, "it says that it goes on, and does not"
        return time.monotonic() - max([begun, *said]) >= seconds

    wait_until(silent, f"no {message} for {seconds} s", timeout_s=seconds * 3)


@needs_tracing
def test_a_stopped_process_gives_no_signs(manager, new_server):
    server = new_server("--nats", "none").start()
    manager.wait_for("WATCHDOG=1", count=2)
    os.kill(server.process.pid, signal.SIGSTOP)
    silence_for(manager, "WATCHDOG=1", WATCHDOG_S * 2, len(manager.times("WATCHDOG=1")))
    os.kill(server.process.pid, signal.SIGCONT)
    signs = len(manager.times("WATCHDOG=1"))
    manager.wait_for("WATCHDOG=1", count=signs + 2)


class TracedServer:
    """A server under strace from its first moment, which slows it down, and may do worse."""

    def __init__(self, folder, *options):
        self.folder = folder
        self.address = folder / "address"
        command = [STRACE, "-f", "-qq", *options, CITAS, "serve", "--data", folder / "data"]
        command += ["--listen", "127.0.0.1:0", "--address-file", self.address]
        self.strace = Process(command, folder / "log")

    def signal(self, number):
        """To the server itself: strace passes nothing on."""
        children = pathlib.Path(f"/proc/{self.strace.pid}/task/{self.strace.pid}/children")
        for child in children.read_text().split():
            os.kill(int(child), number)


@pytest.fixture
def trace(tmp_path):
    """Starts servers under strace; none outlives the test."""
    started = []

    def start(*options):
        started.append(TracedServer(tmp_path, *options))
        return started[-1]

    yield start
    for server in started:
        if server.strace.alive():
            server.signal(signal.SIGKILL)
            server.strace.kill()  # which holds the server back as long as it delays it


@needs_tracing
def test_a_start_that_goes_on_gets_more_time(manager, trace):
    trace("-o", "/dev/null")
    manager.wait_for("READY=1")
    messages = manager.messages()
    assert EXTENSION in messages[: messages.index("READY=1")]


@needs_tracing
def test_a_start_that_hangs_gets_none(manager, trace):
    """A disk that does not answer is no work, however long it takes."""
    traced = trace("-o", "/dev/null", "-e", "inject=fdatasync,fsync:delay_enter=600s")
    manager.wait_for("STATUS=opening the log")
    wait_until((traced.folder / "data").exists, "it makes its folder, and syncs that")
    silence_for(manager, EXTENSION, 2.0, len(manager.times(EXTENSION)))
    assert "READY=1" not in manager.messages()


def test_a_worker(manager, nats, new_server, tmp_path):
    worker = Process(
        [CITAS, "worker", "--country", "PE", "--nats", nats.url, "--data", tmp_path / "w"],
        tmp_path / "worker.log",
    )
    manager.wait_for("READY=1")
    manager.wait_for("WATCHDOG=1", count=3)
    assert manager.status().startswith("processing PE")
    assert worker.terminate() == 0
    assert manager.messages().count("STOPPING=1") == 1


@needs_systemd
@pytest.mark.parametrize("unit", ["citas.service", "citas-worker@.service"])
def test_units_are_valid(unit, tmp_path):
    text = (UNITS / unit).read_text()
    assert "ExecStart=/usr/bin/citas " in text
    # The program is looked for where this machine has it; users are made by the package.
    text = text.replace("/usr/bin/citas", str(CITAS))
    (tmp_path / unit).write_text(text)
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", tmp_path / unit],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0 and checked.stderr == "", checked.stderr
    assert "Type=notify" in text and "WatchdogSec=" in text and "KillMode=mixed" in text


@needs_systemd
def test_the_timer_of_backups_is_valid(tmp_path):
    for unit in ("citas-backup.service", "citas-backup.timer"):
        text = (UNITS / unit).read_text().replace("/usr/bin/citas", str(CITAS))
        (tmp_path / unit).write_text(text)
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *tmp_path.iterdir()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0 and checked.stderr == "", checked.stderr


def environment_of(unit):
    return dict(re.findall(r"^Environment=(CITAS_\w+)=(.*)$", (UNITS / unit).read_text(), re.MULTILINE))


def test_the_timer_makes_backups_where_the_server_looks(new_server, tmp_path):
    """The command of the unit, by the variables of both units, with folders of the test's."""
    server, backup = environment_of("citas.service"), environment_of("citas-backup.service")
    assert {name: server[name] for name in backup} == backup
    running = new_server("--nats", "none").start()
    (command,) = re.findall(
        r"^ExecStart=/usr/bin/citas (.*)$", (UNITS / "citas-backup.service").read_text(), re.MULTILINE
    )
    folders = {"CITAS_DATA": str(running.data), "CITAS_BACKUPS": str(tmp_path / "backups")}
    assert set(folders) == set(backup)
    made = citas(*command.split(), **folders)
    assert made.returncode == 0, made.stderr
    assert list((tmp_path / "backups").glob("*/manifest.json"))


def test_the_server_of_the_unit_begins_no_log(tmp_path):
    environment = {**environment_of("citas.service"), "CITAS_DATA": str(tmp_path / "data")}
    refused = citas("serve", "--nats", "none", "--listen", "127.0.0.1:0", **environment)
    assert refused.returncode == 1 and "citas init" in refused.stderr
    assert not (tmp_path / "data").exists()


@needs_systemd
def test_a_mistake_in_a_unit_is_found(tmp_path):
    unit = tmp_path / "citas.service"
    text = (UNITS / "citas.service").read_text().replace("/usr/bin/citas", str(CITAS))
    unit.write_text(text.replace("KillMode=mixed", "KillMode=sometimes"))
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )
    assert "kill mode" in checked.stderr


def allowed_calls(unit):
    """The system calls that the unit's filter lets through, its sets resolved."""
    wanted = re.findall(r"^SystemCallFilter=(.*)$", (UNITS / unit).read_text(), re.MULTILINE)
    allowed, left = set(), [name for line in wanted for name in line.split()]
    while left:
        name = left.pop()
        if not name.startswith("@"):
            allowed.add(name)
            continue
        listed = subprocess.run(
            ["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True
        )
        left += [line.strip() for line in listed.stdout.splitlines()[1:] if "#" not in line]
    return allowed


@needs_tracing
@needs_systemd
def test_the_unit_allows_what_the_server_does(trace, tmp_path):
    """All system calls of a server and its nats-server, from start to stop, pass the filter."""
    counts = tmp_path / "calls"
    traced = trace("-c", "-S", "name", "-o", counts)
    wait_until(traced.address.exists, "it serves", timeout_s=60)
    client = Client(traced.address.read_text().strip())
    wait_until(lambda: client.get("/readyz").json["status"] == "ok", "the bus is there", 60)
    booked = client.book("00001", 1)
    assert booked.status == 201
    assert client.get("/metrics").status == 200
    client.close()
    traced.signal(signal.SIGTERM)
    assert traced.strace.wait(60) == 0
    lines = counts.read_text().splitlines()
    # A row of the summary begins with a percentage; what strace let go of may be named, too.
    made = {line.split()[-1] for line in lines if re.match(r"\s*\d+\.\d+\s", line)} - {"total"}
    assert {"fdatasync", "epoll_wait"} <= made
    assert made - allowed_calls("citas.service") == set()
