"""valence loadtest against servers whose behaviour is known: what it counts must be what they did."""
import contextlib
import http.server
import itertools
import json
import re
import signal
import socket
import socketserver
import subprocess
import threading
import time

import pytest

from support import SANITIZED, VALENCE, command, environment, strict_json, valence


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        s = self.server
        with s.lock:
            s.seen += 1
            number = s.seen
        body = self.rfile.read(int(self.headers["Content-Length"]))
        s.bodies.append((self.path, self.headers["Content-Type"], body))
        code = s.behave(number) or 200
        if code < 0:
            self.close_connection = True
            return
        answer = b'{"prediction":"positive"}'
        self.send_response(code)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass

    def setup(self):
        super().setup()
        self.server.connections += 1


class Fake(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """behave(number of the request) sleeps, or gives a status, or -1 to hang up."""
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, behave=lambda number: 200):
        self.behave, self.bodies, self.seen, self.connections, self.lock = behave, [], 0, 0, threading.Lock()
        super().__init__(("127.0.0.1", 0), Handler)

    def handle_error(self, *_):
        pass

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


@contextlib.contextmanager
def fake(behave=lambda number: 200):
    server = Fake(behave)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def load(url, *args, code=0, **more):
    r = valence("loadtest", url, "--json", *args, code=code, **more)
    return strict_json(r.out)


# ---- Counts --------------------------------------------------------------------------------------

@pytest.mark.parametrize("threads", [1, 3])
def test_every_request_is_counted_once(threads):
    with fake() as s:
        r = load(s.url, "-n", 100, "-c", 7, "--threads", threads)
        assert s.seen == 101  # one to see whether it is there
        assert r["requests"] == r["ok"] == 100 and r["status"] == {"200": 100}
        assert r["errors"] == {"total": 0, "timeout": 0, "connect": 0, "broken": 0, "other": 0, "unsent": 0}
        assert r["connections"] == 7 and s.connections == 8  # kept alive
        assert r["body_bytes"]["received"] == 100 * 25
        assert r["loop"] == "closed" and r["latency_from"] == "sent" and r["interrupted"] is False
        ms = r["latency_ms"]
        assert 0 < ms["min"] <= ms["p50"] <= ms["p95"] <= ms["p99"] <= ms["p99.9"] <= ms["max"] and ms["min"] <= ms["mean"] <= ms["max"]
        assert r["throughput"] == pytest.approx(100 / r["seconds"], rel=1e-3)


def test_bodies_are_varied_and_valid():
    with fake() as s:
        r = load(s.url, "-n", 192, "-c", 1)
        assert {(path, kind) for path, kind, _ in s.bodies} == {("/predict", "application/json")}
        bodies = [b for _, _, b in s.bodies[1:]]
        texts = {json.loads(b)["text"] for b in bodies}
        assert len(texts) > 180 and min(map(len, texts)) < 60 and max(map(len, texts)) > 600
        assert r["body_bytes"]["sent"] == sum(map(len, bodies))


def test_latency_is_what_the_server_takes():
    with fake(lambda n: time.sleep(0.3 if n % 10 == 0 else 0.02)) as s:
        ms = load(s.url, "-n", 20, "-c", 1)["latency_ms"]
        assert 20 <= ms["min"] < 60 and 20 <= ms["p50"] < 100 and ms["p99"] >= 299 and ms["max"] >= 300


def test_histogram():
    """Eighteen answers of 20 ms and two of 300: the same rows for people and as JSON, and nobody is lost."""
    def behave(number):
        time.sleep(0.3 if number in (5, 15) else 0.02)
    with fake(behave) as s:
        r = load(s.url, "-n", 20, "-c", 1)
    rows = r["histogram"]
    assert sum(row["count"] for row in rows) == r["ok"] == 20
    assert all(a["to_ms"] == b["from_ms"] < b["to_ms"] for a, b in zip(rows, rows[1:]))
    assert rows[0]["from_ms"] <= r["latency_ms"]["min"] < rows[0]["to_ms"] and rows[-1]["from_ms"] <= r["latency_ms"]["max"]
    assert sum(row["count"] for row in rows if row["to_ms"] <= 15) == 0
    assert 2 <= sum(row["count"] for row in rows if row["from_ms"] >= 300) < 12
    with fake(behave) as s:
        told = valence("loadtest", s.url, "-n", 20, "-c", 1).out
    bars = re.findall(r"^ +([\d.]+ ?\S?s) \|(#*) *(\d+) \(([\d.]+) %\)$", told, re.M)
    assert sum(int(count) for _, _, count, _ in bars) == 20 and sum(float(share) for *_, share in bars) == pytest.approx(100, abs=0.1)
    most = max(int(count) for _, _, count, _ in bars)
    assert all(len(bar) == int(40 * int(count) / most + 0.5) for _, bar, count, _ in bars)


