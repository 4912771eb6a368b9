#!/usr/bin/env python3
"""bench.py: measures valence beside its peers in one run and compares with bench/baseline.json.

    python3 bench/bench.py --build build/release            everything (about a quarter of an hour)
    python3 bench/bench.py --build build/release --quick    fewer runs, one fold (about five minutes)
    python3 bench/bench.py --only score,startup             some parts
    python3 bench/bench.py --write-baseline                 what was measured becomes the baseline

Exit status: 0 ok, 1 a figure is worse than the baseline allows or valence failed, 2 usage.
The targets are shown, not enforced. Python's standard library only; the peers live in build/venv."""
import argparse, datetime, json, os, platform, shutil, subprocess, sys, time
import parts_accuracy, parts_lstm, parts_serve, parts_speed, parts_train, parts_transformer, report
from inputs import Inputs
from measure import Failed, Lab

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PEERS = {"sklearn": "scikit-learn", "fasttext": "fasttext-wheel", "vaderSentiment": "vaderSentiment"}
BASELINE = "bench/baseline.json"
PARTS = {"accuracy_imdb": parts_accuracy.imdb, "general": parts_accuracy.general, "train": parts_speed.train,
         "score": parts_speed.score, "latency": parts_speed.latency, "startup": parts_speed.startup,
         "memory": parts_speed.memory, "kernels": parts_speed.kernels, "serve": parts_serve.serve,
         "transformer": parts_transformer.transformer, "lstm": parts_lstm.lstm,
         "train_lstm": parts_train.train_lstm}


class Bench:
    """What every part is given."""

    def __init__(self, o, printer):
        self.build, self.quick, self.printer = o.build, o.quick, printer
        self.valence = os.path.abspath(os.path.join(o.build, "valence"))
        self.lab = Lab("build/bench", printer.progress)
        self.inputs = Inputs("build/bench/data", o.data)
        self.peers = False
        self.tables = []
        info = self.lab.json_output([self.valence, "info", "--json"])
        self.isa, self.cores = info["isa"], info["processors"]
        self.threads = min(2, self.cores)
        self.machine = {"cores": self.cores, "threads": self.threads, "isa": info["isa"],
                        "isa_detected": info["isa_detected"], "cpu": cpu_name(), "system": platform.platform(),
                        "valence": info["version"], "commit": commit()}

    def path(self, name):
        os.makedirs("build/bench/work", exist_ok=True)
        return os.path.abspath(os.path.join("build/bench/work", name))

    def peer(self, *args):
        return ["build/venv/bin/python", "bench/peers.py", *args]

    def install(self, packages):
        """True when build/venv has them, now at the latest. Their versions go into the report."""
        found = install(self.printer, packages) if self.peers else None
        self.machine.get("peers", {}).update(found or {})
        return bool(found)

    movies_name = "movies-lr.safetensors"

    def movies(self, short):
        """The shipped model of reviews: accuracy and speed are claims about one and the same file."""
        return os.path.abspath(f"models/movies-{short}.safetensors")

    def say(self, text):
        self.printer.say("\n".join("  " + line for line in text.split("\n")))

    def table(self, title, header, rows):
        self.tables.append({"title": title, "header": header, "rows": rows})
        self.printer.table(title, header, rows)


