"""Messages that a country's worker gives up, and what operators do about them: over HTTP, and with
the command."""

import json
import uuid

import pytest

from harness import citas, wait_until
from poisoned_worker import PoisonedWorker

UNKNOWN = "00000000-0000-8000-8000-000000000000"


@pytest.fixture
def server(new_server, nats):
    return new_server("--nats", nats.url, "--workers", "none").start()


@pytest.fixture
def worker(nats, tmp_path):
    supervised = PoisonedWorker(tmp_path / "worker", nats).start()
    yield supervised
    supervised.stop()


def letters(server, query=""):
    return server.client.get("/dead-letters" + query).json["deadLetters"]


def only_letter(server, state):
    """Waits until there is one dead letter, in that state."""

    def look():
        found = letters(server)
        return len(found) == 1 and found[0]["state"] == state and found[0]

    return wait_until(look, f"one dead letter, {state}")


@pytest.fixture
def dead(server, worker):
    """Kills the messages of these schedules of insured 00001; returns their appointments."""

    def kill(*schedules, effect="refuse"):
        worker.poison({schedule: effect for schedule in schedules})
        made = [server.client.book("00001", each).json["appointmentId"] for each in schedules]
        wait_until(
            lambda: len(letters(server, "?state=open")) == len(schedules), "they are dead letters"
        )
        return made

    return kill


def command(server, *arguments):
    return citas("deadletters", *arguments, "--url", server.client.url)


def part(server):
    parts = server.client.get("/readyz?verbose").json["parts"]
    return next(one for one in parts if one["name"] == "dead-letters")


def types_of(server, tag):
    return [event["type"].split(".", 1)[1] for event in server.client.events(f"?tag={tag}")]


def test_from_its_death_to_a_retry_after_the_repair(server, worker, dead):
    (appointment,) = dead(1)
    neighbour = server.client.book("00002", 2).json["appointmentId"]
    assert server.settled("00002", neighbour)["status"] == "completed"
    letter = only_letter(server, "open")
    assert letter["appointmentId"] == appointment
    assert (letter["consumer"], letter["reason"]) == ("processor-PE", "processing_failed")
    assert (letter["attempts"], worker.tries()[1]) == (3, 3)
    assert server.client.appointment("00001", appointment)["status"] == "pending"

    target = f"/dead-letters/{letter['deadLetterId']}"
    retried = server.client.post(target + "/retry")
    assert (retried.status, retried.json["state"]) == (200, "retried")
    again = wait_until(
        lambda: (found := server.client.get(target).json)["deaths"] == 2 and found, "it dies again"
    )
    assert (again["state"], again["retries"], worker.tries()[1]) == ("open", 1, 6)

    worker.repair()
    retried = server.client.post(target + "/retry")
    shown = server.client.get(f"{target}?minPosition={retried.position}").json
    assert shown["state"] in ("retried", "settled")
    assert server.settled("00001", appointment)["status"] == "completed"
    assert only_letter(server, "settled")["outcome"] == "completed"
    assert types_of(server, f"deadletter:{letter['deadLetterId']}") == [
        "deadletter.recorded.v1",
        "deadletter.retried.v1",
        "deadletter.recorded.v1",
        "deadletter.retried.v1",
    ]
    refused = server.client.post(target + "/retry")
    assert (refused.status, refused.json["code"]) == (409, "dead_letter_settled")


def test_a_discard_fails_the_appointment_and_frees_its_slot(server, worker, dead):
    (appointment,) = dead(1)
    target = f"/dead-letters/{only_letter(server, 'open')['deadLetterId']}"
    for body in ({}, {"reason": "because"}):
        assert server.client.post(target + "/discard", body).fields == {"reason"}
    discarded = server.client.post(target + "/discard", {"reason": "unprocessable"})
    assert (discarded.status, discarded.json["state"]) == (200, "discarded")
    assert discarded.json["discardReason"] == "unprocessable"
    failed = server.client.appointment("00001", appointment)
    assert (failed["status"], failed["reason"]) == ("failed", "not_processed")
    refused = server.client.post(target + "/retry")
    assert (refused.status, refused.json["code"]) == (409, "dead_letter_discarded")
    assert server.client.post(target + "/discard", {"reason": "other"}).replayed
    worker.repair()
    other = server.client.book("00002", 1).json["appointmentId"]
    assert server.settled("00002", other)["status"] == "completed"
    history = server.client.get(f"/appointments/00001/{appointment}/history").json["events"]
    assert [each["type"].split(".", 1)[1] for each in history] == [
        "appointment.requested.v1",
        "deadletter.recorded.v1",
        "appointment.rejected.v1",
        "deadletter.discarded.v1",
    ]


