"""Backups of a server at work, restored elsewhere, and to the past on the same folder."""

import fcntl
import json
import math
import re
import shutil
import threading
import uuid

import pytest

from alerts import alerts, is_true, samples_of
from harness import citas, wait_until

INSUREDS = [f"{number:05}" for number in range(1, 5)]
CLIENTS = 4


@pytest.fixture
def backups(tmp_path):
    return tmp_path / "backups"


def run(*arguments):
    result = citas("backup", *arguments)
    assert result.returncode == 0, result.stderr
    return result


def create(server, backups, *options):
    made = run("create", "--data", server.data, "--backups", backups, "-o", "json", *options)
    return json.loads(made.stdout)


def restore(data, backups, *options):
    made = run("restore", "--data", data, "--backups", backups, "-o", "json", *options)
    return json.loads(made.stdout)


def book_all(client, first_schedule, count, keys=False):
    """(insured, appointment, key) of each booking, spread over insureds and countries."""
    made = []
    for schedule in range(first_schedule, first_schedule + count):
        insured, country = INSUREDS[schedule % len(INSUREDS)], ("PE", "CL")[schedule % 2]
        key = f"key-{schedule}" if keys else None
        answer = client.book(insured, schedule, country, key=key)
        assert answer.status == 201, answer.text
        made.append((insured, answer.json["appointmentId"], key))
    return made


class Load:
    """Clients that book until they are stopped."""

    def __init__(self, client):
        self.made = []
        self._failures = []
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(client.clone(validate=False), 1000 * number))
            for number in range(1, CLIENTS + 1)
        ]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()
        assert not self._failures, self._failures[0]

    def _run(self, client, schedule):
        try:
            while not self._stop.is_set():
                schedule += 1
                self.made += book_all(client, schedule, 1, keys=True)
        except Exception as failed:  # pylint: disable=broad-except
            self._failures.append(failed)
        finally:
            client.close()


def test_under_load_and_restored_elsewhere(new_server, backups):
    server = new_server().start()
    with Load(server.client) as load:
        taken = []
        for turn in range(4):
            seen = len(load.made)
            wait_until(lambda seen=seen: len(load.made) >= seen + 50, "more bookings")
            acknowledged = int(server.client.get("/events/head").json["position"])
            taken.append(create(server, backups))
            assert int(taken[-1]["position"]) >= acknowledged, f"turn {turn}"
    assert [one["kind"] for one in taken] == ["full"] + ["incremental"] * 3
    assert "4 backups" in run("verify", "--backups", backups).stdout
    listed = json.loads(run("list", "--backups", backups, "-o", "json").stdout)["backups"]
    assert [one["id"] for one in listed] == [one["id"] for one in taken]
    assert {one["state"] for one in listed} == {"whole"}
    original = server.client.events()
    epoch = server.client.get("/events/head").json["epoch"]
    server.stop()

    elsewhere = new_server(name="elsewhere")
    restored = restore(elsewhere.data, backups)
    expected = f"{taken[-1]['position']}:{taken[-1]['hash']}"
    assert f"{restored['position']}:{restored['hash']}" == expected
    verified = citas("verify", "--data", elsewhere.data, "--expect", expected)
    assert verified.returncode == 0, verified.stderr
    elsewhere.start()
    head = elsewhere.client.get("/events/head").json
    assert head["epoch"] == restored["epoch"] > epoch
    end = int(restored["position"])
    assert elsewhere.client.events()[:end] == original[:end]

    by_appointment = {one[1]: one for one in load.made}
    insured, appointment, key = next(
        by_appointment[event["subject"]]
        for event in reversed(original[:end])
        if event["type"] == "citas.appointment.requested.v1"
    )
    booking = elsewhere.client.appointment(insured, appointment)
    again = elsewhere.client.book(
        insured, booking["scheduleId"], booking["countryISO"], key=key
    )
    assert again.replayed and again.json["appointmentId"] == appointment
    other = elsewhere.client.book(insured, 999_999, booking["countryISO"], key=key)
    assert other.status == 422, "the key's fingerprint is known too"
    elsewhere.all_settled(INSUREDS)


