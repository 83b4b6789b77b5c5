"""A log that is not where it was: its disk is not mounted, or somebody has deleted it. An empty one
in its place would give slots away that are taken."""

import itertools
import json
import shutil

import pytest

from harness import citas, wait_until

EMPTY = "the log is empty"
BEGUN = "a new, empty log was begun"


def refused(server, *options):
    """What a start that is refused says, in one line."""
    log = server.folder / "server.log"
    before = len(log.read_text()) if log.exists() else 0
    server.launch(*options)
    assert server.process.wait() == 1, server.process.output()
    (line,) = log.read_text()[before:].splitlines()
    assert line.startswith("citas: event log: there is none in ")
    return line


def told(server, what=EMPTY):
    """What has been said of an empty log, by all of the folder's servers so far."""
    lines = [json.loads(line) for line in server.process.output().splitlines() if line[:1] == "{"]
    return [line for line in lines if line["message"].startswith(what)]


def test_a_log_that_is_gone_is_not_begun_anew(new_server):
    server = new_server().start()
    booked = server.client.book("00001", 1).json
    server.settled("00001", booked["appointmentId"])
    server.stop()
    shutil.move(server.data / "log", server.folder / "elsewhere")
    line = refused(server)
    assert "projections and bus beside it hold copies of one" in line
    assert "restore-to-a-point-in-time.md" in line and f"citas init --data {server.data}" in line
    server.wipe("bus")
    assert "projections beside it holds" in refused(server)
    assert not (server.data / "log").exists(), "it has left something where a disk will be"
    doctor = citas("doctor", "--data", server.data, "-o", "json", "--listen", "127.0.0.1:0")
    checks = {check["check"]: check for check in json.loads(doctor.stdout)["checks"]}
    assert checks["data.log"]["state"] == "fail" and doctor.returncode == 1
    assert "citas init" in checks["data.log"]["what"]
    # The disk is there again.
    shutil.move(server.folder / "elsewhere", server.data / "log")
    server.start()
    assert server.client.get("/appointments/00001").json["total"] == 1
    assert len(told(server, BEGUN)) == 1 and not told(server), "only by the very first"


def test_a_log_is_no_data_folder(new_server, tmp_path):
    """--data ./data/log, by mistake: nothing is begun within it, nor restored into it."""
    server = new_server("--nats", "none").start()
    server.client.book("00001", 1)
    backups = ("--backups", tmp_path / "backups")
    assert citas("backup", "create", "--data", server.data, *backups).returncode == 0
    server.stop()
    log = server.data / "log"
    before = sorted(path.name for path in log.iterdir())
    for command in (
        ("serve", "--listen", "127.0.0.1:0", "--nats", "none"),
        ("init",),
        ("backup", "restore", *backups),
    ):
        result = citas(*command, "--data", log)
        assert result.returncode == 1 and result.stdout == "", command
        (line,) = result.stderr.splitlines()
        assert line == f"citas: --data: {log} is a log itself, not the folder that holds one; name {server.data}"
    assert sorted(path.name for path in log.iterdir()) == before
    server.start().stop()


def test_a_new_log_is_begun_by_who_has_decided(new_server):
    server = new_server("--nats", "none").start()
    server.client.book("00001", 1)
    server.stop()
    server.wipe("log")
    begun = citas("init", "--data", server.data, "-o", "json")
    assert begun.returncode == 0, begun.stderr
    server.start()
    assert server.client.get("/appointments/00001").json["total"] == 0
    head = server.client.get("/events/head").json
    made = json.loads(begun.stdout)
    assert (head["logId"], head["hash"]) == (made["logId"], made["hash"])
    server.stop()
    again = citas("init", "--data", server.data)
    assert again.returncode == 1 and "it is left alone" in again.stderr


@pytest.mark.parametrize("how", ["flag", "environment"])
def test_a_server_that_needs_an_existing_log_begins_none(how, new_server, monkeypatch):
    options = ("--existing-log",) if how == "flag" else ()
    if how == "environment":
        monkeypatch.setenv("CITAS_EXISTING_LOG", "true")
    server = new_server("--nats", "none", *options)
    line = refused(server)
    assert "--existing-log demands one" in line and "mounted at /" in line
    assert not server.data.exists()
    assert citas("init", "--data", server.data).returncode == 0
    server.start()
    assert server.client.book("00001", 1).status == 201
    server.restart()


