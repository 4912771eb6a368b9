"""parts_serve.py: the web server with one thread beside nginx with one worker, which only hands out bytes, and
beside Flask under gunicorn: the same requests, the same client, in alternation."""
import json, os, statistics, time
from inputs import read_rows
from measure import Failed
import servers

PACKAGES = ["flask", "gunicorn", "scikit-learn"]
PYTHON = "build/venv/bin/python"
TEXTS, BYTES = 4000, 200
FLASK = {"gunicorn sync": ("--worker-class", "sync"), "gunicorn gthread": ("--worker-class", "gthread", "--threads", "2")}


def serve(b):
    """Requests a second, latency and memory of the web server with one thread."""
    bodies = make_bodies(b)
    rate = throughput(b, bodies)
    half_load(b, bodies, rate)
    resident(b, bodies)
    ready(b)


def make_bodies(b):
    """The first words of so many reviews, as request bodies, one a line."""
    path = b.inputs.kept("bodies.jsonl")
    if not os.path.exists(path):
        texts = [row[1].encode()[:BYTES].decode(errors="ignore").rpartition(" ")[0] for row in read_rows(b.inputs.imdb())[1]]
        texts = [t for t in dict.fromkeys(texts[::max(1, len(texts) // TEXTS)]) if t]
        with open(path + ".part", "w", encoding="utf-8") as f:
            f.writelines(json.dumps({"text": t}) + "\n" for t in texts)
        os.rename(path + ".part", path)
    lines = open(path, "rb").read().split(b"\n")[:-1]
    if len(lines) < 1000:
        raise Failed("fewer than 1000 different texts")
    b.say(f"{len(lines)} bodies of {sum(map(len, lines)) / len(lines):.0f} bytes")
    return path


# ---- Throughput ------------------------------------------------------------------------------------

def flask_model(b):
    path = b.inputs.kept("peer_flask.model")
    if not os.path.exists(path):
        b.lab.progress("training scikit-learn's unigrams")
        b.lab.output([PYTHON, "bench/peer_flask.py", b.inputs.imdb(), path + ".part"])
        os.rename(path + ".part", path)
    return path


def contenders(b):
    """{name: how to start it}"""
    with servers.valence(b.valence, "--cache-size", "0") as s:
        answer = json.dumps(s.post("The film was good"), separators=(",", ":"))  # nginx sends as much
    all_of = {"nginx": lambda: servers.nginx(b.path("nginx"), answer)}
    for model in ("general", "movies-lr", "movies-nb"):
        all_of[model] = lambda m=model: servers.valence(b.valence, "-m", m, "--cache-size", "0")
    all_of["general, cached"] = lambda: servers.valence(b.valence, "--cache-size", "10000")
    if b.peers and b.install(PACKAGES):
        for name, options in FLASK.items():
            all_of[name] = lambda o=options: servers.gunicorn(PYTHON, flask_model(b), *o)
    return all_of


def throughput(b, bodies):
    seconds, rounds, runs = (2, 3, {}) if b.quick else (4, 7, {})
    running = {name: start() for name, start in contenders(b).items()}
    try:
        for i in range(rounds):
            for name, server in running.items():
                b.lab.progress(f"{name}, round {i + 1} of {rounds}")
                runs.setdefault(name, []).append(servers.wrk(server, bodies, seconds))
    finally:
        for server in running.values():
            server.__exit__()
    show_throughput(b, runs)
    return statistics.median(r["rate"] for r in runs["general"])


def ratio(runs, ours, theirs, what="rate"):
    """The median of the rounds' ratios: what disturbs one round disturbs both."""
    return statistics.median(a[what] / t[what] for a, t in zip(runs[ours], runs[theirs]))


def show_throughput(b, runs):
    rows, middle = [], lambda name, what: statistics.median(r[what] for r in runs[name])
    peers = [name for name in runs if name in FLASK]
    best = max(peers, key=lambda name: middle(name, "rate")) if peers else None
    for name in runs:
        key = name.replace(", ", "_").replace(" ", "_")
        ours = name != "nginx" and name not in FLASK
        b.lab.figure(f"serve.{key}.requests_per_s", middle(name, "rate"), "requests/s")
        b.lab.figure(f"serve.{key}.cpu_us", middle(name, "cpu_us"), "us", "lower")
        row = [("valence " if ours else "") + name, f"{middle(name, 'rate'):,.0f}", f"{middle(name, 'cpu_us'):.2f}",
               f"{middle(name, 'p50_ms'):.2f}", f"{middle(name, 'p99_ms'):.2f}", "", "", ""]
        if ours:
            row[5] = f"{b.lab.figure(f'serve.{key}.of_nginx', ratio(runs, name, 'nginx'), 'x', gate='speed'):.0%}"
            row[6] = f"{b.lab.figure(f'serve.{key}.of_nginx_cpu', ratio(runs, 'nginx', name, 'cpu_us'), 'x', gate='speed'):.0%}"
            if best:
                row[7] = f"{b.lab.figure(f'serve.{key}.over_flask', ratio(runs, name, best), 'x', gate='speed'):.0f}x"
        rows.append(row)
    b.table(f"one thread or worker, wrk -t1 -c64 ({len(runs['nginx'])} rounds in alternation; server and client on a core each)",
            ["server", "requests/s", "CPU us", "p50 ms", "p99 ms", "of nginx", "by CPU", "of Flask"], rows)
    b.say("nginx: one worker, `return 200` with an answer of the same length. 'By CPU': nginx' processor time for a request\n"
          "over ours: what the rate would be with the server's core always busy. Every text comes anew: no cache, but in the\n"
          f"row that says so. Flask: scikit-learn's unigram tf-idf and logistic regression; the better one ({best}) counts.")


# ---- Latency ---------------------------------------------------------------------------------------

def half_load(b, bodies, rate):
    """Open loop: latency counts from when a request was due. Both sides share the cores here."""
    rows = []
    with servers.valence(b.valence, "--cache-size", "0") as s:
        for share in (0.1, 0.25, 0.5):
            found = []
            for _ in range(2 if b.quick else 5):
                b.lab.progress(f"{share:.0%} of {rate:,.0f} requests/s")
                found.append(b.lab.json_output([b.valence, "loadtest", f"http://127.0.0.1:{s.port}", "--rate", str(int(rate * share)), "-c", "64",
                                                "--duration", "2" if b.quick else "4", "--texts", bodies, "--json"]))
            errors = sum(r["errors"]["total"] for r in found)
            got = {q: statistics.median(r["latency_ms"][q] for r in found) for q in ("p50", "p99", "p99.9")}
            busy = statistics.median(r["client_busy"] for r in found)
            b.lab.figure(f"serve.at_{share:.0%}.p99_ms", got["p99"], "ms", "lower")
            rows.append([f"{share:.0%}", f"{rate * share:,.0f}", f"{statistics.median(r['throughput'] for r in found):,.0f}", *(f"{v:.3f}" for v in got.values()),
                         str(errors), f"{busy:.0%}"])
    b.table("latency under a steady load (general, one thread, 64 connections, open loop)",
            ["load", "due/s", "answered/s", "p50 ms", "p99 ms", "p99.9 ms", "errors", "client busy"], rows)
    b.say("A client that is busy all the time cannot send what is due, and measures itself.")


# ---- Memory and start ------------------------------------------------------------------------------

def resident(b, bodies):
    idle, total = (2000, 500000) if b.quick else (10000, 5000000)
    with servers.valence(b.valence) as s:
        fresh, sent = s.resident_mb(), servers.wrk(s, bodies, 2)["requests"]
        at64, growth = s.resident_mb(), []
        while sent < total:
            b.lab.progress(f"{sent:,} of {total:,} requests")
            sent += servers.wrk(s, bodies, 10)["requests"]
            growth.append(s.resident_mb())
        with servers.Idle(s, idle):
            with_idle = s.resident_mb()
    b.lab.figure("serve.memory.connections64_mb", at64, "MB", "lower", "memory")
    b.lab.figure(f"serve.memory.idle{idle}_mb", with_idle, "MB", "lower", "memory")
    grown = b.lab.figure("serve.memory.growth_mb", max(growth) - at64, "MB", "lower")
    b.table("resident memory (general, one thread, cache on)", ["when", "MB"],
            [["started", f"{fresh:.1f}"], ["64 connections, 2 s of load", f"{at64:.1f}"], [f"after {sent:,} requests", f"{growth[-1]:.1f} ({grown:+.1f})"],
             [f"{idle:,} idle connections", f"{with_idle:.1f}"]])


def ready(b):
    took = []
    for _ in range(5 if b.quick else 20):
        with servers.valence(b.valence) as s:
            took.append(s.ready * 1e3)
        time.sleep(0.01)
    middle = b.lab.figure("serve.ready_ms", statistics.median(took), "ms", "lower")
    b.say(f"Ready (from starting the process to the first answer): {middle:.1f} ms, at worst {max(took):.1f} ms of {len(took)}.")
