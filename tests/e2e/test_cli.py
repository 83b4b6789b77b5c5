"""The auditor's commands, on a stopped server's folder, on a copy, and on a running server."""

import contextlib
import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import threading

import pytest

from damaged_log import damage
from harness import CITAS, Server, citas

COUNT = 20


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A stopped server's folder and what was exported from it while it ran."""
    server = Server(tmp_path_factory.mktemp("filled")).start()
    for schedule in range(1, COUNT + 1):
        server.client.book(f"{1 + schedule % 3:05}", schedule, ("PE", "CL")[schedule % 2])
    server.all_settled(["00001", "00002", "00003"])
    server.exported = server.client.get("/events", accept="application/x-ndjson").body
    server.head = server.client.get("/events/head").json
    server.stop()
    return server


@pytest.fixture
def copy(filled, tmp_path):
    """`cp -a` of a stopped server's folder."""
    shutil.copytree(filled.data, tmp_path / "copy", symlinks=True)
    return tmp_path / "copy"


def expectation(head):
    return f"{head['position']}:{head['hash']}"


def test_verify(filled):
    result = citas("verify", "--data", filled.data)
    assert result.returncode == 0, result.stderr
    assert filled.head["hash"] in result.stdout


def test_verify_against_a_head_written_down(filled):
    def verified(head):
        return citas("verify", "--data", filled.data, "--expect", expectation(head)).returncode == 0

    assert verified(filled.head)
    assert not verified({**filled.head, "hash": "0" * 64})
    assert not verified({**filled.head, "position": int(filled.head["position"]) + 1})


def test_an_earlier_head_is_still_contained(new_server):
    server = new_server().start()
    server.client.book("00001", 1)
    written_down = server.client.get("/events/head").json
    for schedule in range(2, 10):
        server.client.book("00001", schedule)
    server.stop()
    result = citas("verify", "--data", server.data, "--expect", expectation(written_down))
    assert result.returncode == 0, result.stderr


def test_export_gives_the_stored_bytes(filled, copy):
    for folder in (filled.data, copy):
        result = citas("events", "export", "--data", folder)
        assert result.returncode == 0, result.stderr
        assert result.stdout.encode() == filled.exported


def test_show_and_list(filled):
    first = json.loads(filled.exported.splitlines()[0])
    shown = citas("events", "show", "1", "--data", filled.data, "-o", "json")
    assert json.loads(shown.stdout) == first
    listed = citas("events", "list", "--data", filled.data)
    assert listed.returncode == 0
    assert "citas.appointment.requested.v1" in listed.stdout


def test_an_event_that_is_not_there(filled):
    result = citas("events", "show", "9999", "--data", filled.data)
    assert result.returncode != 0 and "9999" in result.stderr


def test_replay_is_the_same_every_time(filled, copy):
    outputs = {
        citas("replay", "--until", filled.head["position"], "--data", folder, "-o", "json").stdout
        for folder in (filled.data, copy, filled.data)
    }
    assert len(outputs) == 1 and outputs != {""}


def test_replay_of_a_prefix_differs(filled):
    whole = citas("replay", "--until", filled.head["position"], "--data", filled.data)
    prefix = citas("replay", "--until", 3, "--data", filled.data)
    assert whole.returncode == prefix.returncode == 0
    assert whole.stdout != prefix.stdout


def test_reading_leaves_no_trace(filled, copy):
    def contents():
        return {
            path.relative_to(copy): path.read_bytes()
            for path in sorted((copy / "log").rglob("*"))
            if path.is_file()
        }

    before = contents()
    citas("verify", "--data", copy)
    citas("events", "export", "--data", copy)
    assert contents() == before


def test_a_running_server_by_url(new_server):
    server = new_server().start()
    for schedule in range(1, 6):
        server.client.book("00001", schedule)
    server.all_settled(["00001"])
    url = server.client.url
    head = server.client.get("/events/head").json
    assert citas("verify", "--url", url, "--expect", expectation(head)).returncode == 0
    wrong = {**head, "hash": "f" * 64}
    assert citas("verify", "--url", url, "--expect", expectation(wrong)).returncode != 0
    exported = citas("events", "export", "--url", url)
    assert exported.stdout.encode() == server.client.get(
        "/events", accept="application/x-ndjson"
    ).body


