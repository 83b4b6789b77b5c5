"""Runs torture suites: see ops/torture."""

import argparse
import datetime
import pathlib
import random
import sys

SKIPPED = 77  # as automake and ctest have it
INTERRUPTED = 130  # as shells have it

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

import framework  # noqa: E402  the folders have to be known first
from suites import SUITES  # noqa: E402


def seed_of(text):
    """"today" is another one each day, and the same one whoever runs it, however often."""
    if text == "today":
        return int(datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%d"))
    return int(text)


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="ops/torture",
        description="Breaks things on purpose, and checks from outside that every promise holds.",
        epilog="suites:\n" + "\n".join(f"  {name:15} {one.what}" for name, one in SUITES.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("suites", nargs="*", metavar="SUITE", help="all of them without any")
    parser.add_argument("--cycles", type=int, help="how often; each suite has its own default")
    parser.add_argument(
        "--seed",
        type=seed_of,
        help="repeats the choices of an earlier run; today: the date; without: a random one",
    )
    parser.add_argument("--short", action="store_true", help="the form that ops/test runs")
    parser.add_argument("-o", dest="output", choices=["text", "json"], default="text")
    parsed = parser.parse_args(arguments)
    unknown = set(parsed.suites) - set(SUITES)
    if unknown:
        parser.error(f"no such suite: {', '.join(sorted(unknown))}; see --help")
    return parsed


def main(arguments):
    options = parse(arguments)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**32)
    runs = []
    for name in options.suites or SUITES:
        suite = SUITES[name]
        cycles = options.cycles or (suite.short if options.short else suite.long)
        framework.announce(name, cycles, seed, options.short)
        run = framework.execute(name, suite, cycles, seed, options.short)
        framework.report(run, options.output)
        if run.interrupted:
            return INTERRUPTED
        runs.append(run)
    if any(run.failure for run in runs):
        return 1
    return SKIPPED if all(run.skipped for run in runs) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
