"""POST /predict/batch: lines in, lines out, while they come."""
import contextlib
import json
import random

import pytest

from serving import Server, chunked, post, request
from support import SANITIZED, strict_json


@pytest.fixture(scope="module")
def server():
    with Server("-m", "general", "--threads", 1) as s:
        yield s


def batch(server, body, *headers, **more):
    with contextlib.closing(server.connect()) as c:
        c.send(post(body, *headers, path="/predict/batch", **more))
        return c.answer()


def lines(answer):
    assert answer.status == 200 and answer.headers["content-type"] == "application/x-ndjson"
    assert answer.body == b"" or answer.body.endswith(b"\n")
    return [strict_json(line) for line in answer.body.splitlines()]


MIXED = (b'{"text":"good","id":"a"}\n\n  \r\n{"text":\n{"text":"bad","id":7,"top_k":1}\r\n{"id":1.5}\n[1]\n'
         b'{"text":"x","model":"nobody","id":null}\n{"text":5,"id":"b"}\n{"text":"x","id":{}}\n{"text":"\xff"}\n{"text":"end"}')


def test_each_line_gets_its_answer():
    with Server("-m", "general", "--threads", 1) as server:
        got = lines(batch(server, MIXED, "Content-Type: application/x-ndjson"))
        alone = server.predict("good").json()
    assert [a["index"] for a in got] == list(range(10))
    assert got[0] == {"index": 0, "id": "a", **alone}
    assert got[1] == {"index": 1, "error": got[1]["error"], "error_type": "Validation", "byte": 9}
    assert got[2]["id"] == 7 and got[2]["prediction"] == "negative" and list(got[2]["probabilities"]) == ["negative"]
    assert got[3] == {"index": 3, "id": 1.5, "error": '"text" is missing', "error_type": "Validation"}
    assert "object" in got[4]["error"]
    assert got[5] == {"index": 5, "error": "no model 'nobody'; GET /models lists them", "error_type": "NotFound"}
    assert got[6] == {"index": 6, "id": "b", "error": '"text" must be a string', "error_type": "Validation"}
    assert got[7] == {"index": 7, "error": '"id" must be a string or a number', "error_type": "Validation"}
    assert got[8] == {"index": 8, "error": "invalid JSON: not UTF-8", "error_type": "Validation", "byte": 10}
    assert got[9]["prediction"]


def test_pieces_do_not_matter(server):
    whole = lines(batch(server, MIXED))
    assert len(whole) == 10
    rng = random.Random(7)
    for pieces in (1, 3, 40, len(MIXED)):
        cuts = sorted(rng.sample(range(1, len(MIXED)), pieces - 1)) if pieces > 1 else []
        parts = [MIXED[a:b] for a, b in zip([0, *cuts], [*cuts, len(MIXED)])]
        with contextlib.closing(server.connect()) as c:
            c.send(request("POST", "/predict/batch", "Transfer-Encoding: chunked") + chunked(*parts))
            assert lines(c.answer()) == whole
            c.send(post({"text": "good"}))  # the connection goes on
            assert c.answer().status == 200


def test_answers_come_before_the_end(server):
    with contextlib.closing(server.connect()) as c:
        c.send(request("POST", "/predict/batch", "Transfer-Encoding: chunked"))
        for i in range(3):
            line = json.dumps({"text": f"good {i}"}).encode() + b"\n"
            c.send(b"%x\r\n%s\r\n" % (len(line), line))
            assert b'"index":%d' % i in c.until(b"}\n")
        c.send(b"0\r\n\r\n")
        assert c.until(b"0\r\n\r\n") == b"\r\n"


def test_nothing_in_nothing_out(server):
    assert lines(batch(server, b"")) == [] == lines(batch(server, b"\n\r\n \n"))


def test_old_clients(server):
    with contextlib.closing(server.connect()) as c:
        c.send(post(b'{"text":"good"}\n', path="/predict/batch", version="HTTP/1.0"))
        head = c.until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200") and b"chunked" not in head
        assert json.loads(c.until(b"\n"))["prediction"] == "positive"
        assert c.ended()


def test_content_type(server):
    answer = batch(server, b'{"text":"good"}\n', "Content-Type: text/csv")
    assert answer.status == 415
    assert answer.json() == {"error": "the content type is 'text/csv', not application/json", "error_type": "Validation"}


def test_a_line_longer_than_a_body(server):
    body = b'{"text":"good"}\n{"text":"' + b"a " * (5 << 20) + b'xxxxxx"}\n{"text":"bad"}\n'
    got = lines(batch(server, body))
    assert [a["index"] for a in got] == [0, 1, 2]
    assert got[0]["prediction"] == "positive" and got[2]["prediction"] == "negative"
    assert got[1] == {"index": 1, "error": "the line is longer than 10485760 bytes", "error_type": "Validation"}


@pytest.mark.slow
def test_memory_stays(server):
    """40 MB of lines, more than any body may have, through a connection that reads as it writes."""
    line = json.dumps({"text": "a good film " * 80}).encode() + b"\n"
    block = line * (1 << 20 >> 10)
    rounds = 4 if SANITIZED else 40
    with contextlib.closing(server.connect()) as c:
        c.send(request("POST", "/predict/batch", f"Content-Length: {len(block) * rounds}"))
        count, before = 0, None
        for i in range(rounds):
            c.send(block)
            while c.bytes.count(b"}\n") < 900:
                assert c.more()
            count += c.bytes.count(b'"prediction"')
            c.bytes = c.bytes[c.bytes.rfind(b'"prediction"') + 12:]
            if i == 2:
                before = server.rss_kilobytes
        while not c.bytes.endswith(b"0\r\n\r\n"):
            assert c.more()
        count += c.bytes.count(b'"prediction"')
        assert count == 1024 * rounds
        assert server.rss_kilobytes < before + 4096


def test_a_client_that_leaves(server):
    open_before = server.descriptors
    for _ in range(20):
        c = server.connect()
        c.send(request("POST", "/predict/batch", "Transfer-Encoding: chunked") + b"14\r\n{\"text\":\"good\"}\n{\"te\r\n")
        c.until(b"}\n")
        c.reset()
    assert server.settled(open_before)
    assert server.predict("good").status == 200