def test_the_environment_stands_in_no_flags_way(filled, monkeypatch, new_server):
    monkeypatch.setenv("CITAS_URL", "http://127.0.0.1:1")
    verified = citas("verify", "--data", filled.data)
    assert verified.returncode == 0, verified.stderr
    assert citas("projections", "list", "--data", filled.data).returncode == 0
    assert citas("deadletters", "list", "--data", filled.data).returncode == 0
    monkeypatch.delenv("CITAS_URL")
    monkeypatch.setenv("CITAS_DATA", str(filled.data))
    assert citas("verify").stdout == verified.stdout
    server = new_server().start()
    assert citas("events", "list", "--url", server.client.url).returncode == 0
    both = citas("verify", "--data", filled.data, "--url", server.client.url)
    assert both.returncode == 2 and "excludes" in both.stderr


def test_a_proxy_to_the_outside_is_not_asked_for_this_machine(new_server):
    url = new_server().start().client.url
    named = {name: "http://127.0.0.1:1" for name in ("http_proxy", "all_proxy")}
    for command in (("verify",), ("projections", "list"), ("events", "list")):
        asked = citas(*command, "--url", url, **named)
        assert asked.returncode == 0, asked.stderr


@pytest.fixture
def told():
    """Starts a server that answers everything with the same text; returns its address. `asked`: the
    targets of all requests."""
    with contextlib.ExitStack() as servers:

        def serve(text, status=200):
            class Teller(http.server.BaseHTTPRequestHandler):
                def do_GET(self):
                    serve.asked.append(self.path)
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(text)))
                    self.end_headers()
                    self.wfile.write(text.encode())

                do_POST = do_GET

                def log_message(self, *_):
                    pass

            server = servers.enter_context(http.server.HTTPServer(("127.0.0.1", 0), Teller))
            servers.callback(server.shutdown)
            threading.Thread(target=server.serve_forever).start()
            return f"http://127.0.0.1:{server.server_port}"

        serve.asked = []
        yield serve


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1]",
        '{"logId":1,"position":2,"hash":null}',
        '{"projections":[1,{"name":2,"version":"x","position":{},"lagEvents":-1,"digest":[]}]}',
        '{"deadLetters":{"a":1},"total":"x","pagination":[]}',
        '{"deadLetters":1,"pagination":{"hasMore":1,"nextCursor":2}}',
        '{"parts":[1,{"name":2,"status":[],"reason":{}}]}',
    ],
)
def test_whatever_a_server_says_there_is_an_answer(told, text):
    """An auditor need not trust the server: nothing that it says ends the program with a signal."""
    url = told(text)
    for command in (
        ("verify",),
        ("events", "list"),
        ("projections", "list"),
        ("projections", "rebuild", "dead_letters"),
        ("deadletters", "list"),
        ("deadletters", "retry", "5b0c1f7e-8f0a-8a51-9a55-3f1d8a2b4c6d"),
        ("tour", "--requests", "1"),
    ):
        answered = citas(*command, "--url", url)
        assert answered.returncode in (0, 1, 2, 3), (command, answered.stderr)
    assert citas("verify", "--url", url).returncode == 1
    assert citas("doctor", "--nats", "none", "--url", url).returncode in (0, 1)


def test_only_the_server_itself_tells_of_wrong_data(told):
    """Whoever else answers with 500 knows nothing of what is stored behind it."""
    for command in (("verify",), ("events", "export"), ("deadletters", "list")):
        proxy = citas(*command, "--url", told("<html>Internal Server Error</html>", 500))
        assert (proxy.returncode, proxy.stdout) == (1, ""), proxy.stderr
        assert "proxy" in proxy.stderr
        server = citas(*command, "--url", told('{"message":"The server failed"}', 500))
        assert server.returncode == 3, server.stderr


