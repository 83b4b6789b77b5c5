"""events/README.md is enough to prove a history with a program of one's own: the one it shows."""

import re
import subprocess
import sys

import pytest

from contract import ROOT
from harness import Server, citas

PAGE = (ROOT / "events/README.md").read_text(encoding="utf-8")
COUNT = 12
WRITTEN_DOWN = 7  # a position


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """What a server exported, the heads that it had, and its folder after it was stopped."""
    server = Server(tmp_path_factory.mktemp("history"), "--nats", "none").start()
    for schedule in range(1, COUNT + 1):
        server.client.book(f"{1 + schedule % 3:05}", schedule)
    head = server.client.get("/events/head").json
    server.head = f"{head['position']}:{head['hash']}"
    earlier = server.client.get(f"/events/{WRITTEN_DOWN}").headers["citas-hash"]
    server.earlier = f"{WRITTEN_DOWN}:{earlier}"
    server.exported = server.client.get("/events", accept="application/x-ndjson").body
    server.stop()
    return server


@pytest.fixture(scope="module")
def prove(tmp_path_factory):
    """Runs the program that the page shows on an export."""
    program = tmp_path_factory.mktemp("prove") / "prove.py"
    program.write_text(re.search(r"```python\n(.*?)```", PAGE, re.S).group(1), encoding="utf-8")

    def run(exported, *heads):
        return subprocess.run(
            [sys.executable, program, *heads], input=exported, capture_output=True, check=False
        )

    return run


def test_its_head_is_the_logs(history, prove):
    proved = prove(history.exported)
    assert proved.stdout.decode().strip() == history.head
    offline = citas("events", "export", "--data", history.data).stdout
    assert prove(offline.encode()).stdout == proved.stdout
    assert history.head in citas("verify", "--data", history.data).stdout


def test_heads_that_were_written_down_are_in_the_chain(history, prove):
    assert prove(history.exported, history.earlier, history.head).returncode == 0
    position, digits = history.earlier.split(":")
    other = f"{position}:{'0' * len(digits)}"
    assert prove(history.exported, other).returncode != 0


def flipped(lines):
    lines[4] = lines[4].replace(b'"insuredId":"0', b'"insuredId":"1')
    return lines


def removed(lines):
    return lines[:4] + lines[5:]


def exchanged(lines):
    return lines[:4] + [lines[5], lines[4]] + lines[6:]


def written_again(lines):
    lines[4] = lines[4].replace(b'":', b'": ', 1)
    return lines


@pytest.mark.parametrize("forge", [flipped, removed, exchanged, written_again])
def test_what_was_forged_is_noticed(history, prove, forge):
    forged = b"".join(forge(history.exported.splitlines(keepends=True)))
    assert forged != history.exported
    assert prove(forged, history.earlier).returncode != 0


def test_what_was_cut_off_is_noticed(history, prove):
    kept = b"".join(history.exported.splitlines(keepends=True)[: WRITTEN_DOWN - 1])
    assert prove(kept).returncode == 0
    assert prove(kept, history.earlier).returncode != 0
    assert prove(b"").returncode != 0


def test_a_restored_log_continues_the_same_chain(history, prove, tmp_path):
    backups, data = tmp_path / "backups", tmp_path / "data"
    made = citas("backup", "create", "--data", history.data, "--backups", backups)
    assert made.returncode == 0, made.stderr
    restored = citas(
        *("backup", "restore", "--backups", backups, "--data", data, "--until", WRITTEN_DOWN)
    )
    assert restored.returncode == 0, restored.stderr
    exported = citas("events", "export", "--data", data).stdout.encode()
    assert prove(exported).stdout.decode().strip() == history.earlier
    gone = citas("verify", "--data", data, "--expect", history.head)
    assert gone.returncode == 4


def test_the_page_shows_what_the_program_prints(history):
    """`citas verify --expect` ends as the page says."""
    position, digits = history.earlier.split(":")
    for head, code in ((history.earlier, 0), (f"{position}:{'0' * len(digits)}", 4)):
        assert citas("verify", "--data", history.data, "--expect", head).returncode == code
