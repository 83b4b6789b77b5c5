"""Starting, stopping, watching and rebuilding."""

import concurrent.futures
import json
import os
import re
import socket

import pytest

from harness import citas, wait_until


def test_readiness_names_its_parts(client):
    wait_until(lambda: client.get("/readyz").json["status"] == "ok", "the bus is connected")
    head = int(client.get("/events/head").json["position"])
    parts = {part["name"]: part for part in client.get("/readyz?verbose").json["parts"]}
    assert {"log", "disk", "projections", "bus", "dead-letters"} == set(parts)
    assert int(parts["log"]["reason"].removeprefix("ends at position ")) >= head
    assert re.fullmatch(r"[\d.]+ \w+ free of [\d.]+ \w+, the floor is .+", parts["disk"]["reason"])
    assert re.fullmatch(r"all serve, at most \d+ events .+", parts["projections"]["reason"])
    assert re.fullmatch(r"connected; \d+ events wait .+", parts["bus"]["reason"])
    assert parts["dead-letters"]["reason"] == "none waits for a decision"


@pytest.mark.parametrize(
    "pattern",
    [
        r"citas_http_requests_total\{.*route=.*\} \d",
        r"citas_http_requests_total\{.*status=.*\} \d",
        r"citas_http_request_seconds_bucket\{.*le=.*\} \d",
        r"citas_batch_events_bucket\{.*\} \d",
        r"citas_commit_seconds_bucket\{.*\} \d",
        r"citas_queue_depth \d",
        r"citas_log_position [1-9]",
        r"citas_projection_lag_events\{.*\} \d",
        r"citas_projection_lag_seconds\{.*\} \d",
        r"citas_relay_lag_events \d",
        r"citas_relay_lag_seconds \d",
        r"citas_deliveries_total\{.*\} \d",
        r"citas_dead_letters_total\{.*\} \d",
        r"citas_completed_total\{consumer=\"processor-PE\"\} [1-9]",
        r"citas_consumer_recreations_total\{.*\} \d",
        r"citas_http_connections_accepted_total [1-9]",
        r"citas_http_requests_waiting \d",
    ],
)
def test_metrics(server, numbers, pattern):
    insured = numbers.insured()
    booked = server.client.book(insured, numbers.schedule()).json
    server.settled(insured, booked["appointmentId"])
    text = server.client.get("/metrics").text
    assert re.search("^" + pattern, text, re.MULTILINE), text


def test_the_metrics_count_what_was_done(new_server):
    server = new_server().start()
    client = server.client
    for schedule in (1, 2, 3):
        assert client.book("00001", schedule, key=f"key-{schedule}").status == 201
    assert client.book("00001", 1, key="key-1").status == 201
    for schedule in (1, 2):
        assert client.book("00002", schedule).status == 409
    server.all_settled(["00001"])
    position = int(client.get("/events/head").json["position"])
    assert position == 6
    assert server.metric("citas_log_position") == position
    rejected = server.metric("citas_commands_rejected_total")
    replayed = server.metric("citas_commands_replayed_total")
    assert rejected == 2 and replayed >= 1
    assert server.metric("citas_commands_total") == position + rejected + replayed
    assert server.metric("citas_batch_events_sum") == position
    assert server.metric("citas_commit_seconds_count") == server.metric("citas_batch_events_count")
    booked = {"method": "POST", "route": "/appointments"}
    assert server.metric("citas_http_requests_total", **booked, status="201") == 4
    assert server.metric("citas_http_requests_total", **booked, status="409") == 2
    assert server.metric("citas_http_request_seconds_count", **booked) == 6
    wait_until(lambda: server.metric("citas_relay_lag_events") == 0, "all is published")
    wait_until(lambda: server.metric("citas_projection_lag_events") == 0, "all is read")
    assert server.metric("citas_completed_total", consumer="processor-PE") >= 3
    assert server.metric("citas_completed_total", consumer="confirmations") >= 3
    assert server.metric("citas_dead_letters_total") == 0
    hits = server.metric("citas_page_cache_hits_total")
    for _ in range(2):
        client.get("/appointments/00001")
    assert server.metric("citas_page_cache_hits_total") > hits


