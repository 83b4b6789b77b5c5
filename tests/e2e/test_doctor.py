"""`citas doctor` on folders, disks, buses and clocks, sound and broken, with the real program."""

import fcntl
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import uuid

import pytest

from fake_clock import FakeClock
from harness import CITAS, Process, Server, citas, wait_until
from small_disk import Filler

# What a machine of tests may lack, and may be warned of.
OF_THE_MACHINE = {"disk.type", "disk.sync", "limits.files", "limits.memory", "clock.sync"}


class Report:
    def __init__(self, run):
        self.code = run.returncode
        self.text = run.stdout
        report = json.loads(run.stdout)
        self.state = report["state"]
        self.checks = {check["check"]: check for check in report["checks"]}

    def state_of(self, check):
        return self.checks[check]["state"]

    def line(self, check):
        found = self.checks[check]
        return f"{found['what']}; {found.get('next', '')}"

    def not_ok(self):
        return {name for name, check in self.checks.items() if check["state"] != "ok"}


def doctor(data, *options, **environment):
    listen = () if "--listen" in options else ("--listen", "127.0.0.1:0")
    return Report(citas("doctor", "--data", data, "-o", "json", *listen, *options, **environment))


def contents(folder):
    return {
        path.relative_to(folder): path.stat().st_mtime_ns
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A stopped server's folder, with a few events, that only its user may read."""
    server = Server(tmp_path_factory.mktemp("filled"), "--nats", "none").start()
    for schedule in range(1, 6):
        server.client.book("00001", schedule)
    server.stop()
    server.data.chmod(0o700)
    return server


@pytest.fixture
def copy(filled, tmp_path):
    shutil.copytree(filled.data, tmp_path / "data")
    (tmp_path / "data").chmod(0o700)
    return tmp_path / "data"


def test_a_sound_folder(copy):
    before = contents(copy)
    report = doctor(copy)
    assert report.code == 0, report.text
    assert report.not_ok() <= OF_THE_MACHINE, report.text
    assert "ends at position 5" in report.line("data.log")
    assert contents(copy) == before, "it has changed something"


def test_beside_a_running_server(new_server):
    server = new_server().start()
    server.data.chmod(0o700)
    booked = server.client.book("00001", 1).json
    server.settled("00001", booked["appointmentId"])
    listen = server.client.url.removeprefix("http://")
    report = doctor(server.data, "--listen", listen, "--url", server.client.url)
    assert report.code == 0, report.text
    assert report.not_ok() <= OF_THE_MACHINE, report.text
    pid = f"(pid {server.process.pid})"
    assert pid in report.line("data.lock")
    assert "running server's" in report.line("port")
    assert str(server.nats_pid()) in report.line("bus.process")
    assert report.state_of("bus.access") == "ok"
    assert report.state_of("bus.store") == "ok"
    assert {"server.log", "server.disk", "server.projections", "server.bus"} <= set(report.checks)
    assert server.client.book("00001", 2).status == 201


def test_the_table_is_for_people(copy):
    run = citas("doctor", "--data", copy, "--listen", "127.0.0.1:0", "--nats", "none")
    lines = run.stdout.splitlines()
    assert lines[0].split() == ["STATE", "CHECK", "FINDING"]
    assert {line.split()[0] for line in lines[1:]} <= {"OK", "WARN", "FAIL"}
    assert "Exit codes" in citas("doctor", "--help").stdout


def test_a_folder_that_is_not_there(tmp_path):
    report = doctor(tmp_path / "data")
    assert report.code == 0, report.text
    assert report.state_of("data.folder") == report.state_of("data.log") == "warn"
    assert not (tmp_path / "data").exists()


def test_a_disk_that_is_too_full(copy, small_disk):
    disk = small_disk(32)
    data = shutil.copytree(copy, disk / "data")
    Filler(disk).leave(1 << 20)
    report = doctor(data)
    assert report.code == 1
    assert report.state_of("disk.space") == "fail"
    assert "disk-full.md" in report.line("disk.space")
    assert report.state_of("disk.type") == "warn"
    assert "tmpfs" in report.line("disk.type")
    lower = doctor(data, "--free-space-floor", "256KiB")
    assert lower.state_of("disk.space") == "ok", lower.text


def test_a_log_that_ends_before_its_marker(copy):
    (wal,) = (copy / "log/db").glob("*.log")
    wal.write_bytes(wal.read_bytes()[:-200])
    before = contents(copy)
    report = doctor(copy)
    assert report.code == 3
    assert report.state_of("data.log") == "fail"
    assert "acknowledged events are missing" in report.line("data.log")
    assert "corrupted-log.md" in report.line("data.log")
    assert contents(copy) == before


def test_a_damaged_marker(copy):
    marker = bytearray((copy / "log/HEAD").read_bytes())
    for slot in (0, 4096):
        marker[slot + 30] ^= 1
    (copy / "log/HEAD").write_bytes(marker)
    report = doctor(copy)
    assert report.code == 3
    assert report.state_of("data.log") == "fail"
    assert "neither slot is readable" in report.line("data.log")


def test_a_marker_that_is_gone_is_damage_to_everybody(copy):
    """Exit code 3 keeps a service from being started again and again."""
    (copy / "log/HEAD").unlink()
    report = doctor(copy)
    assert report.code == 3 and "corrupted-log.md" in report.line("data.log")
    for command in (["serve", "--listen", "127.0.0.1:0", "--nats", "none"], ["verify"], ["replay"]):
        assert citas(*command, "--data", copy).returncode == 3, command


def test_a_folder_of_somebody_else(copy, tmp_path):
    """It is not told that there is no log, which is only hidden."""
    if os.geteuid() != 0:
        pytest.skip("it takes root to become somebody else")
    program = pathlib.Path(shutil.copy(CITAS, "/tmp/citas-of-nobody-" + uuid.uuid4().hex))
    try:
        asked = subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program, "doctor"]
            + ["-o", "json", "--listen", "127.0.0.1:0", "--data", copy],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        program.unlink()
    report = Report(asked)
    assert report.code == 1
    assert "Permission denied" in report.line("data.log"), report.line("data.log")


