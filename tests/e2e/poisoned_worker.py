"""A worker that crashes, hangs or refuses on chosen schedules, under a supervisor that starts it
again when it has died, and knows nothing else of it: one that hangs has to end by itself."""

import collections
import os
import pathlib
import threading

from harness import CITAS, Process

PROGRAM = pathlib.Path(
    os.environ.get("CITAS_POISONED_WORKER_BIN", CITAS.with_name("citas_poisoned_worker"))
)
WATCH_S = 0.02


class PoisonedWorker:
    """Supervised from start() to stop()."""

    def __init__(self, folder, nats, country="PE", max_tries=3, ack_wait_s=0.3):
        self._folder = pathlib.Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._poisons = self._folder / "poisons"
        self._tries = self._folder / "tries"
        self.store = self._folder / "store"
        self._command = [PROGRAM, country, nats.url, self.store, self._poisons, self._tries]
        self._command += [max_tries, round(1000 * ack_wait_s)]
        self._process = None
        self._stopped = threading.Event()
        self._supervisor = None
        self.restarts = 0
        self.repair()

    def poison(self, effects):
        """{schedule: "crash" | "hang" | "refuse"}, whatever was poisonous before."""
        lines = "".join(f"{schedule} {effect}\n" for schedule, effect in effects.items())
        fresh = self._poisons.with_suffix(".new")
        fresh.write_text(lines)
        fresh.rename(self._poisons)

    def repair(self):
        self.poison({})

    def tries(self):
        """How often each schedule was tried while it was poisonous."""
        lines = self._tries.read_text().split() if self._tries.exists() else []
        return collections.Counter(int(line) for line in lines)

    def start(self):
        self._launch()
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)
        self._supervisor.start()
        return self

    def _launch(self):
        self._process = Process(self._command, self._folder / "worker.log")

    def _supervise(self):
        while not self._stopped.wait(WATCH_S):
            if not self._process.alive():
                self.restarts += 1
                self._launch()

    def stop(self):
        self._stopped.set()
        if self._supervisor is not None:
            self._supervisor.join()
        self._process.kill()
