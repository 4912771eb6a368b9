"""The page at /, in a real headless Chromium, against a real server."""
import contextlib
import http.client
import re
import shutil
import subprocess

import pytest

from serving import Server

CHROMIUM = shutil.which("chromium")


def get(port, path):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(c):
        c.request("GET", path)
        answer = c.getresponse()
        return answer, answer.read().decode()


def test_nothing_from_outside():
    with Server() as server:
        answer, page = get(server.port, "/")
        assert answer.status == 200 and answer.headers["Content-Type"] == "text/html; charset=utf-8"
        policy = answer.headers["Content-Security-Policy"]
        nonce = re.search(r"script-src 'nonce-([0-9a-f]{32})'", policy).group(1)
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert page.count(f'nonce="{nonce}"') == 2 and "@NONCE@" not in page
        assert not re.search(r'(src|href)="', page) and "//" not in re.sub(r"http://www.w3.org/2000/svg", "", page)
        assert not re.search(r'\bon\w+="|style="', page)  # the policy would forbid them
        _, again = get(server.port, "/")
        assert nonce not in again


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="SKIP there is no chromium")
def test_answers_in_a_browser():
    with Server("-m", "general", "-m", "movies-lr") as server:
        url = f"http://127.0.0.1:{server.port}/#text=What%20a%20wonderful%20film%2C%20but%20the%20end%20was%20terrible"
        p = subprocess.run([CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=4000",
                            "--dump-dom", url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=True)
        dom = p.stdout.decode()
        answer = dom[dom.index('id="answer"'):dom.index("</main>")]
        assert re.search(r'<span class="label[ a-z]*">(positive|negative|neutral)</span>', answer)
        assert re.search(r'<mark class="g[1-4]" title="[+-][\d.]+">wonderful', answer)
        assert re.search(r'<mark class="b[1-4]" title="[+-][\d.]+">terrible', answer)
        for model in ("general", "movies-lr"):
            assert re.search(rf"<td>{model}</td>.*?<span class=\"label[^>]*>\w+</span></td><td class=\"n\">0\.\d\d", answer)
        assert "Refused" not in p.stderr.decode()  # the policy forbids nothing that the page needs
