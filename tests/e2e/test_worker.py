"""A country's processor as a process of its own."""

import json
import os
import shutil

import pytest

from harness import CITAS, Nats, Process, wait_until


@pytest.fixture
def server(new_server, nats):
    return new_server("--nats", nats.url, "--workers", "none").start()


@pytest.fixture
def start_worker(nats, tmp_path):
    started = []

    def start(country, *options, bus=nats):
        command = [CITAS, "worker", "--country", country, "--nats", bus.url]
        command += ["--data", tmp_path / f"worker-{country}", *options]
        started.append(Process(command, tmp_path / f"worker-{country}.log"))
        return started[-1]

    yield start
    for process in started:
        process.kill()


def test_without_workers_appointments_stay_pending(server):
    booked = server.client.book("00001", 1).json
    wait_until(lambda: server.metric("citas_relay_lag_events") == 0, "the relay has published")
    assert server.client.appointment("00001", booked["appointmentId"])["status"] == "pending"


def test_how_long_a_country_has_not_answered_is_told(server, start_worker):
    def waits(country):
        return server.metric("citas_pending_oldest_seconds", country=country)

    assert (waits("PE"), waits("CL"), waits("other")) == (0, 0, 0)
    booked = server.client.book("00001", 1, "PE").json["appointmentId"]
    wait_until(lambda: waits("PE") > 1, "it waits for its answer")
    assert (waits("CL"), waits("other")) == (0, 0)
    server.restart("--countries", "CL")
    wait_until(lambda: waits("other") > 1, "a country that is served no more is not forgotten")
    assert waits("PE") is None
    server.restart()
    start_worker("PE")
    server.settled("00001", booked)
    wait_until(lambda: waits("PE") == 0, "it waits no more")


def test_each_country_has_its_own(server, start_worker):
    peru = server.client.book("00001", 1, "PE").json["appointmentId"]
    chile = server.client.book("00001", 1, "CL").json["appointmentId"]
    start_worker("PE")
    assert server.settled("00001", peru)["status"] == "completed"
    assert server.client.appointment("00001", chile)["status"] == "pending"
    start_worker("CL")
    assert server.settled("00001", chile)["status"] == "completed"


def test_a_worker_killed_in_the_middle_goes_on_where_it_was(server, start_worker):
    appointments = []
    for turn in range(5):
        worker = start_worker("PE")
        first = 1 + 100 * turn
        appointments += [
            server.client.book("00001", schedule).json["appointmentId"]
            for schedule in range(first, first + 50)
        ]
        worker.kill()
    start_worker("PE")
    server.all_settled(["00001"])
    found = [server.client.appointment("00001", each) for each in appointments]
    assert {each["status"] for each in found} == {"completed"}
    assert len({each["registrationId"] for each in found}) == len(appointments)
    confirmed = server.client.events("?type=citas.appointment.confirmed.v1")
    assert len(confirmed) == len(appointments)


def test_its_rules_are_its_own(server, start_worker, tmp_path):
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps({"PE": {"closedCenters": [9]}}))
    start_worker("PE", "--country-rules", rules)
    booked = server.client.book("00001", 1, centerId=9).json["appointmentId"]
    assert server.settled("00001", booked)["reason"] == "center_closed"


def test_sigterm_drains_it(server, start_worker):
    worker = start_worker("PE")
    booked = server.client.book("00001", 1).json["appointmentId"]
    server.settled("00001", booked)
    assert worker.terminate() == 0
    later = server.client.book("00001", 2).json["appointmentId"]
    start_worker("PE")
    assert server.settled("00001", later)["status"] == "completed"


def test_the_server_restarts_beside_it(server, start_worker):
    start_worker("PE")
    before = server.client.book("00001", 1).json["appointmentId"]
    server.kill()
    server.start()
    after = server.client.book("00001", 2).json["appointmentId"]
    assert server.settled("00001", before)["status"] == "completed"
    assert server.settled("00001", after)["status"] == "completed"


