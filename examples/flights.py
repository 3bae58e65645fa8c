"""What the examples share: calls to a server, and its flights."""

import json
import os
import urllib.error
import urllib.request
from pathlib import Path

URL = os.environ.get("EIDER_EXAMPLE_URL", "http://localhost:8080")
SAMPLES = Path(__file__).resolve().parent.parent / "samples"


def headers(**more):
    """The headers of a request; with the key of `EIDER_KEY`, if there is one."""
    key = os.environ.get("EIDER_KEY")
    return {**({"Authorization": f"Bearer {key}"} if key else {}), **more}


def call(method, path, body=None, content_type="application/json"):
    """Sends a request; returns the status and the JSON of the answer, of a problem too."""
    request = urllib.request.Request(URL + path, data=body, method=method, headers=headers(**{"Content-Type": content_type}))
    try:
        with urllib.request.urlopen(request) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as problem:
        status, text = problem.code, problem.read()
    return status, json.loads(text) if text else None


def fresh(schema):
    """Makes a schema of the name for flights, in place of one that is there."""
    call("DELETE", f"/api/v1/schemas/{schema}")
    definition = json.loads((SAMPLES / "flights.schema.json").read_text())
    status, answer = call("POST", "/api/v1/schemas", json.dumps({**definition, "name": schema}).encode())
    assert status == 201, answer


def load(schema, body, **parameters):
    """Sends lines of NDJSON in one bulk call; returns the status and the receipt."""
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    return call("POST", f"/api/v1/records/{schema}/bulk?{query}", body, "application/x-ndjson")
