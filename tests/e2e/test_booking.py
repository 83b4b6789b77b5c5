"""Requesting an appointment: what is accepted, what is refused, and how it is said."""

import datetime
import uuid

import pytest

MAX_INTEGER = 2**53 - 1


def request(insured, schedule, **changes):
    body = {"insuredId": insured, "scheduleId": schedule, "countryISO": "PE", **changes}
    return {name: value for name, value in body.items() if value is not ...}


def in_days(days, offset="Z"):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + offset


def test_an_accepted_request_is_pending_and_has_a_location(client, insured, schedule):
    answer = client.book(insured, schedule)
    assert answer.status == 201
    body = answer.json
    assert (body["insuredId"], body["scheduleId"]) == (insured, schedule)
    assert (body["status"], body["lifecycle"]) == ("pending", "requested")
    assert uuid.UUID(body["appointmentId"]).version == 7
    location = answer.headers["location"]
    assert location == f"/appointments/{insured}/{body['appointmentId']}"
    assert client.get(location).json["appointmentId"] == body["appointmentId"]


def test_a_client_that_prefers_so_gets_202(client, insured, schedule):
    answer = client.post("/appointments", request(insured, schedule), prefer="respond-async")
    assert answer.status == 202
    assert answer.headers["preference-applied"] == "respond-async"


def test_all_optional_fields_come_back(client, insured, schedule):
    optional = {"centerId": 4, "specialtyId": 3, "medicId": MAX_INTEGER}
    body = client.book(insured, schedule, "CL", date=in_days(30), **optional).json
    assert {name: body[name] for name in optional} == optional
    assert body["date"].endswith(".000Z")


def test_times_are_returned_in_utc(client, insured, schedule):
    body = client.book(insured, schedule, date="2090-09-30T12:30:00.250-05:00").json
    assert body["date"] == "2090-09-30T17:30:00.250Z"


def test_the_same_under_the_version_prefix(client, insured, schedule):
    answer = client.post("/api/v1/appointments", request(insured, schedule))
    assert answer.status == 201
    assert client.get(answer.headers["location"]).status == 200
    assert client.get(f"/api/v1/appointments/{insured}").json["total"] == 1


def test_charset_utf8_is_accepted(client, insured, schedule):
    answer = client.post(
        "/appointments",
        request(insured, schedule),
        content_type="application/json; charset=utf-8",
    )
    assert answer.status == 201


@pytest.mark.parametrize(
    "changes, field",
    [
        ({"insuredId": ...}, "insuredId"),
        ({"insuredId": 12345}, "insuredId"),
        ({"insuredId": "1234"}, "insuredId"),
        ({"insuredId": "123456"}, "insuredId"),
        ({"insuredId": "1234a"}, "insuredId"),
        ({"insuredId": "１２３４５"}, "insuredId"),
        ({"insuredId": "12345\n"}, "insuredId"),
        ({"insuredId": None}, "insuredId"),
        ({"scheduleId": ...}, "scheduleId"),
        ({"scheduleId": 0}, "scheduleId"),
        ({"scheduleId": -1}, "scheduleId"),
        ({"scheduleId": MAX_INTEGER + 1}, "scheduleId"),
        ({"scheduleId": 2**64}, "scheduleId"),
        ({"scheduleId": 1.5}, "scheduleId"),
        ({"scheduleId": "100"}, "scheduleId"),
        ({"scheduleId": True}, "scheduleId"),
        ({"scheduleId": [1]}, "scheduleId"),
        ({"countryISO": ...}, "countryISO"),
        ({"countryISO": "pe"}, "countryISO"),
        ({"countryISO": "XX"}, "countryISO"),
        ({"countryISO": "PER"}, "countryISO"),
        ({"countryISO": ""}, "countryISO"),
        ({"countryISO": 1}, "countryISO"),
        ({"centerId": 0}, "centerId"),
        ({"specialtyId": "3"}, "specialtyId"),
        ({"medicId": {}}, "medicId"),
        ({"date": "2090-09-30"}, "date"),
        ({"date": "2090-09-30T12:30:00"}, "date"),
        ({"date": "2090-02-30T12:30:00Z"}, "date"),
        ({"date": "2001-01-01T00:00:00Z"}, "date"),
        ({"date": 1900000000}, "date"),
        ({"notes": "none"}, "notes"),
        ({"insuredid": "00001"}, "insuredid"),
    ],
)
def test_an_invalid_field_is_named(client, insured, schedule, changes, field):
    answer = client.post("/appointments", request(insured, schedule, **changes))
    assert answer.status == 400
    assert answer.json["error"] == "ValidationError"
    assert answer.fields == {field}
    assert client.get(f"/appointments/{insured}").json["total"] == 0


def test_all_invalid_fields_are_named_at_once(client):
    answer = client.post(
        "/appointments",
        {"insuredId": 1, "countryISO": "??", "medicId": 0, "colour": "red", "date": "soon"},
    )
    assert answer.status == 400
    invalid = {"insuredId", "scheduleId", "countryISO", "medicId", "colour", "date"}
    assert answer.fields == invalid


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"{}{}",
        b'{"insuredId":"00001",}',
        b'{"insuredId":"00001","insuredId":"00002","scheduleId":1,"countryISO":"PE"}',
        b'{"insuredId":"\xff\xfe","scheduleId":1,"countryISO":"PE"}',
        b'{"insuredId":NaN,"scheduleId":1,"countryISO":"PE"}',
        b"[" * 5000,
        b'{"a":' * 5000,
        b"\xef\xbb\xbfx",
    ],
    ids=lambda body: repr(body[:24]),
)
def test_a_body_that_is_not_a_json_object_is_400(client, body):
    assert client.post("/appointments", body).status == 400


@pytest.mark.parametrize("schedule_id", [1, MAX_INTEGER])
def test_the_ends_of_the_range_are_accepted(client, insured, schedule_id):
    assert client.book(insured, schedule_id, "CL").status == 201


def test_the_request_id_is_the_clients(client, insured, schedule):
    answer = client.post("/appointments", request(insured, schedule), request_id="abc-1")
    assert answer.headers["request-id"] == "abc-1"
    refused = client.post("/appointments", {}, request_id="abc-2")
    assert refused.json["requestId"] == "abc-2"


def test_an_invalid_request_id_is_replaced(client):
    answer = client.get("/livez", request_id="two words")
    assert answer.headers["request-id"] != "two words"


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def test_the_trace_is_carried_into_the_event(client, insured, schedule):
    parent = f"00-{TRACE}-00f067aa0ba902b7-01"
    answer = client.post("/appointments", request(insured, schedule), traceparent=parent)
    event = client.get(f"/events/{answer.position}").json
    assert TRACE in event["traceparent"]


def test_an_invalid_trace_is_not_echoed(client, insured, schedule):
    answer = client.post("/appointments", request(insured, schedule), traceparent="00-zz-zz-01")
    assert answer.status == 201
    assert "zz" not in client.get(f"/events/{answer.position}").json.get("traceparent", "")