def cpu_name():
    try:
        lines = open("/proc/cpuinfo").read().split("\n")
        return next(line.split(": ", 1)[1] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def commit():
    done = subprocess.run(["git", "describe", "--always", "--dirty"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True)
    return done.stdout.strip() or None


def versions(python, packages):
    code = "import importlib.metadata as m, json\n" \
           f"print(json.dumps({{p: m.version(p) for p in {sorted(packages)}}}))"
    done = subprocess.run([python, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else None


def install(printer, packages):
    """{package: version} of build/venv, after installing what was missing; None where that fails."""
    python = "build/venv/bin/python"
    found = versions(python, packages) if os.path.exists(python) else None
    if not found:
        printer.say("Setting up the peers in build/venv (pip: " + ", ".join(packages) + ")")
        if not os.path.exists(python):
            subprocess.run([sys.executable, "-m", "venv", "build/venv"], check=False)
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages],
                       stdout=sys.stderr, check=False)
        found = versions(python, packages)
    return found


def find_peers(b):
    """Without them, only valence is measured."""
    found = install(b.printer, list(PEERS.values()))
    if found:
        b.peers, b.machine["peers"] = True, found
    else:
        b.lab.note("the peers cannot be installed (pip needs the network): there will be NO RATIOS")


def show_machine(b):
    m, load = b.machine, os.getloadavg()[0]
    m["load_before"] = load
    b.printer.facts("machine", [
        ["processor", m["cpu"]], ["cores", m["cores"]], ["threads used", m["threads"]],
        ["instruction set", f"{m['isa']} (machine: {m['isa_detected']})"], ["system", m["system"]],
        ["valence", f"{m['valence']}, commit {m['commit']}, {b.build}"],
        ["peers", ", ".join(f"{k} {v}" for k, v in m.get("peers", {}).items()) or "none"],
        ["data", "../shared/data" if b.inputs.real else "GENERATED TEXTS: no accuracy"],
        ["runs", "quick" if b.quick else "full"]])
    if load > 0.3 * b.cores:
        b.lab.note(f"the machine is busy (load {load:.1f}): times are too long, ratios hold better")
    if not b.inputs.real:
        b.lab.note("no ../shared/data: speed is measured on GENERATED texts, accuracy is SKIPPED")


def run_parts(b, names):
    failed = {}
    for name in names:
        start = time.time()
        b.printer.say("\n" + b.printer.paint("1;36", f"== {name}: {PARTS[name].__doc__.splitlines()[0]}"))
        try:
            PARTS[name](b)
        except Failed as why:
            failed[name] = str(why)
            b.lab.note(f"{name}: {why}")
        b.printer.say(b.printer.paint("2", f"  ({time.time() - start:.0f} s)"))
    return failed


def show_targets(b):
    rows = report.targets(b.lab.figures, b.isa)
    b.printer.table("targets", ["target", "wanted", "measured", ""],
                    [[r["target"], r["bound"], report.shown(r["measured"]), r["result"]] for r in rows])
    return rows


def show_changes(b, baseline):
    rows, same = report.compare(b.lab.figures, b.machine, baseline)
    worse = [r for r in rows if r["verdict"] == "WORSE"]
    moved = [r for r in rows if r["verdict"] != "same"]
    b.printer.table(f"against {BASELINE} ({baseline['machine'].get('commit')}, {baseline['date']})",
                    ["figure", "baseline", "now", "change", "may be worse by", ""],
                    [[r["figure"], report.shown(r["baseline"]), report.shown(r["now"]), report.change_text(r),
                      f"{r['tolerance']:.0%}" if r["kind"] == "relative" else f"{r['tolerance']:g}", r["verdict"]]
                     for r in moved])
    b.say(f"{len(rows)} figures compared, {len(rows) - len(moved)} as before, {len(worse)} worse than allowed"
          + ("" if same else "; another machine (cores, ISA or threads): speed and memory are shown, not judged"))
    return rows


def write_baseline(b, result):
    figures = {k: {"value": float(f"{f['value']:.6g}"), "unit": f["unit"]} for k, f in result["figures"].items() if f["gate"]}
    try:
        old = json.load(open(BASELINE))
    except (OSError, ValueError):
        old = {"figures": {}}
    if not result["complete"]:  # some parts only: the others stay
        figures = {**old["figures"], **figures}
    content = {"date": result["date"], "machine": result["machine"], "figures": dict(sorted(figures.items()))}
    write_json(BASELINE, content)
    b.say(f"wrote {BASELINE}: {len(figures)} figures")


def write_json(path, content):
    with open(path + ".part", "w") as f:
        json.dump(content, f, indent=1)
        f.write("\n")
    os.rename(path + ".part", path)


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", default="build/release", help="folder of the command (build/release)")
    p.add_argument("--data", default="../shared/data", help="folder of the data sets")
    p.add_argument("--quick", action="store_true", help="fewer runs, one fold, no NB-SVM")
    p.add_argument("--only", default="", metavar="NAME,..", help="parts: " + ", ".join(PARTS))
    p.add_argument("--no-peers", action="store_true", help="valence alone, nothing installed")
    p.add_argument("--fresh", action="store_true", help="make inputs and the peers' models again")
    p.add_argument("--json", action="store_true", help="print build/bench.json at the end, tables to stderr")
    p.add_argument("--write-baseline", action="store_true", help=f"write {BASELINE} instead of comparing")
    o = p.parse_args()
    o.parts = [n for n in o.only.split(",") if n] or list(PARTS)
    for n in o.parts:
        if n not in PARTS:
            p.error(f"unknown part '{n}' (one of {', '.join(PARTS)})")
    if not os.access(os.path.join(ROOT, o.build, "valence"), os.X_OK):
        p.error(f"'{o.build}/valence' is missing: run make")
    return o


def main():
    os.chdir(ROOT)
    o = arguments()
    if o.fresh:
        shutil.rmtree("build/bench", ignore_errors=True)
    printer = report.Printer(sys.stderr if o.json else sys.stdout)
    b = Bench(o, printer)
    if not o.no_peers:
        find_peers(b)
    show_machine(b)
    failed = run_parts(b, o.parts)
    result = {"date": datetime.datetime.now().isoformat(timespec="minutes"), "machine": b.machine, "quick": o.quick,
              "complete": o.parts == list(PARTS), "skipped": failed, "figures": b.lab.figures,
              "tables": b.tables, "notes": b.lab.notes, "targets": show_targets(b)}
    if o.write_baseline:
        write_baseline(b, result)
    elif os.path.exists(BASELINE):
        result["changes"] = show_changes(b, json.load(open(BASELINE)))
    else:
        b.say(f"no {BASELINE}: nothing to compare with (--write-baseline makes it)")
    for note in b.lab.notes:
        printer.say(printer.paint("33", "  ! " + note))
    b.machine["load_after"] = os.getloadavg()[0]
    write_json("build/bench.json", result)
    if o.json:
        print(json.dumps(result))
    return int(any(r["verdict"] == "WORSE" for r in result.get("changes", [])))


if __name__ == "__main__":
    sys.exit(main())
