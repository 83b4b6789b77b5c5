"""The alerting rules: what they watch exists, and each leads to a page that knows it. That they
are true of what is broken, and of nothing else, is shown where pages are played (test_runbooks.py).
"""

import re
import shutil
import subprocess

import pytest

from alerts import RULES, alerts, can_evaluate, is_true, links_of, samples_of
from contract import ROOT
from harness import Server, wait_until

RUNBOOKS = ROOT / "ops/runbooks"
# Prometheus' own, of each scrape.
NOT_OURS = {"up"}
METRIC = re.compile(r"\b(up|citas_\w+)\b")


def metrics_of(expression):
    return set(METRIC.findall(expression)) - NOT_OURS


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One that is told where its backups lie."""
    folder = tmp_path_factory.mktemp("server")
    running = Server(folder, "--backups", folder / "backups").start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def samples(server):
    """Name -> the labels of each of its samples, from a server that has done some work."""
    booked = server.client.book("00001", 1).json
    server.settled("00001", booked["appointmentId"])
    wait_until(lambda: server.metric("citas_backup_age_seconds"), "the backups are looked at")
    found = {}
    for line in server.client.get("/metrics").text.splitlines():
        if parts := re.match(r"(citas_\w+)(?:\{(.*?)\})? ", line):
            found.setdefault(parts[1], []).append(parts[2] or "")
    return found


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_what_an_alert_watches_exists(alert, samples):
    names = metrics_of(alert["expr"])
    assert names or alert["expr"].startswith("up{")
    assert names <= set(samples), "no such metric in /metrics"
    for name, label, value in re.findall(r'(citas_\w+)\{(\w+)="(\w+)"\}', alert["expr"]):
        assert any(f'{label}="{value}"' in labels for labels in samples[name])


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_leads_to_a_page_that_knows_it(alert):
    runbook = alert["annotations"]["runbook"]
    assert alert["labels"]["severity"] in {"page", "ticket"}
    assert alert["annotations"]["summary"]
    for name in links_of(alert):
        page = RUNBOOKS / name
        assert page.exists(), f"{name} is not there"
        assert f"`{alert['alert']}`" in page.read_text(), f"{name} does not say who leads there"
    assert runbook.startswith("ops/runbooks/")


def test_every_runbook_is_named_by_an_alert():
    named = set().union(*(links_of(alert) for alert in alerts()))
    assert named == {page.name for page in RUNBOOKS.glob("*.md")}


def test_pages_name_no_alert_that_is_not_there():
    known = {alert["alert"] for alert in alerts()}
    for page in RUNBOOKS.glob("*.md"):
        assert set(re.findall(r"`(Citas\w+)`", page.read_text())) <= known, page.name


def test_names_are_unique():
    names = [alert["alert"] for alert in alerts()]
    assert len(names) == len(set(names))


# They ask how something has gone for minutes or hours.
LOOK_BACK = {"CitasAnswersFail", "CitasRestarting", "CitasSyncSlow", "CitasStreamsMadeAnew"}


def test_all_others_can_be_evaluated():
    assert {alert["alert"] for alert in alerts() if not can_evaluate(alert["expr"])} == LOOK_BACK


METRICS = """
# TYPE citas_free gauge
citas_free 15
citas_floor 8
citas_trouble{part="bus"} 1
citas_trouble{part="log"} 0
"""


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("citas_free < 2 * citas_floor", True),
        ("citas_free < 1 * citas_floor", False),
        ("citas_floor == 8", True),
        ("citas_trouble > 0", True),
        ('citas_trouble{part="log"} > 0', False),
        ('citas_trouble{part="bus"} > 0', True),
        ('citas_trouble{part!="bus"} > 0', False),
        ('up{job="citas"} == 0', False),
        ("citas_absent == 0", False),
    ],
)
def test_expressions_are_evaluated(expression, expected):
    assert is_true(expression, samples_of(METRICS)) == expected


def test_a_server_that_does_not_answer_is_down():
    assert is_true('up{job="citas"} == 0', samples_of(None))


@pytest.mark.skipif(shutil.which("promtool") is None, reason="prometheus is not installed")
def test_prometheus_takes_the_rules():
    checked = subprocess.run(
        ["promtool", "check", "rules", RULES], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


# Exposed for graphs and for looking closer: nobody has to act on these alone, or something else
# that is told covers them.
FOR_THE_CURIOUS = {
    "citas_batch_events", "citas_commands_rejected_total",
    "citas_commands_replayed_total", "citas_completed_total", "citas_consumer_recreations_total",
    "citas_dead_letters_recorded_total", "citas_dead_letters_retried", "citas_dead_letters_total",
    "citas_deliveries_total", "citas_http_connections", "citas_http_connections_accepted_total",
    "citas_http_connections_limit", "citas_http_connections_rejected_total",
    "citas_http_refused_total", "citas_http_request_seconds", "citas_http_requests_in_flight",
    "citas_http_requests_waiting", "citas_log_position",
    "citas_page_cache_bytes", "citas_page_cache_hits_total", "citas_page_cache_misses_total",
    "citas_projection_lag_events", "citas_queue_depth", "citas_redelivered_total",
    "citas_redeliveries_total", "citas_relay_lag_events", "citas_retries_total",
}


def test_every_metric_is_watched_or_left_out_on_purpose(samples):
    exposed = {re.sub("_(bucket|sum|count)$", "", name) for name in samples}
    watched = {
        re.sub("_bucket$", "", name) for alert in alerts() for name in metrics_of(alert["expr"])
    }
    assert exposed - watched == FOR_THE_CURIOUS - watched
    assert not FOR_THE_CURIOUS & watched


def test_every_trouble_of_every_part_is_told(samples):
    """Of a part that is degraded or unavailable, some alert is true."""
    parts = {dict(re.findall(r'(\w+)="(\w+(?:-\w+)*)"', labels))["part"] for labels in samples["citas_part_trouble"]}
    assert parts == {"log", "disk", "projections", "bus", "dead-letters"}
    elsewhere = {
        ("disk", 1): "CitasReadOnly",
        ("projections", 1): "CitasReadOnly",  # only where the disk is full
        ("dead-letters", 1): "CitasDeadLetters",
    }
    for part in parts:
        for trouble in (1, 2):
            shown = samples_of(f'citas_part_trouble{{part="{part}"}} {trouble}\n')
            true = {one["alert"] for one in alerts() if can_evaluate(one["expr"])
                    and "citas_part_trouble" in one["expr"] and is_true(one["expr"], shown)}
            assert true or (part, trouble) in elsewhere, (part, trouble)
    assert set(elsewhere.values()) <= {one["alert"] for one in alerts()}


PLAYED = """
rule_files: [{rules}]
evaluation_interval: 15s
tests:
  - interval: 15s
    input_series:
{series}
    promql_expr_test:
{expected}
"""


def series_of(values):
    return "".join(f"      - series: '{name}'\n        values: '{of}'\n" for name, of in values.items())


def firing(alert, at, of):
    """The labels that `alert` fires for at that time, by Prometheus' own account."""
    expr = f'count(ALERTS{{alertname="{alert}", alertstate="firing"}}) or vector(0)'
    return f"""      - expr: '{expr}'
        eval_time: {at}
        exp_samples: [{{labels: "{{}}", value: {of}}}]
"""