def holds(folder, appointment):
    """Whether a country's store has ever written the appointment, and not been emptied since."""
    wanted = uuid.UUID(appointment).bytes
    return any(wanted in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_to_the_past_of_the_same_folder(new_server, backups):
    """Projections, country stores and streams of the abandoned future are left in place."""
    server = new_server().start()
    kept = book_all(server.client, 1, 20)
    server.all_settled(INSUREDS)
    until = server.client.get("/events/head").json
    abandoned = book_all(server.client, 101, 20)
    server.all_settled(INSUREDS)
    before = server.client.events()
    create(server, backups)
    server.stop()
    countries = server.data / "countries"
    assert holds(countries, kept[0][1]) and holds(countries, abandoned[0][1])

    shutil.move(server.data / "log", server.data / "log.before")
    restored = restore(server.data, backups, "--until", until["position"])
    assert restored["hash"] == until["hash"]
    server.start()
    for insured, appointment, _ in kept:
        assert server.client.appointment(insured, appointment)["status"] == "completed"
    for insured, appointment, _ in abandoned:
        assert server.client.get(f"/appointments/{insured}/{appointment}").status == 404
    totals = [server.client.get(f"/appointments/{one}").json["total"] for one in INSUREDS]
    assert sum(totals) == len(kept)
    log = server.process.output()
    assert "projection does not fit the log and is built again" in log

    # Another future: the same slots, other insureds, until the old positions are passed.
    for schedule in range(101, 131):
        answer = server.client.book("00009", schedule, ("PE", "CL")[schedule % 2])
        assert answer.status == 201, answer.text
    server.all_settled(["00009"])
    assert server.metric("citas_relay_rebuilds_total") == 1
    events = server.client.events()
    assert events[: int(until["position"])] == before[: int(until["position"])]
    assert len(events) > len(before)
    assert not holds(countries, abandoned[0][1]), "the countries have forgotten it"
    wait_until(lambda: holds(countries, kept[0][1]), "the countries know the past again")
    server.stop()
    replayed = citas("verify", "--data", server.data)
    assert replayed.returncode == 0, replayed.stderr


def test_to_a_time(new_server, backups):
    server = new_server("--nats", "none").start()
    book_all(server.client, 1, 5)
    time = server.client.events()[-1]["time"]
    wait_until(
        lambda: book_all(server.client, 100 + len(server.client.events()), 1)
        and server.client.events()[-1]["time"] > time,
        "a later event",
    )
    create(server, backups)
    events = server.client.events()
    not_later = [event for event in events if event["time"] <= time]
    assert len(not_later) < len(events)
    elsewhere = new_server("--nats", "none", name="elsewhere")
    restored = run("restore", "--data", elsewhere.data, "--backups", backups, "--until", time)
    head = re.search(r"^head: (\d+):", restored.stdout, re.MULTILINE)
    assert int(head[1]) == len(not_later)
    of_all = f"{len(not_later)} of {len(not_later)} events"
    last = {line.split(":")[0]: line for line in restored.stderr.splitlines()}
    assert set(last) == {"restoring", "verifying"}, restored.stderr
    for line in last.values():
        assert re.fullmatch(rf"\w+: 100 %, {of_all}, [\d,]+ events/s, 0 s left", line)
    elsewhere.start()
    assert elsewhere.client.events() == not_later


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A few events, backed up beside the running server that wrote them."""
    from harness import Server

    folder = tmp_path_factory.mktemp("small")
    server = Server(folder, "--nats", "none").start()
    book_all(server.client, 1, 5)
    create(server, folder / "backups")
    server.stop()
    return server


@pytest.mark.parametrize("victim", ["*.segment", "manifest.json"])
def test_a_corrupted_backup_is_refused(small, tmp_path, victim):
    backups = tmp_path / "backups"
    shutil.copytree(small.folder / "backups", backups)
    path = next(backups.rglob(victim))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert citas("backup", "verify", "--backups", backups).returncode == 3
    data = tmp_path / "data"
    refused = citas("backup", "restore", "--backups", backups, "--data", data)
    assert refused.returncode == 3
    assert path.parent.name in refused.stderr
    assert not (data / "log").exists()


@pytest.mark.parametrize("until", ["0", "2020-01-31T00:00:00Z"])
def test_never_to_before_the_first_event(small, tmp_path, until):
    data = tmp_path / "data"
    refused = citas(
        "backup", "restore", "--backups", small.folder / "backups", "--data", data, "--until", until
    )
    assert refused.returncode == 2
    assert re.search(r"holds nothing up to .*: its first event, at position 1, is of 20", refused.stderr)
    assert not data.exists()


@pytest.mark.parametrize("within", [".", "log.of.yesterday"])
def test_never_among_the_backups(small, tmp_path, within):
    backups = tmp_path / "backups"
    shutil.copytree(small.folder / "backups", backups)
    before = sorted(path.name for path in backups.iterdir())
    refused = citas("backup", "restore", "--backups", backups, "--data", backups / within)
    assert refused.returncode == 2 and "folder of the backups" in refused.stderr
    assert sorted(path.name for path in backups.iterdir()) == before


def test_never_over_a_log(small):
    before = citas("verify", "--data", small.data).stdout
    refused = citas("backup", "restore", "--backups", small.folder / "backups", "--data", small.data)
    assert refused.returncode == 1 and "move it away" in refused.stderr
    assert citas("verify", "--data", small.data).stdout == before


def test_a_place_that_cannot_be_taken_is_refused_before_the_copying(small, tmp_path, small_disk):
    def refused(data, words):
        result = citas("backup", "restore", "--backups", small.folder / "backups", "--data", data)
        assert result.returncode == 1 and words in result.stderr, result.stderr
        assert "with a --data of its own" in result.stderr
        assert [each.name for each in data.iterdir()] == ["log"]

    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "log").symlink_to(tmp_path / "elsewhere")
    refused(linked, "is a link")
    small_disk(64, "mounted/log")
    refused(tmp_path / "mounted", "is a disk of its own")


def test_a_place_that_cannot_be_made_says_why(small):
    result = citas("backup", "restore", "--backups", small.folder / "backups", "--data", "/dev/null")
    assert result.returncode == 1
    assert "Not a directory" in result.stderr and "/dev/null" in result.stderr


@pytest.mark.parametrize("place", ["", "log", "log/db", "backups", ".."])
def test_never_into_the_data_folder(new_server, tmp_path, place):
    """Not even by another name: whatever is removed there is a log that a server has open."""
    server = new_server("--nats", "none").start()
    book_all(server.client, 1, 3)
    before = sorted(server.data.rglob("*"))
    link = tmp_path / "link"
    link.symlink_to(server.data)
    refused = citas("backup", "create", "--data", server.data, "--backups", link / place)
    assert refused.returncode == 2, refused.stderr
    assert "name a folder apart from it" in refused.stderr
    assert sorted(server.data.rglob("*")) == before
    book_all(server.client, 4, 1)
    server.stop()
    assert citas("verify", "--data", server.data).returncode == 0


def test_what_cannot_be_is_one_clear_line(small, tmp_path):
    backups = small.folder / "backups"
    cases = [
        (1, "there is no folder", ["list", "--backups", tmp_path / "none"]),
        (1, "there is no backup", ["restore", "nonsense", "--backups", backups]),
        (2, "neither a position nor a time", ["restore", "--until", "soon", "--backups", backups]),
        (2, "ends at position", ["restore", "--until", "999999", "--backups", backups]),
        (2, "was made at", ["restore", "--until", "2999-01-01T00:00:00Z", "--backups", backups]),
        (1, "there is none in", ["create", "--data", tmp_path / "none", "--backups", backups]),
    ]
    for code, words, command in cases:
        if command[0] == "restore":
            command += ["--data", tmp_path / "data"]
        result = citas("backup", *command)
        assert result.returncode == code, (command, result.stderr)
        assert words in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "data").exists()
    assert not (tmp_path / "none").exists()


TOO_OLD = next(alert["expr"] for alert in alerts() if alert["alert"] == "CitasBackupTooOld")


def age_of_backups(server):
    """As of a start, at which it looks."""
    server.restart()
    age = wait_until(lambda: server.metric("citas_backup_age_seconds"), "it has looked")
    assert is_true(TOO_OLD, samples_of(server.client.get("/metrics").text)) == (age > 3 * 3600)
    return age


def test_a_server_tells_how_old_its_last_backup_is(new_server, backups):
    server = new_server("--nats", "none", "--backups", backups).start()
    server.client.book("00001", 1)
    assert math.isinf(age_of_backups(server))
    first = create(server, backups)
    assert 0 <= age_of_backups(server) < 60
    assert doctor_on_backups(server, backups) == "ok"
    # It counts what is whole, and of this log.
    (segment,) = (backups / first["id"]).glob("*.segment")
    whole = segment.read_bytes()
    segment.write_bytes(whole[:-1])
    assert math.isinf(age_of_backups(server))
    assert doctor_on_backups(server, backups) == "warn"
    segment.write_bytes(whole)
    assert age_of_backups(server) < 120
    other = new_server("--nats", "none", "--backups", backups, name="other").start()
    assert math.isinf(age_of_backups(other))


def doctor_on_backups(server, backups):
    report = citas("doctor", "--data", server.data, "--backups", backups, "--nats", "none", "-o", "json")
    (check,) = [one for one in json.loads(report.stdout)["checks"] if one["check"] == "backups.last"]
    return check["state"]


def test_a_look_keeps_no_backup_waiting(new_server, backups):
    """The server takes no lock there, and needs none."""
    server = new_server("--nats", "none", "--backups", backups).start()
    create(server, backups)
    with open(backups / "LOCK", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert age_of_backups(server) < 60


def test_a_full_one_when_the_last_is_old(new_server, backups):
    server = new_server("--nats", "none").start()
    daily = ("--full-if-older-than-hours", 24)
    assert [create(server, backups, *daily)["kind"] for _ in range(3)] == [
        "full",
        "incremental",
        "incremental",
    ]
