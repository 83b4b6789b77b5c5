"""The README's first command, as somebody types it on a new machine: ops/run, what it prints, its
tour, Ctrl-C, and what it says when something is in its way. The scripts are the tree's own, in a
tree of which only the compiling is left out."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess

import pytest

from contract import ROOT
from harness import CITAS, Process, wait_until

SCRIPTS = ("run", "setup", "steps.sh", "packages.txt")
# A package that is there by its name alone, whatever commands a machine has.
PACKAGE = "libcli11-dev"


class Tree:
    """A source tree, and the programs that its scripts find first."""

    def __init__(self, folder):
        self.folder = folder
        self.bin = folder / "bin"
        for made in (self.bin, folder / "ops", folder / "build/release", folder / "tmp"):
            made.mkdir(parents=True)
        for name in SCRIPTS:
            shutil.copy(ROOT / "ops" / name, folder / "ops" / name)
        (folder / "build/release/citas").symlink_to(CITAS)
        self.program("cmake", "exit 0")

    def program(self, name, script):
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def environment(self):
        path = f"{self.bin}:{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "TMPDIR": str(self.folder / "tmp")}

    def script(self, name, *arguments):
        """Runs it to its end."""
        return subprocess.run(
            [self.folder / "ops" / name, *map(str, arguments)],
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path / "tree")


@pytest.fixture
def running(tree, monkeypatch):
    """Starts ops/run, and waits for the last line of its greeting; none outlives the test."""
    monkeypatch.setenv("PATH", tree.environment()["PATH"])
    started = []

    def start(*options):
        log = tree.folder / f"run-{len(started)}.log"
        process = Process([tree.folder / "ops/run", "--listen", "127.0.0.1:0", *options], log)
        started.append(process)

        def greeted():
            assert process.alive(), process.output()
            return "Ctrl-C drains and stops." in process.output()

        wait_until(greeted, "it says how to stop it")
        return process

    yield start
    for process in started:
        if process.alive():
            process.kill()


def pasted(process):
    """What the printed commands print, each as a shell runs it."""
    lines = re.findall(r"^  (curl .*)$", process.output(), re.MULTILINE)
    assert len(lines) == 3, process.output()
    answers = [
        subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=30, check=True)
        for line in lines
    ]
    return [json.loads(answer.stdout) for answer in answers]


def interrupt(process):
    os.kill(process.pid, signal.SIGINT)
    assert process.wait() == 0, process.output()


def test_what_it_prints_can_be_pasted(running):
    first = running()
    booked, listed, recorded = pasted(first)
    assert (booked["status"], booked["insuredId"]) == ("pending", "00001")
    assert [one["appointmentId"] for one in listed["appointments"]] == [booked["appointmentId"]]
    assert recorded["events"][0]["type"] == "citas.appointment.requested.v1"
    interrupt(first)
    # The next one goes on where it was: a double click, and not a second booking.
    second = running()
    again, listed, _ = pasted(second)
    assert again["appointmentId"] == booked["appointmentId"] and listed["total"] == 1
    interrupt(second)


def figures(table):
    rows = re.findall(r"^(\w[\w ,]*?) {2,}([\d,]+)$", table, re.MULTILINE)
    return {name: int(value.replace(",", "")) for name, value in rows}


def test_the_tour_adds_up_and_leaves_nothing(tree):
    tour = tree.script("run", "--tour", "--requests", 200)
    assert tour.returncode == 0, tour.stderr
    assert tour.stdout.endswith("\nEverything adds up.\n")
    count = figures(tour.stdout)
    assert count["requests"] == 200
    assert count["completed"] + count["cancelled"] == count["accepted"]
    assert 0 < count["refused as taken"] < 200 - count["accepted"] + count["repeated, same outcome"]
    rebuilt = re.findall(r"^(\w+): rebuilt from ([\d,]+) events", tour.stdout, re.MULTILINE)
    assert {int(events.replace(",", "")) for _, events in rebuilt} == {count["events appended"]}
    assert tour.stdout.count("identical to the one that it replaced") == len(rebuilt) >= 2
    assert not list((tree.folder / "tmp").iterdir())


def test_a_tour_is_interrupted(tree):
    """By a terminal, which tells the whole group."""
    with subprocess.Popen(
        [tree.folder / "ops/run", "--tour", "--requests", "1000000"],
        env=tree.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as tour:
        try:
            wait_until(lambda: list(tree.folder.glob("tmp/*/address")), "its server is there")
            os.killpg(tour.pid, signal.SIGINT)
            _, errors = tour.communicate(timeout=30)
        finally:
            if tour.poll() is None:
                os.killpg(tour.pid, signal.SIGKILL)
    assert tour.returncode == 130, errors
    assert "cleanly" not in errors
    assert not list((tree.folder / "tmp").iterdir())


def refusal(tree, *options):
    """The one line that it says, beside how far its steps got."""
    refused = tree.script("run", *options)
    assert refused.returncode not in (0, None) and refused.stdout == ""
    step = re.compile("citas: .*: done in .*|citas: installing .*")
    lines = [line for line in refused.stderr.splitlines() if not step.fullmatch(line)]
    assert len(lines) == 1, refused.stderr
    return lines[0]


def test_a_port_that_is_taken(tree):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        line = refusal(tree, "--listen", address)
    host, port = address.split(":")
    assert f"{host} port {port}" in line and "choose another port" in line, line


def test_a_data_folder_that_is_held(tree, running):
    running()
    line = refusal(tree, "--listen", "127.0.0.1:0")
    assert "data" in line and "another process" in line, line
    assert line.endswith("stop that one first"), "serve has no --url"


@pytest.fixture
def lacking(tree):
    """A machine that lacks one package; `answer` is what its apt-get does then."""

    def lack(answer):
        tree.program("dpkg-query", f'[ "$4" = {PACKAGE} ] || echo installed')
        tree.program("apt-get", f'echo "$@" >>"{tree.folder}/asked"; {answer}')
        tree.program("sudo", 'exec "$@"')
        return tree

    return lack


@pytest.mark.parametrize("answer", ["exit 100", 'case "$*" in *--yes*) exit 100; esac'])
def test_a_package_that_cannot_be_installed(lacking, answer):
    line = refusal(lacking(answer), "--listen", "127.0.0.1:0")
    assert PACKAGE in line and "package mirror" in line, line


def test_missing_packages_are_installed_and_told(lacking):
    tree = lacking("exit 0")
    done = tree.script("setup")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"citas: installing {PACKAGE}\n"
    *_, last = (tree.folder / "asked").read_text().splitlines()
    assert "--simulate" not in last and last.endswith(f"--yes {PACKAGE}")


def test_nothing_is_said_when_nothing_is_missing(tree):
    tree.program("dpkg-query", "echo installed")
    tree.program("apt-get", "exit 100")
    done = tree.script("setup")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