def test_a_store_in_trouble_is_told_also_while_the_bus_is_away(new_server, nats):
    nats.kill()
    server = new_server("--nats", nats.url)
    (server.data / "countries").mkdir(parents=True)
    (server.data / "countries/PE").write_text("no folder", encoding="utf-8")
    server.start()
    parts = server.client.get("/readyz?verbose").json["parts"]
    reason = next(part["reason"] for part in parts if part["name"] == "bus")
    assert "disconnected" in reason
    assert "processor-PE: its store is opened again within" in reason


def test_a_bus_that_cannot_be_reached_is_told_and_when_it_is_again(start_worker, nats):
    nats.kill()
    worker = start_worker("PE")

    def told(message):
        lines = [json.loads(line) for line in worker.output().splitlines() if line[:1] == "{"]
        return [line for line in lines if line["message"] == message]

    (trouble,) = wait_until(lambda: told("in trouble"), "it says that something is wrong")
    assert trouble["level"] == "warning" and trouble["part"] == "processor"
    assert trouble["reason"].startswith(f"the bus at {nats.url} is disconnected: ")
    assert told("well again") == []
    nats.start()
    wait_until(lambda: told("well again"), "it says that all is well")
    assert len(told("in trouble")) == 1


def lines_of(worker, message):
    lines = [json.loads(line) for line in worker.output().splitlines() if line[:1] == "{"]
    return [line for line in lines if line["message"] == message]


def test_its_end_is_told_with_who_asked_for_it(server, start_worker):
    worker = start_worker("PE")
    wait_until(lambda: lines_of(worker, "processing"), "it has begun")
    assert worker.terminate() == 0
    (stopping,) = lines_of(worker, "stopping")
    assert stopping["signal"] == f"SIGTERM from process {os.getpid()}"
    assert not lines_of(worker, "fatal")
    server.stop()
    assert f"SIGTERM from process {os.getpid()}" in server.process.output()


def test_the_store_of_another_country_is_refused(server, start_worker, tmp_path):
    worker = start_worker("PE")
    booked = server.client.book("00001", 1, "PE").json["appointmentId"]
    server.settled("00001", booked)
    worker.terminate()
    chiles = tmp_path / "worker-CL/countries"
    chiles.mkdir(parents=True)
    shutil.copytree(tmp_path / "worker-PE/countries/PE", chiles / "CL")
    wrong = start_worker("CL")
    assert wrong.wait() == 1
    assert wrong.output().startswith("citas: country store ")
    assert wrong.output().count("\n") == 1
    assert "is of PE, not of CL: put the folder back where it belongs" in wrong.output()


def test_the_store_of_another_log_is_filled_again_and_that_is_told(
    server, new_server, start_worker, tmp_path
):
    worker = start_worker("PE")
    booked = server.client.book("00001", 1).json["appointmentId"]
    server.settled("00001", booked)
    worker.terminate()
    first = server.client.get("/events/head").json["logId"]
    bus = Nats(tmp_path / "another").start()
    other = new_server("--nats", bus.url, "--workers", "none", name="other").start()
    elsewhere = start_worker("PE", bus=bus)
    booked = other.client.book("00001", 1).json["appointmentId"]
    other.settled("00001", booked)
    (told,) = lines_of(
        elsewhere,
        "the country's store was of another log than the bus, or of another future of it, and is "
        "filled again; see whether --data and --nats belong together",
    )
    assert told["level"] == "warning"
    assert first in told["was"] and other.client.get("/events/head").json["logId"] in told["is"]
    other.stop()
    bus.kill()


def test_a_store_that_is_moved_away_is_noticed_and_filled_again(server, start_worker, tmp_path):
    worker = start_worker("PE")
    first = server.client.book("00001", 1).json["appointmentId"]
    server.settled("00001", first)
    store = tmp_path / "worker-PE/countries/PE"
    store.rename(tmp_path / "moved")
    second = server.client.book("00001", 2).json["appointmentId"]
    assert server.settled("00001", second)["status"] == "completed"
    (lost,) = lines_of(worker, "a country's store has failed and will be opened again")
    assert lost["level"] == "error" and "was moved, replaced or deleted" in lost["reason"]
    assert len(lines_of(worker, "the country's store is open again")) == 1
    assert worker.terminate() == 0
    assert (store / "CURRENT").exists()
