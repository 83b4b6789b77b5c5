"""What is done to a server from around it, by its operator or its machine: its folder is taken away
under it, a limit bites, nobody reads what it says. It ends, says why, and has lost nothing."""

import fcntl
import itertools
import json
import os
import resource
import select
import signal
import subprocess

import pytest

from client import Client
from harness import CITAS, Server, citas, wait_until

MIB = 1 << 20
LINUX_SET_PIPE_SIZE = 1031


def book_until_it_ends(server):
    """The appointments that were acknowledged before the server ended."""
    acknowledged, client = [], Client(server.client.url, validate=False)
    for schedule in itertools.count(1_000):
        try:
            answer = client.book("00001", schedule)
        except OSError:
            return acknowledged
        if answer.status == 201:
            acknowledged.append(answer.json["appointmentId"])


def logged(data):
    exported = citas("events", "export", "--data", data)
    assert exported.returncode == 0, exported.stderr
    return {json.loads(line)["subject"] for line in exported.stdout.splitlines()}


def check_end(server, code, reason):
    """It ended by itself, and said why once."""
    assert server.process.wait() == code, server.process.output()
    fatal = [line for line in server.process.output().splitlines() if '"fatal"' in line]
    assert len(fatal) == 1 and reason in fatal[0], server.process.output()


def test_a_folder_that_is_moved_away_ends_the_server(new_server):
    server = new_server("--nats", "none").start()
    before = server.client.book("00001", 1).json["appointmentId"]
    moved = server.folder / "moved"
    server.data.rename(moved)
    during = book_until_it_ends(server)
    check_end(server, 3, "was moved, replaced or deleted")
    assert not server.data.exists()
    verified = citas("verify", "--data", moved)
    assert verified.returncode == 0, verified.stderr
    assert {before, *during} <= logged(moved)
    moved.rename(server.data)
    server.start().stop()


def test_a_folder_that_is_moved_away_ends_an_idle_server_too(new_server):
    server = new_server("--nats", "none").start()
    server.data.rename(server.folder / "moved")
    check_end(server, 3, "put that one back")


def test_two_servers_in_one_place_lose_nothing_of_either(new_server):
    first = new_server("--nats", "none").start()
    booked = first.client.book("00001", 1).json["appointmentId"]
    moved = first.folder / "moved"
    os.kill(first.process.pid, signal.SIGSTOP)
    first.data.rename(moved)
    second = Server(first.folder, "--nats", "none")
    second.start()
    others = [second.client.book("00002", schedule).json["appointmentId"] for schedule in (1, 2)]
    os.kill(first.process.pid, signal.SIGCONT)
    assert first.process.wait() == 3
    others.append(second.client.book("00002", 3).json["appointmentId"])
    second.restart()
    others.append(second.client.book("00002", 4).json["appointmentId"])
    second.stop()
    for data, appointments in ((moved, [booked]), (second.data, others)):
        verified = citas("verify", "--data", data)
        assert verified.returncode == 0, verified.stderr
        assert set(appointments) == logged(data)


def test_a_lock_file_that_is_deleted_ends_the_server(new_server):
    server = new_server("--nats", "none").start()
    (server.data / "log/LOCK").unlink()
    acknowledged = book_until_it_ends(server)
    check_end(server, 1, "log/LOCK was deleted or replaced")
    assert set(acknowledged) == logged(server.data)
    server.start().stop()


def limited(server, which, limit, *options):
    """Starts the server under a limit of its process."""
    command = [CITAS, "serve", "--data", server.data, "--listen", "127.0.0.1:0", *options]
    return subprocess.run(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: resource.setrlimit(which, (limit, limit)),
    )


def test_a_limit_of_memory_that_leaves_no_room_for_threads_is_told(new_server):
    refused = limited(new_server(), resource.RLIMIT_AS, 300 * MIB, "--nats", "none")
    assert refused.returncode == 1, refused.stderr
    assert "threads can be started" in refused.stderr and "ulimit -v" in refused.stderr


@pytest.mark.parametrize("files", [12, 24, 30], ids=["for the log", "for a read model", "for all"])
def test_a_limit_of_open_files_says_what_to_raise(new_server, files):
    refused = limited(new_server(), resource.RLIMIT_NOFILE, files, "--nats", "none")
    assert "Too many open files; raise the limit of open files" in refused.stderr


def test_a_file_at_the_limit_of_its_size_is_a_failed_write(new_server):
    server = new_server("--nats", "none").start()
    booked = server.client.book("00001", 1).json["appointmentId"]
    limit = 64 << 10  # of the write-ahead log; what the server says is less
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (limit, limit))
    acknowledged = book_until_it_ends(server)
    check_end(server, 1, "raise the limit of a file's size")
    assert {booked, *acknowledged} <= logged(server.data)
    server.start().stop()


@pytest.fixture
def unread(tmp_path):
    """A pipe that nobody reads."""
    ends = os.pipe()
    fcntl.fcntl(ends[1], LINUX_SET_PIPE_SIZE, 4096)
    yield ends[1]
    for end in ends:
        os.close(end)


def is_full(pipe):
    """Whether writing to it would block."""
    return not select.select([], [pipe], [], 0)[1]


def test_a_log_that_nobody_reads_delays_no_answer_and_no_end(tmp_path, unread):
    address = tmp_path / "address"
    command = [CITAS, "serve", "--data", tmp_path / "data", "--listen", "127.0.0.1:0"]
    command += ["--nats", "none", "--access-log", "all", "--address-file", address]
    server = subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.DEVNULL, stderr=unread
    )
    try:
        wait_until(address.exists, "the server wrote its address")
        client = Client(address.read_text().strip())
        for schedule in range(1, 100):
            assert client.book("00001", schedule).status == 201
        wait_until(lambda: is_full(unread), "the pipe is full")
        assert client.book("00001", 100).status == 201
        client.close()
        server.terminate()
        assert server.wait(60) == 0
    finally:
        server.kill()
        server.wait()
    assert len(logged(tmp_path / "data")) == 100