def test_a_disk_that_is_mounted_read_only(copy, small_disk):
    disk = small_disk(64)
    shutil.copytree(copy, disk / "data")
    (disk / "data").chmod(0o700)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    report = doctor(disk / "data")
    assert report.code == 1
    assert "mounted read-only" in report.line("data.folder")
    assert "chown" not in report.line("data.folder")


def test_a_folder_that_another_process_holds(copy):
    with (copy / "log/LOCK").open("rb+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        report = doctor(copy)
        assert report.state_of("data.lock") == "warn"
        assert f"(pid {os.getpid()})" in report.line("data.lock")
        assert report.state_of("data.log") == "ok"
    assert doctor(copy).state_of("data.lock") == "ok"


def test_files_of_another_user(copy):
    if os.geteuid() != 0:
        pytest.skip("it takes root to give a file away")
    os.chown(copy / "log/HEAD", 65534, 65534)
    report = doctor(copy)
    assert report.code == 1
    assert "log/HEAD" in report.line("data.folder")
    assert "chown -R" in report.line("data.folder")


def test_a_log_that_cannot_be_looked_into_is_not_missing(copy):
    shutil.rmtree(copy / "log")
    (copy / "log").symlink_to(copy / "log")  # as with another user's folder, but for root too
    report = doctor(copy)
    assert report.code == 1, report.text
    assert report.state_of("data.log") == "fail"
    assert "cannot look into" in report.line("data.log")


def test_an_unfinished_restore(copy):
    (copy / "log.restoring").mkdir()
    assert doctor(copy).state_of("data.leftovers") == "warn"


def test_a_bus_that_is_dead(copy, nats):
    alive = doctor(copy, "--nats", nats.url)
    assert alive.code == 0
    assert alive.state_of("bus.server") == "ok"
    assert alive.state_of("bus.access") == "warn", "it lets everybody in"
    nats.kill()
    dead = doctor(copy, "--nats", nats.url.replace("nats://", "nats://citas:secret@"))
    assert dead.code == 1
    assert dead.state_of("bus.server") == "fail"
    assert "lost-bus.md" in dead.line("bus.server")
    assert "secret" not in dead.text


def test_streams_that_a_running_server_should_have_made(new_server, nats):
    server = new_server("--nats", nats.url, "--workers", "none").start()
    booked = server.client.book("00001", 1)
    assert booked.status == 201
    wait_until(lambda: server.metric("citas_relay_lag_events") == 0, "the relay is done")
    report = doctor(server.data, "--nats", nats.url)
    assert report.state_of("bus.streams") == "ok", report.text


def test_an_orphaned_bus(new_server):
    server = new_server().start()
    pid = server.nats_pid()
    server.stop()
    # What an orphan is known by: its command line names the configuration, and its start the time.
    config = server.data / "bus/nats-server.conf"
    waiting = "import signal; signal.pause()"
    orphan = Process([sys.executable, "-c", waiting, config], server.folder / "orphan.log")
    started = open(f"/proc/{orphan.pid}/stat", encoding="utf-8").read().rsplit(")", 1)[1].split()[19]
    (server.data / "bus/nats-server.pid").write_text(f"{orphan.pid} {started}\n")
    assert orphan.pid != pid
    report = doctor(server.data)
    assert report.state_of("bus.process") == "warn"
    assert str(orphan.pid) in report.line("bus.process")
    orphan.kill()
    assert doctor(server.data).state_of("bus.process") == "ok"


def test_a_port_that_is_taken(copy):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        report = doctor(copy, "--listen", f"127.0.0.1:{port}")
        assert report.code == 1
        assert report.state_of("port") == "fail"
        assert f"(pid {os.getpid()})" in report.line("port")
    assert doctor(copy, "--listen", f"127.0.0.1:{port}").state_of("port") == "ok"


def test_a_clock_from_before_the_log(copy, tmp_path):
    clock = FakeClock(tmp_path)
    clock.set(-3600)
    report = doctor(copy, **clock.variables())
    assert report.code == 1
    assert report.state_of("clock.log") == "fail"
    assert "wrong-clock.md" in report.line("clock.log")


def test_a_server_that_does_not_answer(copy):
    report = doctor(copy, "--url", "http://127.0.0.1:1")
    assert report.code == 1
    assert report.state_of("server") == "fail"


def test_an_option_that_serve_refuses_is_refused(copy):
    run = citas("doctor", "--data", copy, "--listen", "somewhere")
    assert run.returncode == 2
    assert "--listen" in run.stderr
