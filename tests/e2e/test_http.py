"""Methods, media types, problems, documents: what HTTP itself asks for."""

import json

import pytest
import yaml

from contract import ROOT

READS = [
    "/appointments/00001",
    "/events",
    "/events/head",
    "/projections",
    "/livez",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/problems",
    "/problems/slot_taken",
]


@pytest.mark.parametrize("prefix", ["", "/api/v1"])
@pytest.mark.parametrize("target", READS)
def test_reads_answer_get_and_head(client, prefix, target):
    get, head = client.get(prefix + target), client.request("HEAD", prefix + target)
    assert (get.status, head.status) == (200, 200)
    assert head.body == b""
    assert head.headers["content-type"] == get.headers["content-type"]


@pytest.mark.parametrize("target", READS)
def test_unknown_parameters_are_refused(client, target):
    answer = client.get(target + "?colour=red")
    assert answer.status == 400 and answer.fields == {"colour"}


@pytest.mark.parametrize("target", ["/", "/nothing", "/appointments/", "/api/v2/livez"])
def test_unknown_paths_are_404(client, target):
    assert client.get(target).status == 404


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST"])
def test_a_method_that_is_not_served_is_405(client, method):
    answer = client.request(method, "/appointments/00001", {})
    assert answer.status == 405
    allowed = {name.strip() for name in answer.headers["allow"].split(",")}
    assert {"GET", "HEAD"} <= allowed and method not in allowed


def test_get_on_the_collection_is_405(client):
    answer = client.get("/appointments")
    assert answer.status == 405
    assert "POST" in answer.headers["allow"]


@pytest.mark.parametrize("accept", ["text/html", "application/xml, image/*", "text/*;q=1"])
def test_what_cannot_be_served_is_406(client, accept):
    assert client.get("/appointments/00001", accept=accept).status == 406


@pytest.mark.parametrize(
    "accept", ["*/*", "application/*", "application/json;q=0.5", "text/html, */*;q=0.1"]
)
def test_what_can_be_served_is_served(client, accept):
    assert client.get("/appointments/00001", accept=accept).status == 200


def test_a_type_with_quality_zero_is_not_acceptable(client):
    assert client.get("/appointments/00001", accept="application/json;q=0").status == 406


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/xml", "application/json; charset=latin1", "application/jsonp"],
)
def test_other_media_types_are_415(client, content_type):
    body = b'{"insuredId":"00001","scheduleId":1,"countryISO":"PE"}'
    assert client.post("/appointments", body, content_type=content_type).status == 415


def test_a_compressed_body_is_415(client):
    answer = client.post("/appointments", b"\x1f\x8b\x08", content_encoding="gzip")
    assert answer.status == 415


def test_a_body_of_more_than_one_mebibyte_is_413(client):
    padding = b" " * (1 << 20)
    answer = client.post("/appointments", b"{" + padding + b"}")
    assert answer.status == 413


def test_a_body_of_just_one_mebibyte_is_read(client, insured, schedule):
    body = {"insuredId": insured, "scheduleId": schedule, "countryISO": "PE"}
    text = json.dumps(body).encode()
    answer = client.post("/appointments", text + b" " * ((1 << 20) - len(text)))
    assert answer.status == 201


def test_a_target_that_is_too_long_is_414(client):
    assert client.get("/appointments/" + "1" * 20000).status == 414


def test_every_problem_met_here_is_explained(client, insured, schedule):
    problems = [
        client.post("/appointments", {}),
        client.post("/appointments", b"{"),
        client.get("/nothing"),
        client.request("DELETE", "/livez"),
        client.get("/livez", accept="text/html"),
        client.post("/appointments", b"x", content_type="text/plain"),
        client.post("/appointments", b" " * (1 << 21)),
        client.get("/appointments/00001/01920000-0000-7000-8000-000000000001"),
    ]
    assert [answer.status for answer in problems] == [400, 400, 404, 405, 406, 415, 413, 404]
    for problem in (answer.json for answer in problems):
        explained = client.get(problem["type"]).json
        for member in ("type", "title", "status", "code", "error"):
            assert explained[member] == problem[member]


@pytest.mark.parametrize(
    "code", ["slot_taken", "already_booked", "idempotency_key_reused", "appointment_not_found"]
)
def test_the_domains_problems_are_catalogued(client, code):
    assert client.get(f"/problems/{code}").json["code"] == code


def test_an_unknown_problem_is_not_found(client):
    assert client.get("/problems/no_such_code").status == 404


def test_the_served_document_is_the_one_in_the_tree(client):
    document = yaml.safe_load((ROOT / "api/openapi.yaml").read_text(encoding="utf-8"))
    assert client.get("/openapi.json").json == document


@pytest.mark.parametrize("target", ["/openapi.json", "/problems", "/problems/slot_taken"])
def test_a_document_is_sent_once(client, target):
    tag = client.get(target).headers["etag"]
    assert client.get(target, if_none_match=tag).status == 304
    assert client.get(target, if_none_match='"another"').status == 200


def steady(body):
    """What is the same in every such answer."""
    of_the_moment = {"appointmentId", "instance", "requestId", "timestamp", "createdAt", "updatedAt"}
    return {name: value for name, value in body.items() if name not in of_the_moment}


def test_the_documents_examples_are_what_is_answered(client, insured, schedule, numbers):
    document = yaml.safe_load((ROOT / "api/openapi.yaml").read_text(encoding="utf-8"))
    examples = {name: each["value"] for name, each in document["components"]["examples"].items()}
    own = {"insuredId": insured, "scheduleId": schedule}
    answers = {
        "PendingAppointment": steady(client.book(insured, schedule).json),
        "SlotTaken": steady(client.book(numbers.insured(), schedule).json),
        "InvalidFields": steady(client.book("1", schedule, colour="red").json),
    }
    examples["PendingAppointment"].update(own)
    assert answers == {name: steady(example) for name, example in examples.items()}


def test_internals_are_not_told(client):
    for target in ("/", "/livez", "/appointments/x"):
        headers = client.get(target).headers
        assert "x-powered-by" not in headers
        assert "exception_what" not in headers
