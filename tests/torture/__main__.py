"""Runs torture suites: see ops/torture."""

import argparse
import datetime
import pathlib
import random
import signal
import subprocess
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


def run_here(name, options, seed):
    """Returns its exit code."""
    suite = SUITES[name]
    cycles = options.cycles or (suite.short if options.short else suite.long)
    framework.announce(name, cycles, seed, options.short)
    run = framework.execute(name, suite, cycles, seed, options.short)
    framework.report(run, options.output)
    if run.interrupted:
        return INTERRUPTED
    return 1 if run.failure else SKIPPED if run.skipped else 0


def run_apart(name, options, seed):
    """In a process of its own: whatever it leaves running, threads and servers, ends with it."""
    command = [sys.executable, "-B", HERE, name, "--seed", seed, "-o", options.output]
    command += ["--cycles", options.cycles] if options.cycles else []
    command += ["--short"] if options.short else []
    return subprocess.run([str(part) for part in command], check=False).returncode


def main(arguments):
    options = parse(arguments)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**32)
    names = options.suites or list(SUITES)
    if len(names) == 1:
        return run_here(names[0], options, seed)
    signal.signal(signal.SIGINT, lambda *_: None)  # the suite gets it, too, and reports
    codes = []
    for name in names:
        codes.append(run_apart(name, options, seed))
        if codes[-1] == INTERRUPTED:
            return INTERRUPTED
    if set(codes) == {SKIPPED}:
        return SKIPPED
    return 0 if set(codes) <= {0, SKIPPED} else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
