"""Runs a runbook as an operator would: each command of its shell blocks, in order, in a prepared
broken world, and holds what comes out against what the page shows.

In a fenced block, "$ " begins a command, and the lines after it are what it prints: each has to be
found, in that order, among the lines that it really prints. Numbers (but 0 and 1), hashes, times
and units of size may differ, and "…" stands for anything. A command without shown output has to
succeed. Between blocks, `<!-- world: WORDS -->` calls the world's method `words`: what somebody
else does then (a disk breaks), or an operator in ways of his own (the server is stopped).
"""

import contextlib
import dataclasses
import os
import re
import shlex
import subprocess

from harness import CITAS, wait_until

EVENT = re.compile(r"<!-- world: ([a-z ]+) -->")
# What may be asked again, until it says what the page shows.
LOOK = re.compile(r"^(curl -s|tail|ls|df|du|citas (doctor|verify|events|(projections|backup|deadletters) list))\b")
VARIABLE = re.compile(
    r"(?P<anything>…)"
    r"|(?P<time>\d{4}-\d\d-\d\dT[\d:.]+Z)"
    r"|(?P<hash>\b[0-9a-f]{12,}\b)"
    r"|(?P<size>\b\d[\d.,]* (?:B|KiB|MiB|GiB|TiB)\b)"
    r"|(?P<number>\d[\d.,]*)"
    r"|(?P<space>\s+)"
)
PATTERNS = {
    "anything": ".*",
    "time": r"\d{4}-\d\d-\d\dT[\d:.]+Z",
    "hash": "[0-9a-f]+",
    "size": r"\d[\d.,]* (?:B|KiB|MiB|GiB|TiB)",
    "number": r"\d[\d.,]*",
    "space": r"\s+",
}


@dataclasses.dataclass
class Event:
    name: str


@dataclasses.dataclass
class Command:
    line: str
    shown: list


def steps_of(text):
    """Events and commands, in order."""
    steps, in_block, command = [], False, None
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("```"):
            in_block, command = not in_block, None
        elif in_block and line.startswith("$ "):
            command = Command(line.removeprefix("$ "), [])
            steps.append(command)
        elif in_block and command is not None and line:
            command.shown.append(line)
        elif not in_block and (event := EVENT.fullmatch(line)):
            steps.append(Event(event[1]))
    return steps


def pattern_of(shown):
    """What a shown line stands for."""
    parts, at = [], 0
    for found in VARIABLE.finditer(shown):
        parts.append(re.escape(shown[at : found.start()]))
        exact = found.lastgroup == "number" and found[0] in ("0", "1")
        parts.append(re.escape(found[0]) if exact else PATTERNS[found.lastgroup])
        at = found.end()
    return re.compile("".join(parts) + re.escape(shown[at:]))


def missing_line(shown, printed):
    """The first shown line that was not printed in its turn; None when all were."""
    lines = iter(line.strip() for line in printed.splitlines())
    for wanted in shown:
        pattern = pattern_of(wanted)
        if not any(pattern.fullmatch(line) for line in lines):
            return wanted
    return None


class World:
    """A folder that an operator's shell is in. Subclasses break it, and mend it on request."""

    def __init__(self, folder, new_server):
        self.folder = folder
        self.new_server = new_server
        self.server = None
        self.environment = {}

    def serve(self, *options):
        """A server on ./data; the pages know it as 127.0.0.1:8080."""
        self.server = self.new_server(*options)
        self.server.data = self.folder / "data"
        return self.server.start()

    def close(self):
        """Ends what new_server does not know of."""

    # What several pages need.
    def the_server_is_stopped(self):
        self.server.stop()

    def the_server_is_started(self):
        self.server.start()

    def substitutions(self):
        """What the pages call by a name that a test cannot use."""
        if self.server is None or self.server.client is None:
            return {}
        return {"127.0.0.1:8080": self.server.client.url.removeprefix("http://")}

    def in_the_pages_words(self, printed):
        for ours, theirs in self.substitutions().items():
            printed = printed.replace(theirs, ours)
        return printed.replace(f"{self.folder}/", "./")

    def run(self, line):
        """The command's output, in the page's words; a command alone has to succeed."""
        for ours, theirs in self.substitutions().items():
            line = line.replace(ours, theirs)
        prelude = f"citas() {{ {shlex.quote(str(CITAS))} \"$@\"; }}; set -o pipefail; "
        done = subprocess.run(
            ["bash", "-c", prelude + line],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            env={**self.process_environment(), **self.environment},
            check=False,
        )
        return done.returncode, self.in_the_pages_words(done.stdout + done.stderr)

    def process_environment(self):
        url = {"CITAS_URL": self.server.client.url} if self.server and self.server.client else {}
        return {**os.environ, "CITAS_LISTEN": "127.0.0.1:0", "LC_ALL": "C.UTF-8", **url}

    def metrics(self):
        """As Prometheus would get them; None where nobody answers."""
        with contextlib.suppress(OSError):
            return self.server.client.clone().get("/metrics").text
        return None


def run_command(world, command):
    last = {}

    def agrees():
        last["code"], last["printed"] = world.run(command.line)
        if not command.shown:
            return last["code"] == 0
        return missing_line(command.shown, last["printed"]) is None

    def describe():
        missing = missing_line(command.shown, last["printed"])
        return f"$ {command.line}\nexit code {last['code']}, printed:\n{last['printed']}\nnot: {missing}"

    if LOOK.match(command.line):
        try:
            wait_until(agrees, "the page's output", interval_s=0.2)
        except AssertionError as late:
            raise AssertionError(describe()) from late
        return
    assert agrees(), describe()


def play(text, world, when_broken=lambda: None):
    """Runs all steps; returns how many commands there were. Calls `when_broken` before the first
    of them."""
    commands = 0
    for step in steps_of(text):
        if isinstance(step, Event):
            getattr(world, step.name.replace(" ", "_"))()
            continue
        if commands == 0:
            when_broken()
        run_command(world, step)
        commands += 1
    return commands
