"""What a run says of itself: whatever ends it, its seed and its evidence must survive."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

import framework  # noqa: E402
from harness import wait_until  # noqa: E402


@pytest.fixture
def ran():
    """Executes a suite that does what it is told, and removes its evidence in the end."""
    runs = []

    def execute(play, cycles=3):
        runs.append(framework.execute("made-up", framework.Suite(play, "", 1, 1), cycles, 7, True))
        return runs[-1]

    yield execute
    for run in runs:
        shutil.rmtree(run.folder, ignore_errors=True)


def fails_in_the_second(failure):
    def play(run):
        for number in run.rounds():
            (run.folder / "journal").write_text("kept")
            if number == 1:
                raise failure

    return play


@pytest.mark.parametrize(
    "failure",
    [
        framework.Broken("lost"),
        subprocess.TimeoutExpired("citas verify", 60),
        KeyError("position"),
        json.JSONDecodeError("no JSON", "", 0),
    ],
)
def test_whatever_ends_a_run_it_has_failed(ran, failure):
    run = ran(fails_in_the_second(failure))
    assert run.failure.startswith(f"{type(failure).__name__}: ")
    assert (run.done, run.interrupted) == (1, False)
    assert "1/3 cycles, seed 7" in run.as_text()
    assert "ops/torture made-up --cycles 3 --seed 7 --short" in run.as_text()
    assert (run.folder / "journal").read_text() == "kept"
    assert "in play" in (run.folder / "failure.txt").read_text()
    promised = isinstance(failure, framework.Broken)
    assert ("in play" in run.as_text()) is not promised


def test_an_interrupted_run_says_so(ran):
    run = ran(fails_in_the_second(KeyboardInterrupt()))
    assert run.interrupted and run.failure.startswith("KeyboardInterrupt")


def test_a_failed_run_leaves_nothing_running(ran):
    started = []

    def play(run):
        started.append(subprocess.Popen(["sleep", "600"]))
        raise KeyError("whatever")

    ran(play)
    assert started[0].wait(10) == -9


def test_a_suite_that_ends_early_has_failed(ran):
    def play(run):
        for number in run.rounds():
            if number == 1:
                return

    assert "after 1 of 3 cycles" in ran(play).failure


def test_a_run_that_held_leaves_nothing_behind(ran):
    run = ran(lambda run: list(run.rounds()))
    assert (run.failure, run.done, run.as_json()["cycles"]) == (None, 3, 3)
    assert not run.folder.exists()


def test_the_table_can_be_filled_from_it(ran):
    told = ran(lambda run: list(run.rounds())).as_json()
    assert told["seconds"] >= 0 and told["commit"] == framework.commit_of_sources()
    assert {"suite", "cycles", "seed", "injected", "checked", "figures", "repeat"} <= set(told)


def test_a_suite_not_run_is_not_a_suite_that_held(ran):
    def play(run):
        raise framework.CannotRun("no root")

    told = ran(play).as_json()
    assert not told["ok"] and told["skipped"] == "no root"


@pytest.fixture
def broken(tmp_path):
    """Runs the program itself with nothing to test: suites that cannot even start."""
    nowhere = os.environ | {"CITAS_BIN": "/nonexistent/citas", "TMPDIR": str(tmp_path)}

    def run(*arguments):
        command = [sys.executable, "-B", HERE, *arguments, "--short"]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=nowhere)

    return run


def test_the_seed_is_told_before_anything_can_go_wrong(broken):
    run = broken("replay", "--seed", "today")
    assert run.returncode == 1
    assert run.stderr.startswith("replay: seed 20") and "--cycles 1 --seed 20" in run.stderr
    assert "replay: FAILED, 0/1 cycles, seed 20" in run.stdout


def test_suites_run_on_when_one_has_failed(broken):
    run = broken("replay", "clock", "--seed", "5", "-o", "json")
    assert run.returncode == 1
    told = [json.loads(line) for line in run.stdout.splitlines()]
    assert [(one["suite"], one["seed"], one["ok"]) for one in told] == [
        ("replay", 5, False),
        ("clock", 5, False),
    ]


@pytest.mark.parametrize("suites", [["power"], ["power", "io"]])
def test_an_interrupted_program_says_how_to_repeat_it(tmp_path, suites):
    """Ctrl-C goes to everybody on the terminal."""
    started, endless = tmp_path / "started", tmp_path / "endless"
    endless.write_text(f"#!/bin/sh\ntouch {started}\nexec sleep 600\n")
    endless.chmod(0o700)
    run = subprocess.Popen(
        [sys.executable, "-B", HERE, *suites, "--seed", "5"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"CITAS_TORTURE_BIN": str(endless), "TMPDIR": str(tmp_path)},
        start_new_session=True,
    )
    wait_until(started.exists, "the suite is under way")
    os.killpg(run.pid, signal.SIGINT)
    told = run.communicate(timeout=30)[0]
    assert run.returncode == 130
    assert "power: FAILED, 0/1000 cycles, seed 5" in told and "KeyboardInterrupt" in told
    assert "repeat    ops/torture power --cycles 1000 --seed 5" in told and "io:" not in told
