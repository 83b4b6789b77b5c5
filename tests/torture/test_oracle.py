"""The oracle itself: it must see each kind of defect that it exists for."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from oracle import CANCELLED, CONFIRMED, REQUESTED, Booking, Oracle  # noqa: E402


def event(position, event_type, subject, schedule=1):
    data = {"countryISO": "PE", "scheduleId": schedule}
    return {"position": str(position), "type": event_type, "subject": subject, "data": data}


SOUND = [
    event(1, REQUESTED, "a"),
    event(2, CANCELLED, "a"),
    event(3, REQUESTED, "b"),
    event(4, CONFIRMED, "b"),
]


def told(*bookings, cancelled=("a",)):
    oracle = Oracle("/dev/null")
    for appointment, position in bookings:
        body = {"countryISO": "PE", "scheduleId": 1}
        oracle.booked(Booking(f"key-{appointment}", body, appointment, position))
    for appointment in cancelled:
        oracle.cancelled(f"cancel-{appointment}", appointment)
    return oracle


def test_a_sound_log_has_no_defects():
    assert told(("a", 1), ("b", 3)).defects(SOUND) == []


def only_defect(oracle, events):
    (defect,) = oracle.defects(events)
    return defect


def test_a_lost_booking():
    oracle = told(("a", 1), ("b", 3), ("c", 5))
    assert any("not in the log: c" in defect for defect in oracle.defects(SOUND))


def test_a_lost_cancellation():
    assert "cancellation" in only_defect(told(("a", 1), ("b", 3), cancelled=("a", "b")), SOUND)


def test_a_booking_nobody_was_told_of():
    assert "never acknowledged: b" in only_defect(told(("a", 1)), SOUND)


def test_a_moved_booking():
    assert "not at its position" in only_defect(told(("a", 1), ("b", 2)), SOUND)


def test_a_gap():
    events = SOUND[:3] + [event(5, CONFIRMED, "b")]
    assert "where 4 belongs" in only_defect(told(("a", 1), ("b", 3)), events)


def test_a_slot_given_twice():
    events = SOUND + [event(5, REQUESTED, "c"), event(6, CONFIRMED, "c")]
    assert "is given to" in only_defect(told(("a", 1), ("b", 3), ("c", 5)), events)


def test_a_fact_stored_twice():
    events = SOUND + [event(5, CONFIRMED, "b")]
    assert "2 times" in only_defect(told(("a", 1), ("b", 3)), events)


def test_an_appointment_left_pending():
    assert "pending" in only_defect(told(("a", 1), ("b", 3)), SOUND[:3])
