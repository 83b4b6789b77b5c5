"""The judge of canaries: only a failure by what was removed counts as noticed."""

import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

import canaries  # noqa: E402
from framework import Broken  # noqa: E402

ALL = canaries.ON_DISK + canaries.WITH_SERVERS
OTHER_FAILURES = [
    "AssertionError: not within 30 s: the server is ready",
    "Broken: history of seed 7: does not open: the disk is full",
    "OSError: [Errno 28] No space left on device",
    "TimeoutExpired: Command 'citas verify' timed out after 60 seconds",
]


@pytest.mark.parametrize("canary", ALL, ids=lambda one: f"{one.suite}-{one.name}")
@pytest.mark.parametrize("failure", OTHER_FAILURES)
def test_another_failure_is_not_the_canarys(canary, failure):
    with pytest.raises(Broken, match="but not by it"):
        canaries.check_noticed(canary, 7, failure)


@pytest.mark.parametrize("canary", ALL, ids=lambda one: f"{one.suite}-{one.name}")
def test_a_canary_that_nobody_notices(canary):
    with pytest.raises(Broken, match="does not notice"):
        canaries.check_noticed(canary, 7, None)
