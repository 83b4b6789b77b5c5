"""Runs the commands that a runbook prints, as they stand there."""

import os
import pathlib
import re
import subprocess

from contract import ROOT
from harness import CITAS

RUNBOOKS = ROOT / "ops/runbooks"
URL = "http://127.0.0.1:8080"


class Runbook:
    """The commands of one page, in its order; each is run once, for this server."""

    def __init__(self, name, url, folder):
        text = (RUNBOOKS / name).read_text(encoding="utf-8")
        self._commands = re.findall(r"^ *\$ (.+)$", text, re.MULTILINE)
        self._url = url
        self._folder = pathlib.Path(folder)
        self._replacements = {}
        bin_folder = self._folder / "bin"
        bin_folder.mkdir()
        (bin_folder / "citas").symlink_to(CITAS)
        self._environment = {
            **os.environ,
            "PATH": f"{bin_folder}:{os.environ['PATH']}",
            "CITAS_URL": url,
        }

    def replace(self, printed, actual):
        """What the page shows for what is here: an id, for example."""
        self._replacements[printed] = actual

    def ids(self):
        """The ids that the commands name, in the page's order."""
        pattern = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
        found = re.findall(pattern, "\n".join(self._commands))
        return list(dict.fromkeys(found))

    def run(self, beginning):
        """Runs the next command, which has to begin so, and returns what it printed."""
        command = self._commands.pop(0)
        assert command.startswith(beginning), f"next is {command!r}, not {beginning!r}"
        command = command.replace(URL, self._url)
        for printed, actual in self._replacements.items():
            command = command.replace(printed, actual)
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def finished(self):
        return not self._commands
