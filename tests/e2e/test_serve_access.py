"""Who may ask `valence serve`, from which pages, and what the access log says of it."""
import json
import re
import socket

import pytest

from observing import Observed, series
from support import valence

TEXT = json.dumps({"text": "a private sentence"}).encode()


@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "keys"
    path.write_text("# first\nalpha-key\n\nbeta-key\n")
    path.chmod(0o600)
    return path


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def test_keys(keys):
    with Observed("--api-key-file", keys) as server:
        for key in ("alpha-key", "beta-key"):
            assert server.ask("POST", "/predict", TEXT, bearer(key))[0] == 200
        for headers in ({}, bearer("alpha-ke"), bearer("gamma"), {"Authorization": "Basic alpha-key"}, {"X-API-Key": "alpha-key"}):
            status, head, body = server.ask("POST", "/predict", TEXT, headers)
            assert status == 401 and head["www-authenticate"] == "Bearer"
            assert json.loads(body)["error_type"] == "Unauthorized" and "alpha" not in body.decode()
        for path in ("/health/live", "/health/ready", "/health"):
            assert server.ask("GET", path)[0] == 200
        assert server.ask("GET", "/metrics")[0] == 401
        assert server.ask("GET", "/nowhere")[0] == 401  # nothing is told to strangers
        assert server.ask("GET", "/nowhere", headers=bearer("beta-key"))[0] == 404
        metrics = server.metrics(bearer("beta-key"))
        assert series(metrics, 'valence_requests_total{route="predict",code="401"}') == 5
        assert series(metrics, 'valence_rejected_total{reason="unauthorized"}') == 7
        assert "warning" not in "".join(server.lines)


def test_a_hit_needs_a_key_too(keys):
    with Observed("--api-key-file", keys) as server:
        assert server.ask("POST", "/predict", TEXT, bearer("alpha-key"))[0] == 200
        assert server.ask("POST", "/predict", TEXT)[0] == 401


def test_metrics_can_be_open(keys):
    with Observed("--api-key-file", keys, "--metrics-open") as server:
        server.metrics()
        assert server.ask("POST", "/predict", TEXT)[0] == 401


def test_readable_key_file_is_warned_of(keys):
    keys.chmod(0o644)
    with Observed("--api-key-file", keys) as server:
        assert re.search(r"^valence: warning: API keys in '.*' can be read by others: chmod 600 it$", "".join(server.told()), re.M)


@pytest.mark.parametrize("content, says", [("", "no API key"), ("good\nbad key\n", "line 2"), (None, "cannot open")])
def test_bad_key_file(tmp_path, content, says):
    path = tmp_path / "keys"
    if content is not None:
        path.write_text(content)
        path.chmod(0o600)
    err = valence("serve", "--port", 0, "--api-key-file", path, code=1).err
    assert says in err and str(path) in err and "bad key" not in err and err.count("\n") == 1


# ---- CORS ------------------------------------------------------------------------------------------

def test_cors_off():
    with Observed() as server:
        _, head, _ = server.ask("POST", "/predict", TEXT, {"Origin": "https://a.example"})
        assert not [h for h in head if h.startswith("access-control") or h == "vary"]


def test_cors_by_origin(keys):
    options = ("--cors-origin", "https://a.example", "--cors-origin", "http://localhost:3000", "--api-key-file", keys)
    with Observed(*options) as server:
        preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
        for origin in ("https://a.example", "http://localhost:3000"):
            status, head, body = server.ask("OPTIONS", "/predict", headers={"Origin": origin, **preflight})
            assert status == 204 and body == b"" and head["vary"] == "Origin"
            assert head["access-control-allow-origin"] == origin
            assert "POST" in head["access-control-allow-methods"]
            assert {"authorization", "content-type"} <= set(head["access-control-allow-headers"].lower().split(", "))
            for headers in (bearer("alpha-key"), {}):  # pages must be able to read errors, too
                status, head, _ = server.ask("POST", "/predict", TEXT, {"Origin": origin, **headers})
                assert status == (200 if headers else 401)
                assert head["access-control-allow-origin"] == origin and head["vary"] == "Origin"
                assert "access-control-allow-methods" not in head
        for origin in ("https://b.example", "https://a.example.evil", "null"):
            for method in ("OPTIONS", "POST"):
                _, head, _ = server.ask(method, "/predict", headers={"Origin": origin, **bearer("alpha-key")})
                assert head["vary"] == "Origin" and "access-control-allow-origin" not in head
        assert server.ask("OPTIONS", "/nowhere", headers={"Origin": "https://a.example"})[0] == 404


def test_cors_for_all():
    with Observed("--cors-origin", "*") as server:
        _, head, _ = server.ask("POST", "/predict", TEXT, {"Origin": "https://any.example"})
        assert head["access-control-allow-origin"] == "*" and "access-control-allow-credentials" not in head


def test_bad_origin():
    assert "is no origin" in valence("serve", "--port", 0, "--cors-origin", "a.example/", code=1).err


# ---- Access log --------------------------------------------------------------------------------------

def lines(server, rows):
    found = [line for line in server.told(rows) if not line.startswith("valence: ")]
    assert len(found) == rows
    return found


def test_log_json():
    with Observed("--access-log", "json") as server:
        _, _, body = server.ask("POST", "/predict?text=hidden", TEXT, {"X-Request-Id": "id-7"})
        server.ask("GET", "/%22nowhere%22")
        with socket.create_connection(("127.0.0.1", server.port)) as s:
            s.sendall(b"nonsense\r\n\r\n")
            s.recv(100)
        rows = [json.loads(line) for line in lines(server, 3)]
    assert [(r["method"], r["path"], r["route"], r["status"]) for r in rows] == [
        ("POST", "/predict", "predict", 200), ("GET", '/"nowhere"', "other", 404), ("-", "-", "refused", 400)]
    assert rows[0]["request_id"] == "id-7" and rows[0]["bytes"] == len(body) and rows[0]["peer"] == "127.0.0.1"
    assert all(0 <= r["seconds"] < 10 and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", r["time"]) for r in rows)
    assert "private" not in "".join(server.lines) and "hidden" not in "".join(server.lines)


def test_log_text_file(tmp_path):
    log = tmp_path / "access.log"
    log.write_text("kept\n")
    with Observed("--access-log", "text", "--access-log-file", log) as server:
        for _ in range(20):
            server.ask("POST", "/predict", TEXT)
        lines(server, 0)
    first, *rest = log.read_text().splitlines()
    assert first == "kept" and len(rest) == 20
    for line in rest:
        assert re.fullmatch(r'127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:[\d:]{8} \+0000\] "POST /predict" 200 \d+ \d+\.\d{6} predict "[0-9a-f]{16}"', line)


def test_log_is_off():
    with Observed() as server:
        server.ask("POST", "/predict", TEXT)
        lines(server, 0)


def test_bad_log_options(tmp_path):
    assert "json or text" in valence("serve", "--port", 0, "--access-log", "xml", code=1).err
    assert "cannot open" in valence("serve", "--port", 0, "--access-log", "json", "--access-log-file", tmp_path / "no" / "log", code=1).err
