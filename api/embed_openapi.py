"""Turns openapi.yaml into a C++ source that holds it as JSON: embed_openapi.py YAML CC."""

import json
import pathlib
import sys

import yaml

TEMPLATE = """// Generated from api/openapi.yaml.
#include "api/openapi.h"

namespace citas::api {{

std::string_view openapi_json() {{
  static constexpr char kDocument[] = {literals};
  return {{kDocument, sizeof(kDocument) - 1}};
}}

}}  // namespace citas::api
"""

# Compilers need to accept no longer literal than this; adjacent ones are joined.
LITERAL_LENGTH = 8000


def literals(text: str) -> str:
    pieces = (text[at : at + LITERAL_LENGTH] for at in range(0, len(text), LITERAL_LENGTH))
    return "\n".join(f'      R"json({piece})json"' for piece in pieces).lstrip()


def main(source: str, target: str) -> None:
    document = yaml.safe_load(pathlib.Path(source).read_text(encoding="utf-8"))
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    output = pathlib.Path(target)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(TEMPLATE.format(literals=literals(text)), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
