"""A write or a sync that fails: the server stops acknowledging, says why, and ends; nothing that it
acknowledged is lost, and nothing is tried again."""

import pytest

from client import Client
from harness import Server, citas
from traced_disk import TracedDisk, needs_tracing

BOOKED_BEFORE = 20


pytestmark = needs_tracing


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
    disk = TracedDisk(server, calls, f"error={error}:when={BOOKED_BEFORE}", file)
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
