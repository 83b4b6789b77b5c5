"""Giving an appointment up."""

import pytest

REASONS = [
    "insured_request",
    "medic_unavailable",
    "center_closed",
    "schedule_changed",
    "duplicate",
    "other",
]


@pytest.fixture
def appointment(client, insured, schedule):
    return client.book(insured, schedule).json["appointmentId"]


def test_it_frees_the_slot(client, insured, schedule, appointment, numbers):
    answer = client.cancel(insured, appointment, {"reason": "insured_request"})
    assert answer.status == 200
    assert (answer.json["status"], answer.json["lifecycle"]) == ("cancelled", "cancelled")
    assert answer.json["reason"] == "insured_request"
    assert client.book(numbers.insured(), schedule).status == 201


def test_a_completed_appointment_can_be_cancelled(server, insured, appointment):
    server.settled(insured, appointment)
    assert server.client.cancel(insured, appointment).json["status"] == "cancelled"


@pytest.mark.parametrize("body", [None, b"", b"{}"])
def test_an_empty_body_is_an_empty_object(client, insured, appointment, body):
    answer = client.cancel(insured, appointment, body)
    assert answer.status == 200
    assert "reason" not in answer.json


@pytest.mark.parametrize("reason", REASONS)
def test_the_reasons(client, insured, appointment, reason):
    assert client.cancel(insured, appointment, {"reason": reason}).json["reason"] == reason


@pytest.mark.parametrize("body", [{"reason": "no time"}, {"reason": 1}, {"reason": None}])
def test_any_other_reason_is_refused(client, insured, appointment, body):
    answer = client.cancel(insured, appointment, body)
    assert answer.status == 400 and answer.fields == {"reason"}


def test_unknown_fields_are_refused(client, insured, appointment):
    answer = client.cancel(insured, appointment, {"notes": "x", "who": "y"})
    assert answer.status == 400 and answer.fields == {"notes", "who"}


def test_cancelling_twice_is_the_same_cancellation(client, insured, appointment):
    first = client.cancel(insured, appointment, {"reason": "duplicate"}).json
    second = client.cancel(insured, appointment, {"reason": "other"})
    assert second.status == 200
    assert second.json["reason"] == "duplicate"
    assert second.json["updatedAt"] == first["updatedAt"]
    cancelled = f"?tag=appointment:{appointment}&type=citas.appointment.cancelled.v1"
    assert len(client.events(cancelled)) == 1


def test_another_insureds_appointment_is_not_found(client, appointment, numbers):
    assert client.cancel(numbers.insured(), appointment).status == 404


def test_an_unknown_appointment_is_not_found(client, insured):
    assert client.cancel(insured, "01920000-0000-7000-8000-000000000001").status == 404


def test_a_cancelled_appointment_is_not_completed_afterwards(server, insured, numbers):
    """The confirmation that is under way meets a cancelled appointment, and changes nothing."""
    client = server.client
    made = [client.book(insured, numbers.schedule()).json["appointmentId"] for _ in range(20)]
    for appointment in made:
        assert client.cancel(insured, appointment).status == 200
    witness = client.book(insured, numbers.schedule()).json["appointmentId"]
    server.settled(insured, witness)  # everything before it has been through the country too
    for appointment in made:
        found = client.appointment(insured, appointment)
        assert (found["status"], found["lifecycle"]) == ("cancelled", "cancelled")


def test_only_the_version_that_the_client_saw(server, insured, appointment):
    server.settled(insured, appointment)
    target = f"/appointments/{insured}/{appointment}"
    tag = server.client.get(target).headers["etag"]
    assert server.client.cancel(insured, appointment, if_match='"stale"').status == 412
    cancelled = server.client.cancel(insured, appointment, if_match=tag)
    assert cancelled.status == 200 and not cancelled.replayed
    again = server.client.cancel(insured, appointment, if_match=tag)
    assert again.status == 200 and again.replayed and again.body == cancelled.body
