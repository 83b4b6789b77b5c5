"""The protocol of NATS itself, as a client of it that shares no code with citas."""

import dataclasses
import json
import socket

TIMEOUT_S = 30
# The error of a request that reached no stream and no API: NATS answers with the status alone.
NOBODY_ANSWERS = 503


@dataclasses.dataclass(frozen=True)
class BusAddress:
    """Where a nats-server listens on this machine, and what it wants to be told."""

    port: int
    user: str = None
    password: str = None


class NatsWire:
    """One connection to a nats-server."""

    def __init__(self, bus):
        self._socket = socket.create_connection(("127.0.0.1", bus.port), TIMEOUT_S)
        self._file = self._socket.makefile("rb")
        self.reply = ""  # where the last message with headers wants its acknowledgement
        self._file.readline()  # INFO
        hello = {"verbose": False, "headers": True, "no_responders": True}
        if bus.user:
            hello |= {"user": bus.user, "pass": bus.password}
        self._send(f"CONNECT {json.dumps(hello)}\r\n".encode())

    def close(self):
        self._file.close()
        self._socket.close()

    def _send(self, data):
        self._socket.sendall(data)

    def subscribe(self, subject, sid=1):
        self._send(f"SUB {subject} {sid}\r\n".encode())

    def publish(self, subject, payload, reply=""):
        self._send(f"PUB {subject} {reply} {len(payload)}\r\n".encode() + payload + b"\r\n")

    def receive(self):
        """The next message: (subject, headers, payload)."""
        while True:
            line = self._file.readline()
            if not line:
                raise ConnectionError("the bus closed the connection")
            parts = line.split()
            if parts[0] == b"PING":
                self._send(b"PONG\r\n")
            elif parts[0] == b"MSG":
                return parts[1].decode(), {}, self._payload(int(parts[-1]))
            elif parts[0] == b"HMSG":
                self.reply = parts[3].decode() if len(parts) == 6 else ""
                head_size, size = int(parts[-2]), int(parts[-1])
                data = self._payload(size)
                return parts[1].decode(), parse_headers(data[:head_size]), data[head_size:]

    def _payload(self, size):
        return self._file.read(size + 2)[:size]

    def request(self, subject, body):
        inbox = "_INBOX.torture.request"
        self.subscribe(inbox, 2)
        self.publish(subject, json.dumps(body).encode() if body else b"", inbox)
        answer = self.receive()[2]
        self._send(b"UNSUB 2\r\n")
        return json.loads(answer) if answer else {"error": {"err_code": NOBODY_ANSWERS}}


def parse_headers(block):
    lines = block.decode().split("\r\n")[1:]
    return dict(line.split(": ", 1) if ": " in line else line.split(":", 1) for line in lines if line)
