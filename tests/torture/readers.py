"""Clients that read while others write, and hold each answer to what is known."""

import random

from client import Client
from framework import promise
from load import INSUREDS, Crowd

EXPORTED = 500  # events at a time
GAVE_UP = 503  # a read that waits for a position does so for two seconds at most


class Reader:
    """One client, with the whole variety of reads."""

    def __init__(self, server, known, seed, name, pause_s):
        self._client = Client(server.client.url, validate=False)
        self._known = known
        self._random = random.Random(f"{seed}/{name}")
        self._pause_s = pause_s
        self._reads = [
            self._list,
            self._one,
            self._past,
            self._own_write,
            self._history,
            self._export,
            self._metrics,
        ]

    def run(self, stopped):
        while not stopped.wait(self._pause_s):
            if self._known.bookings:
                self._random.choice(self._reads)()

    def _get(self, target, expected=200):
        """The answer; None where it has waited for a position in vain."""
        answer = self._client.get(target)
        if answer.status == GAVE_UP and "minPosition" in target:
            return None
        promise(answer.status == expected, lambda: f"{target}: {answer.status} {answer.text}")
        return answer

    def _booking(self):
        booking = self._random.choice(self._known.bookings)
        return booking, f"/appointments/{booking.body['insuredId']}/{booking.appointment}"

    def _list(self):
        insured = self._random.choice(INSUREDS)
        listed = self._get(f"/appointments/{insured}?limit=100").json["appointments"]
        promise(all(each["insuredId"] == insured for each in listed), f"{insured} sees others'")

    def _one(self):
        booking, target = self._booking()
        if answer := self._get(f"{target}?minPosition={booking.position}"):
            promise(answer.json["appointmentId"] == booking.appointment, answer.text)

    def _past(self):
        """There since it was booked, and not before."""
        booking, target = self._booking()
        then = self._get(f"{target}?asOf={booking.position}").json
        promise(then["status"] == "pending", lambda: f"at its booking it was {then}")
        if booking.position > 1:
            self._get(f"{target}?asOf={booking.position - 1}", expected=404)

    def _own_write(self):
        """The newest booking, whether or not it has got to the read model yet."""
        booking = self._known.bookings[-1]
        insured = booking.body["insuredId"]
        target = f"/appointments/{insured}?minPosition={booking.position}&limit=1"
        if answer := self._get(target):
            promise(answer.json["total"] >= 1, lambda: f"{target}: {answer.text}")

    def _history(self):
        booking, target = self._booking()
        if answer := self._get(f"{target}/history?minPosition={booking.position}"):
            first = answer.json["events"][0]
            promise(int(first["position"]) == booking.position, f"{target} begins at {first}")

    def _export(self):
        head = int(self._get("/events/head").json["position"])
        first = self._random.randint(1, max(1, head - EXPORTED))
        events = self._client.events(f"?from={first}&to={first + EXPORTED - 1}")
        expected = list(range(first, min(first + EXPORTED, head + 1)))
        found = [int(event["position"]) for event in events]
        promise(found[: len(expected)] == expected, f"an export from {first} has a gap")

    def _metrics(self):
        self._get("/metrics")
        self._get("/readyz?verbose")


class Readers(Crowd):
    def __init__(self, server, known, seed, readers=2, pause_s=0):
        super().__init__(Reader(server, known, seed, f"reader-{n}", pause_s) for n in range(readers))
