"""A write or a sync that fails. Of the log: the server stops acknowledging, says why, and ends;
nothing that it acknowledged is lost, and nothing is tried again. Of a country's own store: its
processor opens the store again by itself, and goes on."""

import concurrent.futures

import pytest

from client import Client
from harness import CITAS, Process, Server, citas, wait_until
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


def test_a_write_that_takes_long_is_told(tmp_path):
    server = Server(tmp_path, "--nats", "none").start()
    server.client.book("00001", 1)
    (file,) = server.data.glob("log/db/*.log")
    TracedDisk(server, "fdatasync", "delay_enter=7s:when=1", file)
    writer = Client(server.client.url)

    def log():
        return server.client.get("/readyz?verbose").json["parts"][0]

    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = pool.submit(writer.book, "00001", 2)
        wait_until(lambda: log()["status"] == "degraded", "the write is told")
        assert "disk-dying.md" in log()["reason"]
        assert server.client.get("/appointments/00001").json["total"] == 1
        assert waiting.result().status == 201
    wait_until(lambda: log()["status"] == "ok", "it is over")
    server.stop()


class Worker:
    """A country's worker, and the folder that it works in."""

    def __init__(self, folder, url):
        self.folder = folder
        self.data = folder / "data"
        command = [CITAS, "worker", "--country", "PE", "--nats", url, "--data", self.data]
        self.process = Process(command, folder / "worker.log")


def fail_syncs_of_the_country(process):
    """Every one, of the write-ahead log that its store has now."""
    (file,) = process.data.glob("countries/PE/*.log")
    return TracedDisk(process, "fdatasync", "error=EIO", file)


def check_news(process):
    """It said once what had failed, and once that it is over."""
    output = process.process.output()
    lost = [line for line in output.splitlines() if "store has failed" in line]
    assert len(lost) == 1 and "countries/PE" in lost[0] and "disk-dying.md" in lost[0], output
    assert output.count("store is open again") == 1, output


def test_a_country_s_store_that_fails_is_opened_again(tmp_path):
    server = Server(tmp_path).start()
    before = server.client.book("00001", 1).json["appointmentId"]
    server.settled("00001", before)
    disk = fail_syncs_of_the_country(server)
    during = server.client.book("00001", 2).json["appointmentId"]
    cancelled = server.client.cancel("00001", before)
    assert cancelled.status == 200
    assert server.settled("00001", during)["status"] == "completed"
    assert server.client.get("/readyz").json == {"status": "ok"}
    server.stop()
    check_news(server)
    assert disk.calls().count(True) == 1, "a sync that failed was tried again"


def test_a_worker_s_store_that_fails_is_opened_again(tmp_path, new_server, nats):
    server = new_server("--nats", nats.url, "--workers", "none").start()
    worker = Worker(tmp_path, nats.url)
    server.settled("00001", server.client.book("00001", 1).json["appointmentId"])
    fail_syncs_of_the_country(worker)
    during = server.client.book("00001", 2).json["appointmentId"]
    assert server.settled("00001", during)["status"] == "completed"
    wait_until(lambda: "store is open again" in worker.process.output(), "it says so")
    assert worker.process.terminate() == 0
    check_news(worker)
