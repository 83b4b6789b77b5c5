"""The tree keeps to the arrows; and the check notices when it does not."""

import pathlib

import pytest

from arrows import all_violations, source_files, violations

ROOT = pathlib.Path(__file__).resolve().parents[3]


def test_the_tree_keeps_to_the_arrows():
    assert len(list(source_files(ROOT))) > 20
    assert all_violations(ROOT) == []


@pytest.mark.parametrize(
    "path, include",
    [
        ("commands/booking/x.cc", '"projections/engine.h"'),
        ("projections/x.h", '"commands/command.h"'),
        ("api/x.cc", '"workers/relay.h"'),
        ("workers/x.cc", '"api/problems.h"'),
        ("workers/x.cc", '"projections/reader.h"'),
        ("events/x.h", '"commands/command.h"'),
        ("events/base/x.h", '"ops/config.h"'),
        ("commands/x.cc", '"tests/unit/x.h"'),
        ("commands/x.cc", '"events/rocksdb/event_log.h"'),
        ("projections/x.cc", '"events/memory/memory_event_log.h"'),
        ("projections/x.cc", '"projections/rocksdb/generations.h"'),
        ("workers/x.cc", '"workers/nats/nats_bus.h"'),
        ("projections/x.cc", '"events/base/rocksdb/x.h"'),
        ("projections/rocksdb/x.cc", '"events/rocksdb/x.h"'),
        ("commands/x.cc", '"command.h"'),
        ("events/x.cc", "<rocksdb/db.h>"),
        ("workers/nats/x.cc", "<rocksdb/db.h>"),
        ("workers/x.cc", "<nats/nats.h>"),
        ("api/x.cc", "<httplib.h>"),
        ("api/x.cc", '"httplib.h"'),
    ],
)
def test_a_forbidden_arrow_is_found(path, include):
    assert len(list(violations(path, f"#pragma once\n#  include {include}\n"))) == 1


@pytest.mark.parametrize(
    "path, include",
    [
        ("commands/x.cc", '"events/event.h"'),
        ("workers/x.cc", '"commands/command.h"'),
        ("api/x.cc", '"projections/reader.h"'),
        ("api/x.cc", '"api/http/server.h"'),
        ("ops/x.cc", '"workers/nats/nats_bus.h"'),
        ("tests/contract/events/x.cc", "<rocksdb/db.h>"),
        ("events/rocksdb/x.cc", "<rocksdb/db.h>"),
        ("events/rocksdb/x.cc", '"events/rocksdb/y.h"'),
        ("projections/rocksdb/x.cc", '"events/base/rocksdb/x.h"'),
        ("workers/nats/x.h", "<nats/nats.h>"),
        ("api/http/x.cc", "<httplib.h>"),
        ("commands/x.cc", "<vector>"),
    ],
)
def test_an_allowed_arrow_is_not(path, include):
    assert list(violations(path, f"#include {include}\n")) == []
