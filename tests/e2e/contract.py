"""Holds answers to api/openapi.yaml: status, headers, media type and body."""

import functools
import json
import pathlib
import re

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
VERSION_PREFIX = "/api/v1"

# HTTP's own: of the connection, of the message's framing, and what `content` documents.
HTTP_HEADERS = {
    "connection",
    "content-length",
    "content-type",
    "date",
    "keep-alive",
    "transfer-encoding",
}
# The document says of these once, in its description, that any answer may carry them.
COMMON_HEADERS = {"cache-control", "request-id", "traceparent", "x-content-type-options"}


class ContractBroken(AssertionError):
    """An answer that the OpenAPI document does not allow."""


def require(condition, message):
    if not condition:
        raise ContractBroken(message)


class Contract:
    def __init__(self, document):
        self._document = document
        self._resolver = jsonschema.RefResolver("", document)
        self._routes = sorted(
            ((self._pattern(path), path) for path in document["paths"]),
            key=lambda route: route[1].count("{"),  # /events/head before /events/{position}
        )
        self._validators = {}

    @staticmethod
    def _pattern(path):
        return re.compile(re.sub(r"\{\w+\}", "[^/]+", path.replace(".", r"\.")) + "$")

    def check(self, method, target, answer):
        """Raises ContractBroken unless the answer is one that the document describes."""
        path = target.split("?")[0]
        if path.startswith(VERSION_PREFIX + "/"):
            path = path[len(VERSION_PREFIX) :]
        where = f"{method} {target} -> {answer.status}"
        operation = self._operation(method, path)
        if isinstance(operation, dict):
            self._check_documented(where, method, operation, answer)
        else:
            self.check_problem(where, answer, {operation, 400, 408, 414, 431, 503}, method)
            require(answer.status != 405 or "allow" in answer.headers, f"{where}: no Allow")
            self._check_no_other_headers(where, {"allow", "retry-after"}, answer)

    def _operation(self, method, path):
        """The operation object, or the status that stands for its absence."""
        item = next((p for pattern, p in self._routes if pattern.match(path)), None)
        if item is None:
            return 404
        name = "get" if method == "HEAD" else method.lower()
        return self._document["paths"][item].get(name, 405)

    def _check_documented(self, where, method, operation, answer):
        response = operation["responses"].get(str(answer.status))
        require(response is not None, f"{where}: this status is not documented; {answer.text}")
        response = self._resolve(response)
        self._check_headers(where, response.get("headers", {}), answer)
        content = response.get("content")
        if content is None:
            require(answer.body == b"", f"{where}: a body where none is documented")
            return
        media_type = answer.media_type
        require(media_type in content, f"{where}: undocumented media type {media_type!r}")
        if media_type == "application/problem+json":
            self.check_problem(where, answer, {answer.status}, method)
        elif method != "HEAD":
            self._check_body(where, media_type, content[media_type]["schema"], answer)

    def _check_headers(self, where, headers, answer):
        for name, header in headers.items():
            header = self._resolve(header)
            value = answer.headers.get(name.lower())
            if value is None:
                require(not header.get("required"), f"{where}: header {name} is missing")
            else:
                self._validate(f"{where}: header {name}", header["schema"], value)
        self._check_no_other_headers(where, {name.lower() for name in headers}, answer)

    @staticmethod
    def _check_no_other_headers(where, documented, answer):
        others = set(answer.headers) - documented - HTTP_HEADERS - COMMON_HEADERS
        require(not others, f"{where}: undocumented headers {sorted(others)}")

    def _check_body(self, where, media_type, schema, answer):
        if media_type == "application/x-ndjson":
            for line in answer.body.splitlines():
                self.validate_as("Event", json.loads(line), where)
        elif media_type == "application/json":
            self._validate(where, schema, answer.json)

    def check_problem(self, where, answer, statuses, method="GET"):
        """The answer is a problem document with one of the statuses."""
        require(answer.status in statuses, f"{where}: expected one of {statuses}; {answer.text}")
        require(
            answer.headers.get("content-type") == "application/problem+json",
            f"{where}: not a problem document but {answer.headers.get('content-type')}",
        )
        require("request-id" in answer.headers, f"{where}: no Request-Id")
        if method == "HEAD":
            return
        problem = answer.json
        self.validate_as("Problem", problem, where)
        require(problem["status"] == answer.status, f"{where}: status differs in the body")
        require(problem["type"] == f"/problems/{problem['code']}", f"{where}: type is not code")
        require(problem["message"] == problem["detail"], f"{where}: message is not detail")
        require(problem["requestId"] == answer.headers["request-id"], f"{where}: request id")
        for error in problem.get("errors", []):
            require(error["field"] in problem["message"], f"{where}: message omits a field")

    def validate_as(self, schema_name, value, where):
        self._validate(where, {"$ref": f"#/components/schemas/{schema_name}"}, value)

    def _validate(self, where, schema, value):
        key = json.dumps(schema, sort_keys=True)
        if key not in self._validators:
            self._validators[key] = jsonschema.Draft202012Validator(
                schema, resolver=self._resolver
            )
        error = jsonschema.exceptions.best_match(self._validators[key].iter_errors(value))
        require(error is None, f"{where}: {error and error.message} in {value!r}")

    def _resolve(self, item):
        while "$ref" in item:
            item = self._resolver.resolve(item["$ref"])[1]
        return item


@functools.cache
def contract():
    return Contract(yaml.safe_load((ROOT / "api/openapi.yaml").read_text(encoding="utf-8")))
