"""Each source file belongs to a program or a library: one that is left out says nothing, and fails never."""

import json
import os
import pathlib

from arrows import source_files

ROOT = pathlib.Path(__file__).resolve().parents[3]


def compiled_files():
    build = pathlib.Path(os.environ["CITAS_BUILD"])
    commands = json.loads((build / "compile_commands.json").read_text("utf-8"))
    return {(build / command["file"]).resolve() for command in commands}


def test_each_source_file_is_compiled():
    sources = {path for path in source_files(ROOT) if path.suffix == ".cc"}
    assert len(sources) > 100
    left_out = sources - compiled_files()
    assert sorted(path.relative_to(ROOT).as_posix() for path in left_out) == []
