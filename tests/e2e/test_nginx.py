"""examples/nginx/nginx.conf with a real nginx: TLS and HTTP/2, and no client sees a server die or drain."""
import collections
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest

from support import ROOT, command, environment, strict_json, valence

EXAMPLE = ROOT / "examples" / "nginx" / "nginx.conf"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def await_text(file, pattern, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        file.seek(0)
        found = re.search(pattern, file.read())
        if found:
            return found[1]
        time.sleep(0.02)
    pytest.fail(f"no {pattern}")


class Server:
    def __init__(self, port=0, *more):
        with tempfile.NamedTemporaryFile("r") as said, open(said.name, "ab") as log:  # no pipe: a log would fill it
            self.process = subprocess.Popen(command("serve", "--port", port, "--threads", 1, *more), stdout=log, stderr=log, env=environment())
            self.port = int(await_text(said, r"listening on http://127\.0\.0\.1:(\d+)\s"))

    def end(self, number=signal.SIGKILL, timeout=30):
        self.process.send_signal(number)
        return self.process.wait(timeout)


def configuration(folder, port, backends):
    """The example with other places; each one replaced must be there."""
    text = EXAMPLE.read_text()
    places = {"listen 443 ": f"listen 127.0.0.1:{port} ", "127.0.0.1:8081": f"127.0.0.1:{backends[0]}", "127.0.0.1:8082": f"127.0.0.1:{backends[1]}",
              "/etc/nginx/valence.crt;": f"{folder}/crt;", "/etc/nginx/valence.key;": f"{folder}/key;", "pid /run/nginx.pid": f"pid {folder}/pid",
              "error_log /var/log/nginx/error.log": f"error_log {folder}/error.log", "access_log /var/log/nginx/valence.log": f"access_log {folder}/access.log",
              "worker_processes auto": "worker_processes 1", "worker_rlimit_nofile 65536;": "daemon off;", "worker_connections 8192": "worker_connections 512"}
    for old, new in places.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "scgi", "uwsgi"))
    if os.getuid() == 0:  # the folder is ours alone
        text = "user root;\n" + text
    path = folder / "nginx.conf"
    path.write_text(text.replace("\nhttp {", f"\nhttp {{ {temporary}", 1))
    return path


def wait_for(port, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    pytest.fail(f"nothing listens on {port}")


class Front:
    """nginx and the two servers behind it."""
    def __init__(self, folder, *serve):
        self.folder, self.port = folder, free_port()
        self.servers = [Server(0, *serve), Server(0, *serve)]
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost", "-keyout", folder / "key",
                        "-out", folder / "crt"], check=True, stderr=subprocess.DEVNULL)
        path = configuration(folder, self.port, [s.port for s in self.servers])
        self.nginx = subprocess.Popen([nginx(), "-p", folder, "-e", folder / "error.log", "-c", path], stderr=subprocess.PIPE)
        wait_for(self.port)
        self.url = f"https://127.0.0.1:{self.port}"

    def close(self):
        self.nginx.terminate()
        self.nginx.wait(20)
        for s in self.servers:
            if s.process.poll() is None:
                s.end()

    def load(self, *args):
        return subprocess.Popen(command("loadtest", self.url, "--insecure", "--json", "-c", 16, "--warmup", 0, *args), stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, env=environment())

    def answered(self):
        """Answers by the port that gave them, from nginx' log."""
        log = (self.folder / "access.log").read_text()
        return collections.Counter(int(m) for m in re.findall(r"upstream=(?:\S+, )?127\.0\.0\.1:(\d+) upstream_status=(?:\S+, )?200", log))

    def retried(self):
        return len(re.findall(r"upstream=\S+:\d+, ", (self.folder / "access.log").read_text()))


def nginx():
    path = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if not (path and shutil.which("curl") and shutil.which("openssl")):
        pytest.skip("SKIP nginx, curl or openssl is not installed (tools/deps.sh test)")
    return path


@pytest.fixture
def front(tmp_path):
    nginx()
    f = Front(tmp_path, "--grace", 1)
    yield f
    f.close()


def finished(load):
    out, err = load.communicate(timeout=60)
    assert load.returncode == 0, err.decode() + out.decode()
    return strict_json(out.decode())


