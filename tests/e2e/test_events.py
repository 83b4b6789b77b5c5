"""The event log as auditors read it."""

import json

import pytest

REQUESTED = "citas.appointment.requested.v1"
CONFIRMED = "citas.appointment.confirmed.v1"


@pytest.fixture(scope="module")
def filled(server, numbers):
    """A log with some hundred events, at rest."""
    insureds = [numbers.insured() for _ in range(5)]
    for turn in range(60):
        server.client.book(insureds[turn % 5], numbers.schedule(), ("PE", "CL")[turn % 2])
    server.all_settled(insureds)
    return server


def test_positions_start_at_one_and_have_no_gaps(filled):
    events = filled.client.events()
    assert [event["position"] for event in events] == [str(n) for n in range(1, len(events) + 1)]
    assert len({event["id"] for event in events}) == len(events)
    assert len({event["source"] for event in events}) == 1


def test_pages_and_export_are_the_same(filled):
    assert list(filled.client.pages("/events", "events", limit=7)) == filled.client.events()


def test_the_export_is_the_stored_bytes(filled):
    answer = filled.client.get("/events", accept="application/x-ndjson")
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    lines = answer.body.splitlines()
    for position in (1, len(lines) // 2, len(lines)):
        assert filled.client.get(f"/events/{position}").body == lines[position - 1]


def test_an_empty_log_has_a_head(new_server):
    server = new_server("--workers", "none").start()
    head = server.client.get("/events/head").json
    assert head["position"] == "0"
    assert server.client.events() == []
    assert server.client.get("/events").json["events"] == []


def test_the_head_is_the_last_event(filled):
    head = filled.client.get("/events/head").json
    events = filled.client.events()
    assert head["position"] == events[-1]["position"]
    assert head["logId"] in events[-1]["source"]


def test_by_tag(filled):
    everything = filled.client.events()
    insured = everything[0]["data"]["insuredId"]
    expected = [event for event in everything if event["data"]["insuredId"] == insured]
    assert filled.client.events(f"?tag=insured:{insured}") == expected
    paged = filled.client.pages(f"/events?tag=insured:{insured}", "events", limit=3)
    assert list(paged) == expected
    appointment = everything[0]["subject"]
    types = [event["type"] for event in filled.client.events(f"?tag=appointment:{appointment}")]
    assert types == [REQUESTED, CONFIRMED]
    schedule = everything[0]["data"]["scheduleId"]
    assert len(filled.client.events(f"?tag=slot:PE:{schedule}")) == 2
    assert filled.client.events("?tag=insured:99998") == []


def test_by_type(filled):
    assert {event["type"] for event in filled.client.events(f"?type={CONFIRMED}")} == {CONFIRMED}
    both = len(filled.client.events(f"?type={CONFIRMED}")) + len(
        filled.client.events(f"?type={REQUESTED}")
    )
    assert both == len(filled.client.events())


def test_by_position(filled):
    events = filled.client.events("?from=10&to=19")
    assert [event["position"] for event in events] == [str(n) for n in range(10, 20)]
    pages = filled.client.pages("/events?from=10&to=19", "events", limit=4)
    assert list(pages) == events
    assert filled.client.events("?from=999999") == []


def test_filters_combine(filled):
    insured = filled.client.get("/events/1").json["data"]["insuredId"]
    events = filled.client.events(f"?tag=insured:{insured}&type={REQUESTED}&from=2")
    assert events
    for event in events:
        assert event["data"]["insuredId"] == insured
        assert event["type"] == REQUESTED
        assert int(event["position"]) >= 2


@pytest.mark.parametrize(
    "query, parameter",
    [
        ("tag=", "tag"),
        ("tag=nonsense", "tag"),
        ("type=citas.unknown.v1", "type"),
        ("from=-1", "from"),
        ("to=x", "to"),
        ("limit=0", "limit"),
        ("limit=1000", "limit"),
        ("cursor=%21", "cursor"),
        ("after=1", "after"),
    ],
)
def test_an_invalid_parameter_is_named(client, query, parameter):
    answer = client.get(f"/events?{query}")
    assert answer.status == 400
    assert answer.fields == {parameter}


def test_an_event_that_is_not_there_yet_is_not_found(client):
    assert client.get("/events/999999999").status == 404


def test_an_event_is_not_sent_again(filled):
    event = filled.client.get("/events/1")
    again = filled.client.get("/events/1", if_none_match=event.headers["etag"])
    assert again.status == 304
    assert again.headers["citas-hash"] == event.headers["citas-hash"]


@pytest.mark.parametrize("target", ["/events", "/events/head", "/events/999999999"])
def test_a_position_that_does_not_come_is_503_with_the_one_reached(client, target):
    answer = client.get(target + "?minPosition=999999999")
    assert (answer.status, answer.json["code"]) == (503, "position_not_reached")
    assert answer.position == answer.json["position"]


def test_what_has_not_changed_is_not_sent_again(filled):
    for target in ("/events", "/events/head", "/events?limit=3"):
        first = filled.client.get(target)
        assert filled.client.get(target, if_none_match=first.headers["etag"]).status == 304


@pytest.mark.parametrize("position", ["0", "-1", "x", "01", "18446744073709551616"])
def test_what_is_no_position_is_refused(client, position):
    assert client.get(f"/events/{position}").status in (400, 404)


def test_an_export_ends_at_the_head_it_names(filled):
    answer = filled.client.get("/events", accept="application/x-ndjson")
    assert json.loads(answer.body.splitlines()[-1])["position"] == answer.position


def test_no_event_carries_more_than_its_fields(filled):
    """The budget of design: a request fits 500 bytes, and names nobody but the insured's id."""
    answer = filled.client.get("/events", accept="application/x-ndjson")
    lines = answer.body.splitlines()
    assert max(len(line) for line in lines if REQUESTED.encode() in line) <= 500
    assert max(len(line) for line in lines) <= 600
