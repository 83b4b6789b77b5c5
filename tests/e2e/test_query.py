"""Reading an insured's appointments: filters, pages, order, freshness, caching, the past."""

import http.client
import json
import time

import pytest

DATES = [f"2090-0{month}-15T10:00:00.000Z" for month in (3, 1, 2)]


@pytest.fixture
def booked(server, insured, numbers):
    """Three completed appointments, requested out of the order of their dates."""
    answers = [
        server.client.book(insured, numbers.schedule(), country, date=date)
        for country, date in zip(("PE", "CL", "PE"), DATES)
    ]
    for answer in answers:
        server.settled(insured, answer.json["appointmentId"])
    return answers


def dates(answer):
    return [appointment["date"] for appointment in answer.json["appointments"]]


def test_an_unknown_insured_has_an_empty_list(client):
    answer = client.get("/appointments/99999")
    assert answer.status == 200
    assert answer.json["insuredId"] == "99999"
    assert (answer.json["appointments"], answer.json["total"]) == ([], 0)
    assert answer.json["pagination"] == {"limit": 50, "hasMore": False, "nextCursor": None}


def test_the_list_is_sorted_by_date(client, insured, booked):
    assert dates(client.get(f"/appointments/{insured}")) == sorted(DATES)
    assert dates(client.get(f"/appointments/{insured}?order=desc")) == sorted(DATES)[::-1]


def test_without_a_date_the_creation_counts(client, insured, numbers):
    made = [client.book(insured, numbers.schedule()).json["appointmentId"] for _ in range(3)]
    last = client.book(insured, numbers.schedule(), date=DATES[0])
    target = f"/appointments/{insured}?minPosition={last.position}"
    listed = [item["appointmentId"] for item in client.get(target).json["appointments"]]
    assert listed == made + [last.json["appointmentId"]]


@pytest.mark.parametrize(
    "query, expected",
    [
        ("countryISO=CL", [DATES[1]]),
        ("status=completed", sorted(DATES)),
        ("status=pending", []),
        ("status=failed", []),
        ("lifecycle=booked", sorted(DATES)),
        ("lifecycle=requested", []),
        ("lifecycle=arrived", []),
        ("lifecycle=noshow&status=completed", []),
        ("lifecycle=fulfilled&countryISO=PE", []),
        ("from=2090-02-01T00:00:00Z", sorted(DATES)[1:]),
        ("to=2090-02-01T00:00:00Z", sorted(DATES)[:1]),
        ("from=2090-02-15T10:00:00Z&to=2090-03-15T10:00:00Z", [sorted(DATES)[1]]),
        ("from=2090-02-15T05:00:00-05:00&to=2090-02-15T10:00:00.001Z", [sorted(DATES)[1]]),
        ("countryISO=PE&status=completed&from=2090-03-01T00:00:00Z", [sorted(DATES)[2]]),
    ],
)
def test_filters(client, insured, booked, query, expected):
    answer = client.get(f"/appointments/{insured}?{query}")
    assert dates(answer) == expected
    assert answer.json["total"] == len(expected)


def test_the_plus_of_an_offset_may_be_encoded(client, insured, booked):
    answer = client.get(f"/appointments/{insured}?from=2090-03-01T00:00:00%2B02:00")
    assert dates(answer) == [sorted(DATES)[2]]


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_show_everything_once(client, insured, numbers, order):
    made = [client.book(insured, numbers.schedule()) for _ in range(7)]
    target = f"/appointments/{insured}?order={order}&minPosition={made[-1].position}"
    whole = client.get(target).json
    assert whole["total"] == 7
    paged = list(client.pages(target, "appointments", limit=3))
    assert [item["appointmentId"] for item in paged] == [
        item["appointmentId"] for item in whole["appointments"]
    ]


def test_a_page_says_what_follows(client, insured, booked):
    page = client.get(f"/appointments/{insured}?limit=2").json
    assert page["total"] == 3 and len(page["appointments"]) == 2
    assert page["pagination"]["hasMore"] and page["pagination"]["nextCursor"]
    cursor = page["pagination"]["nextCursor"]
    last = client.get(f"/appointments/{insured}?limit=2&cursor={cursor}").json
    assert len(last["appointments"]) == 1
    assert last["pagination"] == {"limit": 2, "hasMore": False, "nextCursor": None}


@pytest.mark.parametrize(
    "query, parameter",
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=ten", "limit"),
        ("limit=", "limit"),
        ("limit=1&limit=2", "limit"),
        ("cursor=!", "cursor"),
        ("cursor=AAAA", "cursor"),
        ("status=done", "status"),
        ("lifecycle=gone", "lifecycle"),
        ("countryISO=peru", "countryISO"),
        ("from=yesterday", "from"),
        ("to=2090-01-01", "to"),
        ("order=up", "order"),
        ("minPosition=x%20y", "minPosition"),
        ("asOf=x%20y", "asOf"),
        ("colour=red", "colour"),
    ],
)
def test_an_invalid_parameter_is_named(client, query, parameter):
    answer = client.get(f"/appointments/00001?{query}")
    assert answer.status == 400
    assert answer.fields == {parameter}


