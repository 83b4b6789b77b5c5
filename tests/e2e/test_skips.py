"""Tests that cannot run here say so: nothing fails for want of a privilege, and nothing that did
not run counts as passed."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

import traced_disk

HERE = pathlib.Path(__file__).parent
SKIPPED = 77
PASSES = "def test_passes(): pass"
FAILS = "def test_fails(): assert False"
SKIPS = "import pytest\n@pytest.mark.skip\ndef test_skips(): pass"
SKIPS_ITSELF = "import pytest\npytest.skip('nothing here', allow_module_level=True)"


def run_pytest(*arguments, before=(), **environment):
    return subprocess.run(
        [*before, sys.executable, "-B", "-m", "pytest", "-c", HERE / "pytest.ini", *arguments],
        cwd=HERE,
        env={**os.environ, "PYTHONPATH": str(HERE), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("tests", "code"),
    [
        ([SKIPS], SKIPPED),
        ([SKIPS_ITSELF], SKIPPED),
        ([SKIPS, PASSES], 0),
        ([SKIPS, FAILS], 1),
        ([PASSES], 0),
        ([], 5),
    ],
)
def test_only_what_ran_has_passed(tmp_path, tests, code):
    (tmp_path / "test_some.py").write_text("\n".join(tests))
    run = run_pytest("-p", "conftest", tmp_path / "test_some.py")
    assert run.returncode == code, run.stdout


WITHOUT_MOUNTS = ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin")
# Every test that mounts something.
MOUNTING = {
    "test_backup.py": "cannot_be_taken",
    "test_disk_full.py": "",
    "test_doctor.py": "too_full or mounted_read_only",
    "test_recovery.py": "where_its_disk_is",
    "test_runbooks.py": "disk-full.md",
}


@pytest.mark.parametrize("name", MOUNTING)
def test_who_may_not_mount_skips(name):
    # Others than root cannot mount anyway, and cannot give up either.
    before = WITHOUT_MOUNTS if os.geteuid() == 0 else ()
    run = run_pytest(name, "-k", MOUNTING[name], before=before)
    assert run.returncode == SKIPPED, run.stdout
    assert "cannot be mounted" in run.stdout


def test_only_the_fixture_mounts():
    tests = {page.name: page.read_text() for page in HERE.glob("test_*.py")}
    asks = re.compile(r"def \w+\([^)]*\bsmall_disk\b")
    assert {name for name, text in tests.items() if asks.search(text)} == set(MOUNTING)
    mounts = re.compile(r"^(import|from small_disk import .*) ?\bsmall_disk\b", re.MULTILINE)
    assert not [name for name, text in tests.items() if mounts.search(text)]


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is missing")
def test_who_may_not_attach_skips(tmp_path):
    """A strace that traces its own child only, as under Yama."""
    (tmp_path / "strace").write_text(
        "#!/bin/sh\n"
        'for option; do [ "$option" != -p ] || { echo "not permitted" >&2; exit 1; }; done\n'
        f'exec {traced_disk.STRACE} "$@"\n'
    )
    (tmp_path / "strace").chmod(0o755)
    run = run_pytest("test_disk_dying.py", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert run.returncode == SKIPPED, run.stdout
    assert "did not start" in run.stdout
