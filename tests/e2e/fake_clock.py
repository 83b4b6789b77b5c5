"""A wall clock that a test sets, for the processes that it starts."""

import contextlib
import glob
import os
import time


class FakeClock:
    """The wall clock of processes started under environment(): set by a file, at any time."""

    def __init__(self, folder):
        self._file = folder / "clock"
        self._offset = 0.0
        self.set(0)

    def set(self, offset):
        self._offset = offset
        unfinished = self._file.with_suffix(".new")
        unfinished.write_text(f"{offset:+.6f}\n")
        unfinished.rename(self._file)

    def now(self):
        return time.time() + self._offset

    def variables(self):
        """The environment of a process that sees this clock."""
        library = next(glob.iglob("/usr/lib/*/faketime/libfaketimeMT.so.1"), None)
        assert library, "faketime is not installed: see ops/packages.txt"
        return {
            "LD_PRELOAD": library,
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "TZ": "America/Santiago",
        }

    @contextlib.contextmanager
    def environment(self):
        mine = self.variables()
        before = {name: os.environ.get(name) for name in mine}
        os.environ.update(mine)
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
