"""The judge of curves: it must see what grows, and nothing else."""

import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

import framework  # noqa: E402
import soak  # noqa: E402

FLAT = [200.0] * 16


def judge(memory=FLAT, descriptors=None, short=False):
    run = framework.Run("soak", 8, 1, short, pathlib.Path("/nonexistent"))
    descriptors = descriptors or [40] * len(memory)
    soak.check_flat(
        run,
        "server",
        [
            {"memory, MiB": mib, "file descriptors": count}
            for mib, count in zip(memory, descriptors)
        ],
    )
    return run


@pytest.mark.parametrize(
    "memory",
    [
        FLAT,
        [10, 50, 100, 150, 180, 195, 199, 200] + FLAT[:8],  # caches fill
        FLAT[:10] + [900] + FLAT[:5],  # a rebuild's peak
        [200 + 5 * (number % 3) for number in range(16)],
        [400 - 10 * number for number in range(16)],
    ],
)
def test_what_is_flat(memory):
    assert judge(memory).checked["flat curves"] == 2


@pytest.mark.parametrize(
    "memory",
    [
        [10, 10_000] * 8 + [20_000] * 8,
        [10 * 2**number for number in range(8)],
        [200 + 10 * number for number in range(16)],
        FLAT[:8] + [200 + 15 * (number // 2) for number in range(8)],  # in steps
        FLAT[:12] + [300 + 50 * number for number in range(4)],  # late
    ],
)
def test_memory_that_grows(memory):
    with pytest.raises(framework.Broken, match="server: memory, MiB grew by"):
        judge(memory)


def test_the_short_form_sees_what_grows_fast():
    assert judge([60 + 6 * number for number in range(8)], short=True)
    with pytest.raises(framework.Broken, match="memory, MiB grew by"):
        judge([60 + 30 * number for number in range(8)], short=True)


def test_descriptors_that_leak():
    with pytest.raises(framework.Broken, match="file descriptors grew by"):
        judge(descriptors=[40 + 3 * number for number in range(16)])


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_too_few_samples_show_nothing(count):
    with pytest.raises(framework.Broken, match="show nothing"):
        judge([10.0] * count)


def test_a_lag_without_bound():
    watch = soak.Watch.__new__(soak.Watch)
    watch.samples, watch.lags = {}, {"the relay": 20, "the read models": soak.LAG_LIMIT_EVENTS}
    run = framework.Run("soak", 8, 1, True, pathlib.Path("/nonexistent"))
    with pytest.raises(framework.Broken, match="the read models lagged"):
        soak.check_watch(run, watch)
