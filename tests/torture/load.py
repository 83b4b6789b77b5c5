"""Clients that book and cancel without pause, and repeat whatever was not answered."""

import contextlib
import http.client
import random
import threading
import time

import oracle
from client import Client
from framework import Broken, promise

CLIENTS = 8
INSUREDS = [f"{number:05}" for number in range(1, 41)]
SCHEDULES = 400  # few enough that clients meet on the same slots
ANSWER_DEADLINE_S = 120


class LoadClient:
    """Sends each command under one key until there is an answer to it, as in earnest."""

    def __init__(self, server, known, seed, name, pause_s):
        self._pause_s = pause_s
        self._server = server
        self._oracle = known
        self._random = random.Random(f"{seed}/{name}")
        self._name = name
        self._intents = 0
        self._client = None
        self._live = []  # (insured, appointment) booked by this client

    def run(self, stopped):
        while not stopped.wait(self._pause_s):
            if self._live and self._random.random() < 0.3:
                self._cancel(*self._live.pop(self._random.randrange(len(self._live))))
            else:
                self._book()

    def _book(self):
        body = {
            "insuredId": self._random.choice(INSUREDS),
            "scheduleId": self._random.randint(1, SCHEDULES),
            "countryISO": self._random.choice(["PE", "CL"]),
        }
        key = self._intend("/appointments", body)
        answer = self._answer_to("/appointments", body, key)
        if answer.status != 201:
            promise(answer.status == 409, answer.text)
            self._oracle.refused_one(key)
            return
        appointment = answer.json["appointmentId"]
        self._oracle.booked(oracle.Booking(key, body, appointment, int(answer.position)))
        self._live.append((body["insuredId"], appointment))

    def _cancel(self, insured, appointment):
        target = f"/appointments/{insured}/{appointment}/cancellation"
        body = {"reason": "other"}
        key = self._intend(target, body)
        answer = self._answer_to(target, body, key)
        promise(answer.status == 200, answer.text)
        self._oracle.cancelled(key, appointment)

    def _intend(self, target, body):
        """Returns the key of a command that is on record."""
        self._intents += 1
        key = f"{self._name}-{self._intents}"
        self._oracle.intends(key, target, body)
        return key

    def _answer_to(self, target, body, key):
        deadline = time.monotonic() + ANSWER_DEADLINE_S
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                answer = self._connected().post(target, body, idempotency_key=key)
                if answer.status < 500:
                    return answer
                self._oracle.count_unavailable(answer.json["code"])
            self._client = None
            self._oracle.count_resent()
            promise(time.monotonic() < deadline, f"no answer to {key}")
            time.sleep(0.02)

    def _connected(self):
        url = self._server.client.url
        if self._client is None or self._client.url != url:
            self._client = Client(url, validate=False)
        return self._client


class Crowd:
    """Clients, each on a thread; a failure of any fails the run."""

    def __init__(self, clients):
        self._stopped = threading.Event()
        self._failures = []
        self._threads = [
            threading.Thread(target=self._run, args=(client,), daemon=True) for client in clients
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, client):
        try:
            client.run(self._stopped)
        except BaseException as failure:  # whatever it is, the main thread has to hear of it
            self._failures.append(failure)

    def check(self):
        if self._failures:
            failure = self._failures[0]
            raise Broken(f"a client: {type(failure).__name__}: {failure}") from failure

    def stop(self):
        self._stopped.set()
        for thread in self._threads:
            thread.join(ANSWER_DEADLINE_S)
            promise(not thread.is_alive(), "a client never got its answer")
        self.check()


class Load(Crowd):
    """Clients that book and cancel, with pauses between their commands or without."""

    def __init__(
        self, server, known, seed, clients=CLIENTS, name="client", kind=LoadClient, pause_s=0
    ):
        super().__init__(kind(server, known, seed, f"{name}-{n}", pause_s) for n in range(clients))
