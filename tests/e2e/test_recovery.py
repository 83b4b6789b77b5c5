"""Everything but the log may be deleted, and every process may die."""

import itertools
import json
import os
import shutil
import signal
import time

import pytest

from harness import citas, wait_until

INSUREDS = [f"{number:05}" for number in range(1, 9)]
FOLDERS = ["bus", "countries", "projections"]


def book_some(client, first_schedule, count):
    """Appointments of both countries; returns (insured, appointment) pairs."""
    made = []
    for schedule in range(first_schedule, first_schedule + count):
        insured = INSUREDS[schedule % len(INSUREDS)]
        answer = client.book(insured, schedule, ("PE", "CL")[schedule % 2])
        assert answer.status == 201, answer.text
        made.append((insured, answer.json["appointmentId"]))
    return made


def snapshot(client):
    """All that clients see, without the order in which countries answered."""
    query = "?minPosition=" + client.get("/events/head").json["position"]
    return {
        insured: list(client.pages(f"/appointments/{insured}{query}", "appointments"))
        for insured in INSUREDS
    }


@pytest.mark.parametrize(
    "folders",
    [chosen for count in (1, 2, 3) for chosen in itertools.combinations(FOLDERS, count)],
    ids="+".join,
)
def test_wiped_folders_come_back(new_server, folders):
    server = new_server().start()
    book_some(server.client, 1, 40)
    server.all_settled(INSUREDS)
    before, events = snapshot(server.client), server.client.events()
    server.stop()
    server.wipe(*folders)
    server.start()
    assert snapshot(server.client) == before
    more = book_some(server.client, 1001, 20)
    server.all_settled(INSUREDS)
    assert {server.client.appointment(*pair)["status"] for pair in more} == {"completed"}
    assert server.client.events()[: len(events)] == events
    assert len(server.client.events()) == len(events) + 2 * len(more)


@pytest.mark.parametrize("folders", [["bus"], ["countries"], FOLDERS], ids="+".join)
def test_wiped_folders_of_unsettled_appointments(new_server, folders):
    """Stopped and wiped while appointments were under way: they settle all the same."""
    server = new_server().start()
    for turn in range(3):
        made = book_some(server.client, 1 + 1000 * turn, 100)
        server.kill()
        server.wipe(*folders)
        server.start()
    server.all_settled(INSUREDS)
    assert {server.client.appointment(*pair)["status"] for pair in made} == {"completed"}


def damage_rows_of(insured, projection):
    """Flips a bit in the last stored row of the insured: far from what is read at the start."""
    tables = [
        (path, path.read_bytes().rfind(b'"insuredId":"' + insured.encode()))
        for path in projection.rglob("*.sst")
    ]
    path, at = max(tables, key=lambda found: found[1])
    assert at > 8192, "beyond the first blocks of a table"
    with path.open("r+b") as table:
        table.seek(at)
        table.write(b"#")


@pytest.mark.parametrize("running", [True, False])
def test_a_rebuild_says_that_the_old_one_could_not_be_read(new_server, running):
    server = new_server("--nats", "none").start()
    book_some(server.client, 1, 200)
    server.stop()
    damage_rows_of(INSUREDS[-1], server.data / "projections/appointments_by_insured")
    if running:
        server.start()
    where = ("--url", server.client.url) if running else ("--data", server.data)
    rebuilt = citas("projections", "rebuild", "appointments_by_insured", *where, "--quiet")
    assert rebuilt.returncode == 4
    assert "the one that it replaced could not be read, and so not be compared: " in rebuilt.stdout
    assert "wrong" not in rebuilt.stdout and "orruption" in rebuilt.stdout
    again = citas("projections", "rebuild", "appointments_by_insured", *where, "--quiet")
    assert again.returncode == 0 and "identical to" in again.stdout


def test_a_damaged_read_model_mends_itself(new_server):
    server = new_server().start()
    made = book_some(server.client, 1, 200)
    server.all_settled(INSUREDS)
    before = snapshot(server.client)
    server.stop()
    damage_rows_of(INSUREDS[-1], server.data / "projections/appointments_by_insured")
    server.start()
    target = f"/appointments/{INSUREDS[-1]}?limit=100"
    answers = [server.client.get(target)]

    def mended():
        answers.append(server.client.get(target))
        return answers[-1].status == 200

    wait_until(mended, "the read model is built anew")
    assert {answer.status for answer in answers} == {503, 200}, "it was damaged, and said so"
    assert snapshot(server.client) == before
    assert "is damaged and is built anew from the log" in server.process.output()
    assert server.client.cancel(*made[-1]).status == 200
    assert server.client.appointment(*made[-1])["status"] == "cancelled"
    projections = server.client.get("/readyz?verbose").json["parts"][2]
    assert (projections["name"], projections["status"]) == ("projections", "ok")


def test_a_country_store_lost_keeps_its_registrations(new_server):
    """Ids are derived, so reprocessing gives the same ones; cancelled stay cancelled."""
    server = new_server().start()
    made = book_some(server.client, 1, 20)
    server.all_settled(INSUREDS)
    for insured, appointment in made[:5]:
        server.client.cancel(insured, appointment)
    before = snapshot(server.client)
    server.stop()
    server.wipe("countries", "bus")
    server.start()
    witness = book_some(server.client, 1001, 1)[0]
    server.settled(*witness)
    after = snapshot(server.client)
    after[witness[0]] = [a for a in after[witness[0]] if a["appointmentId"] != witness[1]]
    assert after == before


