"""kill -9 of server, worker and bus at random moments under load.

    CITAS_BIN=build/release/citas /usr/bin/python3 tests/fault/kill_rounds.py

ROUNDS (50) sets how many kills, CITAS_FAULT_SEED repeats a run's choices. Clients repeat whatever
was not answered under the same Idempotency-Key until it is, as they would in earnest; in the end
nothing acknowledged may be lost, no slot given twice, and every appointment settled.
"""

import contextlib
import http.client
import os
import pathlib
import random
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import oracle  # noqa: E402  the folder of the harness has to be known first
from client import Client  # noqa: E402
from harness import CITAS, Nats, Process, Server, citas, wait_until  # noqa: E402

CLIENTS = 8
INSUREDS = [f"{number:05}" for number in range(1, 41)]
SCHEDULES = 400  # few enough that clients meet on the same slots
ANSWER_DEADLINE_S = 120


class System:
    """Server with the processor of CL, a worker for PE, and the bus between them."""

    def __init__(self, folder):
        self._folder = folder
        self.nats = Nats(folder / "nats")
        self.server = Server(folder, "--workers", "CL")
        self._worker = None

    def start(self):
        self.nats.start()
        self.server.options += ("--nats", self.nats.url)
        self.server.start()
        self._start_worker()

    def _start_worker(self):
        command = [CITAS, "worker", "--country", "PE", "--nats", self.nats.url]
        command += ["--data", self._folder / "worker"]
        self._worker = Process(command, self._folder / "worker.log")

    def kill_server(self):
        self.server.kill()
        self.server.start()

    def kill_worker(self):
        self._worker.kill()
        self._start_worker()

    def kill_bus(self):
        self.nats.kill()
        self.nats.start()

    def kill_bus_and_wipe_it(self):
        self.nats.kill()
        self.nats.wipe()
        self.nats.start()

    def kill_everything(self):
        self._worker.kill()
        self.nats.kill()
        self.server.kill()
        self.nats.start()
        self.server.start()
        self._start_worker()

    def stop(self):
        self.server.stop()
        code = self._worker.terminate()
        assert code == 0, f"the worker ended with {code}:\n{self._worker.output()[-4000:]}"
        self.nats.kill()


class LoadClient:
    """Books and cancels until told to stop; repeats what was not answered."""

    def __init__(self, system, known, seed, name):
        self._system = system
        self._oracle = known
        self._random = random.Random(f"{seed}/{name}")
        self._name = name
        self._intents = 0
        self._client = None
        self._live = []  # (insured, appointment) booked by this client

    def run(self, stopped):
        while not stopped.is_set():
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
        key = self._next_key()
        answer = self._answer_to("/appointments", body, key)
        if answer.status != 201:
            assert answer.status == 409, answer.text
            self._oracle.count_refused()
            return
        appointment = answer.json["appointmentId"]
        self._oracle.booked(oracle.Booking(key, body, appointment, int(answer.position)))
        self._live.append((body["insuredId"], appointment))

    def _cancel(self, insured, appointment):
        target = f"/appointments/{insured}/{appointment}/cancellation"
        answer = self._answer_to(target, {"reason": "other"}, self._next_key())
        assert answer.status == 200, answer.text
        self._oracle.cancelled(appointment)

    def _next_key(self):
        self._intents += 1
        return f"{self._name}-{self._intents}"

    def _answer_to(self, target, body, key):
        """Sends the same command under the same key until there is an answer to it."""
        deadline = time.monotonic() + ANSWER_DEADLINE_S
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                answer = self._connected().post(target, body, idempotency_key=key)
                if answer.status < 500:
                    return answer
            self._client = None
            self._oracle.count_resent()
            assert time.monotonic() < deadline, f"no answer to {key}"
            time.sleep(0.02)

    def _connected(self):
        url = self._system.server.client.url
        if self._client is None or self._client.url != url:
            self._client = Client(url, validate=False)
        return self._client


class Load:
    """All clients, each on a thread; a failure of any fails the run."""

    def __init__(self, system, known, seed):
        self._stopped = threading.Event()
        self._failures = []
        clients = [LoadClient(system, known, seed, f"client-{n}") for n in range(CLIENTS)]
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
            raise self._failures[0]

    def stop(self):
        self._stopped.set()
        for thread in self._threads:
            thread.join(ANSWER_DEADLINE_S)
            assert not thread.is_alive(), "a client never got its answer"
        self.check()


def kill_repeatedly(system, known, chooser, rounds):
    kills = {
        system.kill_server: 5,
        system.kill_worker: 2,
        system.kill_bus: 2,
        system.kill_bus_and_wipe_it: 1,
        system.kill_everything: 1,
    }
    load = Load(system, known, chooser.random())
    for number in range(1, rounds + 1):
        acknowledged = len(known.bookings)
        wait_until(
            lambda before=acknowledged: load.check() or len(known.bookings) > before,
            "clients are served again",
        )
        time.sleep(chooser.uniform(0, 0.5))  # the random moment, not a synchronisation
        kill = chooser.choices(list(kills), kills.values())[0]
        kill()
        print(f"round {number}/{rounds}: {kill.__name__}, {len(known.bookings)} booked", flush=True)
    load.stop()


def check_keys(system, known, chooser):
    """Keys give their first outcome still, and the log does not grow."""
    client = system.server.client
    before = client.get("/events/head").json
    for booking in chooser.sample(known.bookings, min(200, len(known.bookings))):
        answer = client.post("/appointments", booking.body, idempotency_key=booking.key)
        assert answer.status == 201 and answer.replayed, answer.text
        assert answer.json["appointmentId"] == booking.appointment
    assert client.get("/events/head").json == before


def check_read_model(system, events):
    """What clients read is what the events say."""
    expected = oracle.statuses(events)
    found = {
        appointment["appointmentId"]: appointment["status"]
        for insured in INSUREDS
        for appointment in system.server.client.pages(f"/appointments/{insured}", "appointments")
    }
    assert found == expected, set(found.items()) ^ set(expected.items())


def check_log(system, known):
    events = system.server.client.events()
    defects = known.defects(events)
    assert not defects, f"{len(defects)} defects, the first ones:\n" + "\n".join(defects[:20])
    check_read_model(system, events)
    return len(events)


def run(folder, seed, rounds):
    chooser = random.Random(seed)
    known = oracle.Oracle()
    system = System(folder)
    system.start()
    kill_repeatedly(system, known, chooser, rounds)
    system.server.all_settled(INSUREDS, timeout_s=120)
    check_keys(system, known, chooser)
    count = check_log(system, known)
    system.stop()
    verified = citas("verify", "--data", system.server.data)
    assert verified.returncode == 0, verified.stderr
    print(
        f"{rounds} kills: {len(known.bookings)} booked, {len(known.cancellations)} cancelled, "
        f"{known.refused} refused, {known.resent} sent again, {count} events; all add up"
    )


def main():
    seed = os.environ.get("CITAS_FAULT_SEED") or str(random.SystemRandom().randrange(2**32))
    rounds = int(os.environ.get("ROUNDS", "50"))
    print(f"CITAS_FAULT_SEED={seed} ROUNDS={rounds}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        run(pathlib.Path(folder), seed, rounds)


if __name__ == "__main__":
    main()
