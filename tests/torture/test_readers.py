"""The reading clients: they must see each kind of wrong answer."""

import json
import pathlib
import sys
import types

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

from client import Answer  # noqa: E402
from framework import Broken  # noqa: E402
from oracle import Booking  # noqa: E402
from readers import Reader  # noqa: E402

BOOKING = Booking("key", {"insuredId": "00001"}, "a", 7)
ONE = "/appointments/00001/a"
BEFORE = f"{ONE}?asOf=6"
SOUND = {
    f"{ONE}?minPosition=7": {"appointmentId": "a"},
    f"{ONE}?asOf=7": {"status": "pending"},
    "/appointments/00001?minPosition=7&limit=1": {"total": 1},
    f"{ONE}/history?minPosition=7": {"events": [{"position": "7"}, {"position": "8"}]},
    "/events/head": {"position": "9"},
    "/metrics": {},
    "/readyz?verbose": {},
}


class MadeUpServer:
    """Answers as it is told to, whatever anybody booked."""

    url = "http://127.0.0.1:1"

    def __init__(self, answers, positions, status):
        self._answers, self._positions, self._status = SOUND | answers, positions, status

    def get(self, target):
        if target == BEFORE and BEFORE not in self._answers:
            return Answer(404, {}, b"{}")
        body = self._answers.get(target, {"appointments": [{"insuredId": target[14:19]}]})
        return Answer(self._status, {}, json.dumps(body).encode())

    def events(self, _):
        return [{"position": str(position)} for position in self._positions]


def read(what, answers=(), positions=range(1, 10), status=200):
    server = MadeUpServer(dict(answers), positions, status)
    known = types.SimpleNamespace(bookings=[BOOKING])
    reader = Reader(types.SimpleNamespace(client=server), known, 1, "reader", 0)
    reader._client = server
    getattr(reader, what)()


ALL = ["_list", "_one", "_past", "_own_write", "_history", "_export", "_metrics"]


@pytest.mark.parametrize("what", ALL)
def test_right_answers(what):
    read(what)


@pytest.mark.parametrize("what", ALL)
def test_no_answer(what):
    with pytest.raises(Broken, match=": 500 "):
        read(what, status=500)


@pytest.mark.parametrize("what", ["_one", "_own_write", "_history"])
def test_a_read_may_wait_for_a_position_in_vain(what):
    read(what, status=503)


@pytest.mark.parametrize("what", ["_list", "_past", "_export", "_metrics"])
def test_other_reads_may_not(what):
    with pytest.raises(Broken, match=": 503 "):
        read(what, status=503)


@pytest.mark.parametrize(
    "what, wrong",
    [
        ("_one", {f"{ONE}?minPosition=7": {"appointmentId": "b"}}),
        ("_past", {f"{ONE}?asOf=7": {"status": "completed"}}),
        ("_past", {BEFORE: {"status": "pending"}}),
        ("_own_write", {"/appointments/00001?minPosition=7&limit=1": {"total": 0}}),
        ("_history", {f"{ONE}/history?minPosition=7": {"events": [{"position": "8"}]}}),
    ],
)
def test_a_wrong_answer(what, wrong):
    with pytest.raises(Broken):
        read(what, wrong)


def test_a_list_with_somebody_elses():
    others = {
        f"/appointments/{insured:05}?limit=100": {"appointments": [{"insuredId": "99999"}]}
        for insured in range(1, 41)
    }
    with pytest.raises(Broken, match="sees others'"):
        read("_list", others)


@pytest.mark.parametrize("positions", [[1, 2, 4], [2, 3], [], [1, 3, 2, 4, 5, 6, 7, 8, 9]])
def test_an_export_with_a_gap(positions):
    with pytest.raises(Broken, match="has a gap"):
        read("_export", positions=positions)
