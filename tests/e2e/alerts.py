"""The alerting rules, and whether they are true of what a server's /metrics says now.

Evaluated are comparisons of metrics and numbers, as `a{part="bus"} > 0` or `a < 2 * b`. What looks
back in time (rate, increase) is not, nor is how long something has to last (`for`).
"""

import dataclasses
import operator
import re

import yaml

from contract import ROOT

RULES = ROOT / "ops/alerts/citas.rules.yaml"
OPERATORS = {"==": operator.eq, "<": operator.lt, ">": operator.gt}
SAMPLE = re.compile(r"^(citas_\w+)(?:\{(.*?)\})? (\S+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="(.*?)"')
COMPARISON = re.compile(r"([^()<>]+?) (==|<|>) ([^()]+)")
TERM = re.compile(r'(?:([\d.]+) \* )?(\w+)(?:\{(\w+)(!?=)"(.*?)"\})?')


def alerts():
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    return group["rules"]


def links_of(alert):
    return set(re.findall(r"ops/runbooks/([\w-]+\.md)", " ".join(alert["annotations"].values())))


@dataclasses.dataclass(frozen=True)
class Sample:
    name: str
    labels: dict
    value: float


def samples_of(metrics):
    """Of a server's /metrics; None, when it does not answer. `up` is Prometheus' own."""
    found = [Sample("up", {"job": "citas"}, float(metrics is not None))]
    for name, labels, value in SAMPLE.findall(metrics or ""):
        found.append(Sample(name, dict(LABEL.findall(labels)), float(value)))
    return found


def can_evaluate(expression):
    return COMPARISON.fullmatch(expression) is not None


def is_true(expression, samples):
    """Whether an alert of this expression would be pending, for any of the samples."""
    left, compare, right = COMPARISON.fullmatch(expression).groups()
    return any(
        OPERATORS[compare](one, other)
        for one in values_of(left, samples)
        for other in values_of(right, samples)
    )


def values_of(term, samples):
    if re.fullmatch(r"[\d.]+", term):
        return [float(term)]
    factor, name, label, relation, value = TERM.fullmatch(term).groups()

    def selected(sample):
        matches = label is None or (sample.labels.get(label) == value) == (relation == "=")
        return sample.name == name and matches

    return [float(factor or 1) * sample.value for sample in samples if selected(sample)]
