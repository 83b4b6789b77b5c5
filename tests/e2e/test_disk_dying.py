"""A write or a sync that fails: the server stops acknowledging, says why, and ends; nothing that it
acknowledged is lost, and nothing is tried again."""

import shutil
import subprocess

import pytest

from harness import Process, Server, citas, wait_until
from client import Client

STRACE = shutil.which("strace")
BOOKED_BEFORE = 20


def can_trace():
    if STRACE is None:
        return False
    return subprocess.run([STRACE, "-qq", "-e", "trace=none", "true"], check=False).returncode == 0


pytestmark = pytest.mark.skipif(not can_trace(), reason="strace is missing, or may not trace here")


class FailingDisk:
    """Fails one system call that a running server makes on a file, by means of strace."""

    def __init__(self, server, calls, error, number, path):
        self.trace = server.folder / "trace"
        log = server.folder / "strace.log"
        command = [STRACE, "-f", "-p", server.process.pid, "-o", self.trace, "-P", path]
        command += ["-e", f"trace={calls}", "-e", f"inject={calls}:error={error}:when={number}"]
        self._process = Process(command, log)
        wait_until(lambda: "attached" in log.read_text(), "strace has attached itself")

    def calls(self):
        """Whether each traced call was made to fail, in order."""
        self._process.wait()
        return ["(INJECTED)" in line for line in self.trace.read_text().splitlines() if "(" in line]


def book_until_it_ends(server):
    """The appointments that were acknowledged before the server ended."""
    acknowledged, client = [], Client(server.client.url, validate=False)
    for schedule in range(1, 1_000):
        try:
            answer = client.book("00001", schedule, key=f"key-{schedule}")
        except OSError:
            return acknowledged
        if answer.status == 201:
            acknowledged.append(answer.json["appointmentId"])
            continue
        assert answer.status == 503, answer.text
        assert answer.json["code"] in {"unknown_outcome", "service_unavailable"}
    raise AssertionError("the server did not end")


@pytest.mark.parametrize(
    ("calls", "error", "path", "reason"),
    [
        ("fdatasync", "EIO", "log/db/*.log", "append: IO error"),
        ("write", "ENOSPC", "log/db/*.log", "No space left on device"),
        ("pwrite64", "EIO", "log/HEAD", "head marker: write"),
        ("fdatasync", "EIO", "log/HEAD", "head marker: sync"),
    ],
)
def test_a_failed_write_ends_the_server(tmp_path, calls, error, path, reason):
    server = Server(tmp_path, "--nats", "none").start()
    server.client.book("00009", 9_999)
    (file,) = server.data.glob(path)
    disk = FailingDisk(server, calls, error, BOOKED_BEFORE, file)
    acknowledged = book_until_it_ends(server)
    code = server.process.wait()
    output = server.process.output()
    assert code == 1, f"exit code {code}:\n{output[-3000:]}"
    assert len(acknowledged) >= BOOKED_BEFORE // 2
    fatal = [line for line in output.splitlines() if '"fatal"' in line]
    assert len(fatal) == 1 and reason in fatal[0], output[-3000:]
    made = disk.calls()
    assert made.count(True) == 1 and made[-1], "it went on after the failure"

    verified = citas("verify", "--data", server.data)
    assert verified.returncode == 0, verified.stderr
    again = Server(tmp_path, "--nats", "none").start()
    logged = {event["subject"] for event in again.client.events()}
    assert set(acknowledged) <= logged
    repeated = again.client.book("00001", 1, key="key-1")
    assert repeated.replayed and repeated.json["appointmentId"] == acknowledged[0]
    again.stop()
