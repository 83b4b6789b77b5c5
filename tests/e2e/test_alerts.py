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
LOOK_BACK = {"CitasSyncSlow", "CitasStreamsMadeAnew"}


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
