"""`valence serve` as a hostile or clumsy client sees it: what breaks HTTP is answered once and the
connection closed, what does not is answered in order, and nothing stays behind."""
import contextlib
import json
import socket
import time

import pytest

from serving import PATIENCE, Server, chunked, get, post, request
from support import SANITIZED

BODY = b'{"text": "I loved it"}'
GOOD = post(BODY)
HEALTH = get("/health/live")
LIMIT = 1_000_000


@pytest.fixture(scope="module")
def server():
    with Server("--threads", 2, "--max-body", f"{LIMIT}B") as s:
        yield s


@pytest.fixture(scope="module")
def hasty():
    """A server that soon loses patience."""
    with Server("--threads", 1, "--request-timeout", 1, "--idle-timeout", 1) as s:
        yield s


def head(*lines, body=b""):
    return "".join(line + "\r\n" for line in lines).encode("latin-1") + b"\r\n" + body


def to_predict(*headers, body=BODY, version="HTTP/1.1"):
    return request("POST", "/predict", *headers, version=version) + body


CL = f"Content-Length: {len(BODY)}"
TE = "Transfer-Encoding: chunked"

# What must be refused: (name, status, bytes). Behind each comes a good request that must not be answered.
REFUSED = {
    "body over the limit": (413, to_predict("Content-Length: 5000000", body=b"x" * 1000)),
    "chunked over the limit": (413, to_predict(TE, body=chunked(*[b"x" * 60000] * 40))),
    "200 kB header": (431, to_predict("X-Long: " + "x" * 200_000, CL)),
    "20 kB of known header": (431, to_predict("Authorization: " + "x" * 20_000, CL)),
    "many headers": (431, to_predict(*[f"X-{i}: {i}" for i in range(5000)], CL)),
    "endless path": (414, get("/" + "x" * 200_000)),
    "5 kB path": (414, get("/" + "x" * 5000)),
    "Content-Length and Transfer-Encoding": (400, to_predict(CL, TE, body=chunked(BODY))),
    "Transfer-Encoding and Content-Length": (400, to_predict(TE, CL, body=chunked(BODY))),
    "two Content-Lengths": (400, to_predict(CL, "Content-Length: 5")),
    "the same Content-Length twice": (400, to_predict(CL, CL)),
    "Content-Length list": (400, to_predict(f"{CL}, {len(BODY)}")),
    "negative Content-Length": (400, to_predict("Content-Length: -1")),
    "Content-Length with a plus": (400, to_predict(f"Content-Length: +{len(BODY)}")),
    "Content-Length that overflows": (400, to_predict("Content-Length: 184467440737095516160")),
    "empty Content-Length": (400, to_predict("Content-Length:")),
    "space before the colon": (400, to_predict(f"Content-Length : {len(BODY)}")),
    "no colon": (400, to_predict("Content-Length 5")),
    "xchunked": (400, to_predict("Transfer-Encoding: xchunked", CL)),
    "xchunked alone": (400, to_predict("Transfer-Encoding: xchunked")),
    "identity, chunked": (400, to_predict("Transfer-Encoding: identity, chunked", body=chunked(BODY))),
    "chunked, identity": (400, to_predict("Transfer-Encoding: chunked, identity", body=chunked(BODY))),
    "two Transfer-Encodings": (400, to_predict(TE, "Transfer-Encoding: gzip", body=chunked(BODY))),
    "empty Transfer-Encoding": (400, to_predict("Transfer-Encoding:", CL)),
    "Transfer-Encoding in HTTP/1.0": (400, to_predict(TE, body=chunked(BODY), version="HTTP/1.0")),
    "garbage": (400, b"\x16\x03\x01\x02\x00\x01\xfc\xff garbage\r\n\r\n"),
    "garbage without an end": (400, b"\x80\x00\x01\x02" * 10),
    "unknown method": (400, b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n"),
    "HTTP/2 preface": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "HTTP/2.0": (505, get("/health/live", version="HTTP/2.0")),
    "HTTP/1.2": (505, get("/health/live", version="HTTP/1.2")),
    "HTTP/0.9": (400, b"GET /health/live\r\n"),
    "CR alone between headers": (400, b"POST /predict HTTP/1.1\r\nHost: x\rContent-Length: 5\r\n\r\nhello"),
    "CR inside a value": (400, b"POST /predict HTTP/1.1\r\nHost: x\r\nDummy: x\rTransfer-Encoding: chunked\r\n"
                          + CL.encode() + b"\r\n\r\n" + BODY),
    "CR and no LF at the end": (400, b"POST /predict HTTP/1.1\r\nHost: x\r\n" + TE.encode() + b"\r\n\rX"
                                + chunked(BODY)),
    "bare LF": (400, GOOD.replace(b"\r\n", b"\n")),
    "bare LF after one header": (400, GOOD.replace(b"Host: x\r\n", b"Host: x\n")),
    "folded header": (400, head("POST /predict HTTP/1.1", "Host: x", "Content-Length:", " 21", body=BODY)),
    "folded by a tab": (400, head("GET /health/live HTTP/1.1", "Host: x", "X-A: b", "\tc")),
    "chunk size ended by LF": (400, to_predict(TE, body=b"%x\n%s\r\n0\r\n\r\n" % (len(BODY), BODY))),
    "chunk size with 0x": (400, to_predict(TE, body=b"0x%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY))),
    "chunk size that overflows": (400, to_predict(TE, body=b"ffffffffffffffff1\r\n" + BODY)),
    "chunk longer than it says": (400, to_predict(TE, body=b"3\r\n%s\r\n0\r\n\r\n" % BODY)),
    "chunk extension of 1 MB": (400, to_predict(TE, body=b"1;" + b"x" * 1_000_000 + b"\r\n{\r\n0\r\n\r\n")),
    "trailers": (400, to_predict(TE, body=chunked(BODY)[:-2] + b"X-A: b\r\n\r\n")),
    "NUL in a value": (400, to_predict("X-A: a\0b", CL)),
    "NUL in a name": (400, to_predict("X\0A: a", CL)),
    "no Host": (400, head("POST /predict HTTP/1.1", CL, body=BODY)),
    "two Hosts": (400, to_predict("Host: y", CL)),
    "other expectation": (417, to_predict("Expect: a-miracle", CL)),
    "NUL in the path": (400, get("/health/live%00")),
    "CR in the path": (400, get("/health%0d%0alive")),
    "broken percent": (400, get("/health/live%2")),
    "percent and no digits": (400, get("/health/live%zz")),
    "raw CR in the path": (400, b"GET /health\rlive HTTP/1.1\r\nHost: x\r\n\r\n"),
    "raw NUL in the path": (400, b"GET /health\0live HTTP/1.1\r\nHost: x\r\n\r\n"),
    "no slash": (400, b"GET health HTTP/1.1\r\nHost: x\r\n\r\n"),
    "CONNECT": (400, b"CONNECT example.com:80 HTTP/1.1\r\nHost: x\r\n\r\n"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(server, name):
    status, data = REFUSED[name]
    with contextlib.closing(server.connect()) as c:
        with contextlib.suppress(ConnectionError):
            c.send(data + HEALTH)
        a = c.answer()
        assert (a.status, a.closes) == (status, True)
        assert a.json()["error"]
        assert c.ended()
    assert server.status("/health/live") == 200


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_pieces(server, name):
    """The same, if the bytes come one by one (the long ones in parts of odd length)."""
    status, data = REFUSED[name]
    step = 1 if len(data) < 300 else 1777
    with contextlib.closing(server.connect()) as c:
        c.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(ConnectionError):
            for i in range(0, len(data), step):
                c.send(data[i:i + step])
            c.send(HEALTH)
        assert c.answer().status == status
        assert c.ended()


# What must be taken: the statuses of all answers to what was sent.
TAKEN = {
    "four in one write": ([200] * 4, GOOD * 4),
    "lines before a request": ([200, 200], b"\r\n\r\n" + GOOD + b"\r\n" + GOOD),
    "chunked": ([200, 200], to_predict(TE, body=chunked(BODY[:5], BODY[5:])) + HEALTH),
    "chunked in upper case": ([200], to_predict("TRANSFER-ENCODING: Chunked", body=chunked(BODY))),
    "one byte in each chunk": ([200], to_predict(TE, body=chunked(*[bytes([b]) for b in BODY]))),
    "chunk extension of 64 kB": ([200, 200], to_predict(
        TE, body=b"%x;%s\r\n%s\r\n0\r\n\r\n" % (len(BODY), b"x" * 65536, BODY)) + HEALTH),
    "blanks around values": ([200], to_predict(f"Content-Length: \t {len(BODY)} ", "Content-Type: \t application/json \t ")),
    "blanks behind chunked": ([200], to_predict(TE + " ", body=chunked(BODY))),
    "HTTP/1.0": ([200], post(BODY, version="HTTP/1.0") + HEALTH),
    "HTTP/1.0, keep-alive": ([200, 200], post(BODY, "Connection: keep-alive", version="HTTP/1.0") + HEALTH),
    "HTTP/1.0 without Host": ([200], b"GET /health/live HTTP/1.0\r\n\r\n"),
    "HTTP/1.0 with an expectation": ([200], post(BODY, "Expect: x", version="HTTP/1.0")),
    "empty Host": ([200], b"GET /health/live HTTP/1.1\r\nHost:\r\n\r\n"),
    "Connection: close": ([200], post(BODY, "Connection: close") + HEALTH),
    "GET with a body, then a request": ([200, 200], get("/health/live", CL) + BODY + HEALTH),
    "absolute form": ([200, 200], get("http://example.com:80/health/live") + get("HTTP://x/health/live?a=b")),
    "absolute form without a path": ([204, 204], request("OPTIONS", "http://example.com")
                                     + request("OPTIONS", "http://example.com?x")),
    "upgrade": ([200, 200], get("/health/live", "Connection: Upgrade", "Upgrade: websocket") + HEALTH),
    "upgrade with a body": ([200, 200], post(BODY, "Connection: upgrade", "Upgrade: h2c") + HEALTH),
    "percent-encoded": ([200, 200], get("/%68ealth/l%69ve") + get("/health/live?x=%zz")),
    "dots are no folders": ([404, 200], get("/x/../health/live") + HEALTH),
    "unknown path": ([404, 200], get("/nothing") + HEALTH),
    "unknown path with a body": ([404, 200], post(BODY, path="/nothing") + HEALTH),
    "unknown path with a long body": ([404], post(b"x" * 500_000, path="/nothing") + HEALTH),
    "unknown path, chunked": ([404], to_predict(TE, body=chunked(BODY)).replace(b"/predict", b"/nothing") + HEALTH),
    "unknown path, close": ([404], get("/nothing", "Connection: close") + HEALTH),
    "unknown path, HTTP/1.0": ([404], get("/nothing", version="HTTP/1.0") + HEALTH),
    "wrong method": ([405, 200], get("/predict") + HEALTH),
    "OPTIONS": ([204, 200], request("OPTIONS", "/predict") + HEALTH),
    "bad JSON": ([400, 200], post(b"{") + HEALTH),
    "no body": ([400, 200], post(b"") + HEALTH),
    "body of exactly the limit": ([200], post({"text": "x" * (LIMIT - len('{"text": ""}'))})),
}


@pytest.mark.parametrize("name", TAKEN)
def test_taken(server, name):
    statuses, data = TAKEN[name]
    assert [a.status for a in server.talk(data)] == statuses


@pytest.mark.parametrize("name", TAKEN)
def test_taken_in_pieces(server, name):
    statuses, data = TAKEN[name]
    step = 1 if len(data) < 1000 else 997
    with contextlib.closing(server.connect()) as c:
        c.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(ConnectionError):
            for i in range(0, len(data), step):
                c.send(data[i:i + step])
        assert [a.status for a in c.talk(b"")] == statuses


@pytest.mark.parametrize("name", TAKEN)
def test_last_answer_says_so(server, name):
    """Whatever closes the connection is announced, and nothing else is."""
    statuses, data = TAKEN[name]
    with contextlib.closing(server.connect()) as c:
        with contextlib.suppress(ConnectionError):
            c.send(data)
        answers = [c.answer() for _ in statuses]
        assert not any(a.closes for a in answers[:-1])
        assert c.ended(0.05 if not answers[-1].closes else None) == answers[-1].closes


def test_order(server):
    """Answers come in the order of the requests, however many share a write."""
    texts = [f"word{i}" * (i % 50 + 1) for i in range(300)]
    answers = server.talk(b"".join(post({"texts": [t] * (i % 3 + 1)}) + get(f"/{i}") for i, t in enumerate(texts)))
    assert [a.status for a in answers] == [200, 404] * 300
    assert [len(a.json()["predictions"]) for a in answers[::2]] == [i % 3 + 1 for i in range(300)]


def test_keep_alive(server):
    with contextlib.closing(server.connect()) as c:
        for _ in range(20):
            c.send(GOOD)
            assert c.answer().json()["prediction"]


def test_head(server):
    with contextlib.closing(server.connect()) as c:
        c.send(request("HEAD", "/health/live") + HEALTH)
        first, second = c.answer(has_body=False), c.answer()
        assert first.headers["content-length"] == str(len(second.body)) and second.status == 200


def test_no_body_behind_204(server):
    with contextlib.closing(server.connect()) as c:
        c.send(request("OPTIONS", "/predict") + HEALTH)
        first, second = c.answer(), c.answer()
    assert "content-length" not in first.headers and "POST" in first.headers["allow"]
    assert second.status == 200


def test_expect_continue(server):
    with contextlib.closing(server.connect()) as c:
        c.send(to_predict("Expect: 100-continue", CL, body=b""))
        assert c.answer().status == 100
        c.send(BODY)
        assert c.answer().status == 200
        c.send(HEALTH)
        assert c.answer().status == 200


@pytest.mark.parametrize("path, length, status", [("/nothing", 10, 404), ("/predict", LIMIT + 1, 413)])
def test_expect_refused(server, path, length, status):
    """No leave to send what will not be read; and as nobody knows whether it comes, the end."""
    with contextlib.closing(server.connect()) as c:
        c.send(request("POST", path, "Expect: 100-continue", f"Content-Length: {length}"))
        a = c.answer()
        assert a.status == status and a.closes and c.ended()


def test_request_id_is_safe(server):
    with contextlib.closing(server.connect()) as c:
        c.send(get("/health/live", "X-Request-Id: abc-1"))
        assert c.answer().headers["x-request-id"] == "abc-1"
        c.send(get("/nothing", "X-Request-Id: " + "y" * 12_000))
        assert c.answer().status == 404


# ---- Time ----------------------------------------------------------------------------------------

SILENCE = {"partial head": GOOD[:30], "first byte": b"P", "no body": GOOD[:-len(BODY)], "half a body": GOOD[:-3],
           "half a chunk": to_predict(TE, body=b"5\r\nab")}


@pytest.mark.slow
@pytest.mark.parametrize("name", SILENCE)
def test_silence(hasty, name):
    with contextlib.closing(hasty.connect()) as c:
        start = time.monotonic()
        c.send(SILENCE[name])
        a = c.answer()
        assert a.status == 408 and a.closes and c.ended()
        assert 0.9 < time.monotonic() - start < PATIENCE / 4


@pytest.mark.slow
@pytest.mark.parametrize("at", [5, len(GOOD) - len(BODY) + 2])
def test_slow_drip(hasty, at):
    """A byte now and then does not buy more time."""
    with contextlib.closing(hasty.connect(timeout=0.2)) as c:
        start = time.monotonic()
        c.send(GOOD[:at])
        for i in range(at, len(GOOD) - 1):
            try:
                c.send(GOOD[i:i + 1])
                c.more()
                break
            except socket.timeout:
                continue
            except ConnectionError:
                break
        assert time.monotonic() - start < PATIENCE / 4
        assert c.bytes.startswith(b"HTTP/1.1 408 ")


@pytest.mark.slow
def test_idle(hasty):
    """Between requests the connection just ends."""
    with contextlib.closing(hasty.connect()) as fresh, contextlib.closing(hasty.connect()) as used:
        used.send(HEALTH)
        assert used.answer().status == 200
        start = time.monotonic()
        assert fresh.ended() and used.ended()
        assert time.monotonic() - start < PATIENCE / 4


@pytest.mark.slow
def test_busy_is_not_idle(hasty):
    with contextlib.closing(hasty.connect()) as c:
        for _ in range(8):
            c.send(HEALTH)
            assert c.answer().status == 200
            time.sleep(0.3)


@pytest.mark.slow
def test_client_that_never_stops(server):
    """After a refusal what still comes is dropped for a moment only."""
    with contextlib.closing(server.connect()) as c:
        c.send(to_predict("Content-Length: 5000000", body=b""))
        assert c.answer().status == 413
        start = time.monotonic()
        with pytest.raises(ConnectionError):
            while time.monotonic() - start < PATIENCE:
                c.send(b"x" * 100_000)
        assert time.monotonic() - start < PATIENCE / 2


# ---- Clients that go away ------------------------------------------------------------------------

LARGE = post({"texts": ["quite good"] * 10_000})
PHASES = {"connected": b"", "head": GOOD[:20], "head done": GOOD[:-len(BODY)], "body": GOOD[:-2], "answered": GOOD,
          "pipelined": GOOD * 50 + GOOD[:30], "large answer": LARGE, "refused": b"x\r\n\r\n", "chunk": SILENCE["half a chunk"],
          "route unknown": post(BODY, path="/x")[:-4]}


@pytest.mark.parametrize("how", ["reset", "close", "half"])
@pytest.mark.parametrize("phase", PHASES)
def test_gone(server, phase, how):
    """However and whenever a client leaves, its connection does not stay."""
    before = server.descriptors
    for _ in range(20):
        c = server.connect()
        with contextlib.suppress(ConnectionError):
            c.send(PHASES[phase])
            if how == "half":
                c.socket.shutdown(socket.SHUT_WR)
                while c.more():
                    pass
        c.close() if how != "reset" else c.reset()
    assert server.settled(before)
    assert server.status("/health/live") == 200


def test_half_close(server):
    """Who has said all may stop talking and still gets all answers."""
    assert [a.status for a in server.talk(GOOD * 3)] == [200] * 3
    answers = server.talk(LARGE * 3)
    assert [len(a.json()["predictions"]) for a in answers] == [10_000] * 3


def test_half_close_in_a_request(server):
    assert [a.status for a in server.talk(GOOD + GOOD[:-3])] == [200]


@pytest.mark.slow
def test_slow_reader(server):
    """A client that takes little at a time gets all of it, and the server holds little meanwhile."""
    with contextlib.closing(server.connect(receive_buffer=4096)) as c:
        c.socket.settimeout(0.5)
        sent = 0
        data = LARGE * 40
        with contextlib.suppress(socket.timeout):
            while sent < len(data):
                sent += c.socket.send(data[sent:sent + 65536])
        assert sent < len(data), "the server read on though nobody took its answers"
        c.socket.settimeout(PATIENCE)
        complete = sent // len(LARGE)
        for _ in range(complete):
            assert len(c.answer().json()["predictions"]) == 10_000


@pytest.mark.slow
def test_many_connections(server):
    """A thousand at a time, each used; all are given back, and so is most of their memory."""
    before, clients = server.descriptors, []
    for _ in range(1000):
        clients.append(server.connect())
    idle = server.rss_kilobytes
    for _ in range(3):
        for c in clients:
            c.send(GOOD)
        assert [c.answer().status for c in clients] == [200] * 1000
    assert SANITIZED or server.rss_kilobytes - idle < 8000, "an idle connection keeps its buffers"
    for c in clients:
        c.close()
    assert server.settled(before)


@pytest.mark.slow
def test_memory_stays(server):
    """The same again and again costs nothing more."""
    def round_of():
        for phase in PHASES.values():
            c = server.connect()
            c.send(phase)
            c.reset()
        for _, data in list(REFUSED.values())[::5]:
            with contextlib.closing(server.connect()) as c, contextlib.suppress(ConnectionError):
                c.send(data)
    for _ in range(20):
        round_of()
    before = server.rss_kilobytes
    for _ in range(100):
        round_of()
    assert SANITIZED or server.rss_kilobytes - before < 30_000


def test_connection_limit():
    with Server("--threads", 2, "--max-connections", 10) as s:
        clients = [s.connect() for _ in range(10)]
        for c in clients:
            c.send(HEALTH)
            assert c.answer().status == 200
        late = s.connect()
        assert late.ended()
        for c in clients[:5]:
            c.close()
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with contextlib.suppress(AssertionError, ConnectionError):
                if s.status("/health/live") == 200:
                    break
        assert s.status("/health/live") == 200


def test_answers_are_json(server):
    for status, data in [REFUSED["negative Content-Length"], REFUSED["endless path"], (404, get("/nothing"))]:
        a, = server.talk(data)
        assert a.status == status and a.headers["content-type"] == "application/json"
        assert set(json.loads(a.body)) == {"error", "error_type"}
