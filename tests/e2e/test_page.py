"""The page at /, in a real headless Chromium, against a real server."""
import contextlib
import csv
import http.client
import io
import json
import re
import subprocess

import pytest

import browsing
from serving import Server
from support import command, environment

MODELS = ["general", "movies-lr", "movies-nb"]
TEXT = "What a wonderful film, but the end was terrible"


# ---- What it is made of --------------------------------------------------------------------------

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
        assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy and "*" not in policy
        assert page.count(f'nonce="{nonce}"') == 2 and "@NONCE@" not in page
        assert re.findall(r'(?:src|href)="([^:"]*)', page) == ["data"]  # the icon
        assert set(re.findall(r"\w+://[\w.]+", page)) == {"http://www.w3.org"}  # SVG's name, not an address
        assert not re.search(r'\bon\w+="|style="|@import|url\(', page)  # the policy would forbid them
        _, again = get(server.port, "/")
        assert nonce not in again


# ---- In a browser --------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def server():
    with Server(*(word for m in MODELS for word in ("-m", m)), "--threads", "2") as s:
        yield s


@pytest.fixture(scope="module")
def driver():
    d = browsing.start()
    yield d
    d.quit()


@pytest.fixture
def page(driver, server, tmp_path):
    """The page, freshly opened; afterwards it must have asked nobody else and complained of nothing."""
    folder = tmp_path / "downloads"
    folder.mkdir()
    b = browsing.Browser(driver, f"http://127.0.0.1:{server.port}", folder)
    yield b
    b.clean()


def asked(server, text, **options):
    return server.predict(text).json() if not options else \
        json.loads(raw(server, json.dumps({"text": text, **options}).encode()))


def raw(server, body):
    c = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    with contextlib.closing(c):
        c.request("POST", "/predict", body)
        return c.getresponse().read()


def shown(page):
    """{label: what stands beside its bar}."""
    return page.js("return Object.fromEntries([...document.querySelectorAll('#bars .bar')].map(b => "
                   "[b.children[0].textContent, b.children[2].textContent]))")


def as_percent(share, digits=0):
    return f"{100 * share:.{digits}f} %"


@pytest.mark.slow
def test_answers_while_one_types(page, server):
    page.write("wonderful")
    page.until(lambda: page.text("#headline .label") == "positive")
    page.one("#text").send_keys(" is not how I would call this terrible, boring mess")
    text = page.js("return document.getElementById('text').value")
    wanted = asked(server, text)
    assert wanted["prediction"] == "negative"
    page.until(lambda: page.text("#headline .label") == "negative")
    page.until(lambda: shown(page) == {k: as_percent(p, 1) for k, p in wanted["probabilities"].items()})
    assert page.text("#headline b") == as_percent(wanted["confidence"])
    page.one("#text").clear()
    page.one("#text").send_keys(" ")
    page.until(lambda: page.text("#headline") == page.text("#bars") == page.text("#words") == "")


@pytest.mark.slow
def test_words_are_coloured(page, server):
    page.write(TEXT)
    marks = page.until(lambda: page.js("return Object.fromEntries([...document.querySelectorAll('#words mark')].map(m => "
                                       "[m.textContent, [m.className, m.title, getComputedStyle(m).backgroundColor]]))") or False)
    page.until(lambda: page.text("#words") == TEXT)
    assert re.fullmatch("g[1-4]", marks["wonderful"][0]) and re.fullmatch("b[1-4]", marks["terrible"][0])
    weights = {r["text"]: r["weight"] for r in asked(server, TEXT, explain=True)["explanation"]}
    assert weights["wonderful"] * weights["terrible"] < 0
    sign = 1 if weights["wonderful"] > 0 else -1
    assert float(marks["wonderful"][1].split()[0]) * sign > 0 > float(marks["terrible"][1].split()[0]) * sign
    assert marks["wonderful"][2] != marks["terrible"][2]  # without styles both would be transparent
    assert page.text("#legend").startswith("speaks for positive speaks for negative")


