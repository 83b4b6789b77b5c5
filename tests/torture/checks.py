"""What must hold when the load has ended: the oracle's record against everything that is stored."""

import bus_view
import oracle
from framework import promise
from harness import citas, wait_until
from load import INSUREDS


def check_repeated(key, answer, status, appointment):
    """A key's second answer is its first one, whatever has happened in between."""
    same = (answer.status, answer.json.get("appointmentId")) == (status, appointment)
    promise(
        same and answer.replayed,
        f"{key} got {answer.status} {answer.text} instead of its first outcome, "
        f"{status} for {appointment}",
    )


def check_keys(run, server, known, count=200):
    """Keys give their first outcome still, and the log does not grow."""
    before = server.client.get("/events/head").json
    for booking in run.random.sample(known.bookings, min(count, len(known.bookings))):
        answer = server.client.post("/appointments", booking.body, idempotency_key=booking.key)
        check_repeated(booking.key, answer, 201, booking.appointment)
        run.checked["keys of bookings repeated"] += 1
    promise(server.client.get("/events/head").json == before, "repeated keys added to the log")


def check_cancellation_keys(run, server, cancellations, count=200):
    """The same of cancellations."""
    before = server.client.get("/events/head").json
    for one in run.random.sample(cancellations, min(count, len(cancellations))):
        answer = server.client.post(one.target, one.body, idempotency_key=one.key)
        check_repeated(one.key, answer, 200, one.appointment)
        run.checked["keys of cancellations repeated"] += 1
    promise(server.client.get("/events/head").json == before, "repeated keys added to the log")


def check_read_model(run, server, events):
    """What clients read is what the events say."""
    expected = oracle.statuses(events)
    found = {
        appointment["appointmentId"]: appointment["status"]
        for insured in INSUREDS
        for appointment in server.client.pages(f"/appointments/{insured}", "appointments")
    }
    promise(found == expected, lambda: f"read model: {set(found.items()) ^ set(expected.items())}")
    run.checked["appointments in the read model"] += len(found)


def check_log(run, server, record):
    """Returns the events."""
    events = server.client.events()
    defects = record.defects(events)
    promise(
        not defects, lambda: f"{len(defects)} defects, the first:\n" + "\n".join(defects[:20])
    )
    run.checked["events in the log"] += len(events)
    run.checked["acknowledged bookings found"] += len(record.bookings)
    run.checked["acknowledged cancellations found"] += len(record.cancellations)
    check_read_model(run, server, events)
    return events


def verify(run, server):
    """Of a stopped server: the hash chain, the tag index, the head marker."""
    verified = citas("verify", "--data", server.data)
    promise(verified.returncode == 0, verified.stderr)
    run.checked["logs verified"] += 1


def compare_everything(run, system, known):
    """The load has ended: waits until all is settled, then compares the oracle's record with the
    log, the read model, the bus and the countries' stores. Ends the system."""
    system.server.all_settled(INSUREDS, timeout_s=120)
    wait_until(
        lambda: system.server.metric("citas_relay_lag_events") == 0, "the relay has caught up"
    )
    record = known.record()
    check_keys(run, system.server, record)
    check_cancellation_keys(run, system.server, record.cancellations)
    events = check_log(run, system.server, record)
    bus_view.check_stream(run, system.bus_address(), events)
    system.stop()
    verify(run, system.server)
    bus_view.check_country_stores(run, system.country_folders(), events)
    system.stop_bus()
    for what, count in known.figures().items():
        run.figures[what] = run.figures.get(what, 0) + count
