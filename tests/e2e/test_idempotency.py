"""The same key with the same command gives the first outcome, for ever."""

import concurrent.futures

import pytest


def head(client):
    return client.get("/events/head").json["position"]


def test_a_repeated_request_is_answered_as_the_first_time(client, insured, schedule):
    first = client.book(insured, schedule, key="k-replay")
    second = client.book(insured, schedule, key="k-replay")
    assert (first.status, second.status) == (201, 201)
    assert not first.replayed and second.replayed
    assert second.json == first.json
    assert second.headers["location"] == first.headers["location"]
    assert len(client.events(f"?tag=insured:{insured}&type=citas.appointment.requested.v1")) == 1


def test_a_quoted_key_is_the_same_key(client, insured, schedule):
    first = client.book(insured, schedule, key="k-quoted")
    second = client.book(insured, schedule, key='"k-quoted"')
    assert second.replayed and second.json == first.json


def test_the_replay_shows_the_first_outcome_even_after_it_moved_on(server, insured, schedule):
    first = server.client.book(insured, schedule, key="k-moved").json
    server.settled(insured, first["appointmentId"])
    assert server.client.book(insured, schedule, key="k-moved").json == first


def test_another_command_under_the_same_key_is_422(client, insured, numbers):
    assert client.book(insured, numbers.schedule(), key="k-other").status == 201
    answer = client.book(insured, numbers.schedule(), key="k-other")
    assert answer.status == 422
    assert answer.json["code"] == "idempotency_key_reused"


def test_the_order_of_members_does_not_make_another_command(client, insured, schedule):
    text = '{"insuredId":"%s","scheduleId":%d,"countryISO":"PE"}' % (insured, schedule)
    moved = '{ "countryISO" : "PE", "scheduleId":%d, "insuredId":"%s"}' % (schedule, insured)
    assert client.post("/appointments", text.encode(), idempotency_key="k-order").status == 201
    assert client.post("/appointments", moved.encode(), idempotency_key="k-order").replayed


def test_a_refusal_is_not_kept(client, numbers):
    holder, other, schedule = numbers.insured(), numbers.insured(), numbers.schedule()
    held = client.book(holder, schedule).json
    assert client.book(other, schedule, key="k-refused").status == 409
    assert client.cancel(holder, held["appointmentId"]).status == 200
    answer = client.book(other, schedule, key="k-refused")
    assert answer.status == 201 and not answer.replayed


def test_the_key_outlives_a_cancellation(client, insured, schedule):
    first = client.book(insured, schedule, key="k-cancelled").json
    client.cancel(insured, first["appointmentId"])
    again = client.book(insured, schedule, key="k-cancelled")
    assert again.replayed and again.json == first


def test_a_cancellation_is_replayed_too(client, insured, schedule):
    appointment = client.book(insured, schedule).json["appointmentId"]
    first = client.cancel(insured, appointment, {"reason": "other"}, idempotency_key="k-c")
    second = client.cancel(insured, appointment, {"reason": "other"}, idempotency_key="k-c")
    assert second.status == 200 and second.replayed
    assert second.json["appointmentId"] == first.json["appointmentId"]
    third = client.cancel(insured, appointment, {"reason": "duplicate"}, idempotency_key="k-c")
    assert third.status == 422


def test_duplicates_in_flight_get_one_outcome(client, insured, schedule):
    def send(_):
        return client.clone().book(insured, schedule, key="k-flight")

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(send, range(32)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.json["appointmentId"] for answer in answers}) == 1
    assert sum(not answer.replayed for answer in answers) == 1


@pytest.mark.parametrize("key", ["", "two words", "k" * 256, "ñ", '"open', '""'])
def test_an_invalid_key_is_400(client, insured, schedule, key):
    body = {"insuredId": insured, "scheduleId": schedule, "countryISO": "PE"}
    answer = client.request("POST", "/appointments", body, {"Idempotency-Key": key})
    assert answer.status == 400
    assert answer.fields == {"Idempotency-Key"}


def test_the_longest_key_is_accepted(client, insured, schedule):
    assert client.book(insured, schedule, key="k" * 255).status == 201


def test_a_key_is_remembered_over_stops_and_kills(new_server):
    server = new_server().start()
    first = server.client.book("00001", 1, key="k-durable")
    server.restart()
    assert server.client.book("00001", 1, key="k-durable").json == first.json
    server.kill()
    server.start()
    before = head(server.client)
    again = server.client.book("00001", 1, key="k-durable")
    assert again.replayed and again.json == first.json
    assert server.client.book("00001", 2, key="k-durable").status == 422
    assert len(server.client.events("?type=citas.appointment.requested.v1")) == 1
    assert int(head(server.client)) >= int(before)