def test_a_client_may_cancel_meanwhile(server, dead):
    (appointment,) = dead(1)
    assert server.client.cancel("00001", appointment).status == 200
    assert only_letter(server, "settled")["outcome"] == "cancelled"


@pytest.mark.parametrize("effect", ["crash", "hang"])
def test_a_worker_that_dies_or_hangs_of_it(server, worker, dead, effect):
    (appointment,) = dead(1, effect=effect)
    assert 3 <= worker.tries()[1] <= 4 <= worker.restarts + 1
    worker.repair()
    assert command(server, "retry", "--all-open").returncode == 0
    assert server.settled("00001", appointment)["status"] == "completed"


def test_operators_are_told(server, worker, dead):
    wait_until(lambda: part(server)["status"] == "ok", "all is well")
    assert part(server)["reason"] == "none waits for a decision"
    assert server.metric("citas_dead_letters_open") == 0
    dead(1, 2)
    degraded = wait_until(lambda: (p := part(server))["status"] != "ok" and p, "operators are told")
    assert degraded["status"] == "degraded"
    assert "2 wait" in degraded["reason"] and "poison-messages.md" in degraded["reason"]
    assert server.client.get("/readyz").status == 200
    assert server.metric("citas_dead_letters_open") == 2
    assert server.metric("citas_dead_letters_recorded_total") == 2
    worker.repair()
    assert command(server, "retry", "--all-open").returncode == 0
    wait_until(lambda: part(server)["status"] == "ok", "all is well again")
    server.all_settled(["00001"])
    assert server.metric("citas_dead_letters_recorded_total") == 2


def test_what_is_unknown_or_no_id(server):
    for method, target in (
        ("GET", f"/dead-letters/{UNKNOWN}"),
        ("POST", f"/dead-letters/{UNKNOWN}/retry"),
        ("POST", f"/dead-letters/{UNKNOWN}/discard"),
    ):
        body = {"reason": "other"} if target.endswith("discard") else None
        answer = server.client.request(method, target, body)
        assert (answer.status, answer.json["code"]) == (404, "dead_letter_not_found")
        answer = server.client.request(method, target.replace(UNKNOWN, "nonsense"), body)
        assert answer.fields == {"deadLetterId"}


def test_lists_are_filtered_and_paged(server, worker, dead):
    dead(*range(1, 6))
    everything = [one["deadLetterId"] for one in letters(server)]
    assert len(set(everything)) == 5
    oldest_first = list(server.client.pages("/dead-letters?order=asc", "deadLetters", limit=2))
    assert [one["deadLetterId"] for one in oldest_first] == everything[::-1]
    worker.repair()
    assert server.client.post(f"/dead-letters/{everything[0]}/retry").status == 200
    wait_until(lambda: len(letters(server, "?state=settled")) == 1, "one is settled")
    assert server.client.get("/dead-letters?state=open&limit=1").json["total"] == 4
    assert server.client.get("/dead-letters?state=dead").fields == {"state"}


def test_a_rebuild_and_a_restart_change_nothing(server, worker, dead):
    dead(1, 2, 3)
    first = letters(server)[0]["deadLetterId"]
    discarded = server.client.post(f"/dead-letters/{first}/discard", {"reason": "obsolete"})
    before = letters(server, f"?minPosition={discarded.position}")
    assert before[0]["state"] == "discarded"
    assert server.client.post("/projections/dead_letters/rebuild").status == 202

    def rebuilt():
        listed = server.client.get("/projections").json["projections"]
        state = next(one["rebuild"] for one in listed if one["name"] == "dead_letters")
        return state if state["state"] != "running" else None

    assert wait_until(rebuilt, "it is rebuilt")["identical"]
    assert letters(server) == before
    server.stop()
    server.wipe("projections")
    server.start()
    wait_until(lambda: letters(server) == before, "it comes back from the log")