@pytest.mark.slow
def test_texts_are_text(page):
    """Nothing that one types or loads becomes markup."""
    evil = "<img src=x onerror=alert(1)><b>good</b> \u00e9\U0001f600 end"
    page.open("/#text=" + "".join(f"%{b:02x}" for b in evil.encode()))
    page.until(lambda: page.text("#words") == evil)
    page.one("#file").send_keys(str(write(page, "<i>evil.csv", "<img src=x onerror=alert(1)>,b\nsome longer text,x\n")))
    page.until(lambda: "1 rows" in page.text("#state"))
    assert "<i>evil.csv" in page.text("#state") and "<img src=x" in page.text("#state")
    assert page.count("main img, #words b, #state i") == 0
    page.open("/#text=%E0%A4%A")  # malformed: the rest of the page must live
    page.write("good")
    page.until(lambda: page.text("#headline .label") == "positive")


@pytest.mark.slow
def test_models_side_by_side(page, server):
    page.write(TEXT)
    page.until(lambda: page.count("#models .label") == len(MODELS))
    rows = page.until(lambda: page.js("const rows = [...document.querySelectorAll('#models tr')].map(r => [...r.children].map(c => c.textContent));"
                                      "return rows.every(r => r[4]) && rows"))
    assert [r[0].split("logistic")[0].split("naive")[0] for r in rows] == MODELS
    for name, row in zip(MODELS, rows):
        wanted = asked(server, TEXT, model=name)
        assert row[1] == wanted["prediction"] and row[2] == as_percent(wanted["confidence"])
        assert re.fullmatch(r"\d+(\.\d)? ms", row[4]) and float(row[4].split()[0]) < 2000
        widths = page.js("return [...document.querySelectorAll('#models tr:nth-child(%d) .fill')].map(f => parseFloat(f.style.width))"
                         % (MODELS.index(name) + 1))
        assert widths == pytest.approx([100 * p for p in wanted["probabilities"].values()], abs=0.01)
    assert len({r[2] for r in rows}) == len(MODELS)  # each one's own answer


@pytest.mark.slow
def test_another_model_answers(page, server):
    page.write(TEXT)
    for name in ("movies-nb", "general"):
        page.js("const m = document.getElementById('model'); m.value = arguments[0]; m.dispatchEvent(new Event('change'))", name)
        wanted = asked(server, TEXT, model=name)["probabilities"]
        page.until(lambda: shown(page) == {k: as_percent(p, 1) for k, p in wanted.items()})


# ---- A file --------------------------------------------------------------------------------------

def write(page, name, text):
    folder = page.downloads.parent / "files"
    folder.mkdir(exist_ok=True)
    path = folder / name.replace("/", "_")
    path.write_bytes(text.encode())
    return path


def check_scored(server, content, rows, header, delimiter=","):
    """Every row as it was, in order, with the answers that /predict gives."""
    told = list(csv.reader(io.StringIO(content.decode(), newline=""), delimiter=delimiter, strict=True))
    labels = list(asked(server, "x")["probabilities"])
    assert told[0] == [*header, "prediction", "confidence", *labels]
    assert len(told) == 1 + len(rows) and all(len(r) == len(told[0]) for r in told)
    column, counts, answers = header.index("text"), {}, {}
    for row, got in zip(rows, told[1:]):
        assert got[:len(header)] == row + [""] * (len(header) - len(row))
        if row[column] not in answers:
            answers[row[column]] = asked(server, row[column])
        wanted = answers[row[column]]
        assert got[len(header)] == wanted["prediction"]
        assert [float(v) for v in got[len(header) + 1:]] == [wanted["confidence"], *wanted["probabilities"].values()]
        counts[wanted["prediction"]] = counts.get(wanted["prediction"], 0) + 1
    return counts


def shares(page):
    return page.js("return Object.fromEntries([...document.querySelectorAll('#shares .bar')].map(b => "
                   "[b.children[0].textContent, [b.children[2].textContent, parseFloat(b.querySelector('.fill').style.width)]]))")


