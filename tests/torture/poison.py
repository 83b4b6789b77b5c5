"""A processor that crashes, hangs or refuses on chosen messages.

Each such message is tried at most as often as configured, crashes counted, and leaves exactly one
dead letter; its neighbours are served meanwhile; a retry after the repair completes it, one before
the repair leaves it dead again, and a discard frees its slot.
"""

import collections
import datetime
import time

import checks
import oracle
from framework import Suite, percentile, promise
from harness import Nats, Server, citas, wait_until
from poisoned_worker import PoisonedWorker

RECORDED = "citas.deadletter.recorded.v1"
EFFECTS = ("crash", "hang", "refuse")
NEIGHBOURS = 40
MAX_TRIES = 3
# How long the bus waits for a processor that has died: the product's own time in the long form.
SHORT_ACK_WAIT_S, LONG_ACK_WAIT_S = 0.3, 10.0
# What a neighbour may wait for its confirmation, whatever the bus waits. A message that kills its
# worker delays it twice: then the message is known, and is tried last.
NEIGHBOUR_LIMIT_S = 1.0


class Ward:
    """One server, one poisoned worker, and the appointments of one cycle."""

    def __init__(self, run, server, worker, number):
        self.run, self.server, self.worker = run, server, worker
        self.insured = f"{number + 1:05}"
        self._first = number * 1000 + 1
        chosen = run.random.sample(range(NEIGHBOURS), len(EFFECTS))
        self.poisonous = {self._first + at: effect for at, effect in zip(chosen, EFFECTS)}
        self.appointments = {}

    def book(self):
        self.worker.poison(self.poisonous)
        for schedule in range(self._first, self._first + NEIGHBOURS):
            answer = self.server.client.book(self.insured, schedule)
            promise(answer.status == 201, answer.text)
            self.appointments[schedule] = answer.json["appointmentId"]
        self.run.injected.update(f"message that makes it {one}" for one in EFFECTS)

    def status(self, schedule):
        return self.server.client.appointment(self.insured, self.appointments[schedule])["status"]

    def letters(self, state=None):
        mine = set(self.appointments.values())
        target = "/dead-letters" + (f"?state={state}" if state else "")
        found = self.server.client.pages(target, "deadLetters")
        return {one["appointmentId"]: one for one in found if one["appointmentId"] in mine}

    def all_dead(self):
        return len(self.letters("open")) == len(self.poisonous)

    def all_others_completed(self):
        pending = f"/appointments/{self.insured}?status=pending&limit=1"
        return self.server.client.get(pending).json["total"] == len(self.poisonous)

    def events(self):
        mine = set(self.appointments.values())
        return [one for one in self.server.client.events() if one.get("subject") in mine]


def check_letters(ward, deaths):
    """One for each death of what is poisonous, and none of anything else."""
    recorded = collections.Counter(
        one["subject"] for one in ward.events() if one["type"] == RECORDED
    )
    expected = {ward.appointments[schedule]: deaths for schedule in ward.poisonous}
    promise(recorded == expected, f"dead letters after {deaths} deaths: {dict(recorded)}")


def check_deaths(ward, tries, deaths):
    """After every poisonous message has died for the n-th time."""
    check_letters(ward, deaths)
    for schedule, effect in ward.poisonous.items():
        promise(
            1 <= tries[schedule] <= MAX_TRIES,
            f"{effect}: tried {tries[schedule]} times, allowed are {MAX_TRIES}",
        )
        promise(ward.status(schedule) == "pending", f"{effect}: {ward.status(schedule)}")
        ward.run.checked["messages tried within the limit, one dead letter"] += 1
        key = f"tries of what makes it {effect}, at most"
        ward.run.figures[key] = max(ward.run.figures.get(key, 0), tries[schedule])


def moment(event):
    return datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


def check_neighbours(ward):
    requested, delays = {}, []
    poisonous = {ward.appointments[schedule] for schedule in ward.poisonous}
    for event in ward.events():
        if event["type"] == oracle.REQUESTED:
            requested[event["subject"]] = moment(event)
        elif event["type"] == oracle.CONFIRMED and event["subject"] not in poisonous:
            delays.append(moment(event) - requested[event["subject"]])
    promise(len(delays) == NEIGHBOURS - len(EFFECTS), f"{len(delays)} neighbours were served")
    worst = max(delays)
    promise(worst < NEIGHBOUR_LIMIT_S,
            f"a neighbour waited {worst:.1f} s, allowed are {NEIGHBOUR_LIMIT_S:.1f}")
    ward.run.checked["neighbours served in time"] += len(delays)
    figures = ward.run.figures
    figures["neighbours' delay p50, s"] = round(percentile(delays, 0.5), 2)
    figures["neighbours' delay at most, s"] = round(
        max(worst, figures.get("neighbours' delay at most, s", 0)), 2
    )


def command(ward, *arguments):
    done = citas("deadletters", *arguments, "--url", ward.server.client.url)
    promise(done.returncode == 0, f"citas deadletters {arguments}: {done.stderr}")


def die_again(ward, patience_s):
    """A retry before the repair: another set of tries, one more death."""
    before = ward.worker.tries()
    command(ward, "retry", "--all-open")
    wait_until(
        lambda: all(one["deaths"] == 2 for one in ward.letters("open").values()) and ward.all_dead(),
        "retried messages die again",
        patience_s,
    )
    check_deaths(ward, ward.worker.tries() - before, deaths=2)


def repair(ward):
    """One is given up, the others are retried and completed."""
    given_up, *others = ward.poisonous
    letter = ward.letters()[ward.appointments[given_up]]["deadLetterId"]
    command(ward, "discard", letter, "--reason", "unprocessable")
    promise(ward.status(given_up) == "failed", "discarded, and not failed")
    again = ward.server.client.book("99999", given_up)
    promise(again.status == 201, f"the slot is not free: {again.text}")
    ward.worker.repair()
    started = time.monotonic()
    command(ward, "retry", "--all-open")
    wait_until(
        lambda: all(ward.status(schedule) == "completed" for schedule in others),
        "retried after the repair, they complete",
        timeout_s=20,
    )
    ward.run.figures["completed after the retry, s"] = round(time.monotonic() - started, 2)
    wait_until(lambda: len(ward.letters("settled")) == len(others), "their letters are settled")
    promise(ward.server.metric("citas_dead_letters_open") == 0, "a letter is open still")
    check_letters(ward, deaths=2)
    ward.run.checked["messages completed by a retry"] += len(others)


def poison(run):
    ack_wait_s = SHORT_ACK_WAIT_S if run.short else LONG_ACK_WAIT_S
    nats = Nats(run.folder / "nats").start()
    server = Server(run.folder, "--workers", "none", "--nats", nats.url).start()
    worker = PoisonedWorker(run.folder / "worker", nats, "PE", MAX_TRIES, ack_wait_s).start()
    for number in run.rounds():
        ward = Ward(run, server, worker, number)
        ward.book()
        wait_until(ward.all_dead, "all poisonous messages die", NEIGHBOUR_LIMIT_S + 30)
        check_deaths(ward, worker.tries(), deaths=1)
        wait_until(ward.all_others_completed, "all neighbours complete", NEIGHBOUR_LIMIT_S)
        check_neighbours(ward)
        die_again(ward, NEIGHBOUR_LIMIT_S + 30)
        repair(ward)
        run.progress(f"{number + 1}/{run.cycles}")
    run.figures["processors started again"] = worker.restarts
    worker.stop()
    server.stop()
    checks.verify(run, server)
    nats.kill()


SUITES = {"poison": Suite(poison, "a processor that crashes, hangs or refuses", short=1, long=20)}
