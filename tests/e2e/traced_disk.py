"""A disk that fails or hangs under a running server, by means of strace."""

import shutil
import subprocess

from harness import Process, wait_until

STRACE = shutil.which("strace")


def can_trace():
    if STRACE is None:
        return False
    return subprocess.run([STRACE, "-qq", "-e", "trace=none", "true"], check=False).returncode == 0


class TracedDisk:
    """Tampers with system calls that a running server makes on a file. `how` is strace's: such as
    "error=EIO:when=20" or "delay_enter=30s"."""

    def __init__(self, server, calls, how, path):
        self.trace = server.folder / "trace"
        log = server.folder / "strace.log"
        command = [STRACE, "-f", "-p", server.process.pid, "-o", self.trace, "-P", path]
        command += ["-e", f"trace={calls}", "-e", f"inject={calls}:{how}"]
        self.process = Process(command, log)
        wait_until(lambda: "attached" in log.read_text(), "strace has attached itself")

    def calls(self):
        """Whether each traced call was tampered with, in order."""
        self.process.wait()
        return ["(INJECTED)" in line for line in self.trace.read_text().splitlines() if "(" in line]
