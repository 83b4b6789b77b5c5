"""A slot, which is a country and a schedule, has at most one live appointment."""

import concurrent.futures


def test_a_slot_held_by_somebody_else_is_taken(client, numbers):
    holder, other, schedule = numbers.insured(), numbers.insured(), numbers.schedule()
    held = client.book(holder, schedule)
    answer = client.book(other, schedule)
    assert answer.status == 409
    assert (answer.json["code"], answer.json["error"]) == ("slot_taken", "SlotTaken")
    assert holder not in answer.text and held.json["appointmentId"] not in answer.text


def test_the_same_schedule_in_another_country_is_another_slot(client, numbers):
    schedule = numbers.schedule()
    assert client.book(numbers.insured(), schedule, "PE").status == 201
    assert client.book(numbers.insured(), schedule, "CL").status == 201


def test_a_double_click_gets_the_first_answer(client, insured, schedule):
    first = client.book(insured, schedule, centerId=4)
    second = client.book(insured, schedule, centerId=4)
    assert second.status == 201 and second.replayed
    assert second.json["appointmentId"] == first.json["appointmentId"]
    assert len(client.events(f"?tag=insured:{insured}&type=citas.appointment.requested.v1")) == 1


def test_other_fields_on_ones_own_slot_are_a_conflict(client, insured, schedule):
    first = client.book(insured, schedule, centerId=4).json
    answer = client.book(insured, schedule, centerId=5)
    assert answer.status == 409
    assert answer.json["code"] == "already_booked"
    assert answer.json["appointmentId"] == first["appointmentId"]


def test_a_completed_appointment_still_holds_its_slot(server, numbers):
    holder, schedule = numbers.insured(), numbers.schedule()
    appointment = server.client.book(holder, schedule).json["appointmentId"]
    assert server.settled(holder, appointment)["status"] == "completed"
    assert server.client.book(numbers.insured(), schedule).status == 409


def test_one_of_many_at_once_gets_the_slot(client, numbers):
    insureds = [numbers.insured() for _ in range(24)]
    for _ in range(10):
        schedule = numbers.schedule()
        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            answers = list(
                pool.map(lambda insured, at=schedule: client.clone().book(insured, at), insureds)
            )
        assert sorted(answer.status for answer in answers) == [201] + [409] * 23
        requested = client.events(f"?tag=slot:PE:{schedule}&type=citas.appointment.requested.v1")
        assert len(requested) == 1


def test_a_slot_is_booked_and_freed_many_times(client, numbers):
    schedule = numbers.schedule()
    insureds = [numbers.insured(), numbers.insured()]
    for turn in range(100):
        insured = insureds[turn % 2]
        answer = client.book(insured, schedule)
        assert answer.status == 201 and not answer.replayed
        assert client.cancel(insured, answer.json["appointmentId"]).status == 200