@pytest.mark.parametrize("insured_id", ["1", "123456", "abcde", "0000%31x", "%EF%BC%91"])
def test_an_invalid_insured_in_the_path_is_400(client, insured_id):
    answer = client.get(f"/appointments/{insured_id}")
    assert answer.status == 400
    assert answer.fields == {"insuredId"}


def test_one_appointment(client, insured, booked):
    expected = client.get(f"/appointments/{insured}").json["appointments"][0]
    assert client.appointment(insured, expected["appointmentId"]) == expected


def test_an_appointment_of_another_insured_is_not_found(client, booked, numbers):
    appointment = booked[0].json["appointmentId"]
    mine = client.get(f"/appointments/{numbers.insured()}/{appointment}")
    unknown = client.get("/appointments/00001/01920000-0000-7000-8000-000000000001")
    assert (mine.status, unknown.status) == (404, 404)
    assert mine.json["code"] == unknown.json["code"]


def test_a_malformed_appointment_id_is_400(client):
    answer = client.get("/appointments/00001/not-a-uuid")
    assert answer.status == 400
    assert answer.fields == {"appointmentId"}


def test_reading_ones_own_write(client, insured, numbers):
    for count in range(1, 20):
        position = client.book(insured, numbers.schedule()).position
        listed = client.get(f"/appointments/{insured}?minPosition={position}&limit=100")
        assert listed.json["total"] == count
        assert int(listed.position) >= int(position)


def test_a_position_that_does_not_come_is_503_with_the_one_reached(client, insured):
    started = time.monotonic()
    answer = client.get(f"/appointments/{insured}?minPosition=999999999")
    assert answer.status == 503
    assert 1.5 < time.monotonic() - started < 5
    assert int(answer.json["position"]) < 999999999


def test_the_past_as_of_a_position(server, insured, numbers):
    first = server.client.book(insured, numbers.schedule())
    appointment = first.json["appointmentId"]
    server.settled(insured, appointment)
    second = server.client.book(insured, numbers.schedule())
    past = server.client.get(f"/appointments/{insured}?asOf={first.position}").json
    assert past["total"] == 1
    assert past["appointments"][0]["status"] == "pending"
    before = int(first.position) - 1
    assert server.client.get(f"/appointments/{insured}?asOf={before}").json["total"] == 0
    then = server.client.get(f"/appointments/{insured}?asOf={second.position}").json
    assert [item["status"] for item in then["appointments"]] == ["completed", "pending"]
    one = server.client.get(f"/appointments/{insured}/{appointment}?asOf={first.position}")
    assert one.json["status"] == "pending"
    assert server.client.get(f"/appointments/{insured}/{appointment}?asOf={before}").status == 404


def test_an_unchanged_list_is_not_sent_again(client, insured, booked, numbers):
    target = f"/appointments/{insured}"
    tag = client.get(target).headers["etag"]
    assert client.get(target, if_none_match=tag).status == 304
    assert client.get(target, if_none_match=f'"other", {tag}').status == 304
    assert client.get(target, if_none_match="*").status == 304
    client.book(numbers.insured(), numbers.schedule())  # somebody else's changes nothing here
    assert client.get(target, if_none_match=tag).status == 304
    position = client.book(insured, numbers.schedule()).position
    changed = client.get(f"{target}?minPosition={position}", if_none_match=tag)
    assert changed.status == 200 and changed.headers["etag"] != tag


def test_an_unchanged_appointment_is_not_sent_again(client, insured, booked):
    target = f"/appointments/{insured}/{booked[0].json['appointmentId']}"
    tag = client.get(target).headers["etag"]
    assert client.get(target, if_none_match=tag).status == 304
    client.cancel(insured, booked[0].json["appointmentId"])
    cancelled = client.get(target, if_none_match=tag)
    assert cancelled.status == 200 and cancelled.json["status"] == "cancelled"


def test_head_is_get_without_a_body(client, insured, booked):
    target = f"/appointments/{insured}"
    get, head = client.get(target), client.request("HEAD", target)
    assert (head.status, head.body) == (200, b"")
    for name in ("content-type", "content-length", "etag"):
        assert head.headers[name] == get.headers[name]


def test_many_requests_on_one_connection(server, insured):
    connection = http.client.HTTPConnection(*server.client.address.netloc.split(":"))
    connection.connect()
    wire = connection.sock
    for _ in range(500):
        connection.request("GET", f"/appointments/{insured}")
        assert json.loads(connection.getresponse().read())["insuredId"] == insured
    assert connection.sock is wire
    connection.close()