def check_shares(page, counts):
    whole = sum(counts.values())
    told = shares(page)
    assert {k: int(v[0].split()[0]) for k, v in told.items()} == counts
    for label, (_, width) in told.items():
        assert width == pytest.approx(100 * counts[label] / whole, abs=0.01)


SOME = ["I loved it", "awful, simply awful", "it is a \"film\"", "line one\nline two", "caf\u00e9 \U0001f600 d\u00e9licieux", "", "2,5 stars"]


@pytest.mark.slow
def test_file_chosen(page, server):
    header = ["id", "text", "note"]
    rows = [[str(i), SOME[i % len(SOME)], "n, o" if i % 3 else ""] for i in range(2500)]
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows([header, *rows])
    ragged = "2500,short\r\n2501,good\r\n"
    rows += [["2500", "short"], ["2501", "good"]]
    page.one("#file").send_keys(str(write(page, "my films.csv", "\ufeff" + out.getvalue() + ragged)))
    page.until(lambda: page.js("return !document.getElementById('save').hidden"))
    assert page.js("return document.getElementById('progress').value") == 1
    assert re.fullmatch(r'my films\.csv: 2502 rows of column "text" in \d+\.\d s, \d+ a second', page.text("#state"))
    page.one("#save").click()
    name, content = page.downloaded()
    assert name == "my films-scored.csv"
    check_shares(page, check_scored(server, content, rows, header))


def drop(page, selector, name, text):
    """As a browser fires it: over, then drop, with a file inside. Whether both were taken."""
    return page.js("""
        const transfer = new DataTransfer();
        transfer.items.add(new File([arguments[2]], arguments[1], { type: "text/csv" }));
        return ["dragover", "drop"].map(kind => {
            const event = new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true });
            document.querySelector(arguments[0]).dispatchEvent(event);
            return event.defaultPrevented;
        });""", selector, name, text)


@pytest.mark.slow
@pytest.mark.parametrize("where, delimiter", [("#drop", ";"), ("h1", "\t")])
def test_file_dropped(page, server, where, delimiter):
    """Also beside the box: a browser would show the file instead of the page."""
    header, rows = ["prediction", "text"], [["old", t] for t in ("I loved it", "awful; really awful, yes", "a film")]
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows([header, *rows])
    assert drop(page, where, "d.csv", out.getvalue()) == [True, True]
    page.until(lambda: page.js("return !document.getElementById('save').hidden"))
    assert not page.js("return document.body.classList.contains('over')")
    page.one("#save").click()
    name, content = page.downloaded()
    assert name == "d-scored.csv"
    first, rest = content.decode().split("\n", 1)
    assert first.split(delimiter)[2] == "prediction_"  # the name is taken: no column of theirs is lost
    fixed = first.replace("prediction_", "prediction") + "\n" + rest
    check_shares(page, check_scored(server, fixed.encode(), rows, header, delimiter))


@pytest.mark.slow
def test_progress_and_stop(page):
    """A large file: the bar moves, the chart grows, and one can stop it."""
    page.js("""
        window.seen = [];
        new MutationObserver(() => window.seen.push(document.getElementById("progress").value))
            .observe(document.getElementById("state"), { childList: true });""")
    text = "text\n" + "this is a rather good film that I would see again\n" * 400000
    drop(page, "#drop", "large.csv", text)
    page.until(lambda: len(page.js("return window.seen")) > 4)
    page.one("#stop").click()
    page.until(lambda: page.text("#state").endswith("Stopped."))
    seen = page.js("return window.seen")
    moved = [v for v in seen if v > 0]
    assert moved == sorted(moved) and len(set(moved)) >= 3 and 0 < moved[-1] < 1
    assert page.js("return document.getElementById('save').hidden")
    drop(page, "#drop", "small.csv", "text\ngood\n")  # and go on with another
    page.until(lambda: page.text("#state").startswith("small.csv: 1 rows"))