def test_the_managed_bus_killed_under_load_comes_back(new_server):
    server = new_server().start()
    for turn in range(4):
        first = server.nats_pid()
        book_some(server.client, 1 + 100 * turn, 50)
        server.kill_nats()
        book_some(server.client, 51 + 100 * turn, 50)
        server.all_settled(INSUREDS)
        assert server.nats_pid() != first
    assert server.client.get("/readyz").json["status"] == "ok"


@pytest.mark.parametrize("mounted", ["bus", "bus/store"])
def test_a_bus_that_cannot_start_is_emptied_where_its_disk_is(new_server, small_disk, mounted):
    """A disk of its own is neither deleted nor renamed."""
    server = new_server()
    disk = small_disk(64, f"server/data/{mounted}")
    server.start()
    book_some(server.client, 1, 20)
    server.all_settled(INSUREDS)
    server.stop()
    streams = server.data / "bus/store/jetstream"
    shutil.rmtree(streams)
    streams.write_text("no folder", encoding="utf-8")
    server.start()
    more = book_some(server.client, 1001, 10)
    server.all_settled(INSUREDS)
    assert {server.client.appointment(*pair)["status"] for pair in more} == {"completed"}
    assert disk.is_mount() and streams.is_dir()
    assert "is set up anew" in server.process.output()


def test_a_bus_that_is_down_at_the_start(new_server, nats):
    nats.kill()
    server = new_server("--nats", nats.url).start()
    made = book_some(server.client, 1, 20)
    ready = server.client.get("/readyz?verbose").json
    assert ready["status"] == "degraded"
    assert any(part["status"] != "ok" and part["reason"] for part in ready["parts"])
    assert {server.client.appointment(*pair)["status"] for pair in made} == {"pending"}
    nats.start()
    server.all_settled(INSUREDS)
    assert {server.client.appointment(*pair)["status"] for pair in made} == {"completed"}


def test_the_log_tells_of_a_bus_that_went_and_came_back(new_server, nats):
    """Who reads it in the morning finds when that was, though all is well by then."""
    server = new_server("--nats", nats.url).start()
    wait_until(lambda: server.metric("citas_bus_connected") == 1, "the bus is there")
    nats.kill()

    def told(words):
        return [line for line in lines(server) if line["message"] == words]

    (lost,) = wait_until(lambda: told("in trouble"), "the log tells of the lost bus")
    assert lost["part"] == "bus" and lost["level"] == "warning" and lost["reason"]
    nats.start()
    (back,) = wait_until(lambda: told("well again"), "the log tells of the bus that is back")
    assert back["part"] == "bus"


def lines(server):
    """Of the server's log, as far as it has been written."""
    whole = server.process.output().rpartition("\n")[0].splitlines()
    return [json.loads(line) for line in whole if line.startswith("{")]


def test_a_bus_that_loses_everything_while_the_server_runs(new_server, nats):
    server = new_server("--nats", nats.url).start()
    for turn in range(2):
        book_some(server.client, 1 + 100 * turn, 30)
        nats.kill()
        nats.wipe()
        book_some(server.client, 31 + 100 * turn, 30)
        nats.start()
        server.all_settled(INSUREDS)


def test_clients_are_served_while_the_bus_is_down(new_server, nats):
    server = new_server("--nats", nats.url).start()
    nats.kill()
    made = book_some(server.client, 1, 100)
    for insured, appointment in made[:10]:
        assert server.client.cancel(insured, appointment).status == 200
    assert server.client.get("/livez").status == 200
    nats.start()
    server.all_settled(INSUREDS)
    statuses = [server.client.appointment(*pair)["status"] for pair in made]
    assert statuses == ["cancelled"] * 10 + ["completed"] * 90


def test_a_bus_that_does_not_answer_holds_no_stop_up(new_server, nats):
    """Each of the threads waits for it just now, some of them several times in turn."""
    server = new_server("--nats", nats.url).start()
    book_some(server.client, 1, 20)
    server.all_settled(INSUREDS)
    os.kill(nats.process.pid, signal.SIGSTOP)
    try:
        book_some(server.client, 1001, 20)
        wait_until(lambda: "processor-" in bus_trouble(server), "processors notice")
        started = time.monotonic()
        server.stop()
        assert time.monotonic() - started < 5
    finally:
        os.kill(nats.process.pid, signal.SIGCONT)
    server.start()
    server.all_settled(INSUREDS)


def bus_trouble(server):
    parts = server.client.get("/readyz?verbose").json["parts"]
    bus = next(part for part in parts if part["name"] == "bus")
    return "" if bus["status"] == "ok" else bus["reason"]


def test_killed_again_and_again_while_starting(new_server):
    """Whatever a start had got to when it was killed, the next one goes on from there."""
    server = new_server().start()
    made = book_some(server.client, 1, 20)
    for turn in range(40):
        server.kill()
        server.launch()
        time.sleep(turn * 0.005)  # the moment of the kill, later each time
    server.kill()
    server.start()
    server.all_settled(INSUREDS)
    assert {server.client.appointment(*pair)["status"] for pair in made} == {"completed"}
