"""The programs under measurement: starts and stops them, and says what they used."""

import os
import re
import signal
import subprocess
import tempfile
import time

START_SECONDS = 30
STOP_SECONDS = 60
ADDRESS = re.compile(r"127\.0\.0\.1:(\d{2,5})\b")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """A program did not do its part; the message says which and why."""


class Program:
    """A running server. Use it in a `with` block: it is stopped at the end."""

    def __init__(self, command):
        self.command = [str(part) for part in command]
        self._log = tempfile.TemporaryFile(mode="w+")
        try:
            self._process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)
        except OSError as error:
            raise Failed(f"cannot start {self.command[0]}: {error.strerror}; build it first")
        try:
            self.port = self._await_port()
        except Failed:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def pid(self):
        return self._process.pid

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def output(self):
        # A descriptor of our own: the program writes where its own offset is.
        with open(f"/proc/self/fd/{self._log.fileno()}", encoding="utf-8", errors="replace") as log:
            return log.read()

    def _await_port(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            found = ADDRESS.search(self.output())
            if found and int(found.group(1)) != 0:
                return int(found.group(1))
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        raise Failed(f"{' '.join(self.command)} did not start:\n{self.output()}")

    def stop(self):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def cpu_seconds(self):
        """User and system time since the start."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND

    def resident_bytes(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        raise Failed(f"process {self.pid} has ended:\n{self.output()}")


def start_echo(build, threads, get_bytes=0):
    return Program([build / "citas_echo_server", "--port", "0", "--threads", threads,
                    "--get-bytes", get_bytes])


def start_citas(build, data, workers):
    """The real server on `data`; `workers` is "none" (fan-out paused), "all" or countries."""
    bus = "none" if workers == "none" else "managed"
    return Program([build / "citas", "serve", "--data", data, "--listen", "127.0.0.1:0",
                    "--nats", bus, "--workers", workers])