def test_errors_by_kind():
    def behave(number):
        if number == 2:
            time.sleep(0.8)
        return {3: -1, 4: 429, 5: 500, 6: 429}.get(number)
    with fake(behave) as s:
        r = load(s.url, "-n", 10, "-c", 1, "--timeout", "0.4")
        assert r["status"] == {"200": 5, "429": 2, "500": 1}
        assert r["errors"] == {"total": 5, "timeout": 1, "broken": 1, "connect": 0, "other": 0, "unsent": 0}
        assert r["requests"] == 10 and r["ok"] == 5


def test_kept_connection_that_ends_is_told():
    with fake(lambda n: -1 if n == 6 else 200) as s:
        r = valence("loadtest", s.url, "-n", 10, "-c", 1)
        assert s.seen == 12 and "2 connections opened" in r.out and "errors     0" in r.out
        assert "note: the server closed 1 kept connection" in r.out


def test_server_that_goes_away():
    with fake() as s:
        def leave(number):
            if number == 20:
                s.socket.close()
            return -1 if number >= 20 else 200
        s.behave = leave
        r = load(s.url, "--duration", 1, "--warmup", 0, "-c", 2)
    assert r["ok"] == 18 and r["errors"]["connect"] >= 10
    assert r["errors"]["connect"] < 1000  # it does not try as fast as it can


def test_warmup_is_not_measured():
    with fake(lambda n: time.sleep(0.3) if n < 4 else 200) as s:
        r = load(s.url, "-n", 20, "-c", 1, "--warmup", 1)
        assert r["requests"] == 20 and s.seen > 24
        assert r["latency_ms"]["max"] < 250


def test_duration():
    with fake(lambda n: time.sleep(0.01)) as s:
        start = time.monotonic()
        r = load(s.url, "--duration", 1, "--warmup", "0.2", "-c", 2)
        assert 1.1 < time.monotonic() - start < 5
        assert 0.9 < r["seconds"] < 1.3 and 20 < r["requests"] <= 210


# ---- Open loop -----------------------------------------------------------------------------------

def test_rate_is_kept():
    with fake() as s:
        r = load(s.url, "--rate", 100, "--duration", 1, "--warmup", 0, "-c", 8, "--threads", 2)
        assert r["loop"] == "open" and r["latency_from"] == "due" and r["rate"] == 100
        assert r["requests"] == 100 and r["errors"]["total"] == 0


def test_stall_shows_in_all_requests_it_delayed():
    """One connection, a request due every 10 ms, and a stall of half a second: 50 requests are late, by
    500, 490, .. ms. Measured from the sending (coordinated omission) only one would be."""
    def behave(number):
        time.sleep(0.5 if number == 20 else 0)
    with fake(behave) as s:
        due = load(s.url, "--rate", 100, "-n", 100, "-c", 1)["latency_ms"]
    assert due["p95"] > 350 and due["p50"] > 1 and due["mean"] > 80
    with fake(behave) as s:
        sent = load(s.url, "-n", 100, "-c", 1)["latency_ms"]
    assert sent["p95"] < 100 and sent["max"] >= 500


def test_what_could_not_be_sent_in_time_is_an_error():
    with fake(lambda n: time.sleep(0.1)) as s:
        r = load(s.url, "--rate", 100, "--duration", 1, "--warmup", 0, "-c", 1, "--slo", "errors=0", code=1)
    assert r["ok"] <= 11 and r["errors"]["unsent"] >= 85 and r["errors"]["unsent"] + r["requests"] == pytest.approx(100, abs=2)


