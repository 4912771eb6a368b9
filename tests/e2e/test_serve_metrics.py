"""GET /metrics of `valence serve`: promtool's opinion, the format, what counts and what does not."""
import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.request

import pytest

from observing import Observed, series

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)')


def families(text):
    """{name: (type, [(sample, labels, value)])}; every rule of the format that can be broken is asserted."""
    found, name = {}, None
    assert text.endswith("\n") and "\r" not in text
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split()[2]
            assert name not in found, f"{name} comes twice"
            found[name] = [None, []]
        elif line.startswith("# TYPE "):
            _, _, of, kind = line.split()
            assert of == name and found[name][0] is None and not found[name][1]
            found[name][0] = kind
        else:
            sample, _, labels, value = SAMPLE.fullmatch(line).groups()
            assert sample == name or found[name][0] == "histogram" and sample in (f"{name}_bucket", f"{name}_sum", f"{name}_count")
            found[name][1].append((sample, labels or "", float(value)))
    for of, (_, samples) in found.items():
        keys = [s[:2] for s in samples]
        assert samples and len(set(keys)) == len(keys), f"{of}: a series twice, or none"
    return found


def check_histograms(found):
    for name, (kind, samples) in found.items():
        if kind != "histogram":
            continue
        groups = {}
        for sample, labels, value in samples:
            route = re.sub(r',?le="[^"]*"', "", labels)
            groups.setdefault(route, []).append((sample, labels, value))
        for rows in groups.values():
            buckets = [v for s, _, v in rows if s.endswith("_bucket")]
            bounds = [float(re.search(r'le="([^"]*)"', l).group(1)) for s, l, _ in rows if s.endswith("_bucket")]
            assert buckets == sorted(buckets) and bounds == sorted(bounds) and bounds[-1] == float("inf")
            assert [v for s, _, v in rows if s.endswith("_count")] == [buckets[-1]]


def test_promtool():
    if not shutil.which("promtool"):
        pytest.skip("SKIP no promtool: it is in Debian's package prometheus")
    with Observed() as server:
        server.ask("POST", "/predict", b'{"text":"good"}')
        p = subprocess.run(["promtool", "check", "metrics"], input=server.metrics().encode(), stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=60)
    assert p.returncode == 0 and p.stdout == b"", p.stdout.decode()


def test_format_and_names():
    with Observed() as server:
        before = families(server.metrics())
        server.ask("POST", "/predict", b'{"text":"good"}')
        server.ask("GET", "/nowhere")
        after = families(server.metrics())
    check_histograms(before)
    check_histograms(after)
    same = lambda f: {(n, s, l) for n, (_, samples) in f.items() for s, l, _ in samples}
    assert same(before) == same(after)  # every series was there from the start
    kinds = {name: kind for name, (kind, _) in after.items()}
    assert kinds["predictions_total"] == "counter" and kinds["prediction_duration_seconds"] == "histogram"
    assert kinds["valence_requests_total"] == "counter" and kinds["valence_request_duration_seconds"] == "histogram"
    for name in ["valence_inflight", "valence_connections", "valence_cache_bytes", "valence_cache_entries", "valence_model_info",
                 "valence_build_info", "valence_memory_bytes", "process_resident_memory_bytes", "process_open_fds"]:
        assert kinds[name] == "gauge", name
    for name in ["valence_rejected_total", "valence_cache_hits_total", "valence_cache_misses_total",
                 "valence_cache_evictions_total", "process_cpu_seconds_total"]:
        assert kinds[name] == "counter", name
    codes = {re.search(r'code="(.*?)"', l).group(1) for _, l, _ in after["valence_requests_total"][1]}
    assert {"200", "400", "401", "404", "429", "503", "other"} <= codes


def test_counts():
    with Observed() as server:
        label = json.loads(server.ask("POST", "/predict", b'{"text":"a wonderful film"}')[2])["prediction"]
        server.ask("POST", "/predict", b'{"texts":["a wonderful film","a wonderful film"]}')
        server.ask("POST", "/predict", b'{"text":')
        server.ask("GET", "/predict")
        server.ask("GET", "/a/path/that/is/not/there?text=secret")
        metrics = server.metrics()
        assert series(metrics, f'predictions_total{{model="general",label="{label}"}}') == 3
        assert series(metrics, "prediction_duration_seconds_count") == 3
        assert 0 < series(metrics, "prediction_duration_seconds_sum") < 5
        assert series(metrics, 'valence_requests_total{route="predict",code="200"}') == 2
        assert series(metrics, 'valence_requests_total{route="predict",code="400"}') == 1
        assert series(metrics, 'valence_requests_total{route="other",code="405"}') == 1
        assert series(metrics, 'valence_requests_total{route="other",code="404"}') == 1
        assert series(metrics, 'valence_request_duration_seconds_count{route="predict"}') == 3
        assert "secret" not in metrics and "not/there" not in metrics
        assert series(metrics, "valence_inflight") == 1  # this scrape
        assert len(re.findall(r'^valence_model_info\{model="general",version="1",family="\w+",checksum="[0-9a-f]{16}"\} 1$',
                              metrics, re.M)) == 1


def test_bad_requests_are_counted():
    with Observed() as server:
        with socket.create_connection(("127.0.0.1", server.port)) as s:
            s.sendall(b"nonsense\r\n\r\n")
            assert s.recv(100).startswith(b"HTTP/1.1 400 ")
        assert series(server.metrics(), 'valence_requests_total{route="other",code="400"}') == 1


def test_clients_that_go_away_are_not_in_flight():
    with Observed() as server:
        open_ones = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(5)]
        for s in open_ones:
            s.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf of it")
        wait_for(server, "valence_inflight", 6)
        wait_for(server, "valence_connections", 6)  # the scrape before may still be closing
        for s in open_ones:
            s.close()
        wait_for(server, "valence_inflight", 1)
        wait_for(server, "valence_connections", 1)


def wait_for(server, name, value):
    for _ in range(100):
        now = series(server.metrics(), name)
        if now == value:
            return
        time.sleep(0.05)
    pytest.fail(f"{name} is {now}, not {value}")


def test_crowd_is_counted():
    with Observed("--max-connections", 3, "--threads", 1) as server:
        crowd = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(5)]
        assert sorted(len(s.recv(1)) if ends(s) else 1 for s in crowd) == [0, 0, 1, 1, 1]
        crowd.pop(0).close()
        time.sleep(0.1)
        assert series(server.metrics(), 'valence_rejected_total{reason="connections"}') == 2
        for s in crowd:
            s.close()


def ends(s):
    """Whether the server closes it at once."""
    s.settimeout(0.3)
    try:
        s.recv(1, socket.MSG_PEEK)
        return True
    except TimeoutError:
        return False


def test_process():
    with Observed() as server:
        metrics = server.metrics()
        pid = server.process.pid
        fds = len(os.listdir(f"/proc/{pid}/fd"))
        assert abs(series(metrics, "process_open_fds") - fds) <= 1  # the scrape's own connection
        assert 1e6 < series(metrics, "process_resident_memory_bytes") < series(metrics, "process_virtual_memory_bytes")
        assert time.time() - 60 < series(metrics, "process_start_time_seconds") < time.time() + 2
        assert 0 < series(metrics, "process_cpu_seconds_total") < 60
        assert series(metrics, 'valence_memory_bytes{category="model"}') > 0


def test_head_and_url_library():
    with Observed() as server:
        status, head, body = server.ask("HEAD", "/metrics")
        assert status == 200 and int(head["content-length"]) > 1000 and body == b""
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=10) as answer:
            families(answer.read().decode())
