"""What every suite shares: its plan, its result, and how that is told."""

import collections
import contextlib
import dataclasses
import functools
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent


class Broken(Exception):
    """A promise of the system was not kept."""


class CannotRun(Exception):
    """Not on this machine, or not as this user: nothing was tried."""


def promise(kept, broken):
    """An assertion that no interpreter option switches off."""
    if not kept:
        raise Broken(broken() if callable(broken) else broken)


@dataclasses.dataclass(frozen=True)
class Suite:
    run: object  # takes a Run
    what: str  # one line
    short: int  # cycles in the short form
    long: int  # cycles in the long form; 0: as many as there are


def repeat_command(suite, cycles, seed, short):
    form = " --short" if short else ""
    return f"ops/torture {suite} --cycles {cycles} --seed {seed}{form}"


@functools.cache
def commit_of_sources():
    """That these suites are from; None outside of a repository."""
    describe = ["git", "-C", HERE, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    with contextlib.suppress(OSError):
        described = subprocess.run(describe, capture_output=True, text=True, check=False)
        return described.stdout.strip() or None
    return None


@dataclasses.dataclass
class Run:
    """One execution of a suite: what it was told to do, and what it did."""

    suite: str
    cycles: int
    seed: int
    short: bool
    folder: pathlib.Path
    done: int = 0  # cycles that came to their end
    injected: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    checked: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    figures: dict = dataclasses.field(default_factory=dict)
    failure: str = None
    traceback: str = None  # where a failure came from that is no broken promise
    skipped: str = None  # why nothing was tried
    interrupted: bool = False
    commit: str = dataclasses.field(default_factory=commit_of_sources)  # as it begins
    seconds: float = 0.0

    def __post_init__(self):
        self.random = random.Random(f"{self.suite}/{self.seed}")

    def rounds(self):
        """The numbers of its cycles. A cycle counts as done when the next one is asked for."""
        for number in range(self.cycles):
            yield number
            self.done += 1

    def progress(self, text):
        """On a terminal one line that changes, elsewhere nothing."""
        if sys.stderr.isatty():
            print(f"\r\033[K{self.suite}: {text}", end="", file=sys.stderr, flush=True)

    @property
    def repeat(self):
        return repeat_command(self.suite, self.cycles, self.seed, self.short)

    def as_json(self):
        return {
            "suite": self.suite,
            "ok": self.failure is None and self.skipped is None,
            "cycles": self.done,
            "planned": self.cycles or None,
            "seed": self.seed,
            "seconds": round(self.seconds, 1),
            "commit": self.commit,
            "injected": dict(self.injected),
            "checked": dict(self.checked),
            "figures": self.figures,
            "failure": self.failure,
            "traceback": self.traceback,
            "skipped": self.skipped,
            "repeat": self.repeat,
            "evidence": str(self.folder) if self.failure else None,
        }

    def as_text(self):
        verdict = "FAILED" if self.failure else "SKIPPED" if self.skipped else "ok"
        cycles = f"{self.done}/{self.cycles or 'all'} cycles"
        lines = [f"{self.suite}: {verdict}, {cycles}, seed {self.seed}, {self.seconds:.0f} s"]
        for title, found in (
            ("injected", self.injected),
            ("checked", self.checked),
            ("figures", self.figures),
        ):
            lines += [f"  {title:9} {what}: {count}" for what, count in found.items()]
        if self.skipped:
            lines.append(f"  skipped   {self.skipped}")
        if self.failure:
            lines += [f"  failure   {line}" for line in self.failure.splitlines()]
            lines += [f"  traceback {line}" for line in (self.traceback or "").splitlines()]
            lines += [f"  repeat    {self.repeat}", f"  evidence  {self.folder}"]
        return "\n".join(lines)


def percentile(values, fraction):
    """The smallest value that this fraction of all does not exceed; None without values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(fraction * len(ordered)))] if ordered else None


def execute(name, suite, cycles, seed, short):
    """Runs a suite on a folder of its own, which stays behind when it fails, whatever it fails by."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"citas-torture-{name}-"))
    run = Run(name, cycles, seed, short, folder)
    started = time.monotonic()
    try:
        suite.run(run)
        promise(run.done >= cycles, f"the suite ended after {run.done} of {cycles} cycles")
    except CannotRun as reason:
        run.skipped = str(reason)
    except (Exception, KeyboardInterrupt) as failure:
        note_failure(run, failure)
    run.seconds = time.monotonic() - started
    run.progress("")
    if run.failure is None:
        shutil.rmtree(folder, ignore_errors=True)
    return run


def note_failure(run, failure):
    """Says what it was, keeps where it came from, and ends what it left running: whoever comes next
    wants the machine for himself."""
    run.interrupted = isinstance(failure, KeyboardInterrupt)
    text = "".join(traceback.format_exception(failure))
    run.failure = f"{type(failure).__name__}: {failure}"
    if not isinstance(failure, (Broken, AssertionError)):
        run.traceback = text
    with contextlib.suppress(OSError):
        (run.folder / "failure.txt").write_text(f"{run.repeat}\n{run.failure}\n\n{text}")
    for child in children():
        with contextlib.suppress(OSError):
            os.kill(child, signal.SIGKILL)


def children():
    """The processes that this one has started, and that have not ended."""
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            if int(parent) == os.getpid():
                yield int(folder.name)


def announce(name, cycles, seed, short):
    """Before anything can go wrong: how to do it again."""
    command = repeat_command(name, cycles, seed, short)
    print(f"{name}: seed {seed}; repeat: {command}", file=sys.stderr, flush=True)


def report(run, output):
    print(json.dumps(run.as_json()) if output == "json" else run.as_text(), flush=True)


class Journal:
    """One JSON document a line, on disk before `write` returns. Thread-safe: each line is one write
    to a file opened for appending, and one sync serves all who wait for theirs."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._counting, self._syncing = threading.Lock(), threading.Lock()
        self._written = self._synced = 0

    def write(self, **entry):
        os.write(self._descriptor, (json.dumps(entry) + "\n").encode())
        with self._counting:
            self._written += 1
            mine = self._written
        with self._syncing:
            if self._synced < mine:
                covered = self._written
                os.fdatasync(self._descriptor)
                self._synced = covered

    def read(self):
        """What is in the file, whatever anybody remembers of it."""
        with self.path.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)

    def close(self):
        with contextlib.suppress(OSError):
            os.close(self._descriptor)
