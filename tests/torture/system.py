"""What is put to the test: server, worker and bus as processes of their own, and how they die; or
one server that has them all."""

import time

from bus_view import managed_bus
from framework import promise
from harness import CITAS, Nats, Process, Server
from nats_wire import BusAddress

STARTING_S = 0.5  # within this, a process that is starting is killed again


class OneServer:
    """A server with its own bus and both processors, as `citas serve` comes."""

    def __init__(self, folder, *server_options):
        self.server = Server(folder, *server_options)

    def start(self):
        self.server.start()

    def bus_address(self):
        return managed_bus(self.server.data)

    def country_folders(self):
        """Each country's own store; readable when everything has stopped."""
        return {country: self.server.data / "countries" / country for country in ("PE", "CL")}

    def stop(self):
        self.server.stop()

    def stop_bus(self):
        """It has gone with its server."""


class System:
    """A server with the processor of CL, a worker for PE, and the bus between them."""

    def __init__(self, folder, *server_options, random=None):
        self.folder = folder
        self._random = random  # when something dies young
        self.killed_at = None  # by the latest of all kills
        self.nats = Nats(folder / "nats")
        self.server = Server(folder, "--workers", "CL", *server_options)
        self.worker_data = folder / "worker"
        self._worker = None

    def start(self):
        """Also after a stop, which leaves the bus."""
        if self.nats.process is None:
            self.nats.start()
            self.server.options += ("--nats", self.nats.url)
        self.server.start()
        self._start_worker()

    def _start_worker(self):
        command = [CITAS, "worker", "--country", "PE", "--nats", self.nats.url]
        self._worker = Process([*command, "--data", self.worker_data], self.folder / "worker.log")

    def processes(self):
        return {"server": self.server.process, "worker": self._worker, "bus": self.nats.process}

    def kill_server(self):
        self._end(self.server)
        self.server.start()

    def kill_worker(self):
        self._end(self._worker)
        self._start_worker()

    def kill_bus(self):
        self._end(self.nats)
        self.nats.start()

    def kill_bus_and_wipe_it(self):
        self._end(self.nats)
        self.nats.wipe()
        self.nats.start()

    def kill_server_and_bus(self):
        self._end(self.nats, self.server)
        self.nats.start()
        self.server.start()

    def kill_server_and_worker(self):
        self._end(self.server, self._worker)
        self._start_worker()
        self.server.start()

    def kill_worker_and_bus(self):
        self._end(self._worker, self.nats)
        self._start_worker()
        self.nats.start()

    def kill_everything(self):
        self._end(self._worker, self.nats, self.server)
        self.nats.start()
        self.server.start()
        self._start_worker()

    def kill_server_while_starting(self):
        """Killed, and once more while it recovers from that."""
        self._end(self.server)
        self.server.launch()
        self._kill_young(self.server.process)
        self.server.start()

    def kill_worker_while_starting(self):
        self.kill_worker()
        self._kill_young(self._worker)
        self._start_worker()

    def kill_bus_while_starting(self):
        self._end(self.nats)
        self.nats.launch()
        self._kill_young(self.nats.process)
        self.nats.start()

    def _end(self, *processes):
        for process in processes:
            process.kill()
        self.killed_at = time.monotonic()

    def _kill_young(self, process):
        time.sleep(self._random.uniform(0, STARTING_S))  # the random moment
        promise(process.alive(), lambda: f"it ended by itself:\n{process.output()[-4000:]}")
        self._end(process)

    def bus_address(self):
        return BusAddress(self.nats.port)

    def country_folders(self):
        """Each country's own store; readable when everything has stopped."""
        return {
            "PE": self.worker_data / "countries/PE",
            "CL": self.server.data / "countries/CL",
        }

    def stop(self):
        """SIGTERM for server and worker; the bus stays for whoever wants to look at it."""
        self.server.stop()
        code = self._worker.terminate()
        assert code == 0, f"the worker ended with {code}:\n{self._worker.output()[-4000:]}"

    def stop_bus(self):
        self.nats.kill()