def test_whatever_was_decided_by_now_is_no_longer_open(told):
    url = told('{"position":"7","deadLetters":[],"pagination":{}}')
    assert citas("deadletters", "retry", "--all-open", "--url", url).returncode == 0
    assert "state=open" in told.asked[-1] and "minPosition=7" in told.asked[-1]


def test_a_tag_that_no_event_has(filled):
    for source in (("--data", filled.data), ("--url", "http://127.0.0.1:1")):
        result = citas("events", "list", *source, "--tag", "insured: 1")
        assert result.returncode == 2 and "deadletter:<uuid>" in result.stderr


def test_a_type_that_no_event_has(filled):
    for command in ("list", "export"):
        result = citas("events", command, "--data", filled.data, "--type", "AppointmentRequestd")
        assert result.returncode == 2 and "no event type" in result.stderr


def test_a_copy_serves_on(filled, copy, new_server):
    server = new_server()
    shutil.move(copy, server.data)
    server.start()
    assert server.client.get("/events/head").json == filled.head
    assert server.client.book("00009", 999).status == 201


def test_a_flipped_bit_is_found_and_not_served(copy, new_server):
    damage(copy)
    verified = citas("verify", "--data", copy)
    assert verified.returncode != 0
    assert "position" in verified.stderr + verified.stdout
    served = citas("serve", "--data", copy, "--listen", "127.0.0.1:0", "--nats", "managed")
    assert served.returncode != 0


def test_a_missing_folder_is_one_clear_line(tmp_path):
    result = citas("verify", "--data", tmp_path / "nothing")
    assert result.returncode != 0
    assert str(tmp_path / "nothing") in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("place", ["none/address", "folder", "pipe"])
def test_an_address_that_cannot_be_written_is_told_before_anything_is_begun(tmp_path, place):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    refused = citas("serve", "--data", tmp_path / "data", "--listen", "127.0.0.1:0", "--nats", "none",
                    "--address-file", tmp_path / place)
    assert refused.returncode in (1, 2) and refused.stdout == ""
    (line,) = refused.stderr.splitlines()
    assert line.startswith("citas: --address-file: ") and str(tmp_path / place) in line
    assert re.search(r": No such file or directory$|is there, and is no file$", line)
    assert not (tmp_path / "data").exists()
    assert (tmp_path / "folder").is_dir() and (tmp_path / "pipe").is_fifo()


def test_an_address_that_cannot_be_written_is_no_address(tmp_path):
    address = tmp_path / "address"
    (tmp_path / "address.new").mkdir()
    refused = citas("serve", "--data", tmp_path / "data", "--nats", "none", "--listen", "127.0.0.1:0",
                    "--address-file", address)
    assert refused.returncode == 1
    assert f"--address-file: cannot replace {address}.new: Is a directory" in refused.stderr
    assert not os.path.lexists(address)


def test_an_address_of_before_is_gone_before_anybody_waits_for_the_new_one(tmp_path):
    address = tmp_path / "address"
    address.write_text("http://127.0.0.1:1\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        refused = citas("serve", "--data", tmp_path / "data", "--listen", listen, "--nats", "none",
                        "--address-file", address)
    assert refused.returncode == 1, refused.stderr
    assert not address.exists() and not (tmp_path / "address.new").exists()


def test_the_address_of_a_running_server_is_left_alone_by_one_that_is_refused(new_server):
    server = new_server("--nats", "none").start()
    address = server.folder / "address"
    before = address.read_text()
    refused = citas("serve", "--data", server.data, "--listen", "127.0.0.1:0", "--nats", "none",
                    "--address-file", address)
    assert refused.returncode == 1 and "in use by another process" in refused.stderr
    assert address.read_text() == before


def test_version_and_help():
    assert citas("--version").stdout.strip().endswith("0.1.0")
    assert "Exit codes" in citas("--help").stdout


def test_an_unknown_option_is_a_usage_error():
    result = citas("serve", "--no-such-option")
    assert result.returncode != 0 and "--no-such-option" in result.stderr


