"""`citas config show`: what a server started now would run with."""

import json

import pytest

from harness import citas


def settings(*flags, **environment):
    shown = citas("config", "show", "-o", "json", *flags, **environment)
    assert shown.returncode == 0, shown.stderr
    return {each["option"]: (each["value"], each["source"]) for each in json.loads(shown.stdout)}


def test_each_value_says_where_it_came_from():
    shown = settings("--listen", "127.0.0.1:9000", CITAS_COUNTRIES="PE,CL,MX")
    assert shown["--listen"] == ("127.0.0.1:9000", "flag")
    assert shown["--countries"] == ("PE,CL,MX", "environment CITAS_COUNTRIES")
    assert shown["--data"] == ("./data", "default")
    assert shown["--insecure-bind"] == ("false", "default")
    assert shown["--free-space-floor"] == ("auto", "default")


def test_a_flag_comes_before_the_environment():
    shown = settings("--nats=none", "--insecure-bind", CITAS_NATS="managed")
    assert shown["--nats"] == ("none", "flag")
    assert shown["--insecure-bind"] == ("true", "flag")


def test_every_option_of_serve_is_shown():
    options = citas("serve", "--help").stdout
    shown = set(settings())
    assert len(shown) >= 11
    for option in shown:
        assert option in options
    listed = {word for word in options.replace(",", " ").split() if word.startswith("--")}
    assert listed - {"--help"} == shown


def test_passwords_are_not_shown():
    shown = citas("config", "show", CITAS_NATS="nats://citas:secret@127.0.0.1:4222")
    assert "nats://***@127.0.0.1:4222" in shown.stdout
    assert "secret" not in shown.stdout + shown.stderr


def test_an_at_sign_hides_nothing_but_a_password():
    assert settings("--data", "/srv/citas@pe")["--data"] == ("/srv/citas@pe", "flag")


def test_a_folder_of_any_name_is_shown():
    """A name on a disk is bytes, and need not be text."""
    shown = citas("config", "show", "-o", "json", "--data", b"/srv/\xff".decode(errors="surrogateescape"))
    assert shown.returncode == 0, shown.stderr
    assert "/srv/\ufffd" in shown.stdout


def test_what_serve_would_refuse_is_refused():
    refused = citas("config", "show", "--listen", "somewhere")
    assert refused.returncode == 2
    assert "--listen" in refused.stderr


def test_processors_are_of_countries_that_are_served(tmp_path):
    own = ("--data", tmp_path / "data", "--listen", "127.0.0.1:0", "--nats", "none")
    refused = citas("serve", *own, "--countries", "PE", "--workers", "PE,CL")
    assert refused.returncode == 2
    assert "--workers CL" in refused.stderr and "--countries" in refused.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("option", ["--countries", "--workers"])
@pytest.mark.parametrize("value", ["", "PE,", ",", "peru", "PE;CL"])
def test_a_list_of_countries_has_codes_only(option, value):
    refused = citas("config", "show", f"{option}", value)
    assert refused.returncode == 2
    assert option in refused.stderr and "country code" in refused.stderr


def test_the_table_is_for_people():
    lines = citas("config", "show").stdout.splitlines()
    assert lines[0].split() == ["OPTION", "VALUE", "SOURCE"]
    assert any(line.split() == ["--country-rules", "-", "default"] for line in lines)


@pytest.mark.parametrize("bus", ["manged", "localhost:4222", "http://bus:4222", "nats://", "nats://:4222"])
def test_a_bus_that_cannot_be_meant_is_refused(bus):
    """A mistyped word would else be a host that never answers, and bookings stay pending."""
    for command in (["serve", "--listen", "127.0.0.1:0"], ["worker", "--country", "PE"]):
        refused = citas(*command, "--data", "/proc/none", "--nats", bus)
        assert refused.returncode == 2, refused.stderr
        assert "--nats" in refused.stderr and "nats://127.0.0.1:4222" in refused.stderr


def test_a_worker_has_no_bus_of_its_own():
    for word in ("managed", "none"):
        refused = citas("worker", "--country", "PE", "--data", "/proc/none", "--nats", word)
        assert refused.returncode == 2, refused.stderr


def test_the_refusal_of_a_bus_keeps_its_password():
    refused = citas("config", "show", "--nats", "nats://me:secret@bus:4222,http://me:secret@bus")
    assert refused.returncode == 2
    assert "secret" not in refused.stdout + refused.stderr and "http://" in refused.stderr


@pytest.mark.parametrize("rules", ["/proc/none", "/tmp"])
def test_country_rules_that_cannot_be_read(rules, tmp_path):
    own = ("--data", tmp_path / "data", "--listen", "127.0.0.1:0", "--nats", "none")
    refused = citas("serve", *own, "--country-rules", rules)
    assert refused.returncode == 2
    assert rules in refused.stderr and len(refused.stderr.strip().splitlines()) == 1
