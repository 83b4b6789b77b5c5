"""From pending to completed or failed, by the appointment's country."""

import json

import pytest


def test_a_country_confirms_and_registers(server, insured, numbers):
    for country in ("PE", "CL"):
        booked = server.client.book(insured, numbers.schedule(), country).json
        settled = server.settled(insured, booked["appointmentId"])
        assert (settled["status"], settled["lifecycle"]) == ("completed", "booked")
        assert settled["registrationId"]
        assert settled["updatedAt"] >= booked["createdAt"]


def test_an_appointment_is_completed_within_a_second_or_so(server, insured, numbers):
    booked = server.client.book(insured, numbers.schedule()).json
    server.settled(insured, booked["appointmentId"], timeout_s=5)


def test_registrations_are_one_to_one(server, insured, numbers):
    made = [
        server.client.book(insured, numbers.schedule()).json["appointmentId"] for _ in range(50)
    ]
    registrations = {server.settled(insured, each)["registrationId"] for each in made}
    assert len(registrations) == len(made)


@pytest.fixture
def strict_server(new_server, tmp_path):
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps({"PE": {"closedCenters": [9]}}))
    return new_server("--countries", "PE,CL,MX", "--country-rules", rules).start()


def test_a_country_refuses_by_its_rules(strict_server):
    client = strict_server.client
    booked = client.book("00001", 1, centerId=9).json
    settled = strict_server.settled("00001", booked["appointmentId"])
    assert (settled["status"], settled["lifecycle"]) == ("failed", "rejected")
    assert settled["reason"] == "center_closed"
    types = [event["type"] for event in client.events("?tag=insured:00001")]
    assert types[1:] == ["citas.appointment.rejected.v1"]


def test_a_refused_appointment_frees_its_slot(strict_server):
    client = strict_server.client
    booked = client.book("00001", 1, centerId=9).json["appointmentId"]
    strict_server.settled("00001", booked)
    assert client.cancel("00001", booked).status == 409
    again = client.book("00002", 1, centerId=8)
    assert again.status == 201
    assert strict_server.settled("00002", again.json["appointmentId"])["status"] == "completed"


def test_the_rules_of_one_country_do_not_bind_another(strict_server):
    booked = strict_server.client.book("00001", 1, "CL", centerId=9).json
    settled = strict_server.settled("00001", booked["appointmentId"])
    assert settled["status"] == "completed"


def test_a_third_country_by_configuration_alone(strict_server):
    booked = strict_server.client.book("00001", 1, "MX").json
    settled = strict_server.settled("00001", booked["appointmentId"])
    assert settled["status"] == "completed" and settled["countryISO"] == "MX"
    assert (strict_server.data / "countries/MX").is_dir()


def test_a_country_that_is_not_configured_is_refused(server, insured, schedule):
    assert server.client.book(insured, schedule, "MX").status == 400
