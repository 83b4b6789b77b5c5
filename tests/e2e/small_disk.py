"""A file system of a few MiB, which a test can fill."""

import contextlib
import ctypes
import itertools
import os
import pathlib
import shutil

# More than citas needs.
INODES = 4000

CLONE_NEWNS = 0x00020000
MS_REC = 0x4000
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)


class CannotMount(Exception):
    """Mounting takes root, and a container that allows it."""


def _checked(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def _enter_private_mounts():
    """What is mounted from now on is seen by this process and its children only, and goes with
    them."""
    _checked(_libc.unshare(CLONE_NEWNS), "unshare")
    _checked(_libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "mount / as private")


@contextlib.contextmanager
def small_disk(folder, size_mib, inodes=INODES):
    """Mounts a tmpfs of that size at `folder`, which holds so many files and folders; raises
    CannotMount where that is not allowed."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        _enter_private_mounts()
        options = f"size={size_mib}m,nr_inodes={inodes},mode=0700".encode()
        _checked(_libc.mount(b"tmpfs", bytes(folder), b"tmpfs", 0, options), "mount tmpfs")
    except OSError as refused:
        raise CannotMount(f"a tmpfs cannot be mounted here (it takes root): {refused}") from refused
    try:
        yield folder
    finally:
        _libc.umount2(bytes(folder), MNT_DETACH)


def free_bytes(folder):
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def free_inodes(folder):
    return os.statvfs(folder).f_favail


class InodeFiller:
    """Empty files that take what inodes there are, but for some."""

    def __init__(self, folder):
        self._folder = pathlib.Path(folder) / "empty"

    def leave(self, left):
        self._folder.mkdir(exist_ok=True)
        for number in itertools.count():
            if free_inodes(self._folder) <= left:
                return
            with contextlib.suppress(OSError):
                (self._folder / str(number)).touch()

    def remove(self):
        shutil.rmtree(self._folder, ignore_errors=True)


class Filler:
    """A file that takes what space there is, but for some."""

    def __init__(self, folder):
        self._path = pathlib.Path(folder) / "filler"

    def leave(self, left_bytes):
        """Grows until only so much is free."""
        with self._path.open("ab", buffering=0) as file:
            while (excess := free_bytes(self._path.parent) - left_bytes) > 0:
                try:
                    file.write(bytes(min(excess, 1 << 18)))
                except OSError:
                    return

    def remove(self):
        self._path.unlink(missing_ok=True)
