"""The look into countries' stores: it must see an entry that the log does not know."""

import collections
import json
import pathlib
import subprocess
import sys
import types

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

import bus_view  # noqa: E402
from framework import Broken  # noqa: E402
from oracle import CONFIRMED, REQUESTED  # noqa: E402

MINE = "01890a5d-ac96-774b-bcce-b302099a8057"
FOREIGN = "01890a5d-ac96-774b-bcce-b302099a8058"
REGISTRATION = "2d481091-95e3-8132-95b2-9dc3c9c040af"


def event(event_type, **data):
    return {"type": event_type, "subject": MINE, "data": {"countryISO": "PE", **data}}


LOG = [event(REQUESTED), event(CONFIRMED, registrationId=REGISTRATION)]


def plant(folder, *appointments):
    entry = json.dumps({"state": "registered", "registrationId": REGISTRATION})
    lines = "".join(f"{appointment} {entry}\n" for appointment in appointments)
    subprocess.run(
        [bus_view.STORE_READER, folder, "--plant"], input=lines, text=True, check=True
    )


def look(folder):
    run = types.SimpleNamespace(checked=collections.Counter())
    bus_view.check_country_stores(run, {"PE": folder}, LOG)
    return run.checked


def test_what_the_log_says_is_sound(tmp_path):
    plant(tmp_path / "PE", MINE)
    assert look(tmp_path / "PE") == {"entries of the store of PE": 1}


def test_a_planted_entry_is_seen(tmp_path):
    plant(tmp_path / "PE", MINE, FOREIGN)
    with pytest.raises(Broken, match=f"the log does not know.*{FOREIGN}"):
        look(tmp_path / "PE")


def test_a_missing_entry_is_seen(tmp_path):
    plant(tmp_path / "PE")
    with pytest.raises(Broken, match=f"{MINE} is completed, and None"):
        look(tmp_path / "PE")
