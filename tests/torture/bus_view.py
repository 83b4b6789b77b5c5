"""An independent consumer of the bus, and a look into the countries' own stores.

Nothing of citas is trusted to read what citas wrote on the bus.
"""

import json
import os
import pathlib
import re
import secrets
import subprocess
import time

import oracle
from framework import Broken, promise
from harness import CITAS
from nats_wire import BusAddress, NatsWire

STORE_READER = pathlib.Path(
    os.environ.get("CITAS_STORE_READER_BIN", CITAS.with_name("citas_country_store"))
)
# How much the bus sends ahead: it hangs up on readers who leave much more unread.
WINDOW = 2000
# What is damaged in the middle of a stream is found by reading all of it, and published again.
REBUILT_WITHIN_S = 60


def managed_bus(data):
    """That of a server's own bus, as its configuration has it."""
    config = (data / "bus/nats-server.conf").read_text()
    port = re.search(r"^port: (\d+)$", config, re.MULTILINE)
    user = re.search(r'user: "([^"]*)", password: "([^"]*)"', config)
    return BusAddress(int(port[1]), user[1], user[2])


def stream_messages(bus, stream="CITAS_EVENTS"):
    """All messages of a stream in order, as (subject, headers, payload)."""
    wire = NatsWire(bus)
    try:
        state = wire.request(f"$JS.API.STREAM.INFO.{stream}", None)
        promise("state" in state, f"no stream {stream}: {state}")
        count = state["state"]["messages"]
        # A subject of its own: the bus keeps the consumer of an earlier reader for a while, and would
        # send to whoever listens at the same one.
        inbox = f"torture.copy.{secrets.token_hex(8)}"
        wire.subscribe(inbox)
        wire.publish(
            f"$JS.API.CONSUMER.CREATE.{stream}",
            json.dumps(
                {
                    "stream_name": stream,
                    "config": {
                        "deliver_subject": inbox,
                        "deliver_policy": "all",
                        "ack_policy": "all",
                        "max_ack_pending": WINDOW,
                        "replay_policy": "instant",
                    },
                }
            ).encode(),
        )
        messages = []
        for number in range(1, count + 1):
            messages.append(wire.receive())
            if number % (WINDOW // 2) == 0:
                wire.publish(wire.reply, b"+ACK")
        return messages
    finally:
        wire.close()


def check_stream(run, bus, events):
    """The stream is the log: the same events, in the same order, each once."""
    messages = stream_messages(bus)
    published = [json.loads(payload) for _, _, payload in messages]
    promise(
        [event["position"] for event in published] == [event["position"] for event in events],
        lambda: f"the stream has {len(published)} events, the log {len(events)}",
    )
    promise(published == events, "an event on the stream is not the one in the log")
    for (subject, headers, _), event in zip(messages, events):
        kind = event["type"].removeprefix("citas.").rsplit(".v", 1)[0]
        promise(subject.startswith("citas.events.") and subject.endswith(kind), subject)
        promise(headers.get("Nats-Msg-Id") == event["id"], f"message id of {event['position']}")
    run.checked["events on the bus"] += len(messages)


def await_copy_of_log(run, system, when, patience_s=0):
    """The stream is the log, or is so within the time; nobody writes meanwhile."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return check_stream(run, system.bus_address(), system.server.client.events())
        except (Broken, OSError) as difference:
            promise(time.monotonic() < deadline, f"{when}: {difference}")
        time.sleep(0.5)  # between two looks


def read_store(folder):
    """Each appointment's entry in a country's store: read by the store's own code."""
    finished = subprocess.run(
        [STORE_READER, folder, "--all"], capture_output=True, text=True, check=False
    )
    promise(finished.returncode == 0, finished.stderr)
    entries = (line.split(" ", 1) for line in finished.stdout.splitlines())
    return {appointment: json.loads(entry) for appointment, entry in entries}


def check_country_stores(run, folders, events):
    """Confirmed appointments are registered under the id that was confirmed; cancelled ones are
    withdrawn; and there is nothing else."""
    statuses = oracle.statuses(events)
    countries = {
        event["subject"]: event["data"]["countryISO"]
        for event in events
        if event["type"] == oracle.REQUESTED
    }
    registered = {
        event["subject"]: event["data"]["registrationId"]
        for event in events
        if event["type"] == oracle.CONFIRMED
    }
    for country, folder in folders.items():
        mine = [each for each, where in countries.items() if where == country]
        stored = read_store(folder)
        foreign = sorted(stored.keys() - set(mine))
        promise(
            not foreign,
            lambda: f"the store of {country} has {len(foreign)} entries that the log does not know"
            f" for {country}, such as {foreign[0]}",
        )
        for appointment in mine:
            check_entry(
                appointment,
                stored.get(appointment),
                statuses[appointment],
                registered.get(appointment),
            )
        run.checked[f"entries of the store of {country}"] += len(mine)


def check_entry(appointment, entry, status, registration):
    state = entry and entry["state"]
    expected = {"completed": "registered", "failed": "refused", "cancelled": "withdrawn"}[status]
    promise(state == expected, f"{appointment} is {status}, and {state} in its country's store")
    if status == "completed":
        promise(
            entry["registrationId"] == registration,
            f"{appointment} was confirmed as {registration}, and is stored as {entry}",
        )