def test_an_empty_log_is_told_until_it_is_none(new_server):
    server = new_server("--nats", "none").start()
    (line,) = wait_until(lambda: told(server, BEGUN), "it says that a log was begun")
    assert line["level"] == "info"
    assert line["log_id"] == server.client.get("/events/head").json["logId"]
    assert line["place"].startswith(f"{server.data}/log (") and "mounted at /" in line["place"]
    server.restart()
    (line,) = wait_until(lambda: told(server), "the next one says that it is empty")
    assert line["level"] == "warning" and "see what is mounted" in line["message"]
    server.client.book("00001", 1)
    server.restart()
    server.stop()
    assert len(told(server)) == 1 and len(told(server, BEGUN)) == 1


@pytest.fixture
def rivals(new_server, nats):
    """A server with a booking on a bus, and one with a log of its own on the same bus."""
    first = new_server("--nats", nats.url).start()
    booked = first.client.book("00001", 1).json
    first.settled("00001", booked["appointmentId"])
    return first, new_server("--nats", nats.url, name="second")


def goes_on(server, schedule):
    booked = server.client.book("00001", schedule).json
    assert server.settled("00001", booked["appointmentId"], timeout_s=10)["status"] == "completed"
    assert server.metric("citas_relay_rebuilds_total") == 0
    # Its parts connect one after the other where the bus was gone.
    wait_until(
        lambda: server.client.get("/readyz").json["status"] == "ok", "it is well", timeout_s=10)


def log_of(server):
    return server.client.get("/events/head").json["logId"]


def trouble_with_bus(server):
    parts = server.client.get("/readyz?verbose").json["parts"]
    return next(part.get("reason", "") for part in parts if part["name"] == "bus")


def all_are_completed(server):
    pending = "/appointments/00002?status=pending"
    wait_until(lambda: server.client.get(pending).json["total"] == 0, "all are completed")


def test_streams_of_another_log_are_left_alone(rivals):
    first, second = rivals
    log = log_of(first)
    second.launch()
    assert second.process.wait() == 1
    refusal = second.process.output().splitlines()[-1]
    assert f"are of another log, citas/{log}/main" in refusal and "--replaces-log" in refusal
    goes_on(first, 2)
    first.stop()
    # Its own server finds all as it was; one that is told that it is given up takes its place.
    first.start()
    goes_on(first, 3)
    first.stop()
    second.start("--replaces-log", log)
    booked = second.client.book("00001", 1).json
    assert second.settled("00001", booked["appointmentId"])["status"] == "completed"


def test_a_bus_that_turns_out_to_be_another_logs(rivals, nats):
    first, second = rivals
    nats.kill()
    second.start()
    booked = second.client.book("00001", 7).json
    nats.start()

    wait_until(
        lambda: "of another log" in trouble_with_bus(second), "the second says whose bus it is")
    goes_on(first, 2)
    assert second.client.appointment("00001", booked["appointmentId"])["status"] == "pending"
    assert first.metric("citas_dead_letters_open") == 0


def test_what_answers_another_log_is_left_to_it(rivals):
    """The streams of a server that runs are given to another: for a moment, both receive what the
    countries say to either."""
    first, second = rivals
    second.start("--replaces-log", log_of(first))

    def book_until_it_is_noticed(schedules=itertools.count(10)):
        for server in (first, second):
            assert server.client.book("00002", next(schedules)).status == 201
        return "of another log" in trouble_with_bus(first)

    wait_until(book_until_it_is_noticed, "the first says whose bus it is", interval_s=0)
    all_are_completed(second)
    assert first.metric("citas_dead_letters_open") == second.metric("citas_dead_letters_open") == 0
    others = log_of(second)
    second.stop()
    first.stop()
    first.start("--replaces-log", others)
    all_are_completed(first)
    assert first.metric("citas_dead_letters_open") == 0


def test_two_servers_of_copies_of_one_log_are_told(rivals):
    """A data folder that was copied and started beside the first: one identity, two futures."""
    first, second = rivals
    first.stop()
    shutil.copytree(first.data / "log", second.data / "log")
    schedules = itertools.count(20)
    booked = {first: 0, second: 0}

    def book_until_both_are_told():
        for server in booked:
            assert server.client.book("00002", next(schedules)).status == 201
            booked[server] += 1
        return all("copy of this very log" in trouble_with_bus(server) for server in booked)

    for server in booked:
        server.start()
    wait_until(book_until_both_are_told, "both say whom they meet", timeout_s=30)
    second.stop()
    all_are_completed(first)
    assert first.client.get("/appointments/00002").json["total"] == booked[first]
    first.stop()
    assert citas("verify", "--data", first.data).returncode == 0


def test_an_id_of_a_log_is_one(tmp_path):
    for value in ("x", "0192"):
        wrong = citas("serve", "--data", tmp_path, "--replaces-log", value)
        assert wrong.returncode == 2 and "--replaces-log" in wrong.stderr

