"""What a command writes to may be closed, full, or narrow: it never ends by a signal, and says so."""

import fcntl
import os
import pty
import struct
import subprocess
import termios

import pytest

from harness import CITAS, Server, citas, wait_until

READING = [
    ["verify", "--quiet"],
    ["events", "list"],
    ["events", "list", "-o", "json"],
    ["events", "show", "1"],
    ["events", "export"],
    ["replay", "--quiet"],
    ["projections", "list"],
    ["deadletters", "list", "--quiet"],
]


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A stopped server's folder whose events take more than any buffer of a stream."""
    server = Server(tmp_path_factory.mktemp("filled"), "--nats", "none").start()
    for schedule in range(1, 30):
        server.client.book("00001", schedule)
    server.stop()
    return server.data


def run(command, **streams):
    return subprocess.run(
        [CITAS, *map(str, command)],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
        **streams,
    )


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_an_answer_that_does_not_arrive_is_no_success(filled, command):
    with open("/dev/full", "w", encoding="utf-8") as full:
        result = run([*command, "--data", filled], stdout=full)
    assert result.returncode == 1
    assert len(result.stderr.strip().splitlines()) == 1 and result.stderr.startswith("citas: ")


@pytest.mark.parametrize("command", [["config", "show"], ["--help"], ["--version"]], ids=" ".join)
def test_nor_is_one_about_the_program(command):
    with open("/dev/full", "w", encoding="utf-8") as full:
        assert run(command, stdout=full).returncode == 1


def test_a_closed_stdout_is_noticed(filled):
    closed = run(["verify", "--quiet", "--data", filled], preexec_fn=lambda: os.close(1))
    assert closed.returncode == 1 and "stdout" in closed.stderr


def close_all_streams():
    for stream in (0, 1, 2):
        os.close(stream)


def test_no_stored_file_takes_the_place_of_a_closed_stream(new_server):
    """What is meant for people would be written into it."""
    server = new_server("--nats", "none")
    address = server.folder / "address"
    child = subprocess.Popen(
        [CITAS, "serve", "--data", server.data, "--listen", "127.0.0.1:0", "--nats", "none"]
        + ["--address-file", address],
        preexec_fn=close_all_streams,
    )
    try:
        wait_until(lambda: address.exists() or child.poll() is not None, "the server serves")
        streams = [os.readlink(f"/proc/{child.pid}/fd/{stream}") for stream in (0, 1, 2)]
        assert streams == ["/dev/null"] * 3
    finally:
        child.terminate()
        assert child.wait(60) == 0


def test_a_reader_that_has_seen_enough(filled):
    """Such as head: the program ends by SIGPIPE, as programs do, and without a word."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        result = run(["events", "list", "-o", "json", "--data", filled], stdout=writing)
    finally:
        os.close(writing)
    assert result.returncode == -13 and result.stderr == ""


def drawn(command, columns):
    """What appears on a terminal of so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    child = subprocess.Popen(
        [CITAS, *map(str, command)], stdin=theirs, stdout=subprocess.DEVNULL, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert child.wait(60) == 0
    return [line.removeprefix("\x1b[K").strip() for line in shown.decode().split("\r")]


def test_progress_stays_within_its_line(filled):
    for columns in (20, 60, 90):
        lines = drawn(["verify", "--data", filled], columns)
        assert any(line for line in lines)
        assert all(len(line) < columns for line in lines), lines
    assert any(line.startswith("[###") for line in drawn(["verify", "--data", filled], 200))


def test_the_same_output_in_every_locale(filled):
    listed = {
        citas("events", "list", "--data", filled, LC_ALL=locale).stdout
        for locale in ("C", "POSIX", "C.UTF-8")
    }
    assert len(listed) == 1