def test_requests_go_on_while_the_server_stalls():
    """With connections to spare the stall delays nobody's sending: what was due in it waits at the server, and
    shows there."""
    arrived, door = [], threading.Lock()

    def behave(number):
        arrived.append(time.monotonic())
        with door:
            time.sleep(0.5 if number == 20 else 0)
    with fake(behave) as s:
        r = load(s.url, "--rate", 100, "-n", 100, "-c", 80)
    ms, begun = r["latency_ms"], arrived[20 - 1]
    assert sum(begun < t < begun + 0.45 for t in arrived) >= 35  # of the 45 that were due
    assert r["errors"]["total"] == 0 and ms["p95"] > 350 and ms["mean"] > 80 and ms["max"] >= 499


@contextlib.contextmanager
def raw(*answers):
    """A server that answers its connections with these bytes in turn, then with the last, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve():
            with contextlib.suppress(OSError):
                for number in itertools.count():
                    c, _ = listener.accept()
                    with c:
                        c.recv(65536)
                        c.sendall(answers[min(number, len(answers) - 1)])
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize("kind, answer", [("broken", b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}"), ("broken", b""),
                                          ("other", b"this is no HTTP at all\r\n"),
                                          ("broken", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot a size\r\n")])
def test_answers_that_are_none(kind, answer):
    """Cut short, empty, not HTTP, malformed: each has its kind, and none counts as an answer."""
    with raw(answer) as url:
        first = valence("loadtest", url, "-n", 5, "-c", 1, code=1)
        assert re.fullmatch(r"valence: cannot load '.*': .*\n", first.err)  # the one that looks whether it is there
    with raw(GOOD, answer) as url:
        r = load(url, "-n", 5, "-c", 1, code=1)
        assert r["errors"][kind] == r["errors"]["total"] == 5 and r["ok"] == 0 and r["status"] == {}


# ---- Objectives ----------------------------------------------------------------------------------

def test_objectives():
    with fake(lambda n: time.sleep(0.03)) as s:
        met = valence("loadtest", s.url, "-n", 20, "-c", 2, "--slo", "p50=10s,errors=0,rps=1")
        assert len(re.findall(r"^objective  \S+: met, it is ", met.out, re.M)) == 3 and met.err == ""
        r = valence("loadtest", s.url, "-n", 20, "-c", 2, "--slo", "p50=10s,p99=5ms,rps=1e6", code=2)
        assert "--slo needs" in r.err
        r = valence("loadtest", s.url, "-n", 20, "-c", 2, "--slo", "p50=10s,p99=5ms,rps=1000000", code=1)
        assert len(re.findall(": MISSED, it is ", r.out)) == 2
        assert r.err.splitlines() == ["valence: objective missed: p99=5ms", "valence: objective missed: rps=1000000"]
        told = load(s.url, "-n", 20, "-c", 2, "--slo", "p99=5ms,errors=1%", code=1)["objectives"]
        assert [(o["objective"], o["met"]) for o in told] == [("p99=5ms", False), ("errors=1%", True)]
        assert told[0]["value"] > 0.03 and told[1]["value"] == 0


def test_nothing_but_errors_is_a_failure():
    with fake(lambda n: 503) as s:
        r = valence("loadtest", s.url, "-n", 5, "-c", 1, code=1)
        assert "status 503: 5" in r.out and "no request was answered with 2xx" in r.err and "latency of" not in r.out
        assert load(s.url, "-n", 5, "-c", 1, code=1)["latency_ms"] is None


# ---- Where, and what -----------------------------------------------------------------------------

def test_paths():
    with fake() as s:
        for url, more, wanted in [("", [], "/predict"), ("/", [], "/predict"), ("/x/y", [], "/x/y"), ("/", ["--path", "/z"], "/z"),
                                  ("/x", ["--path", "/z"], "/x/z")]:
            load(s.url + url, "-n", 1, "-c", 1, *more)
            assert s.bodies[-1][0] == wanted
        load(s.url[len("http://"):], "-n", 1, "-c", 1)
        assert s.bodies[-1][0] == "/predict"


@pytest.mark.parametrize("name, content, more", [
    ("t.csv", 'id,text\n1,"one ""x"""\n2,two\n3,"a\nb"\n', []),
    ("t.tsv", "body\tother\none \"x\"\tq\ntwo\tq\na\\nb\tq\n", ["--text", "body"]),
    ("t.jsonl", '{"text":"one \\"x\\""}\n{"text":"two"}\n{"text":"a\\nb"}\n', []),
    ("t.txt", 'one "x"\ntwo\na b\n', [])])