def test_reads_that_wait_are_counted(server):
    ahead = f"/events?minPosition={2**62}"

    def one_is_seen(pool):
        reading = pool.submit(server.client.clone().get, ahead)
        while not reading.done():
            if server.metric("citas_http_requests_waiting") == 1:
                return server.metric("citas_http_requests_in_flight") >= 1
        return False

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        wait_until(lambda: one_is_seen(pool), "a read is seen to wait")
    assert server.metric("citas_http_requests_waiting") == 0


def test_every_metric_is_explained(client):
    text = client.get("/metrics").text
    explained = set(re.findall(r"^# HELP (\S+) \S", text, re.MULTILINE))
    for name in re.findall(r"^(citas_\w+)", text, re.MULTILINE):
        assert re.sub(r"_(bucket|sum|count)$", "", name) in explained or name in explained


def test_routes_and_not_paths_label_the_metrics(client, insured):
    client.get(f"/appointments/{insured}")
    # The digits alone may well be part of a number.
    assert f"/{insured}" not in client.get("/metrics").text


def test_a_restart_keeps_everything(new_server):
    server = new_server().start()
    for schedule in range(1, 31):
        server.client.book("00001", schedule)
    server.all_settled(["00001"])
    head = server.client.get("/events/head").json
    before = server.client.get("/appointments/00001").json
    server.restart()
    assert server.client.get("/events/head").json == head
    assert server.client.get("/appointments/00001").json == before
    assert server.client.book("00002", 1).status == 409


def test_sigterm_finishes_what_was_accepted(new_server):
    """Every 201 that a client saw before the connections closed is in the log afterwards."""
    server = new_server().start()

    def load(insured):
        client, acknowledged = server.client.clone(), []
        for schedule in range(1, 100_000):
            try:
                answer = client.book(insured, int(insured) * 100_000 + schedule)
            except OSError:
                break
            if answer.status != 201:
                break
            acknowledged.append(answer.json["appointmentId"])
        return acknowledged

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        loads = [pool.submit(load, f"{number:05}") for number in range(1, 9)]
        wait_until(lambda: int(server.client.get("/events/head").json["position"]) > 200, "load")
        server.stop()
        acknowledged = [each for running in loads for each in running.result()]
    server.start()
    logged = {event["subject"] for event in server.client.events()}
    assert len(acknowledged) > 100
    assert set(acknowledged) <= logged


def test_no_bus_is_left_behind(new_server):
    server = new_server().start()
    pid = server.nats_pid()
    server.stop()
    assert not os.path.exists(f"/proc/{pid}")
    server.start()
    pid = server.nats_pid()
    server.kill()
    wait_until(lambda: not running(pid), "the bus dies with a killed server")


def running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_second_process_on_the_same_data_is_refused(new_server):
    server = new_server().start()
    refused = citas("serve", "--data", server.data, "--listen", "127.0.0.1:0")
    assert refused.returncode != 0
    (line,) = refused.stderr.strip().splitlines()
    assert str(server.data) in line
    assert server.client.book("00001", 1).status == 201


def test_a_port_in_use_is_one_clear_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = citas("serve", "--data", tmp_path / "data", "--listen", f"127.0.0.1:{port}")
    assert refused.returncode != 0
    (line,) = refused.stderr.strip().splitlines()
    assert f"port {port}" in line


def test_other_than_loopback_needs_saying_so(tmp_path):
    refused = citas("serve", "--data", tmp_path / "data", "--listen", "0.0.0.0:0")
    assert refused.returncode != 0
    assert "--insecure-bind" in refused.stderr


def projections(client):
    return {each["name"]: each for each in client.get("/projections").json["projections"]}


def caught_up(client):
    """All read models, once none of them lags."""
    def without_lag():
        found = projections(client)
        return found if all(each["lagEvents"] == 0 for each in found.values()) else None

    return wait_until(without_lag, "all read models have caught up")


