"""Which folder may include which: the dependency arrows of the project, read from its includes."""

import pathlib
import re

# From each folder to those it may include besides itself.
ARROWS = {
    "events": set(),
    "commands": {"events"},
    "projections": {"events"},
    "workers": {"events", "commands"},
    "api": {"events", "commands", "projections"},
    "ops": {"events", "commands", "projections", "workers", "api"},
    "tests": {"events", "commands", "projections", "workers", "api", "ops", "bench"},
    "bench": {"events", "commands", "projections", "workers", "api", "ops", "tests"},
}
# These compose the program or probe it, and so may name adapters and their libraries.
COMPOSERS = {"ops", "tests", "bench"}
ADAPTERS = {"rocksdb", "nats", "memory", "files", "http"}
# A library's headers, and the adapter folder that hides it.
LIBRARIES = {
    re.compile(r"rocksdb/"): "rocksdb",
    re.compile(r"nats/|nats\.h$"): "nats",
    re.compile(r"httplib\.h$"): "http",
}
# The server is api's own, not one of several adapters behind a port; and a read of the past folds
# events into a store in memory.
OPEN_TO_THEIR_FOLDER = {"api/http", "projections/memory"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def violations(path, text):
    """Sentences about the includes of one file that break the arrows."""
    parts = pathlib.PurePosixPath(path).parts
    for kind, include in INCLUDE.findall(text):
        broken = library_violation(parts, include) or (
            own_violation(parts, include) if kind == '"' else None
        )
        if broken:
            yield f"{path} includes {include}: {broken}"


def library_violation(parts, include):
    for pattern, adapter in LIBRARIES.items():
        if pattern.match(include) and parts[0] not in COMPOSERS and adapter not in parts[1:-1]:
            return f"only a folder named {adapter} may"
    return None


def own_violation(parts, include):
    target = pathlib.PurePosixPath(include).parts
    if target[0] not in ARROWS:
        return "write it from the project's root"
    if target[0] not in ARROWS[parts[0]] | {parts[0]}:
        return f"{parts[0]} may not know {target[0]}"
    return adapter_violation(parts, target)


def adapter_violation(parts, target):
    """Adapters are named where the program is composed, and by themselves.

    What all adapters of a library share lies in events/base, in a folder of the library's name.
    """
    adapter = next((part for part in target[:-1] if part in ADAPTERS), None)
    if adapter is None or parts[0] in COMPOSERS:
        return None
    folder = target[: target.index(adapter) + 1]
    if parts[: len(folder)] == folder:
        return None
    if folder == ("events", "base", adapter) and adapter in parts[1:-1]:
        return None
    if "/".join(folder) in OPEN_TO_THEIR_FOLDER and parts[0] == folder[0]:
        return None
    return "only ops, tests and bench name an adapter"


def source_files(root):
    for folder in ARROWS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".h", ".cc"):
                yield path


def all_violations(root):
    return [
        broken
        for path in source_files(root)
        for broken in violations(path.relative_to(root).as_posix(), path.read_text("utf-8"))
    ]
