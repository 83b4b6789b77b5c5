"""A disk that fills up under load: read-only before damage, and back when there is room."""

import concurrent.futures
import os
import re
import threading

import pytest

from harness import citas, wait_until
from small_disk import INODES, Filler, InodeFiller, free_bytes

DISK_MIB = 64
FLOOR = DISK_MIB * 1024 * 1024 // 8
FLOOR_INODES = INODES // 8
CLIENTS = 4
ROUNDS = int(os.environ.get("CITAS_FULL_ROUNDS", "5"))


@pytest.fixture
def disk(small_disk):
    return small_disk(DISK_MIB)


@pytest.fixture
def on_small_disk(disk, new_server):
    server = new_server()
    server.data = disk / "data"
    return server


class Load:
    """Clients that book until told to stop, and remember what was acknowledged."""

    def __init__(self, server, first_schedule):
        self.acknowledged = []
        self.refused = 0
        self._stopped = threading.Event()
        self._pool = concurrent.futures.ThreadPoolExecutor(CLIENTS)
        self._running = [
            self._pool.submit(self._run, server.client.clone(), number, first_schedule)
            for number in range(1, CLIENTS + 1)
        ]

    def _run(self, client, number, first_schedule):
        schedule = first_schedule + number * 1_000_000
        while not self._stopped.is_set():
            schedule += 1
            answer = client.book(f"{number:05}", schedule)
            if answer.status == 201:
                self.acknowledged.append(answer.json["appointmentId"])
                continue
            assert (answer.status, answer.json["code"]) == (503, "storage_full"), answer.text
            assert answer.headers["retry-after"] == "30"
            self.refused += 1
            self._stopped.wait(0.05)

    def stop(self):
        self._stopped.set()
        for running in self._running:
            running.result()
        self._pool.shutdown()


def part(server, name):
    ready = server.client.get("/readyz?verbose")
    assert ready.status == 200
    return next(part for part in ready.json["parts"] if part["name"] == name)


def read_only(server):
    return server.metric("citas_read_only") == 1


@pytest.mark.parametrize(
    "fill, floor, what_to_do",
    [(Filler, FLOOR, "free some space"), (InodeFiller, FLOOR_INODES, "delete small files")],
    ids=["bytes", "inodes"],
)
def test_rounds_of_a_full_disk(on_small_disk, disk, fill, floor, what_to_do):
    server = on_small_disk.start()
    filler = fill(disk)
    known = []
    for number in range(ROUNDS):
        load = Load(server, (number + 1) * 10_000_000)
        wait_until(lambda: len(load.acknowledged) > 20, "bookings are accepted")
        # From well above the reserve down to nothing at all.
        filler.leave([floor * 3 // 4, floor // 4, 0][number % 3])
        wait_until(lambda: load.refused > 0, "bookings are refused")
        wait_until(lambda: read_only(server), "the server says that it is read-only")
        disk_part = part(server, "disk")
        assert disk_part["status"] == "degraded"
        assert "read-only" in disk_part["reason"] and what_to_do in disk_part["reason"]
        acknowledged = len(load.acknowledged)
        assert server.client.get("/appointments/00001?limit=1").json["total"] > 0
        assert server.client.get(f"/events/{acknowledged}").status == 200
        assert len(load.acknowledged) == acknowledged, "accepted while read-only"
        filler.remove()
        wait_until(lambda: len(load.acknowledged) > acknowledged, "bookings go on")
        load.stop()
        assert part(server, "disk")["status"] == "ok"
        known += load.acknowledged
    server.all_settled([f"{number:05}" for number in range(1, CLIENTS + 1)])
    logged = {event["subject"] for event in server.client.events()}
    assert set(known) <= logged
    server.stop()
    verified = citas("verify", "--data", server.data)
    assert verified.returncode == 0, verified.stderr


def test_a_repeated_request_has_its_answer_while_read_only(on_small_disk, disk):
    server = on_small_disk.start()
    first = server.client.book("00001", 1, key="once")
    filler = Filler(disk)
    filler.leave(FLOOR // 2 + 100_000)
    wait_until(lambda: read_only(server), "the server says that it is read-only")
    again = server.client.book("00001", 1, key="once")
    assert (again.status, again.replayed) == (201, True)
    assert again.json["appointmentId"] == first.json["appointmentId"]
    refused = server.client.cancel("00001", first.json["appointmentId"])
    assert (refused.status, refused.json["code"]) == (503, "storage_full")
    rebuild = server.client.post("/projections/appointments_by_insured/rebuild")
    assert (rebuild.status, rebuild.json["code"]) == (503, "storage_full")
    assert server.metric("citas_disk_free_bytes") < server.metric("citas_disk_floor_bytes") == FLOOR


def test_a_stop_while_read_only_loses_nothing(on_small_disk, disk):
    server = on_small_disk.start()
    for schedule in range(1, 101):
        server.client.book("00001", schedule)
    filler = Filler(disk)
    filler.leave(0)
    wait_until(lambda: read_only(server), "the server says that it is read-only")
    server.stop()
    filler.leave(0)  # what the log had allocated ahead is free again
    refused = citas("serve", "--data", server.data, "--listen", "127.0.0.1:0")
    assert refused.returncode == 1
    (line,) = refused.stderr.strip().splitlines()
    assert str(server.data) in line and "free some space" in line
    assert "disk-full.md" in line
    assert citas("verify", "--data", server.data).returncode == 0
    listed = citas("events", "list", "--data", server.data, "--limit", "3")
    assert listed.returncode == 0, listed.stderr
    filler.remove()
    server.start()
    server.all_settled(["00001"])
    assert server.client.get("/appointments/00001?limit=1").json["total"] == 100
    assert free_bytes(disk) > FLOOR


def test_the_floor_can_be_chosen(on_small_disk):
    above = ("--free-space-floor", "65MiB")
    refused = citas("serve", "--data", on_small_disk.data, "--listen", "127.0.0.1:0", *above)
    assert refused.returncode == 1
    assert re.search(r"floor of 65\.0 MiB", refused.stderr)
    wrong = citas("serve", "--free-space-floor", "much")
    assert wrong.returncode == 2
    assert "--free-space-floor" in wrong.stderr
    server = on_small_disk.start("--free-space-floor", "1MiB")
    assert server.metric("citas_disk_floor_bytes") == 1024 * 1024
    assert server.metric("citas_disk_floor_inodes") == FLOOR_INODES
