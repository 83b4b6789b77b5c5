"""Every runbook, played from its first command to its last in the world that it is for: there, an
alert that leads to it is true, and none is at its end."""

import re
import shutil

import pytest

from alerts import alerts, can_evaluate, is_true, samples_of
from contract import ROOT
from damaged_log import damage
from fake_clock import FakeClock
from harness import Nats, citas, wait_until
from poisoned_worker import PoisonedWorker
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
        self.serve("--workers", "none")
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
        self.known = {}
        self.serve("--backups", folder / "backups")
        for first in (1, 301):
            book(self.server, range(first, first + 300))
            self.server.all_settled(["00001"])
            self.succeed("backup", "create", "--data", self.server.data, "--quiet")

    def succeed(self, *arguments):
        done = citas(*arguments, "--backups", self.folder / "backups")
        assert done.returncode == 0, done.stderr

    def run(self, line):
        """The page goes on with the head and the epoch that its restore has printed."""
        code, printed = super().run(line)
        if line.startswith("citas backup restore"):
            page = (RUNBOOKS / "restore-to-a-point-in-time.md").read_text()
            for pattern in (r"^ *head: 1000:([0-9a-f]{64})$", r"^ *epoch: (\d+) "):
                shown = re.search(pattern, page, re.MULTILINE)
                self.known[shown[1]] = re.search(pattern, printed, re.MULTILINE)[1]
        return code, printed

    def substitutions(self):
        return {**super().substitutions(), **self.known}


class PoisonMessages(World):
    """Two messages that a country's worker has given up."""

    def __init__(self, folder, new_server):
        super().__init__(folder, new_server)
        page = (RUNBOOKS / "poison-messages.md").read_text()
        tries = int(re.search(r"\((\d+) times; a crash counts\)", page)[1])
        self.bus = Nats(folder / "nats").start()
        self.worker = PoisonedWorker(folder / "worker", self.bus, max_tries=tries).start()
        self.serve("--nats", self.bus.url, "--workers", "none")
        self.worker.poison({1: "refuse", 2: "refuse"})
        book(self.server, (1, 2))
        letters = wait_until(self.both_letters, "both are dead letters")
        assert [letter["attempts"] for letter in letters] == [tries, tries]
        # In the page's order, which is that of its list.
        ours = [letter[name] for letter in letters for name in ("deadLetterId", "appointmentId")]
        uuid = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
        theirs = dict.fromkeys(re.findall(uuid, page))
        self.ids = dict(zip(theirs, ours, strict=True))

    def both_letters(self):
        found = self.server.client.get("/dead-letters?state=open").json["deadLetters"]
        return found if len(found) == 2 else None

    def substitutions(self):
        return {**super().substitutions(), **self.ids}

    def the_worker_is_mended(self):
        self.worker.repair()

    def close(self):
        self.worker.stop()
        self.bus.kill()


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
            self.serve("--workers", "none")
        self.environment = self.clock.variables()
        book(self.server, range(1, 4))
        self.clock.set(-3600)
        book(self.server, range(4, 7))

    def the_clock_is_set_right(self):
        """Countries answer from now on, and not before: the page's events stand behind one another."""
        self.clock.set(0)
        self.server.options = ()
        with self.clock.environment():
            self.server.restart()


WORLDS = {
    "corrupted-log.md": CorruptedLog,
    "disk-dying.md": DiskDying,
    "disk-full.md": DiskFull,
    "lost-bus.md": LostBus,
    "poison-messages.md": PoisonMessages,
    "restore-to-a-point-in-time.md": Restore,
    "wrong-clock.md": WrongClock,
}
# Nobody keeps the clock of a machine of tests right.
OF_THE_MACHINE = {"CitasClockNotKeptRight"}


@pytest.mark.parametrize("name", sorted(page.name for page in RUNBOOKS.glob("*.md")))
def test_a_runbook(name, tmp_path, small_disk, new_server):
    assert name in WORLDS, "a new runbook needs a world that its commands are run in"
    folder = small_disk(DISK_MIB) if WORLDS[name] is DiskFull else tmp_path
    run((RUNBOOKS / name).read_text(), WORLDS[name], folder, new_server)


def run(text, make_world, folder, new_server):
    world = make_world(folder, new_server)
    leading_here = set(re.findall(r"`(Citas\w+)`", text))

    def is_told():
        return true_alerts(world) & leading_here

    try:
        commands = play(text, world, lambda: wait_until(is_told, "an alert leads to the page"))
        assert commands >= 2, "no commands were found"
        wait_until(lambda: not true_alerts(world), "no alert is left", timeout_s=10)
    finally:
        world.close()


def true_alerts(world):
    samples = samples_of(world.metrics())
    known = [alert for alert in alerts() if can_evaluate(alert["expr"])]
    return {one["alert"] for one in known if is_true(one["expr"], samples)} - OF_THE_MACHINE


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
