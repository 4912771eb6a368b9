"""What the tests of cache, metrics and access to `valence serve` share. Not a test itself."""
import http.client
import time

from serving import PATIENCE, Server


class Observed(Server):
    """A server with two loops, asked by Python's own client."""

    def __init__(self, *options):
        super().__init__("--threads", 2, "--grace", 0, "--drain", 5, *options)

    def ask(self, method, path, body=None, headers={}):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            c.request(method, path, body, headers)
            r = c.getresponse()
            return r.status, {k.lower(): v for k, v in r.getheaders()}, r.read()
        finally:
            c.close()

    def metrics(self, headers={}):
        status, head, text = self.ask("GET", "/metrics", headers=headers)
        assert status == 200 and head["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        return text.decode()

    def told(self, rows=0):
        """Lines on stderr, once there are so many of them besides its own."""
        end = time.monotonic() + 5
        while sum(not line.startswith("valence: ") for line in self.lines) < rows and time.monotonic() < end:
            time.sleep(0.02)
        return list(self.lines)


def series(metrics, name):
    """The value of one series, which must be there once."""
    values = [line.rpartition(" ")[2] for line in metrics.splitlines() if line.rpartition(" ")[0] == name]
    assert len(values) == 1, f"{name}: {values}"
    return float(values[0])
