"""The catalogue: ctest runs each suite, so that none stops working unseen."""

import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

from suites import SUITES  # noqa: E402


def test_ctest_starts_every_suite():
    listed = re.search(r"foreach\(suite\s+([^)]*)\)", (HERE / "CMakeLists.txt").read_text())
    assert set(listed[1].split()) == set(SUITES)
