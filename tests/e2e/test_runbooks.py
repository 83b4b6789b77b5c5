"""Every runbook, played from its first command to its last in the world that it is for."""

import shutil

import pytest

from contract import ROOT
from damaged_log import damage
from fake_clock import FakeClock
from harness import Nats, citas
from runbook_player import Command, World, missing_line, play, steps_of
from small_disk import Filler
from traced_disk import CANNOT_TRACE, TracedDisk, can_trace

RUNBOOKS = ROOT / "ops/runbooks"
DISK_MIB = 64


def book(server, schedules):
    for schedule in schedules:
        answer = server.client.book("00001", schedule)
        assert answer.status == 201, answer.text


class DiskFull(World):
    """A server on a small disk, of which something else has taken all but a little."""

    LEFT = 5_500_000

    def __init__(self, folder, new_server):
        super().__init__(folder, new_server)
        self.serve()
        book(self.server, range(1, 20))
        self.filler = Filler(folder)
        self.filler.leave(self.LEFT)

    def the_server_is_stopped(self):
        super().the_server_is_stopped()
        self.filler.leave(self.LEFT)  # what the log had allocated ahead is free again

    def there_is_room(self):
        self.filler.remove()


class DiskDying(World):
    """A server that has ended because a sync of its log failed."""

    def __init__(self, folder, new_server):
        if not can_trace():
            pytest.skip(CANNOT_TRACE)
        super().__init__(folder, new_server)
        (folder / "other").mkdir()
        self.serve()
        book(self.server, range(1, 3))
        self.server.all_settled(["00001"])
        (wal,) = self.server.data.glob("log/db/*.log")
        TracedDisk(self.server, "fdatasync", "error=EIO", wal)
        assert self.server.client.clone(validate=False).book("00001", 3).status == 503
        assert self.server.process.wait() == 1

    def substitutions(self):
        return {**super().substitutions(), "/other": str(self.folder / "other")}

    def the_server_is_started_there(self):
        self.server.data = self.folder / "other/data"
        self.server.start()


class CorruptedLog(World):
    """A stopped server, in whose log a bit has flipped, and a copy from before."""

    def __init__(self, folder, new_server):
        super().__init__(folder, new_server)
        self.serve("--nats", "none")
        book(self.server, range(1, 6))
        self.server.stop()
        shutil.copytree(self.server.data, folder / "copy")
        damage(self.server.data)
        refused = citas("serve", "--data", self.server.data, "--listen", "127.0.0.1:0")
        assert refused.returncode == 3 and "corrupted-log.md" in refused.stderr

    def a_good_copy_is_put_back(self):
        shutil.rmtree(self.server.data)
        shutil.copytree(self.folder / "copy", self.server.data)


class Restore(World):
    """A running server with two backups, the second of them behind position 1000."""

    def __init__(self, folder, new_server):
        super().__init__(folder, new_server)
        self.serve("--nats", "none")
        for last in (700, 1_400):
            book(self.server, range(last - 699, last + 1))
            self.succeed("backup", "create", "--data", self.server.data, "--quiet")

    def succeed(self, *arguments):
        done = citas(*arguments, "--backups", self.folder / "backups")
        assert done.returncode == 0, done.stderr


class LostBus(World):
    """A server whose own nats-server does not come up again; later, one whose cluster is away."""

    def __init__(self, folder, new_server):
        super().__init__(folder, new_server)
        self.cluster = None
        self.serve()
        book(self.server, range(1, 3))
        self.server.all_settled(["00001"])
        # The server writes this file at its own start only.
        (self.server.data / "bus/nats-server.conf").write_text("port: nowhere\n")
        self.server.kill_nats()
        book(self.server, range(3, 5))

    def substitutions(self):
        known = super().substitutions()
        return {**known, "nats://bus:4222": self.cluster.url} if self.cluster else known

    def the_server_is_started(self):
        super().the_server_is_started()
        self.server.all_settled(["00001"])

    def a_cluster_is_down(self):
        self.server.stop()
        self.cluster = Nats(self.folder / "cluster").start()
        self.server.start("--nats", self.cluster.url)
        self.server.all_settled(["00001"])
        self.cluster.kill()
        book(self.server, range(5, 7))

    def the_cluster_is_back(self):
        self.cluster.start()

    def close(self):
        if self.cluster:
            self.cluster.kill()


class WrongClock(World):
    """A server whose clock fell back by an hour while it ran."""

    def __init__(self, folder, new_server):
        super().__init__(folder, new_server)
        self.clock = FakeClock(folder)
        with self.clock.environment():
            self.serve("--nats", "none")
        self.environment = self.clock.variables()
        book(self.server, range(1, 4))
        self.clock.set(-3600)
        book(self.server, range(4, 7))

    def the_clock_is_set_right(self):
        self.clock.set(0)


WORLDS = {
    "corrupted-log.md": CorruptedLog,
    "disk-dying.md": DiskDying,
    "disk-full.md": DiskFull,
    "lost-bus.md": LostBus,
    "restore-to-a-point-in-time.md": Restore,
    "wrong-clock.md": WrongClock,
}
# Pages that a test of their subject plays, in a world that only it can make.
PLAYED_BY = {"poison-messages.md": "test_dead_letters.py"}


@pytest.mark.parametrize("name", sorted(page.name for page in RUNBOOKS.glob("*.md")))
def test_a_runbook(name, tmp_path, small_disk, new_server):
    if name in PLAYED_BY:
        assert name in (ROOT / "tests/e2e" / PLAYED_BY[name]).read_text()
        return
    assert name in WORLDS, "a new runbook needs a world that its commands are run in"
    folder = small_disk(DISK_MIB) if WORLDS[name] is DiskFull else tmp_path
    run((RUNBOOKS / name).read_text(), WORLDS[name], folder, new_server)


def run(text, make_world, folder, new_server):
    world = make_world(folder, new_server)
    try:
        assert play(text, world) >= 2, "no commands were found"
    finally:
        world.close()


PAGE = """
Text with `$ no command`.

<!-- world: it breaks -->

   ```
   $ echo 17 1; echo end
   23 1
   ```
"""


class Plain(World):
    broken = False

    def it_breaks(self):
        self.broken = True


def test_steps_are_found_in_order():
    event, command = steps_of(PAGE)
    assert event.name == "it breaks"
    assert command == Command("echo 17 1; echo end", ["23 1"])


def test_events_change_the_world(tmp_path, new_server):
    world = Plain(tmp_path, new_server)
    assert play(PAGE, world) == 1
    assert world.broken


@pytest.mark.parametrize(
    "change",
    [
        ("23 1", "23 0"),  # 0 and 1 are answers, not figures
        ("23 1", "begin"),
        ("$ echo 17 1; echo end\n   23 1", "$ false"),
        ("it breaks", "it explodes"),
    ],
)
def test_a_page_that_is_wrong_is_found(change, tmp_path, new_server):
    with pytest.raises((AssertionError, AttributeError)):
        play(PAGE.replace(*change), Plain(tmp_path, new_server))


def test_lines_have_their_order():
    assert missing_line(["a", "b"], "a\nx\nb\n") is None
    assert missing_line(["b", "a"], "a\nb\n") == "a"
    assert missing_line(["x … y"], "x 1 y\n") is None
    assert missing_line(["4.8 MiB"], "5,012.0 KiB\n") is None
    assert missing_line(["at 2026-01-01T00:00:00.000Z"], "at soon\n") is not None
