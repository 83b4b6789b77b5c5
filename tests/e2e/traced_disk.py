"""A disk that fails or hangs under a running server, by means of strace."""

import functools
import shutil
import subprocess

import pytest

from harness import Process, wait_until

STRACE = shutil.which("strace")
CANNOT_TRACE = "strace is missing, or may not attach itself to a process that it did not start"


@functools.cache
def can_trace():
    """Whether strace may do what TracedDisk has it do: attach itself to a sibling. Its own child
    it may always trace, but Yama (ptrace_scope 1) keeps it from all others."""
    if STRACE is None:
        return False
    with subprocess.Popen(["sleep", "60"]) as sibling:
        command = [STRACE, "-e", "trace=none", "-o", "/dev/null", "-p", str(sibling.pid)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
            attached = "attached" in tracer.stderr.readline()
            sibling.kill()
    return attached


needs_tracing = pytest.mark.skipif(not can_trace(), reason=CANNOT_TRACE)


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
