"""An HTTP client that trusts no answer: each is held to the OpenAPI document."""

import dataclasses
import http.client
import json
import socket
import urllib.parse

from contract import contract

TIMEOUT_S = 15


@dataclasses.dataclass
class Answer:
    status: int
    headers: dict  # names in lower case
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    @property
    def media_type(self):
        return self.headers.get("content-type", "").split(";")[0].strip()

    @property
    def position(self):
        return self.headers["citas-position"]

    @property
    def replayed(self):
        return self.headers.get("idempotent-replayed") == "true"

    @property
    def fields(self):
        """The invalid fields that a problem names."""
        return {error["field"] for error in self.json.get("errors", [])}


def encode(body):
    return body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()


class Client:
    """One connection, kept alive between requests. Not thread-safe: give each thread its own."""

    def __init__(self, url, validate=True):
        self.url = url
        self.address = urllib.parse.urlsplit(url)
        self._validate = validate
        self._connection = None

    def clone(self, validate=True):
        return Client(self.url, validate)

    def close(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def request(self, method, target, body=None, headers=None):
        headers = dict(headers or {})
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        answer = self._exchange(method, target, encode(body), headers)
        if self._validate:
            contract().check(method, target, answer)
        return answer

    def _exchange(self, method, target, body, headers):
        """A server may close an idle connection at any time: that one case is tried again."""
        reused = self._connection is not None
        try:
            return self._send(method, target, body, headers)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            self.close()
            if not reused:
                raise
            return self._send(method, target, body, headers)
        except BaseException:
            self.close()
            raise

    def _send(self, method, target, body, headers):
        if self._connection is None:
            self._connection = http.client.HTTPConnection(
                self.address.hostname, self.address.port, timeout=TIMEOUT_S
            )
        self._connection.request(method, target, body, headers)
        response = self._connection.getresponse()
        answer = Answer(
            response.status,
            {name.lower(): value for name, value in response.getheaders()},
            response.read(),
        )
        if response.will_close:
            self.close()
        return answer

    def send_only(self, method, target, body, headers):
        """Asks, and leaves the answer where it is."""
        headers = {**headers, "Content-Type": "application/json"}
        wire = http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=TIMEOUT_S)
        wire.request(method, target, encode(body), headers)
        wire.close()

    def get(self, target, **headers):
        return self.request("GET", target, headers=dashed(headers))

    def post(self, target, body=None, **headers):
        return self.request("POST", target, body, headers=dashed(headers))

    def book(self, insured, schedule, country="PE", key=None, **optional):
        headers = {"Idempotency-Key": key} if key else {}
        body = {"insuredId": insured, "scheduleId": schedule, "countryISO": country, **optional}
        return self.request("POST", "/appointments", body, headers)

    def cancel(self, insured, appointment, body=None, **headers):
        return self.post(f"/appointments/{insured}/{appointment}/cancellation", body, **headers)

    def appointment(self, insured, appointment):
        return self.get(f"/appointments/{insured}/{appointment}").json

    def pages(self, target, member, limit=100):
        """All items of a list, page after page."""
        cursor = ""
        while True:
            joint = "&" if "?" in target else "?"
            page = self.get(f"{target}{joint}limit={limit}{cursor}").json
            yield from page[member]
            if not page["pagination"]["hasMore"]:
                return
            cursor = "&cursor=" + page["pagination"]["nextCursor"]

    def events(self, query=""):
        """The exported log, parsed."""
        answer = self.get("/events" + query, accept="application/x-ndjson")
        assert answer.status == 200, answer.text
        return [json.loads(line) for line in answer.body.splitlines()]

    def raw(self, data, timeout=TIMEOUT_S):
        """Sends bytes as they are and returns all that comes back until the server closes."""
        with socket.create_connection((self.address.hostname, self.address.port), timeout) as wire:
            wire.sendall(data)
            received = b""
            while chunk := wire.recv(65536):
                received += chunk
            return received


def dashed(headers):
    """if_none_match -> If-None-Match."""
    return {name.replace("_", "-").title(): value for name, value in headers.items()}


def parse_answers(received):
    """The answers in a raw byte stream, each with a Content-Length."""
    answers = []
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:])
        headers = {name.lower(): value for name, value in headers.items()}
        length = int(headers.get("content-length", 0))
        answers.append(Answer(int(lines[0].split()[1]), headers, rest[:length]))
        received = rest[length:]
    return answers
