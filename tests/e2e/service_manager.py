"""Plays systemd: hears what a service says on its NOTIFY_SOCKET (sd_notify(3))."""

import os
import socket
import threading
import time

from harness import wait_until


class ServiceManager:
    """Collects the messages of a process started with its environment(), with their times."""

    def __init__(self, folder, watchdog_s=None, abstract=False):
        self._watchdog_s = watchdog_s
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        name = str(folder / "notify")
        self._address = f"@{name}" if abstract else name
        self._socket.bind(f"\0{name}" if abstract else name)
        self.heard = []  # (time, message), in order
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self):
        while True:
            message = self._socket.recv(65536).decode()
            if message == "END":
                return
            self.heard += [(time.monotonic(), line) for line in message.splitlines()]

    def close(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"END", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def environment(self):
        variables = {"NOTIFY_SOCKET": self._address}
        if self._watchdog_s is not None:
            variables["WATCHDOG_USEC"] = str(int(self._watchdog_s * 1_000_000))
        return variables

    def messages(self):
        return [message for _, message in self.heard]

    def times(self, message):
        return [at for at, said in self.heard if said == message]

    def status(self):
        lines = [said for said in self.messages() if said.startswith("STATUS=")]
        return lines[-1].removeprefix("STATUS=") if lines else ""

    def wait_for(self, message, count=1):
        wait_until(lambda: len(self.times(message)) >= count, f"{count} times {message}")


def with_environment(monkeypatch, manager):
    """What is started from now on is this manager's service."""
    for name, value in manager.environment().items():
        monkeypatch.setenv(name, value)
    assert os.environ["NOTIFY_SOCKET"]
