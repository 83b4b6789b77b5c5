"""The oracle itself: it must see each kind of defect that it exists for."""

import os
import pathlib
import sys
import threading

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from framework import Broken, Journal  # noqa: E402
from oracle import CANCELLED, CONFIRMED, REJECTED, REQUESTED, Booking, Oracle  # noqa: E402


def event(position, event_type, subject, schedule=1):
    data = {"countryISO": "PE", "scheduleId": schedule}
    return {"position": str(position), "type": event_type, "subject": subject, "data": data}


SOUND = [
    event(1, REQUESTED, "a"),
    event(2, CANCELLED, "a"),
    event(3, REQUESTED, "b"),
    event(4, CONFIRMED, "b"),
]


BODY = {"countryISO": "PE", "scheduleId": 1}


@pytest.fixture
def told(tmp_path):
    """The record of an oracle that was told of these bookings and cancellations."""

    def record(*bookings, cancelled=("a",), asked=()):
        oracle = Oracle(tmp_path / "journal")
        for key in asked:
            oracle.intends(key, "/appointments", BODY)
        for appointment, position in bookings:
            oracle.intends(f"key-{appointment}", "/appointments", BODY)
            oracle.booked(Booking(f"key-{appointment}", BODY, appointment, position))
        for appointment in cancelled:
            oracle.intends(f"cancel-{appointment}", f"/{appointment}/cancellation", {})
            oracle.cancelled(f"cancel-{appointment}", appointment)
        return oracle.record()

    return record


def test_a_sound_log_has_no_defects(told):
    assert told(("a", 1), ("b", 3)).defects(SOUND) == []


def only_defect(record, events):
    (defect,) = record.defects(events)
    return defect


def test_a_lost_booking(told):
    defects = told(("a", 1), ("b", 3), ("c", 5)).defects(SOUND)
    assert "acknowledged booking, not in the log: c" in defects


def test_a_lost_cancellation(told):
    record = told(("a", 1), ("b", 3), cancelled=("a", "b"))
    assert only_defect(record, SOUND) == "acknowledged cancellation, not in the log: b"


def test_a_booking_nobody_was_told_of(told):
    assert "never acknowledged: b" in only_defect(told(("a", 1)), SOUND)


def test_a_moved_booking(told):
    assert "not at its position" in only_defect(told(("a", 1), ("b", 2)), SOUND)


def test_a_gap(told):
    events = SOUND[:3] + [event(5, CONFIRMED, "b")]
    assert "where 4 belongs" in only_defect(told(("a", 1), ("b", 3)), events)


def test_a_slot_given_twice(told):
    events = SOUND + [event(5, REQUESTED, "c"), event(6, CONFIRMED, "c")]
    assert "is given to" in only_defect(told(("a", 1), ("b", 3), ("c", 5)), events)


def test_a_fact_stored_twice(told):
    events = SOUND + [event(5, CONFIRMED, "b")]
    assert "2 times" in only_defect(told(("a", 1), ("b", 3)), events)


def test_an_appointment_left_pending(told):
    assert "pending" in only_defect(told(("a", 1), ("b", 3)), SOUND[:3])


def test_a_cancellation_nobody_asked_for(told):
    record = told(("a", 1), ("b", 3), cancelled=())
    assert only_defect(record, SOUND) == "cancellation in the log, never acknowledged: a"


def test_an_intent_that_was_never_answered(told):
    record = told(("a", 1), ("b", 3), asked=["key-c"])
    assert only_defect(record, SOUND) == "asked, and never answered: key-c"


@pytest.mark.parametrize(
    "wrong", [REJECTED, "citas.deadletter.recorded.v1", "citas.deadletter.discarded.v1"]
)
def test_a_refusal_where_no_rule_refuses(told, wrong):
    """It settles the appointment and frees its slot, and nobody had a reason."""
    events = SOUND[:3] + [event(4, wrong, "b"), event(5, CONFIRMED, "b")]
    assert f"{wrong} at 4, where every rule accepts" in only_defect(told(("a", 1), ("b", 3)), events)


def test_what_is_compared_comes_from_the_file(tmp_path):
    """An answer that the journal has lost is not made good by anybody's memory."""
    oracle = Oracle(tmp_path / "journal")
    oracle.intends("key-a", "/appointments", BODY)
    oracle.booked(Booking("key-a", BODY, "a", 1))
    lines = (tmp_path / "journal").read_text().splitlines(keepends=True)
    (tmp_path / "journal").write_text(lines[0])
    with pytest.raises(Broken, match="has .0, 0, 0. answers, .1, 0, 0. were given"):
        oracle.record()


def test_a_journal_is_on_disk_before_it_returns(tmp_path, monkeypatch):
    """Many write at once; each line is in what a sync that began later has covered."""
    journal, synced, sync = Journal(tmp_path / "journal"), [0], os.fdatasync

    def counted(descriptor):
        length = os.fstat(descriptor).st_size
        sync(descriptor)
        synced.append(length)

    monkeypatch.setattr(os, "fdatasync", counted)

    def write(name):
        for number in range(50):
            journal.write(intent=f"{name}-{number}")
            durable = (tmp_path / "journal").read_bytes()[: synced[-1]]
            if f'"{name}-{number}"'.encode() not in durable:
                missing.append((name, number))

    missing = []
    threads = [threading.Thread(target=write, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not missing and len(list(journal.read())) == 400
