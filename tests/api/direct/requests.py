"""Requests as bytes: all that the document describes, and what may be strange about one."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from tests.support.models import FLOWER

HOST = "Host: localhost"
JSON = "Content-Type: application/json"
QUERY = urlencode(FLOWER)
BINARY = [{"name": "predict", "parameters": {"binary_data": True}}]


def request(method: str, path: str, body: bytes | None = None, *headers: str) -> bytes:
    """Write a request whose connection is closed after it; a body is JSON unless headers say."""
    lines = [f"{method} {path} HTTP/1.1", HOST, "Connection: close"]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
        lines += [] if any("ontent-" in header for header in headers) else [JSON]
    return "\r\n".join([*lines, *headers]).encode("latin-1") + b"\r\n\r\n" + (body or b"")


def described(paths: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Yield what the document describes, by name, with its examples."""
    for path, operations in paths.items():
        filled = path.replace("{name}", "iris").replace("{version}", "1")
        for method, operation in operations.items():
            if method not in ("get", "post"):
                continue
            parameters = operation.get("parameters", ())
            query = {each["name"]: each["example"] for each in parameters if "example" in each}
            address = f"{filled}?{urlencode(query)}" if query else filled
            body = None
            if "requestBody" in operation:
                content = operation["requestBody"]["content"]["application/json"]
                body = json.dumps(content.get("example", {})).encode()
            yield f"{method} {path}", request(method.upper(), address, body)


def queries() -> Iterator[tuple[str, bytes]]:
    """Yield questions by GET about one row, by name."""
    without = urlencode({**FLOWER, "petal_width": ""})
    strange = {
        "a missing value": without,
        "a parameter too few": QUERY.rpartition("&")[0],
        "a parameter too many": f"{QUERY}&colour=red",
        "a parameter twice": f"{QUERY}&petal_width=3",
        "a word for a number": QUERY.replace("5.1", "five"),
        "an encoded number": QUERY.replace("5.1", "%35.1"),
        "an encoded name": QUERY.replace("sepal_length", "sepal%5Flength"),
        "a space": QUERY.replace("5.1", "+5.1"),
        "an empty part": f"&{QUERY}&&",
        "no sign of equality": f"{QUERY}&petal",
        "two of them": QUERY.replace("=5.1", "=5.1=2"),
        "infinity": QUERY.replace("5.1", "inf"),
        "not a number": QUERY.replace("5.1", "nan"),
        "a huge number": QUERY.replace("5.1", "1e999"),
        "half of a pair": QUERY.replace("5.1", "%ED%A0%80"),
        "no UTF-8": QUERY.replace("5.1", "%FF"),
        "nothing": "",
    }
    for name, query in strange.items():
        yield f"query: {name}", request("GET", f"/predict?{query}")
    for path in (
        "/models/iris/predict",
        "/models/rose/predict",
        "/models/birds/predict",
        "/predict/",
    ):
        yield f"query: {path}", request("GET", f"{path}?{QUERY}")
    yield "query: penguin", request("GET", "/models/birds/predict?island=Biscoe&bill_length_mm=40")
    for method in ("HEAD", "PUT", "DELETE", "OPTIONS", "POST"):
        yield f"query: {method}", request(method, f"/predict?{QUERY}")
    yield "query: with a body", request("GET", f"/predict?{QUERY}", b"{}")
    yield "query: encoded path", request("GET", f"/models/%69ris/predict?{QUERY}")
    yield "query: two slashes", request("GET", f"//predict?{QUERY}")


def heads() -> Iterator[tuple[str, bytes]]:
    """Yield a plain question with other headers, by name."""
    plain = f"GET /predict?{QUERY} HTTP/1.1\r\n"
    others = {
        "no host": ["Connection: close"],
        "another host": ["Host: elsewhere.example", "Connection: close"],
        "two hosts": [HOST, HOST, "Connection: close"],
        "its own page": [HOST, "Origin: http://localhost", "Connection: close"],
        "another page": [HOST, "Origin: http://elsewhere.example", "Connection: close"],
        "a picture": [HOST, "Sec-Fetch-Site: cross-site", "Connection: close"],
        "a client": [HOST, "User-Agent: caf\xe9/1.0", "Connection: close"],
        "two clients": [HOST, "User-Agent: one", "User-Agent: two", "Connection: close"],
        "an upgrade": [HOST, "Connection: upgrade, close", "Upgrade: h2c"],
        "a token": [HOST, "Authorization: Bearer nobody", "Connection: close"],
        "an expectation": [HOST, "Expect: 100-continue", "Connection: close"],
    }
    for name, headers in others.items():
        yield f"head: {name}", (plain + "\r\n".join(headers) + "\r\n\r\n").encode("latin-1")
    yield "head: HTTP/1.0", f"{plain.replace('/1.1', '/1.0')}{HOST}\r\n\r\n".encode()


