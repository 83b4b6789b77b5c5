"""What a nats-server that is up may do to those who use it: refuse them, hang up on them, lack room for
them, hold streams that cannot be used. It is told as what it is, and ends when its cause does."""

import json
import os
import signal

import pytest

from harness import CITAS, NATS_SERVER, Nats, Process, wait_until
from nats_wire import BusAddress, NatsWire

STREAMS = ("EVENTS", "REDELIVER", "CONFIRMATIONS", "DEADLETTERS")
OTHER_USERS = 'authorization { user: somebody, password: "else" }'
# More than nats.c accepts on each of the five connections of a server and a worker.
MANY_REFUSALS = 15


class ConfiguredNats(Nats):
    """With settings of the test's, which may be changed while it is up."""

    limits = settings = ""

    def launch(self):
        for stale in self.folder.glob("*.ports"):
            stale.unlink()
        self.process = Process([NATS_SERVER, "-c", self._write()], self.folder / "nats.log")

    def _write(self):
        config = self.folder / "nats.conf"
        lines = [f'listen: "127.0.0.1:{self.port}"', f'ports_file_dir: "{self.folder}"']
        lines += [f'jetstream {{ store_dir: "{self.store}"', self.limits, "}", self.settings]
        config.write_text("\n".join(lines), encoding="utf-8")
        return config

    def restart(self, settings="", limits=""):
        self.kill()
        self.settings, self.limits = settings, limits
        return self.start()

    def reload(self, settings):
        self.settings = settings
        self._write()
        os.kill(self.process.pid, signal.SIGHUP)

    def ask(self, what, body=None):
        wire = NatsWire(BusAddress(self.port))
        try:
            return wire.request(f"$JS.API.{what}", body)
        finally:
            wire.close()


@pytest.fixture
def nats(tmp_path):
    running = ConfiguredNats(tmp_path / "nats").start()
    yield running
    running.kill()


@pytest.fixture
def server(new_server, nats):
    """Serves, and has shown that everything behind it works."""
    running = new_server("--nats", nats.url, "--workers", "CL").start()
    check_settled(running, 1, "CL")
    return running


@pytest.fixture
def worker(nats, tmp_path):
    command = [CITAS, "worker", "--country", "PE", "--nats", nats.url]
    running = Process([*command, "--data", tmp_path / "worker"], tmp_path / "worker.log")
    yield running
    running.kill()


def check_settled(server, schedule, country):
    booked = server.client.book("00001", schedule, country).json["appointmentId"]
    assert server.settled("00001", booked)["status"] == "completed"


def trouble(server):
    """What /readyz says of the bus; empty while all is well."""
    parts = server.client.get("/readyz?verbose").json["parts"]
    bus = next(part for part in parts if part["name"] == "bus")
    return bus["reason"] if bus["status"] == "degraded" else ""


def wait_for_trouble(server, words):
    wait_until(lambda: words in trouble(server), f"/readyz says: {words}")


def wait_until_well(server):
    wait_until(lambda: not trouble(server), "/readyz says that all is well")


def test_one_that_refuses_the_credentials_for_a_while(server, worker, nats):
    """nats.c gives a connection up for good when it was refused twice."""
    check_settled(server, 2, "PE")
    nats.reload(OTHER_USERS)
    wait_until(
        lambda: nats.process.output().count("authentication error") >= MANY_REFUSALS,
        "all connections have been refused, more than once",
    )
    assert "Authorization Violation" in trouble(server)
    nats.reload("")
    check_settled(server, 3, "CL")
    check_settled(server, 4, "PE")
    wait_until_well(server)
    assert worker.alive()


def test_one_that_refuses_the_credentials_at_the_start(new_server, nats):
    nats.restart(OTHER_USERS)
    server = new_server("--nats", nats.url).start()
    booked = server.client.book("00001", 1).json["appointmentId"]
    wait_for_trouble(server, "Authorization Violation")
    nats.restart()
    assert server.settled("00001", booked)["status"] == "completed"
    wait_until_well(server)


def test_one_that_takes_no_event_for_a_while(server, nats):
    """nats.c gives a connection up for good at an error that it does not know, such as this."""
    nats.reload("max_payload: 200")
    wait_until(lambda: "Reloaded server configuration" in nats.process.output(), "it is smaller")
    booked = server.client.book("00001", 2, "CL").json["appointmentId"]
    wait_for_trouble(server, "Maximum Payload")
    nats.restart()
    assert server.settled("00001", booked)["status"] == "completed"
    wait_until_well(server)


def test_one_that_lets_in_only_some_of_the_connections(server, nats):
    """Those of the server are four; a part that lacks its own is as still as all of them."""
    nats.restart("max_connections: 2")
    wait_for_trouble(server, "disconnected")
    wait_until(
        lambda: nats.process.output().count("maximum connections exceeded") >= MANY_REFUSALS,
        "the others go on trying",
    )
    assert "disconnected" in trouble(server)
    nats.restart()
    check_settled(server, 2, "CL")
    wait_until_well(server)


def test_one_without_room_for_the_streams_is_told_in_words(new_server, nats):
    nats.restart(limits="max_file_store: 300MB")
    server = new_server("--nats", nats.url).start()
    booked = server.client.book("00001", 1).json["appointmentId"]
    wait_for_trouble(server, "insufficient storage resources available")
    nats.restart()
    assert server.settled("00001", booked)["status"] == "completed"


def test_streams_that_cannot_be_used_any_more_are_made_anew(server, nats):
    """A sealed stream takes nothing, and can never be opened again."""

    def settings(stream):
        return nats.ask(f"STREAM.INFO.CITAS_{stream}").get("config")

    for stream in STREAMS:
        sealed = nats.ask(f"STREAM.UPDATE.CITAS_{stream}", {**settings(stream), "sealed": True})
        assert "error" not in sealed, sealed
    wait_until(
        lambda: all((found := settings(each)) and not found["sealed"] for each in STREAMS),
        "the streams are others",
    )
    check_settled(server, 2, "CL")
    wait_until_well(server)
    told = [json.loads(line) for line in server.process.output().splitlines() if line[:1] == "{"]
    why = [line["reason"] for line in told if "filled again" in line["message"]]
    assert len(why) == len(STREAMS) and all("CITAS_" in reason for reason in why), why
