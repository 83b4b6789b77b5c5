"""The alerting rules: what they watch exists, and each leads to a page that knows it."""

import re
import shutil
import subprocess

import pytest
import yaml

from contract import ROOT

RULES = ROOT / "ops/alerts/citas.rules.yaml"
RUNBOOKS = ROOT / "ops/runbooks"
# Prometheus' own, of each scrape.
NOT_OURS = {"up"}
METRIC = re.compile(r"\b(up|citas_\w+)\b")


def alerts():
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    return group["rules"]


def metrics_of(expression):
    return set(METRIC.findall(expression)) - NOT_OURS


def links_of(alert):
    return set(re.findall(r"ops/runbooks/([\w-]+\.md)", " ".join(alert["annotations"].values())))


@pytest.fixture(scope="module")
def samples(server):
    """Name -> the labels of each of its samples, from a server that has done some work."""
    booked = server.client.book("00001", 1).json
    server.settled("00001", booked["appointmentId"])
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


@pytest.mark.skipif(shutil.which("promtool") is None, reason="prometheus is not installed")
def test_prometheus_takes_the_rules():
    checked = subprocess.run(
        ["promtool", "check", "rules", RULES], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
