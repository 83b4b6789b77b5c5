"""What happened to an appointment, in order."""

REQUESTED = "citas.appointment.requested.v1"
CONFIRMED = "citas.appointment.confirmed.v1"
CANCELLED = "citas.appointment.cancelled.v1"


def history(client, insured, appointment, query=""):
    return client.get(f"/appointments/{insured}/{appointment}/history{query}")


def test_a_whole_life(server, insured, schedule):
    client = server.client
    booked = client.book(insured, schedule, "CL", centerId=4)
    appointment = booked.json["appointmentId"]
    server.settled(insured, appointment)
    cancelled = client.cancel(insured, appointment, {"reason": "other"})
    answer = history(client, insured, appointment)
    assert answer.json["appointmentId"] == appointment
    events = answer.json["events"]
    assert [event["type"] for event in events] == [REQUESTED, CONFIRMED, CANCELLED]
    assert events[0]["position"] == booked.position
    assert events[2]["position"] == cancelled.position
    positions = [int(event["position"]) for event in events]
    assert positions == sorted(positions)
    assert events[0]["data"]["centerId"] == 4
    assert events[1]["data"]["registrationId"]
    assert events[2]["data"]["reason"] == "other"
    assert events[1]["actor"].startswith("worker:")


def test_it_is_there_as_soon_as_the_write_is_answered(client, insured, numbers):
    for _ in range(20):
        appointment = client.book(insured, numbers.schedule()).json["appointmentId"]
        assert history(client, insured, appointment).json["events"][0]["type"] == REQUESTED


def test_it_is_not_sent_again_while_nothing_happens(client, insured, schedule):
    appointment = client.book(insured, schedule).json["appointmentId"]
    assert client.cancel(insured, appointment).status == 200  # nothing can follow that
    path = f"/appointments/{insured}/{appointment}/history"
    etag = client.get(path).headers["etag"]
    assert client.get(path, if_none_match=etag).status == 304


def test_another_insureds_history_is_not_found(client, insured, schedule, numbers):
    appointment = client.book(insured, schedule).json["appointmentId"]
    assert history(client, numbers.insured(), appointment).status == 404


def test_unknown_parameters_are_refused(client, insured, schedule):
    appointment = client.book(insured, schedule).json["appointmentId"]
    answer = history(client, insured, appointment, "?page=2")
    assert answer.status == 400 and answer.fields == {"page"}