class TestCommand:
    """citas deadletters"""

    def test_list_and_show(self, server, dead):
        dead(1, 2)
        table = command(server, "list", "--state", "open").stdout.splitlines()
        assert table[0].split() == [
            *("DEAD", "LETTER", "STATE", "COUNTRY", "CONSUMER", "REASON", "ATTEMPTS"),
            *("RETRIES", "RECORDED", "APPOINTMENT"),
        ]
        assert len(table) == 3
        listed = json.loads(command(server, "list", "-o", "json").stdout)
        assert listed == {"deadLetters": letters(server), "total": 2}
        short = command(server, "list", "--limit", "1")
        assert "1 of 2 shown" in short.stderr
        assert command(server, "list", "--limit", "1", "--quiet").stderr == ""
        letter = listed["deadLetters"][0]
        shown = json.loads(command(server, "show", letter["deadLetterId"], "-o", "json").stdout)
        assert shown == letter
        lines = command(server, "show", letter["deadLetterId"]).stdout.splitlines()
        assert dict(line.split(None, 1) for line in lines)["appointmentId"] == letter["appointmentId"]

    def test_on_a_stopped_servers_folder(self, server, dead):
        dead(1, 2, 3)
        before = letters(server, "?order=asc")
        server.stop()
        listed = citas("deadletters", "list", "--data", server.data, "--order", "asc", "-o", "json")
        assert json.loads(listed.stdout) == {"deadLetters": before, "total": 3}
        one = before[1]["deadLetterId"]
        shown = citas("deadletters", "show", one, "--data", server.data, "-o", "json")
        assert json.loads(shown.stdout) == before[1]
        missing = citas("deadletters", "show", UNKNOWN, "--data", server.data)
        assert missing.returncode == 1 and UNKNOWN in missing.stderr

    def test_retry_and_discard(self, server, worker, dead):
        appointments = dead(1, 2, 3)
        ids = [one["deadLetterId"] for one in letters(server, "?order=asc")]
        discarded = command(server, "discard", ids[0], "--reason", "invalid", "-o", "json")
        assert json.loads(discarded.stdout)["deadLetters"][0]["discardReason"] == "invalid"
        worker.repair()
        retried = command(server, "retry", *ids)
        assert retried.returncode == 1
        (line,) = retried.stderr.splitlines()
        assert ids[0] in line and "discarded" in line and "book again" in line
        assert len(retried.stdout.splitlines()) == 3
        for appointment in appointments[1:]:
            assert server.settled("00001", appointment)["status"] == "completed"
        nothing = command(server, "retry", "--all-open")
        assert (nothing.returncode, nothing.stdout) == (0, "")
        assert "no dead letter is open" in nothing.stderr

    def test_what_cannot_be_is_one_clear_line(self, server):
        known = uuid.uuid4()
        cases = [
            (1, "citas deadletters list", ["show", UNKNOWN]),
            (1, "citas deadletters list", ["retry", UNKNOWN]),
            (1, "citas deadletters list", ["discard", UNKNOWN, "--reason", "other"]),
            (2, "citas deadletters list", ["show", "nonsense"]),
            (2, "citas deadletters list", ["retry", "nonsense"]),
            (2, "--all-open", ["retry"]),
            (2, "--reason", ["discard", known]),
            (2, "--reason", ["discard", known, "--reason", "because"]),
            (2, "--state", ["list", "--state", "dead"]),
        ]
        for code, words, arguments in cases:
            result = command(server, *arguments)
            assert result.returncode == code, (arguments, result.stderr)
            assert words in result.stderr, (arguments, result.stderr)
            assert result.stdout == ""
        nobody = citas("deadletters", "list", "--url", "http://127.0.0.1:9")
        assert nobody.returncode == 1 and "127.0.0.1:9" in nobody.stderr