def bodies() -> Iterator[tuple[str, bytes]]:
    """Yield questions by POST, by name."""
    rows, path = [FLOWER], "/models/iris/predict"
    columns = {name: [value, value] for name, value in FLOWER.items()}
    sent = {
        "a row": {"rows": rows},
        "a list": {"rows": [[*FLOWER.values()]]},
        "columns": {"columns": columns},
        "64 rows": {"rows": rows * 64},
        "65 rows": {"rows": rows * 65},
        "a large body": {"rows": rows * 500},
        "whole numbers": {"rows": [dict.fromkeys(FLOWER, 1)]},
        "beyond training": {"rows": [dict.fromkeys(FLOWER, 99.5)]},
        "null": {"rows": [dict.fromkeys(FLOWER)]},
        "a word": {"rows": [dict.fromkeys(FLOWER, "x")]},
        "true": {"rows": [dict.fromkeys(FLOWER, True)]},
        "no rows": {"rows": []},
        "both": {"rows": rows, "columns": columns},
        "a list of rows": rows,
    }
    for name, content in sent.items():
        yield f"body: {name}", request("POST", path, json.dumps(content).encode())
    row = json.dumps({"rows": rows}).encode()
    for name, raw in {
        "empty": b"",
        "half": row[:-5],
        "no UTF-8": row.replace(b"5.1", b'"\xff"'),
        "a name twice": row.replace(b'"rows"', b'"rows": [], "rows"'),
        "NaN": row.replace(b"5.1", b"NaN"),
        "deep": b"[" * 40 + b"]" * 40,
        "spaces": b" " * 50 + row,
    }.items():
        yield f"body: {name}", request("POST", path, raw)
    for version in ("1", "2", "latest", ""):
        yield f"body: version {version}", request("POST", f"{path}?version={version}", row)
    yield "body: text", request("POST", path, row, "Content-Type: text/plain")
    yield (
        "body: charset",
        request("POST", path, row, "Content-Type: application/json; charset=utf-8"),
    )
    yield "body: zipped", request("POST", path, row, JSON, "Content-Encoding: gzip")
    yield "body: expected", request("POST", path, row, "Expect: 100-continue")
    yield "body: slow model", request("POST", "/models/slow/predict", row)
    birds = {"rows": [{"island": "Biscoe", "sex": None, **dict.fromkeys(MEASURES, 40.0)}]}
    yield "body: a penguin", request("POST", "/models/birds/predict", json.dumps(birds).encode())
    birds["rows"][0]["island"] = "Atlantis"
    yield "body: unseen", request("POST", "/models/birds/predict", json.dumps(birds).encode())
    parts = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (row[:9], row[9:], b""))
    chunked = request("POST", path, None, JSON, "Transfer-Encoding: chunked")
    yield "body: in parts", chunked + parts


MEASURES = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")


def tensors() -> Iterator[tuple[str, bytes]]:
    """Yield questions by the Open Inference Protocol, by name."""
    path = "/v2/models/iris/infer"
    each = [
        {"name": name, "shape": [1], "datatype": "FP64", "data": [value]}
        for name, value in FLOWER.items()
    ]
    one = [{"name": "x", "shape": [2, 4], "datatype": "FP32", "data": [*FLOWER.values()] * 2}]
    sent: dict[str, dict[str, Any]] = {
        "one a feature": {"inputs": each},
        "one for all": {"inputs": one},
        "a name": {"id": "mine", "inputs": each},
        "chosen outputs": {"inputs": each, "outputs": [{"name": "predict"}]},
        "the id": {"inputs": each, "outputs": [{"name": "prediction_id"}]},
        "binary": {"inputs": each, "outputs": BINARY},
        "all binary": {"inputs": each, "parameters": {"binary_data_output": True}},
        "no such output": {"inputs": each, "outputs": [{"name": "shap"}]},
        "a feature too few": {"inputs": each[1:]},
        "another shape": {"inputs": [{**each[0], "shape": [2]}, *each[1:]]},
        "another datatype": {"inputs": [{**each[0], "datatype": "INT8"}, *each[1:]]},
        "nothing": {"inputs": []},
    }
    for name, content in sent.items():
        yield f"tensors: {name}", request("POST", path, json.dumps(content).encode())
    plain = json.dumps({"inputs": each}).encode()
    yield "tensors: a version", request("POST", "/v2/models/iris/versions/1/infer", plain)
    yield "tensors: a slash", request("POST", f"{path}/", plain)
    yield "tensors: untyped", request("POST", path, plain, "Content-Type: ")
    length = f"Inference-Header-Content-Length: {len(plain)}"
    yield "tensors: a length", request("POST", path, plain, JSON, length)


def every_request(paths: dict[str, Any]) -> dict[str, bytes]:
    """Return all of them by name."""
    return {
        name: content
        for kind in (described(paths), queries(), heads(), bodies(), tensors())
        for name, content in kind
    }
