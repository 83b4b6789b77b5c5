"""Raw bytes that no well-behaved client sends."""

import contextlib
import socket

import pytest

from client import parse_answers
from contract import contract

BODY = b'{"insuredId":"00001","scheduleId":1,"countryISO":"PE"}'


def post(*headers, body=BODY):
    lines = [b"POST /appointments HTTP/1.1", b"Host: localhost", b"Connection: close"]
    lines += [b"Content-Type: application/json", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def only_answer(client, data):
    """The one problem that the bytes are answered with; the connection is closed after it."""
    (answer,) = parse_answers(client.raw(data))
    contract().check_problem(repr(data[:60]), answer, {answer.status})
    return answer


@pytest.fixture(autouse=True)
def untouched(client):
    """Whatever was sent, nothing was booked and the server still serves."""
    before = client.get("/events/head").json["position"]
    yield
    assert client.get("/events/head").json["position"] == before


LENGTH = b"Content-Length: %d" % len(BODY)


@pytest.mark.parametrize(
    "headers",
    [
        (LENGTH, b"Transfer-Encoding: chunked"),
        (LENGTH, b"Content-Length: 3"),
        (b"Content-Length: -1",),
        (b"Content-Length: +54",),
        (b"Content-Length: 0x36",),
        (b"Content-Length: 54, 54",),
        (b"Content-Length: 99999999999999999999",),
        (LENGTH, b"Bad Header: x"),
        (LENGTH, b"NoColon"),
        (LENGTH, b": empty"),
        (LENGTH, b"X-Name : space-before-colon"),
        (LENGTH, b"X-Fold: a\r\n b"),
        (LENGTH, b"X-Control: a\x00b"),
        (LENGTH, b"Host: another"),
    ],
    ids=repr,
)
def test_ambiguous_or_malformed_headers_are_refused(client, headers):
    assert only_answer(client, post(*headers)).status in (400, 413)


@pytest.mark.parametrize(
    "body",
    [
        b"-2\r\nab\r\n0\r\n\r\n",
        b"zz\r\nab\r\n0\r\n\r\n",
        b"2\r\nabXX0\r\n\r\n",
        b"+1\r\na\r\n0\r\n\r\n",
    ],
)
def test_malformed_chunks_are_refused(client, body):
    answer = only_answer(client, post(b"Transfer-Encoding: chunked", body=body))
    assert answer.status in (400, 411, 501)


def test_chunks_beyond_the_limit_are_refused(client):
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    data = post(b"Transfer-Encoding: chunked", body=chunk * 20 + b"0\r\n\r\n")
    assert only_answer(client, data).status in (411, 413, 501)


@pytest.mark.parametrize(
    "line",
    [
        b"GET",
        b"GET /livez",
        b"GET  /livez HTTP/1.1",
        b"GET /livez HTTP/9.9",
        b"GET livez HTTP/1.1",
        b"G\x00T /livez HTTP/1.1",
        b"GET /li\x01vez HTTP/1.1",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=repr,
)
def test_malformed_request_lines_are_refused(client, line):
    answer = only_answer(client, line + b"\r\nHost: localhost\r\n\r\n")
    assert answer.status in (400, 404, 501, 505)


def test_http_1_1_without_host_is_refused(client):
    assert only_answer(client, b"GET /livez HTTP/1.1\r\n\r\n").status == 400


def test_too_many_headers_are_refused(client):
    data = b"GET /livez HTTP/1.1\r\nHost: l\r\n" + b"X-A: b\r\n" * 5000 + b"\r\n"
    assert only_answer(client, data).status in (400, 431)


def test_a_header_that_is_too_long_is_refused(client):
    data = b"GET /livez HTTP/1.1\r\nHost: l\r\nX-A: " + b"b" * 100_000 + b"\r\n\r\n"
    assert only_answer(client, data).status in (400, 431)


@pytest.mark.parametrize(
    "target", [b"/..%2f..%2fetc", b"/%2e%2e/%2e%2e/etc", b"/%zz", b"/%", b"/%00"]
)
def test_odd_targets_are_refused(client, target):
    data = b"GET " + target + b" HTTP/1.1\r\nHost: l\r\nConnection: close\r\n\r\n"
    assert only_answer(client, data).status in (400, 404)


def test_header_injection_by_percent_encoding_stays_text(client):
    data = b"GET /livez HTTP/1.1\r\nHost: l\r\nRequest-Id: a%0d%0aInjected:%20yes\r\n"
    (answer,) = parse_answers(client.raw(data + b"Connection: close\r\n\r\n"))
    assert "injected" not in answer.headers


def test_a_smuggled_second_request_is_not_answered(client):
    inner = b"GET /livez HTTP/1.1\r\nHost: l\r\n\r\n"
    data = post(b"Content-Length: %d" % len(inner), b"Transfer-Encoding: chunked", body=inner)
    assert len(parse_answers(client.raw(data))) == 1


def test_pipelined_requests_are_answered_in_order(client):
    one = b"GET /events/999999999 HTTP/1.1\r\nHost: l\r\n\r\n"
    two = b"GET /livez HTTP/1.1\r\nHost: l\r\nConnection: close\r\n\r\n"
    assert [answer.status for answer in parse_answers(client.raw(one + two))] == [404, 200]


def test_a_too_large_body_is_answered_and_not_reset(client):
    """The client is still sending when the answer comes; it must be able to read it."""
    body = b" " * (4 << 20)
    data = post(b"Content-Length: %d" % len(body), body=body)
    assert only_answer(client, data).status == 413


def test_expect_continue(client):
    head = post(LENGTH, b"Expect: 100-continue", body=b"")
    address = (client.address.hostname, client.address.port)
    with socket.create_connection(address, 15) as wire:
        wire.sendall(head)
        assert wire.recv(4096).startswith(b"HTTP/1.1 100 ")
        wire.sendall(BODY.replace(b"PE", b"XX"))
        assert b"HTTP/1.1 400 " in wire.recv(65536)


def test_a_slow_request_is_cut_off(client):
    """Its deadline is for the whole request: a byte now and then does not extend it."""
    address = (client.address.hostname, client.address.port)
    with socket.create_connection(address, 60) as wire:
        wire.settimeout(1)
        wire.sendall(b"GET /livez HTTP/1.1\r\nHost: l\r\n")
        for _ in range(60):
            try:
                wire.sendall(b"X")
                received = wire.recv(65536)
            except TimeoutError:
                continue
            except (BrokenPipeError, ConnectionResetError):
                return
            assert received == b"" or received.startswith(b"HTTP/1.1 408 ")
            return
        pytest.fail("the slow request was still open after a minute")


def test_connections_that_say_nothing_do_not_stop_the_others(client):
    address = (client.address.hostname, client.address.port)
    with contextlib.ExitStack() as stack:
        for _ in range(500):
            stack.enter_context(socket.create_connection(address, 15))
        assert client.clone().get("/livez").status == 200


def test_a_client_that_leaves_in_the_middle_does_no_harm(client):
    address = (client.address.hostname, client.address.port)
    for part in (b"P", post(LENGTH, body=b"")[:-4], post(LENGTH, body=BODY[:10])):
        for _ in range(20):
            with socket.create_connection(address, 15) as wire:
                wire.sendall(part)
    assert client.clone().get("/livez").status == 200


@pytest.mark.parametrize(
    "sent_by_browsers",
    [b"Sec-Fetch-Site: cross-site", b"Origin: https://pages.example", b"Origin: null"],
)
def test_a_page_of_another_site_books_nothing(client, sent_by_browsers):
    answer = only_answer(client, post(LENGTH, sent_by_browsers))
    assert (answer.status, answer.json["code"]) == (403, "cross_origin")
