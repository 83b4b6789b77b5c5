"""The checker of races: it must see each kind of answer that fits no order."""

import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

import checks  # noqa: E402
import framework  # noqa: E402
from client import Answer  # noqa: E402
from oracle import CANCELLED, REQUESTED  # noqa: E402
from race import Operation, defects  # noqa: E402

SLOT = ("PE", 1)


def event(position, event_type, subject, insured):
    data = {"countryISO": "PE", "scheduleId": 1, "insuredId": insured}
    return {"position": str(position), "type": event_type, "subject": subject, "data": data}


LOG = [event(1, REQUESTED, "a", "1"), event(2, CANCELLED, "a", "1"), event(3, REQUESTED, "b", "2")]
TOLD = [
    Operation("book", "1", SLOT, 10, 11, 201, "a"),
    Operation("cancel", "1", SLOT, 20, 21, 200, "a"),
    Operation("book", "2", SLOT, 30, 31, 201, "b"),
]


def refused(insured, asked, answered):
    return Operation("book", insured, SLOT, asked, answered, 409)


def test_answers_in_the_order_of_the_log():
    others = [refused("2", 12, 13), refused("3", 20.5, 25), refused("1", 30.5, 32)]
    assert list(defects(TOLD + others, LOG)) == []


def test_a_refusal_while_the_slot_was_free():
    assert len(list(defects(TOLD + [refused("2", 22, 23)], LOG))) == 1


def test_a_refusal_of_the_holder():
    assert len(list(defects(TOLD + [refused("1", 12, 13)], LOG))) == 1


def test_an_answer_from_the_past():
    stale = Operation("book", "1", SLOT, 40, 41, 201, "a")
    assert len(list(defects([*TOLD, stale], LOG))) == 1


def test_an_event_nobody_was_told_of():
    assert "nobody was told: position 3" in next(defects(TOLD[:2], LOG))


def test_a_lost_booking():
    lost = Operation("book", "3", SLOT, 40, 41, 201, "c")
    assert "not in the log" in next(defects([*TOLD, lost], LOG))


def answer(status, appointment, replayed=True):
    headers = {"idempotent-replayed": "true"} if replayed else {}
    return Answer(status, headers, f'{{"appointmentId":"{appointment}"}}'.encode())


def test_a_key_that_repeats_its_outcome():
    checks.check_repeated("key", answer(201, "a"), 201, "a")


@pytest.mark.parametrize(
    "wrong",
    [
        answer(201, "b", replayed=False),  # the slot was free again: booked once more
        answer(201, "b"),
        answer(201, "a", replayed=False),
        Answer(409, {}, b'{"code":"slot_taken"}'),  # another has the slot: decided once more
    ],
)
def test_a_key_that_was_forgotten(wrong):
    with pytest.raises(framework.Broken, match="key got .* instead of its first outcome"):
        checks.check_repeated("key", wrong, 201, "a")
