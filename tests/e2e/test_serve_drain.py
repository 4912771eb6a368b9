"""How `valence serve` starts and stops: addresses, sockets, signals, and nobody's answer lost."""
import contextlib
import os
import signal
import socket
import threading
import time

import pytest

from serving import PATIENCE, Client, Server, get, post
from support import valence

BODY = b'{"text": "I loved it"}'
GOOD = post(BODY)


def wait_for(condition, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def refused(server):
    """Whether new clients are refused."""
    try:
        server.connect(timeout=1).close()
        return False
    except ConnectionError:
        return True


def half_sent(server):
    c = server.connect()
    c.send(GOOD[:-3])
    time.sleep(0.1)
    return c


def test_sigterm_at_once_not_ready_but_serving():
    with Server("--threads", 2, "--grace", 60) as s:
        assert s.status("/health/ready") == 200
        s.signal(signal.SIGTERM)
        wait_for(lambda: s.status("/health/ready") == 503, 2)
        for _ in range(5):
            a = s.predict("I loved it")
            assert a.status == 200 and not a.closes
        assert s.status("/health/live") == 200
        s.signal(signal.SIGTERM)  # the second: now
        start = time.monotonic()
        assert s.wait() == 0
        assert time.monotonic() - start < 3


@pytest.mark.slow
def test_drain():
    """After the grace: idle connections end, a request on its way is answered as its connection's last."""
    with Server("--threads", 2, "--grace", 1, "--drain", 30) as s:
        idle, used, busy = s.connect(), s.connect(), half_sent(s)
        used.send(GOOD)
        assert used.answer().status == 200
        start = time.monotonic()
        s.signal(signal.SIGTERM)
        assert idle.ended() and used.ended()
        assert 0.8 < time.monotonic() - start < PATIENCE / 2
        wait_for(lambda: refused(s))
        assert s.process.poll() is None
        busy.send(GOOD[-3:])
        a = busy.answer()
        assert a.status == 200 and a.closes and busy.ended()
        busy.close()
        assert s.wait() == 0
        assert time.monotonic() - start < PATIENCE / 2


def test_sigint_drains_without_grace():
    with Server("--threads", 2, "--grace", 60, "--drain", 30) as s:
        busy = half_sent(s)
        start = time.monotonic()
        s.signal(signal.SIGINT)
        wait_for(lambda: refused(s))
        busy.send(GOOD[-3:])
        assert busy.answer().closes and busy.ended()
        busy.close()
        assert s.wait() == 0
        assert time.monotonic() - start < PATIENCE / 2


def test_drain_has_an_end():
    """A client that never finishes holds the server for --drain and no longer."""
    with Server("--threads", 1, "--grace", 0, "--drain", 0.5) as s:
        busy = half_sent(s)
        start = time.monotonic()
        s.signal(signal.SIGTERM)
        assert busy.ended()
        assert s.wait() == 0
        assert 0.4 < time.monotonic() - start < PATIENCE / 4


def test_drain_waits_for_slow_readers():
    """An answer that is being written when the drain begins arrives whole; then its connection ends."""
    with Server("--threads", 1, "--grace", 0, "--drain", 30) as s:
        c = s.connect(receive_buffer=4096)
        c.send(post({"texts": ["quite good"] * 10_000}) * 8)
        time.sleep(0.5)
        s.signal(signal.SIGTERM)
        time.sleep(0.3)
        whole = 0
        while c.bytes or c.more():
            assert len(c.answer().json()["predictions"]) == 10_000
            whole += 1
        assert whole >= 1
        c.close()
        assert s.wait() == 0


@pytest.mark.slow
def test_no_answer_is_lost():
    """Clients that ask all the time: each request is answered or its connection ended before it."""
    with Server("--threads", 2, "--grace", 1, "--drain", 20) as s:
        stop, failures, counts = threading.Event(), [], []

        def ask():
            answered = 0
            while not stop.is_set():
                try:
                    with contextlib.closing(s.connect()) as c:
                        for _ in range(50):
                            c.send(GOOD)
                            if not c.more():
                                break  # ended between requests
                            a = c.answer()
                            answered += a.status == 200
                            if a.status != 200:
                                failures.append(a.status)
                            if a.closes:
                                break
                except (ConnectionRefusedError, BrokenPipeError):
                    break
                except (AssertionError, OSError) as e:
                    failures.append(repr(e))
            counts.append(answered)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for t in threads:
            t.start()
        time.sleep(0.5)
        s.signal(signal.SIGTERM)
        assert s.wait() == 0
        stop.set()
        for t in threads:
            t.join()
        # A client that waits in the listener's queue when that is closed is reset by the kernel.
        assert len([f for f in failures if "reset" not in str(f)]) == 0, failures[:5]
        assert all(counts)


def test_address_in_use():
    with Server("--threads", 2) as s:
        r = valence("serve", "--port", s.port, code=1)
        assert f"cannot listen on '127.0.0.1:{s.port}': address already in use" in r.err
        assert r.err.count("\n") == 1
        assert s.status("/health/live") == 200


@pytest.mark.parametrize("options, words", [
    (("--host", "nowhere"), "'nowhere' is no IP address"),
    (("--host", "203.0.113.7"), "cannot listen on '203.0.113.7:"),
    (("--port", "0", "--socket", "/nowhere/x"), "cannot listen on '/nowhere/x': "),
    (("--port", "0", "--socket", "/tmp/" + "x" * 200), "longer than 107 bytes"),
    (("--port", "0", "-m", "/nowhere/m.safetensors"), "/nowhere/m.safetensors"),
])
def test_start_errors(options, words):
    r = valence("serve", *options, code=1)
    assert words in r.err and r.err.count("\n") == 1


@pytest.mark.parametrize("options, words", [
    (("--port", "65536"), "--port needs 0 to 65535"), (("--threads", "-1"), "--threads needs"),
    (("--max-body", "much"), "--max-body needs"), (("--max-body", "2GiB"), "--max-body needs 1GiB or less"),
    (("--max-connections", "0"), "--max-connections needs"), (("--grace", "-1"), "--grace and --drain need"),
    (("--request-timeout", "0"), "need more than 0"), (("--idle-timeout", "nan"), "--idle-timeout"),
])
def test_usage_errors(options, words):
    assert words in valence("serve", *options, code=2).err


def test_ipv6():
    if not socket.has_ipv6 or not os.path.exists("/proc/net/if_inet6"):
        pytest.skip("SKIP no IPv6 here")
    with Server("--threads", 1, "--host", "::1") as s:
        assert any(f"http://[::1]:{s.port}" in line for line in s.lines)


def test_loops_share_the_port():
    """Every loop has clients after a while, and all of them answer."""
    with Server("--threads", 4) as s:
        for _ in range(64):
            assert s.predict("I loved it").status == 200


def test_unix_socket(tmp_path):
    path = str(tmp_path / "v.sock")
    with Server("--threads", 2, "--socket", path) as s:
        c = Client(path)
        c.send(GOOD * 2)
        assert [c.answer().status for _ in range(2)] == [200, 200]
        r = valence("serve", "--port", 0, "--socket", path, code=1)  # not taken from a living server
        assert f"cannot listen on '{path}': address already in use" in r.err
        assert s.status("/health/live") == 200
        s.signal(signal.SIGINT)
        assert c.ended()
        assert s.wait() == 0
    assert not os.path.exists(path)


def test_unix_socket_left_behind(tmp_path):
    """A killed server's socket is taken over; a file that is none is left alone."""
    path = str(tmp_path / "v.sock")
    with Server("--threads", 1, "--socket", path) as s:
        s.process.kill()
        s.wait()
        assert os.path.exists(path)
        with Server("--threads", 1, "--socket", path):
            c = Client(path)
            c.send(get("/health/live"))
            assert c.answer().status == 200
        s.process.returncode = 0
    file = tmp_path / "precious"
    file.write_text("mine")
    assert "address already in use" in valence("serve", "--port", 0, "--socket", file, code=1).err
    assert file.read_text() == "mine"
