"""The real program, a real bus, and folders of their own: what every test here runs against."""

import contextlib
import ctypes
import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

from client import Client
from contract import ROOT

CITAS = pathlib.Path(os.environ.get("CITAS_BIN", ROOT / "build/release/citas")).resolve()
# Debian installs it where an ordinary user's PATH does not look.
NATS_SERVER = shutil.which("nats-server") or "/usr/sbin/nats-server"
PR_SET_PDEATHSIG = 1
SETTLED = {"completed", "failed", "cancelled"}


def wait_until(condition, what, timeout_s=60.0, interval_s=0.02):
    """Returns the condition's first true value; fails, naming `what`, when it takes too long. Unless
    told otherwise that is a hang: a machine of tests may be slow, and never is by so much."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {timeout_s:.0f} s: {what}"
        time.sleep(interval_s)
    return value


def _die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """A child process whose output goes to a file; it does not outlive the test."""

    def __init__(self, command, log):
        self.log = pathlib.Path(log)
        with self.log.open("ab") as output:
            self._child = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=_die_with_parent,
            )
        self.pid = self._child.pid

    def alive(self):
        return self._child.poll() is None

    def wait(self, timeout_s=60):
        return self._child.wait(timeout_s)

    def kill(self):
        """kill -9."""
        self._child.kill()
        self._child.wait()

    def terminate(self, timeout_s=60):
        """SIGTERM; returns the exit code."""
        self._child.terminate()
        return self.wait(timeout_s)

    def output(self):
        return self.log.read_text(encoding="utf-8", errors="replace")


def citas(*arguments, timeout_s=60, **environment):
    """Runs one of the program's commands to its end."""
    return subprocess.run(
        [str(CITAS), *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        env={**os.environ, **environment},
        check=False,
    )


class Server:
    """`citas serve` on a folder; may be stopped and started again."""

    def __init__(self, folder, *options):
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "data"
        self.options = options
        self.process = None
        self.client = None

    def start(self, *options):
        address_file = self.launch(*options)
        self.client = Client(self._read_address(address_file))
        wait_until(self._ready, "the server is ready")
        return self

    def launch(self, *options):
        """Starts the process without waiting; returns the file that will hold its address."""
        address_file = self.folder / "address"
        address_file.unlink(missing_ok=True)
        self.process = Process(
            [CITAS, "serve", "--data", self.data, "--listen", "127.0.0.1:0"]
            + ["--address-file", address_file, *self.options, *options],
            self.folder / "server.log",
        )
        return address_file

    def _read_address(self, address_file):
        def written():
            assert self.process.alive(), f"the server ended:\n{self.process.output()[-4000:]}"
            return address_file.exists() and address_file.read_text().strip()

        return wait_until(written, "the server wrote its address")

    def _ready(self):
        return self.client.get("/readyz").status == 200

    def kill(self):
        self.process.kill()
        self.client.close()

    def stop(self):
        """SIGTERM, which has to end in exit code 0."""
        self.client.close()
        code = self.process.terminate()
        assert code == 0, f"exit code {code}:\n{self.process.output()[-4000:]}"

    def restart(self, *options):
        self.stop()
        return self.start(*options)

    def wipe(self, *names):
        """Removes folders below data/, as an operator may while the server is stopped."""
        for name in names:
            shutil.rmtree(self.data / name)

    def nats_pid(self):
        """The file holds the pid, and when that process was started."""
        return int((self.data / "bus/nats-server.pid").read_text().split()[0])

    def kill_nats(self):
        os.kill(self.nats_pid(), signal.SIGKILL)

    def settled(self, insured, appointment, timeout_s=60):
        """Waits until the appointment is pending no longer; returns it."""

        def look():
            found = self.client.appointment(insured, appointment)
            return found if found["status"] in SETTLED else None

        return wait_until(look, f"appointment {appointment} is settled", timeout_s)

    def all_settled(self, insureds, timeout_s=60):
        """Waits until none of the insureds has a pending appointment."""
        for insured in insureds:
            target = f"/appointments/{insured}?status=pending&limit=1"
            wait_until(
                lambda at=target: self.client.get(at).json["total"] == 0,
                f"all appointments of {insured} are settled",
                timeout_s,
            )

    def metric(self, name, **labels):
        """The sum of a metric's samples that carry the labels; None without any."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        samples = [
            float(line.rsplit(" ", 1)[1])
            for line in self.client.get("/metrics").text.splitlines()
            if line.split("{")[0].split(" ")[0] == name and all(w in line for w in wanted)
        ]
        return sum(samples) if samples else None


class Nats:
    """A nats-server of the test's own, on a port that stays the same over restarts."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.store = self.folder / "store"
        self.port = -1  # the server picks one
        self.process = None

    def start(self, timeout_s=60):
        self.launch()
        self.port = wait_until(self._reported_port, "nats-server reports its port", timeout_s)
        return self

    def launch(self):
        """Starts the process without waiting."""
        for stale in self.folder.glob("*.ports"):
            stale.unlink()
        self.process = Process(
            [NATS_SERVER, "-js", "-sd", self.store, "-a", "127.0.0.1", "-p", self.port]
            + ["--ports_file_dir", self.folder],
            self.folder / "nats.log",
        )

    def _reported_port(self):
        with contextlib.suppress(StopIteration, ValueError, KeyError):
            ports = json.loads(next(self.folder.glob("*.ports")).read_text())
            return int(ports["nats"][0].rsplit(":", 1)[1])
        return None

    @property
    def url(self):
        return f"nats://127.0.0.1:{self.port}"

    def kill(self):
        self.process.kill()

    def wipe(self):
        shutil.rmtree(self.store)


class Numbers:
    """Insureds and schedules that no other test of the same server uses."""

    def __init__(self):
        self._insureds = itertools.count(1)
        self._schedules = itertools.count(1)

    def insured(self):
        return f"{next(self._insureds):05}"

    def schedule(self):
        return next(self._schedules)
