"""What the tests of `valence serve` share: a server on a free port, and raw connections to it.
Not a test itself."""
import contextlib
import json
import os
import queue
import re
import signal
import socket
import subprocess
import threading
import time

from support import ROOT, SANITIZED, command, environment

PATIENCE = 60 if SANITIZED else 20
TSAN = f"suppressions={ROOT / 'tests' / 'tsan.supp'} {os.environ.get('TSAN_OPTIONS', '')}"


class Server:
    """A server that stops with the block; what it said on stderr is in `lines`."""

    def __init__(self, *options, env=None, wait=True, program=None):
        """program: another one that takes the options of `valence serve`."""
        line = command("serve", "--port", 0, *options)
        self.process = subprocess.Popen([program, *line[2:]] if program else line, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                        errors="replace", env=environment(TSAN_OPTIONS=TSAN, **(env or {})))
        self.lines, self.said = [], queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        self.port = self._port() if wait else None

    def _listen(self):
        for line in self.process.stderr:
            self.lines.append(line)
            self.said.put(line)
        self.said.put(None)

    def _port(self):
        end = time.monotonic() + PATIENCE
        while True:
            line = self.said.get(timeout=max(0.1, end - time.monotonic()))
            assert line is not None, f"the server ended: {''.join(self.lines)}"
            found = re.search(r"listening on http://\S+:(\d+)", line)
            if found:
                return int(found[1])

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.send_signal(signal.SIGINT)  # a second one, and another: two alike may merge
        code = self.process.wait(PATIENCE)
        assert failure or code == 0, f"exit {code}: {''.join(self.lines)[-4000:]}"

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=PATIENCE):
        return self.process.wait(seconds)

    @property
    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    @property
    def rss_kilobytes(self):
        with open(f"/proc/{self.process.pid}/status") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1])

    def settled(self, descriptors, seconds=PATIENCE):
        """Waits until as few descriptors are open as were before, and stay so (clients that are gone may
        still wait to be taken)."""
        end, calm = time.monotonic() + seconds, 0
        while calm < 4 and time.monotonic() < end:
            calm = calm + 1 if self.descriptors <= descriptors else 0
            time.sleep(0.05)
        return calm == 4

    def connect(self, timeout=PATIENCE, receive_buffer=None):
        return Client(("127.0.0.1", self.port), timeout, receive_buffer)

    def talk(self, data, timeout=PATIENCE):
        """Sends bytes on a new connection; see Client.talk."""
        with contextlib.closing(self.connect(timeout)) as c:
            return c.talk(data)

    def predict(self, text):
        with contextlib.closing(self.connect()) as c:
            c.send(post({"text": text}))
            return c.answer()

    def status(self, path):
        with contextlib.closing(self.connect()) as c:
            c.send(get(path))
            return c.answer().status


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    @property
    def closes(self):
        return self.headers.get("connection", "").lower() == "close"


class Client:
    """One raw connection."""

    def __init__(self, address, timeout=PATIENCE, receive_buffer=None):
        self.socket = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect(address)
        self.bytes = b""

    def close(self):
        self.socket.close()

    def reset(self):
        """Closes so that the server sees an error, not an end."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def more(self, size=65536):
        """One read; False at the end of the connection, be it orderly or not."""
        try:
            got = self.socket.recv(size)
        except (ConnectionResetError, BrokenPipeError):
            got = b""
        self.bytes += got
        return bool(got)

    def until(self, mark):
        while mark not in self.bytes:
            assert self.more(), f"the connection ended with {self.bytes[:300]!r}"
        head, _, self.bytes = self.bytes.partition(mark)
        return head

    def exactly(self, size):
        while len(self.bytes) < size:
            assert self.more(1 << 20), f"the connection ended {size - len(self.bytes)} bytes early"
        head, self.bytes = self.bytes[:size], self.bytes[size:]
        return head

    def answer(self, has_body=True):
        first, *lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        assert re.fullmatch(r"HTTP/1\.1 \d\d\d [A-Za-z -]+", first), first
        headers = {}
        for line in lines:
            name, colon, value = line.partition(": ")
            assert colon and name.lower() not in headers, lines
            headers[name.lower()] = value
        status = int(first.split()[1])
        chunked = headers.get("transfer-encoding") == "chunked"
        if not has_body or status in (100, 204):
            body = b""
        else:
            body = self.chunks() if chunked else self.exactly(int(headers["content-length"]))
        return Answer(status, headers, body)

    def chunks(self):
        body = b""
        while True:
            size = int(self.until(b"\r\n"), 16)
            body += self.exactly(size)
            assert self.exactly(2) == b"\r\n"
            if size == 0:
                return body

    def ended(self, seconds=None):
        """Whether the server closes within so many seconds, sending nothing more."""
        self.socket.settimeout(seconds or PATIENCE)
        try:
            return not self.bytes and not self.more()
        except socket.timeout:
            return False

    def talk(self, data):
        """Sends, ends our side, and reads to the end: the answers."""
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            self.send(data)
            self.socket.shutdown(socket.SHUT_WR)
        answers = []
        while self.bytes or self.more():
            answers.append(self.answer())
        return answers


def post(value, *headers, path="/predict", version="HTTP/1.1"):
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return request("POST", path, *headers, f"Content-Length: {len(body)}", version=version) + body


def get(path, *headers, version="HTTP/1.1"):
    return request("GET", path, *headers, version=version)


def request(method, path, *headers, version="HTTP/1.1"):
    lines = [f"{method} {path} {version}", "Host: x", *headers]
    return "".join(line + "\r\n" for line in lines).encode("latin-1") + b"\r\n"


def chunked(*pieces):
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"