def test_https_and_http2(front):
    def ask(path, *more):
        p = subprocess.run(["curl", "-sS", "--cacert", front.folder / "crt", "--resolve", f"localhost:{front.port}:127.0.0.1", "-w", "\n%{http_version} %{http_code}",
                            f"https://localhost:{front.port}{path}", *more], stdout=subprocess.PIPE, check=True, timeout=30)
        body, _, line = p.stdout.decode().rpartition("\n")
        return body, line.split()

    text = ["--json", json.dumps({"text": "I loved it"})]
    body, (version, code) = ask("/predict", *text, "--http2")
    assert (version, code) == ("2", "200") and json.loads(body)["prediction"] == "positive"
    body, (version, code) = ask("/predict", *text, "--http1.1")
    assert (version, code) == ("1.1", "200") and json.loads(body)["prediction"] == "positive"
    assert ask("/health/ready", "--http2")[1] == ["2", "200"]
    assert ask("/metrics", "--http2")[1] == ["2", "404"]
    assert ask("/predict", "--json", "{", "--http2")[1] == ["2", "400"]


def test_both_servers_answer_over_kept_connections(front):
    r = finished(front.load("-n", 2000))
    assert r["ok"] == 2000 and r["errors"]["total"] == 0
    by_port = front.answered()
    assert sorted(by_port) == sorted(s.port for s in front.servers) and min(by_port.values()) > 50, by_port


def connections(port):
    """Of this machine to and from a port, those that ended a while ago (TIME_WAIT) among them."""
    lines = [line.split() for line in open("/proc/net/tcp").read().splitlines()[1:]]
    return sum(1 for f in lines if f"{port:04X}" in (f[1].split(":")[1], f[2].split(":")[1]) and f[3] != "0A")


def test_connections_to_the_servers_are_kept(front):
    """Two thousand requests over a few connections; with the line that keeps them taken out, over as many as requests."""
    assert finished(front.load("-n", 2000))["ok"] == 2000
    kept = [connections(s.port) for s in front.servers]
    assert all(0 < n <= 2 * 64 for n in kept), kept  # both ends of each are ours
    path = front.folder / "nginx.conf"
    path.write_text(path.read_text().replace("        keepalive 64;\n", "", 1))
    front.nginx.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    finished(front.load("-n", 1000))
    assert sum(connections(s.port) for s in front.servers) > 700


def test_http2_multiplexes(front):
    r = finished(front.load("-n", 500, "--http2"))
    assert r["ok"] == 500 and r["connections"] < 8, r  # sixteen requests at a time


@pytest.mark.slow
def test_killed_server_costs_no_client_an_error(front):
    load = front.load("--duration", 4, "--slo", "errors=0")
    time.sleep(1.5)
    front.servers[0].end(signal.SIGKILL)
    r = finished(load)
    assert r["errors"]["total"] == 0 and r["ok"] == r["requests"] > 500
    assert front.retried() >= 1  # the ones that met the dead server
    assert front.answered()[front.servers[1].port] > front.answered()[front.servers[0].port] > 0


@pytest.mark.slow
def test_drained_server_costs_no_client_an_error(front):
    load = front.load("--duration", 5, "--slo", "errors=0")
    time.sleep(1.5)
    assert front.servers[0].end(signal.SIGTERM) == 0  # while requests come
    assert load.poll() is None
    r = finished(load)
    assert r["errors"]["total"] == 0 and r["ok"] == r["requests"] > 500
    assert min(front.answered().values()) > 0


@pytest.mark.slow
def test_restarted_server_is_used_again(front):
    first = front.servers[0]
    first.end(signal.SIGKILL)
    assert finished(front.load("-n", 200))["errors"]["total"] == 0
    before = front.answered()[first.port]
    front.servers[0] = Server(first.port)
    end = time.monotonic() + 15  # fail_timeout is 5 s, which nginx counts in whole seconds: up to 7
    while front.answered()[first.port] == before and time.monotonic() < end:
        assert finished(front.load("-n", 100))["errors"]["total"] == 0
        time.sleep(0.5)
    assert front.answered()[first.port] > before


def test_both_gone_is_told_as_502(front):
    for s in front.servers:
        s.end()
    r = valence("loadtest", front.url, "--insecure", "--json", "-n", 20, "-c", 2, "--slo", "errors=0", code=1)
    told = strict_json(r.out)
    assert told["status"] == {"502": 20} and told["ok"] == 0 and "objective missed: errors=0" in r.err
