#!/usr/bin/env python3
"""run_tests.py --build DIR check|test: runs every test program and sums up.

Programs speak TAP (ok / not ok / # SKIP); pytest's closing line is read. The last line printed is
`N passed, N failed, N skipped`. `check` leaves out what is marked slow."""
import argparse, glob, os, re, subprocess, sys, time

parser = argparse.ArgumentParser()
parser.add_argument("--build", default="build/release")
parser.add_argument("mode", choices=["check", "test"])
args = parser.parse_args()

passed = failed = skipped = 0


def report(name, ok, skip, bad, seconds, output):
    global passed, failed, skipped
    passed, failed, skipped = passed + ok, failed + bad, skipped + skip
    note = f", {skip} skipped" if skip else ""
    print(f"{'FAIL' if bad else 'ok  '} {name}: {ok} passed, {bad} failed{note} ({seconds:.1f} s)", flush=True)
    if bad:
        print(output[-6000:], flush=True)
    elif skip:
        for line in output.splitlines():
            if "SKIP" in line:
                print("       " + line.strip()[:160], flush=True)


def run(command, **more):
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP", **more)
    start = time.time()
    try:
        p = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           errors="replace", env=env, timeout=3600)
        return p.returncode, p.stdout, time.time() - start
    except subprocess.TimeoutExpired as e:
        return 124, (e.stdout or b"").decode(errors="replace") + "\ntimed out", time.time() - start


def run_tap(command):
    code, out, seconds = run(command)
    ok = len(re.findall(r"^ok\b(?!.*# SKIP)", out, re.M))
    skip = len(re.findall(r"^(?:not )?ok\b.*# SKIP", out, re.M))  # cmocka skips with "not ok"
    bad = len(re.findall(r"^not ok\b(?!.*# SKIP)", out, re.M))
    if code != 0 and bad == 0 or ok + skip + bad == 0:
        bad += 1  # died before it could say so
    report(os.path.basename(command[0]), ok, skip, bad, seconds, out)


def run_script(name, command):
    code, out, seconds = run(command)
    report(name, int(code == 0), 0, int(code != 0), seconds, out)


def run_pytest(path, marks):
    python = "build/venv/bin/python"
    code, out, seconds = run([python, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", path, "-m", marks],
                             VALENCE_BUILD=args.build)
    count = lambda word: sum(int(n) for n in re.findall(rf"(\d+) {word}", out.splitlines()[-1] if out else ""))
    ok, bad, skip = count("passed"), count("failed") + count("error"), count("skipped")
    if code not in (0, 5) and bad == 0:
        bad = 1
    report(path, ok, skip, bad, seconds, out)


for program in sorted(glob.glob(f"{args.build}/tests/test_*")):
    if os.access(program, os.X_OK) and not program.endswith(".d"):
        run_tap([program])
if os.path.exists(f"{args.build}/tests/kernels"):
    run_tap([f"{args.build}/tests/kernels"])
for program in sorted(glob.glob(f"{args.build}/fuzz/replay_*")):
    if os.access(program, os.X_OK) and not program.endswith(".d"):
        run_tap([program, "tests/fuzz/corpus/" + os.path.basename(program)[len("replay_"):]])
run_script("layers", ["python3", "tools/check_layers.py", "src", "src/layers.txt"])
if os.path.exists("tools/check_symbols.sh"):
    run_script("symbols", ["tools/check_symbols.sh", args.build])
if glob.glob("tests/e2e/test_*.py"):
    run_pytest("tests/e2e", "not slow" if args.mode == "check" else "slow or not slow")

print(f"{passed} passed, {failed} failed, {skipped} skipped")
sys.exit(1 if failed else 0)
