"""The figures that the server must reach, as ratios to an echo measured in the same run."""

import dataclasses
import typing


@dataclasses.dataclass(frozen=True)
class Figure:
    name: str
    floor: float
    aim: float
    value: typing.Callable  # of the rows: the figure, or None when it was not measured
    at_most: bool = False

    def holds(self, value):
        return value <= self.floor if self.at_most else value >= self.floor


def row(rows, scenario, connections=None):
    return next((r for r in rows if r["scenario"] == scenario
                 and connections in (None, r["connections"])), None)


def field(scenario, connections, name):
    def value(rows):
        found = row(rows, scenario, connections)
        return found and found[name]
    return value


def fraction_of_64(connections):
    def value(rows):
        many, few = row(rows, "post", connections), row(rows, "post", 64)
        return many and few and many["per_second"] / few["per_second"]
    return value


def failures(rows):
    measured = [r for r in rows if r["scenario"] in ("post", "get")]
    return sum(r["socket_errors"] + r["timeouts"] + r["status_errors"]
               for r in measured) if measured else None


def sustained(rows):
    rates = [r["rate"] for r in rows if r["scenario"] == "settle" and r["sustained"]]
    return max(rates, default=0) if row(rows, "settle") else None


FIGURES = (
    Figure("durable POST / echo POST, 64 connections", 0.28, 0.40,
           field("post", 64, "ratio_to_echo")),
    Figure("durable POST at 1,000 connections / at 64", 0.7, 0.85, fraction_of_64(1000)),
    Figure("durable POST at 4,000 connections / at 64", 0.7, 0.85, fraction_of_64(4000)),
    Figure("durable POST p99 at 64 connections, ms", 8, 5, field("post", 64, "p99_ms"), True),
    Figure("GET by insured / echo GET, 64 connections", 0.5, 0.8,
           field("get", 64, "ratio_to_echo")),
    Figure("failed requests in POST and GET", 0, 0, failures, True),
    Figure("POST to completed sustained, per second", 3_000, 8_000, sustained),
    Figure("memory per idle connection, bytes", 16_384, 4_096,
           field("idle", None, "bytes_per_connection"), True),
)


def check(rows):
    """The figures that `rows` allow: (figure, value, whether its floor holds)."""
    measured = ((figure, figure.value(rows)) for figure in FIGURES)
    return [(figure, value, figure.holds(value)) for figure, value in measured
            if value is not None]