def test_a_rebuild_while_serving_gives_the_same(new_server):
    server = new_server().start()
    insureds = [f"{number:05}" for number in range(1, 11)]
    for schedule in range(1, 301):
        server.client.book(insureds[schedule % 10], schedule)
    server.all_settled(insureds)
    before = caught_up(server.client)
    assert len(before) >= 2
    for name in before:
        started = server.client.post(f"/projections/{name}/rebuild")
        assert started.status == 202

        def rebuilt(name=name):
            assert server.client.get("/appointments/00001").json["total"] == 30
            rebuild = projections(server.client)[name]["rebuild"]
            return rebuild if rebuild["state"] != "running" else None

        outcome = wait_until(rebuilt, f"{name} is rebuilt")
        assert (outcome["state"], outcome["identical"]) == ("completed", True)
    after = projections(server.client)
    for name, projection in before.items():
        assert after[name]["digest"] == projection["digest"]
        assert after[name]["position"] == projection["position"]


def test_programs_read_what_came_of_a_rebuild_and_of_a_tour(new_server):
    server = new_server().start()
    url = ("--url", server.client.url, "-o", "json")
    toured = citas("tour", *url, "--requests", 50)
    assert toured.returncode == 0, toured.stderr
    tour = json.loads(toured.stdout)
    assert tour["addsUp"] is True and tour["requests"] == 50
    assert tour["completed"] + tour["cancelled"] == tour["accepted"] > 0
    rebuilt = citas("projections", "rebuild", "dead_letters", *url)
    assert rebuilt.returncode == 0, rebuilt.stderr
    told = json.loads(rebuilt.stdout)
    assert (told["name"], told["identical"]) == ("dead_letters", True)
    for one in [told, *tour["projections"]]:
        assert one["identical"] and one["events"] == tour["events"] and one["seconds"] >= 0
    server.stop()
    in_folder = citas("projections", "rebuild", "dead_letters", "--data", server.data, "-o", "json")
    assert json.loads(in_folder.stdout)["events"] == tour["events"]


def test_rebuilding_what_is_not_there_is_404(client):
    assert client.post("/projections/nothing/rebuild").status == 404


def test_replayed_read_models_have_the_digests_of_the_live_ones(new_server):
    server = new_server().start()
    for schedule in range(1, 51):
        server.client.book("00001", schedule)
    server.all_settled(["00001"])
    before = caught_up(server.client)
    server.stop()
    server.wipe("projections")
    server.start()
    wait_until(
        lambda: {name: each["digest"] for name, each in projections(server.client).items()}
        == {name: each["digest"] for name, each in before.items()},
        "the replayed read models equal the live ones",
    )


def test_logs_are_json_without_personal_data(new_server):
    server = new_server().start()
    server.client.post(
        "/appointments",
        {"insuredId": "54321", "scheduleId": 77, "countryISO": "PE"},
        request_id="find-me",
    )
    server.stop()
    lines = [line for line in server.process.output().splitlines() if line.startswith("{")]
    assert lines and all(isinstance(json.loads(line), dict) for line in lines)
    assert "54321" not in server.process.output()


def test_what_the_server_writes_is_its_owners_alone(new_server):
    server = new_server().start()
    server.client.book("00001", 1)
    server.all_settled(["00001"])
    open_to_others = [path for path in [server.data, *server.data.rglob("*")]
                      if path.stat().st_mode & 0o077]
    assert not open_to_others


@pytest.mark.parametrize(
    ("request_line", "headers", "status"),
    [
        (b"GET /livez HTTP/2.0", b"", 505),
        (b"POST /appointments HTTP/1.1", b"Transfer-Encoding: gzip\r\n", 501),
    ],
)
def test_what_any_client_can_send_is_no_error_of_the_server(new_server, request_line, headers, status):
    server = new_server("--nats", "none", "--access-log", "errors").start()
    address = server.client.address
    data = request_line + b"\r\nHost: l\r\nConnection: close\r\n" + headers + b"\r\n"
    with socket.create_connection((address.hostname, address.port), timeout=30) as sent:
        sent.sendall(data)
        assert f" {status} ".encode() in sent.makefile("rb").readline()
    server.stop()  # the log is written out
    assert '"level":"error"' not in server.process.output()
    assert f'"status":{status}' not in server.process.output()