@pytest.mark.slow
@pytest.mark.parametrize("content, told", [("", "no rows"), ("text\n", "no rows"), ("text\n\n\n", "no rows"), ("a,b\n1,the longer one\n", "column \"b\"")])
def test_odd_files(page, content, told):
    drop(page, "#drop", "odd.csv", content)
    page.until(lambda: told in page.text("#state"))


# ---- Live ----------------------------------------------------------------------------------------

def charts(page):
    return page.js("return [...document.querySelectorAll('#charts figure')].map(f => [f.querySelector('b').textContent,"
                   "[...f.querySelectorAll('path')].map(p => p.getAttribute('d') || '').join('|'), f.querySelector('svg').getAttribute('aria-label')])")


@pytest.mark.slow
def test_charts_move_under_load(page, server):
    page.until(lambda: charts(page)[3][0].endswith(" MB"))
    quiet = charts(page)
    assert float(quiet[0][0]) < 50
    load = subprocess.Popen(command("loadtest", page.url, "--rate", 300, "--duration", 6, "--warmup", 0, "-c", 4, "--json"),
                            stdout=subprocess.PIPE, env=environment())
    try:
        def busy():
            now = charts(page)
            assert 150 < float(now[0][0]) < 450
            p50, p95, p99 = (amount * {"\u00b5s": 1e-6, "ms": 1e-3, "s": 1}[unit] for amount, unit in
                             ((float(part.split()[0]), part.split()[1]) for part in now[1][0].split(" / ")))
            assert 0 < p50 <= p95 <= p99 < 5
            assert 0 <= float(now[2][0].split()[0]) <= 100 and now[2][0].endswith(" %")
            return now
        now = page.until(busy)
        assert float(now[3][0].split()[0]) == pytest.approx(server.rss_kilobytes * 1024 / 1e6, rel=0.2)
        for before, after in zip(quiet, now):
            assert before[1] != after[1] and after[2].endswith("now " + after[0]) and "NaN" not in after[1]
        page.until(lambda: charts(page)[0][1].count("L") >= 4)  # a line that goes on
    finally:
        load.wait(30)
    page.until(lambda: float(charts(page)[0][0]) < 50)


# ---- For everybody -------------------------------------------------------------------------------

def focused(page):
    return page.js("const e = document.activeElement, s = getComputedStyle(e); return [e.id || e.textContent, s.outlineStyle, parseFloat(s.outlineWidth)]")


@pytest.mark.slow
def test_keyboard_alone(page, server):
    from selenium.webdriver.common.keys import Keys
    page.keys("so good")  # the text has the focus
    page.until(lambda: page.text("#headline .label") == "positive")
    drop(page, "#drop", "d.csv", "text\ngood\nbad\n")
    page.until(lambda: page.js("return !document.getElementById('save').hidden"))
    seen = [focused(page)]
    for _ in range(12):
        page.keys(Keys.TAB)
        seen.append(focused(page))
        if seen[-1][0] == "save":
            break
    names = [name for name, _, _ in seen]
    assert names == ["text", *(names[1:4]), "choose", "save"] and "Not good" in names[2]
    assert all(style == "solid" and width >= 2 for _, style, width in seen), seen  # one sees where one is
    page.keys(Keys.ENTER)
    assert page.downloaded()[0] == "d-scored.csv"
    page.back(3)
    assert focused(page)[0] == names[2]
    page.keys(Keys.SPACE)
    page.until(lambda: page.text("#headline .label") == "negative" and page.text("#words") == names[2])
    page.back(3)
    assert focused(page)[0] == "model"
    page.keys(Keys.ARROW_DOWN)
    wanted = asked(server, names[2], model=MODELS[1])["probabilities"]
    page.until(lambda: list(shown(page)) == list(wanted))


def fill(page):
    """Everything the page can show at once."""
    page.write(TEXT + " and " + "averyveryverylongword" * 5)
    page.until(lambda: page.count("#models .label") == len(MODELS))
    drop(page, "#drop", "a-rather-long-name-of-a-file-without-a-single-blank.csv", "text\n" + "\n".join(SOME[:2] + ["a film"]) + "\n")
    page.until(lambda: page.js("return !document.getElementById('save').hidden"))
    page.until(lambda: charts(page)[3][0].endswith(" MB"))