def test_texts_of_a_file(tmp_path, name, content, more):
    path = tmp_path / name
    path.write_text(content)
    with fake() as s:
        load(s.url, "-n", 3, "-c", 1, "--texts", path, *more)
        sent = [json.loads(b)["text"] for _, _, b in s.bodies[1:]]
    assert sent[:2] == ['one "x"', "two"] and re.fullmatch(r"a(\n|\\n| )b", sent[2])


def test_file_without_texts(tmp_path):
    (tmp_path / "e.csv").write_text("text\n")
    assert "holds no text" in valence("loadtest", "http://127.0.0.1:1", "--texts", tmp_path / "e.csv", code=1).err
    assert "no-such" in valence("loadtest", "http://127.0.0.1:1", "--texts", tmp_path / "no-such.csv", code=1).err


def test_valence_serve_itself(tmp_path):
    where = tmp_path / "socket"
    said = tmp_path / "said"
    with said.open("w") as log:
        p = subprocess.Popen(command("serve", "--port", 0, "--threads", 1, "--grace", 0, "--socket", where), stderr=log, env=environment())
    try:
        while not (found := re.search(r"listening on (http://\S+)\s", said.read_text())):
            assert p.poll() is None, said.read_text()
            time.sleep(0.02)
        url = found[1]
        for more in ([], ["--unix-socket", where]):
            r = load(url if not more else "http://localhost", "-n", 1000, "-c", 8, "--threads", 2, "--slo", "errors=0", *more)
            assert r["ok"] == 1000 and r["connections"] == 8
    finally:
        p.terminate()
        p.wait(30)


# ---- Mistakes ------------------------------------------------------------------------------------

@pytest.mark.parametrize("args, told", [
    ([], "needs one URL"), (["http://x", "http://y"], "needs one URL"), (["ftp://x"], "'ftp://x' is no http"),
    (["x", "-c", "0"], "--concurrency"), (["x", "-c", "2", "--threads", "3"], "--threads"), (["x", "--rate", "-1"], "--rate"),
    (["x", "-n", "5", "--duration", "1"], "exclude each other"), (["x", "--slo", "fast"], "--slo needs"), (["x", "--path", "y"], "--path"),
    (["x", "--timeout", "0"], "--timeout"), (["http://" + "x" * 3000], "longer than")])
def test_usage(args, told):
    r = valence("loadtest", *args, code=2)
    assert told in r.err and r.out == ""


def test_nobody_there():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{s.getsockname()[1]}"
        r = valence("loadtest", url, code=1)
    assert r.out == "" and re.fullmatch(r"valence: cannot load '.*/predict': .*connect.*\n", r.err)


def test_interrupted():
    with fake(lambda n: time.sleep(0.01)) as s:
        p = subprocess.Popen(command("loadtest", s.url, "--json", "--duration", 60, "--warmup", 0, "-c", 2), stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, env=environment())
        while s.seen < 30:
            time.sleep(0.01)
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=10)
    r = strict_json(out.decode())
    assert p.returncode == -signal.SIGINT and r["interrupted"] is True and r["ok"] >= 20 and err == b""


@pytest.mark.skipif(SANITIZED, reason="SKIP sanitizers look for libraries of their own")
def test_libcurl_is_loaded_by_this_command_only(tmp_path):
    needed = subprocess.run(["readelf", "-d", VALENCE], stdout=subprocess.PIPE, check=True).stdout.decode()
    assert "NEEDED" in needed and "libcurl" not in needed
    for name in ("libcurl.so.4", "libcurl-gnutls.so.4"):
        (tmp_path / name).write_text("no library")
    env = {"LD_LIBRARY_PATH": str(tmp_path)}
    r = valence("loadtest", "http://127.0.0.1:1", code=1, env=env)
    assert "cannot load libcurl" in r.err and "install libcurl4" in r.err and r.err.count("\n") == 1
    assert valence("predict", "I loved it", env=env).code == 0