@pytest.mark.skipif(shutil.which("promtool") is None, reason="prometheus is not installed")
@pytest.mark.parametrize(
    ("alert", "series", "quiet_at", "firing_at"),
    [
        ("CitasWriteHangs", {'citas_part_trouble{part="log"}': "0x8 1x8"}, "2m", "3m"),
        ("CitasPartUnavailable", {'citas_part_trouble{part="log"}': "1x8 2x20"}, "2m", "4m"),
        ("CitasCountryDoesNotAnswer", {'citas_pending_oldest_seconds{country="PE"}': "0+15x40"}, "2m", "4m"),
        ("CitasRestarting", {"citas_commands_total": "0 9 0 9 0 9 0 9 9"}, "75s", "2m"),
        ("CitasStreamsMadeAnew", {"citas_bus_stores_deleted_total": "0x8 1x8"}, "90s", "3m"),
        ("CitasStreamsMadeAnew", {"citas_relay_rebuilds_total": "0x8 1x8"}, "90s", "3m"),
        ("CitasAnswersFail", {"citas_http_broken_off_total": "0x8 1x8"}, "90s", "3m"),
        ("CitasAnswersFail", {'citas_http_requests_total{status="500"}': "0x8 1x8"}, "90s", "3m"),
        ("CitasAnswersFail", {'citas_http_requests_total{status="503"}': "0x8 1x8"}, "90s", None),
        ("CitasBusLost", {"citas_bus_connected": "1x8 0x20"}, "2m", "4m"),
    ],
)
def test_an_alert_fires_in_time_and_not_before(tmp_path, alert, series, quiet_at, firing_at):
    expected = firing(alert, quiet_at, 0) + firing(alert, firing_at or "4m", 1 if firing_at else 0)
    play = PLAYED.format(rules=RULES, series=series_of(series), expected=expected)
    (tmp_path / "test.yaml").write_text(play)
    played = subprocess.run(
        ["promtool", "test", "rules", tmp_path / "test.yaml"], capture_output=True, text=True, check=False
    )
    assert played.returncode == 0, played.stdout + played.stderr


BACKUPS_FIRE = """
rule_files: [{rules}]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: citas_backup_age_seconds{{instance="ageing"}}
        values: 0+60x300
      - series: citas_backup_age_seconds{{instance="none"}}
        values: Inf+0x300
    promql_expr_test:
{expected}
"""


@pytest.mark.skipif(shutil.which("promtool") is None, reason="prometheus is not installed")
def test_backups_that_stopped_are_told_after_three_hours(tmp_path):
    def firing(at, instances):
        samples = "".join(
            f"""
          - labels: ALERTS{{alertname="CitasBackupTooOld", alertstate="firing", instance="{one}", severity="ticket"}}
            value: 1"""
            for one in instances
        )
        expr = """ALERTS{alertname="CitasBackupTooOld", alertstate="firing"}"""
        return f"""      - expr: {expr}
        eval_time: {at}
        exp_samples:{samples or " []"}
"""

    expected = firing("4m", []) + firing("3h", ["none"]) + firing("190m", ["ageing", "none"])
    (tmp_path / "test.yaml").write_text(BACKUPS_FIRE.format(rules=RULES, expected=expected))
    played = subprocess.run(
        ["promtool", "test", "rules", tmp_path / "test.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert played.returncode == 0, played.stdout + played.stderr