@pytest.mark.slow
@pytest.mark.parametrize("width", [320, 390, 768])
def test_on_a_phone(page, width):
    page.width(width)
    page.open()
    fill(page)
    seen = page.js("return [document.documentElement.scrollWidth, innerWidth]")
    assert seen == [width, width]  # nothing to scroll sideways
    outside = page.js("""
        return [...document.querySelectorAll("body *")].filter(e => {
            const r = e.getBoundingClientRect();
            return r.width && r.height && (r.right > innerWidth + 0.5 || r.left < -0.5);
        }).map(e => e.tagName + "#" + e.id + " " + e.textContent.slice(0, 30))""")
    assert outside == []
    assert page.js("return parseFloat(getComputedStyle(document.getElementById('text')).fontSize)") >= 16  # less, and phones zoom in
    small = page.js("return [...document.querySelectorAll('body *')].filter(e => e.children.length === 0 && e.textContent.trim() && e.offsetParent && "
                    "parseFloat(getComputedStyle(e).fontSize) < 12).map(e => e.textContent)")
    assert small == []
    low = page.js("return [...document.querySelectorAll('button, select, #save')].filter(e => e.offsetParent).map(e => e.getBoundingClientRect().height).filter(h => h < 24)")
    assert low == []  # WCAG 2.5.8


CONTRAST = """
    const parse = c => { const m = c.match(/[\\d.]+/g).map(Number); return [...m.slice(0, 3), m.length > 3 ? m[3] : 1]; };
    const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
    const back = e => {
        const layers = [];
        for (let n = e; n; n = n.parentElement) layers.unshift(parse(getComputedStyle(n).backgroundColor));
        return layers.reduce((under, top) => over(top, under), [255, 255, 255, 1]);
    };
    const light = c => { const [r, g, b] = c.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
    const ratio = e => { const b = back(e), f = over(parse(getComputedStyle(e).color), b), [x, y] = [light(f), light(b)]; return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05); };
    const own = e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    return [light(back(document.body)), [...document.querySelectorAll("body *")].filter(e => e.offsetParent && own(e)).map(e => [ratio(e), e.textContent.slice(0, 40)])];"""


@pytest.mark.slow
def test_dark_and_light(page):
    """The system's choice decides, and all that is written can be read (contrast of WCAG AA)."""
    background = {}
    fill(page)
    for scheme in ("light", "dark"):
        page.media(scheme)
        background[scheme], texts = page.js(CONTRAST)
        assert len(texts) > 40
        assert [t for t in texts if t[0] < 4.5] == []
    assert background["light"] > 0.8 and background["dark"] < 0.05


# ---- Servers that say no -------------------------------------------------------------------------

@pytest.mark.slow
def test_key_is_asked_for(driver, tmp_path):
    (tmp_path / "keys").write_text("a-secret-key-of-ours\n")
    with Server("--api-key-file", tmp_path / "keys") as s:
        driver.get(f"http://127.0.0.1:{s.port}/")
        b = browsing.Browser.__new__(browsing.Browser)
        b.driver = driver
        b.until(lambda: b.js("return !document.getElementById('ask').hidden"))
        b.one("#key").send_keys("wrong\n")
        b.until(lambda: b.js("return !document.getElementById('ask').hidden"))
        b.one("#key").clear()
        b.one("#key").send_keys("a-secret-key-of-ours\n")
        b.until(lambda: b.count("#models tr") == 1 and b.js("return document.getElementById('ask').hidden"))
        b.write("I loved it")
        b.until(lambda: b.text("#headline .label") == "positive")
        b.until(lambda: b.js("return document.querySelectorAll('#charts b')[3].textContent").endswith(" MB"))
    b.until(lambda: "does not answer" in b.text("#about"))
    b.one("#text").send_keys("!")
    b.until(lambda: b.text("#headline").startswith("No answer"))
    driver.get("about:blank")