@pytest.mark.parametrize("command", [["foo"], ["backup", "foo"], ["--foo"]], ids=" ".join)
def test_an_unknown_command_is_named(command):
    refused = citas(*command)
    assert refused.returncode == 2 and refused.stdout == ""
    assert refused.stderr.startswith(f"citas: '{command[-1]}' is no command or option"), refused.stderr


def test_the_first_of_what_is_not_known_is_named_in_one_line():
    refused = citas("serve", "--bogus", "x", "--other", "y", "a", "b")
    assert refused.returncode == 2
    assert refused.stderr == "citas: '--bogus' is no command or option of citas serve; see citas serve --help\n"


@pytest.mark.parametrize("arguments", [["worker"], ["serve", "--access-log", "some"], ["serve", "--listen"]])
def test_any_other_wrong_usage_is_one_line_too(arguments):
    refused = citas(*arguments)
    assert refused.returncode == 2 and refused.stdout == ""
    assert refused.stderr.startswith("citas: --") and refused.stderr.count("\n") == 1, refused.stderr
    assert refused.stderr.endswith(f"; see citas {arguments[0]} --help\n")


def test_a_missing_command_is_named():
    for command in ([], ["backup"]):
        refused = citas(*command)
        assert refused.returncode == 2 and "subcommand is required" in refused.stderr


@pytest.mark.parametrize("number", ["-1", "18446744073709551616", "1x", "0x10", ""])
@pytest.mark.parametrize(
    "command",
    [
        ["events", "list", "--from={}"],
        ["events", "list", "--to={}"],
        ["events", "list", "--limit={}"],
        ["events", "show", "--", "{}"],
        ["replay", "--until={}"],
    ],
    ids=" ".join,
)
def test_what_is_no_number_is_not_taken_for_another_one(filled, monkeypatch, command, number):
    monkeypatch.setenv("CITAS_DATA", str(filled.data))
    refused = citas(*(word.format(number) for word in command))
    assert refused.returncode == 2, refused.stdout
    assert refused.stdout == ""


def test_an_empty_name_does_not_come_to_mean_the_default(filled, tmp_path, monkeypatch):
    """A script's variable that was never set must not verify, or serve, whatever is near."""
    monkeypatch.chdir(filled.folder)
    assert citas("verify").returncode == 0
    for command in (
        ["verify", "--data="],
        ["verify", "--url="],
        ["verify", "--expect="],
        ["events", "list", "--data="],
        ["projections", "list", "--data="],
        ["deadletters", "list", "--url="],
        ["replay", "--data="],
        ["serve", "--nats=none", "--listen=127.0.0.1:0", "--data="],
        ["backup", "create", "--backups", tmp_path / "backups", "--data="],
        ["backup", "list", "--backups="],
        ["backup", "restore", "--backups", tmp_path / "backups", "--data", tmp_path, "--until="],
    ):
        words = [part for word in command for part in str(word).split("=")]
        refused = citas(*words)
        assert refused.returncode == 2, command
        assert "empty" in refused.stderr


AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
@pytest.mark.parametrize(
    "command",
    [
        ["verify", "--data"],
        ["events", "list", "--data"],
        ["events", "export", "--data"],
        ["replay", "--data"],
        ["projections", "list", "--data"],
        ["deadletters", "list", "--data"],
        ["backup", "create", "--backups", "/proc/none", "--data"],
        ["backup", "list", "--backups"],
    ],
    ids=" ".join,
)
def test_another_users_folder_is_one_clear_line(tmp_path_factory, command):
    """Who forgets to become the server's user is told so, and not that there is no log."""
    folder = tmp_path_factory.mktemp("theirs")
    for above in (folder.parent, folder.parent.parent):
        above.chmod(0o755)
    program = folder / "citas"
    shutil.copy(CITAS, program)
    folder.chmod(0o755)
    data = folder / "data"
    (data / "log").mkdir(parents=True)
    data.chmod(0o700)
    refused = subprocess.run(
        [*AS_NOBODY, program, *command, data], capture_output=True, text=True, check=False
    )
    assert refused.returncode == 1, refused
    assert "Permission denied" in refused.stderr and "as the user" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
