"""System calls that fail, one at a time, under the real command: the n-th read, write, open, mmap, fsync, rename,
for n = 1, 2, .. until there is no n-th. The command may get over it, with the right output; or it refuses: exit 1,
one line that names a file, and the output file as it was. tests/tools/io_faults.c does the failing."""
import os
import shutil
import signal
import subprocess
import time

import pytest

from support import (GENERAL, ROOT, SANITIZED, VALENCE, command, compress, environment, labelled, valence, write_csv)

pytestmark = [pytest.mark.skipif(SANITIZED, reason="SKIP a sanitizer and a preloaded library do not go together"),
              pytest.mark.skipif(not shutil.which("gcc"), reason="SKIP no gcc to build the preloaded library")]
OLD = b"old\n"
EPOCH = {"SOURCE_DATE_EPOCH": "1000000000"}


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    out = tmp_path_factory.mktemp("faults") / "io_faults.so"
    subprocess.run(["gcc", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-o", out,
                    ROOT / "tests/tools/io_faults.c", "-ldl", "-pthread"], check=True)
    return out


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Some hundred kilobytes of rows, so that reads and writes are many."""
    folder = tmp_path_factory.mktemp("inputs")
    rows = labelled(6000)
    write_csv(folder / "a.csv", rows, ("label", "text"))
    compress(folder / "a.csv")
    write_csv(folder / "small.csv", rows[:300], ("label", "text"))
    for label in "01":
        (folder / "docs" / label).mkdir(parents=True)
    for i, (label, text) in enumerate(rows[:12]):
        (folder / "docs" / label / f"{i}.txt").write_text(text)
    valence("train", "logistic", "--data", folder / "small.csv", "-o", folder / "base.safetensors", "--min-count", "1", env=EPOCH)
    valence("train", "naive-bayes", "--partial", "--data", folder / "small.csv", "-o", folder / "1.counts", env=EPOCH)
    return folder


JOBS = {"csv": "predict -t 1 -i a.csv -o out.csv", "threads": "predict -t 3 -i a.csv -o out.tsv",
        "gz to zst": "predict -t 1 -i a.csv.gz -o out.csv.zst", "zst to gz": "predict -t 1 -i a.csv.zst -o out.csv.gz",
        "folder": "predict -t 1 -i docs -o out.jsonl", "pipe": "predict -t 1 -i - -o out.csv",
        "model": "predict -t 1 -m base.safetensors -i small.csv -o out.csv", "clean": "clean -t 1 -i a.csv -o out.txt",
        "naive Bayes": "train naive-bayes -t 1 --data small.csv --data docs -o out.model",
        "logistic": "train logistic -t 2 --data a.csv.gz --iterations 3 -o out.model",
        "partial": "train naive-bayes -t 1 --partial --data small.csv -o out.counts",
        "merge": "merge -t 1 1.counts 1.counts -o out.model",
        "continue": "train logistic -t 1 --continue base.safetensors --data small.csv --iterations 2 -o out.model"}
ERRORS = {"read": "EIO", "write": "ENOSPC", "open": "EMFILE", "opendir": "EACCES", "readdir": "EIO", "mmap": "ENOMEM", "flock": "ENOLCK",
          "ftruncate": "EIO", "fsync": "EIO", "fdatasync": "EIO", "rename": "EACCES", "fstat": "EIO", "pthread_create": "EAGAIN"}


class Job:
    """One command line, in the inputs' folder; its output begins as OLD."""
    def __init__(self, library, files, tmp_path, line):
        self.library, self.files = library, files
        self.mark, self.out = tmp_path / "mark", files / line.split()[-1]
        self.args = line.split()
        self.input = (files / "a.csv").read_bytes() if "-" in self.args else b""
        self.expected = self.run(None)[1]
        assert self.expected != OLD

    def run(self, fault):
        """The result; the output's bytes; whether the fault was met."""
        self.mark.unlink(missing_ok=True)
        self.out.write_bytes(OLD)
        more = {"LD_PRELOAD": str(self.library), "VALENCE_FAULT": fault, "VALENCE_FAULT_MARK": str(self.mark)} if fault else {}
        r = valence(*self.args, input=self.input, code=None if fault else 0, cwd=self.files, env={**EPOCH, **more}, timeout=60)
        content = self.out.read_bytes() if self.out.exists() else None
        left = [p for p in self.files.glob("out.*.part") if p.stat().st_size > 0 or not fault.startswith("fstat")]
        assert not left, f"{fault}: OUT.part was left"
        return r, content, self.mark.exists()

    def check(self, fault, r, content):
        what = f"{' '.join(self.args)} under {fault}: exit {r.code}, {r.err!r}"
        if r.code == 0:
            assert content == self.expected, what
            return
        assert r.code == 1 and len(r.err.splitlines()) == 1 and r.out == "", what
        name = [w for w in [*self.args, "'-'", "thread"] if w in r.err and not w.startswith("-")]
        assert name, f"no file is named: {what}"
        # A folder that cannot be synced: the output is in place, but may be gone after a loss of power.
        assert content == OLD or (fault.startswith("fsync") and content == self.expected), what


@pytest.fixture(params=JOBS)
def job(request, library, files, tmp_path):
    made = Job(library, files, tmp_path, JOBS[request.param])
    yield made
    made.out.unlink(missing_ok=True)


@pytest.mark.slow
def test_every_call_fails_once(job):
    refused, met = set(), 0
    for call, error in ERRORS.items():
        for n in [*range(1, 12), 20, 40]:
            r, content, hit = job.run(f"{call}:{n}:{error}")
            if not hit:
                assert r.code == 0 and content == job.expected
                break
            met += 1
            job.check(f"{call}:{n}:{error}", r, content)
            refused |= {call} if r.code else set()
    print(f"{met} calls failed; refused over {sorted(refused)}")
    assert {"write", "fsync", "rename", "open"} <= refused


def test_a_disk_stays_full(job):
    for fault in ("write:1+:ENOSPC", "write:1+:EDQUOT", "write:2+:EIO"):
        r, content, hit = job.run(fault)
        job.check(fault, r, content)
        assert r.code == (1 if hit else 0) and (hit or ":2+" in fault)


@pytest.mark.parametrize("fault", ["read:*:EINTR", "read:*:EAGAIN", "write:*:EINTR", "fsync:*:EINTR"])
def test_interruptions_change_nothing(job, fault):
    r, content, hit = job.run(fault)
    if fault == "read:*:EAGAIN" and "docs" in job.args:
        pytest.skip("SKIP regular files never give EAGAIN")
    assert r.code == 0 and content == job.expected and r.err == "", (fault, r.err)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["read:*:short", "write:*:short"])
def test_one_byte_at_a_time(job, fault):
    r, content, hit = job.run(fault)
    assert r.code == 0 and content == job.expected and r.err == ""


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("what", ["csv", "clean", "naive Bayes", "model", "merge", "partial"])
def test_a_disk_that_fails_under_a_mapping(library, files, tmp_path, what, n):
    """All but the first page of the file gives SIGBUS, and the file's size says nothing of it."""
    job = Job(library, files, tmp_path, JOBS[what])
    r, content, hit = job.run(f"mmap:{n}:lost")
    if not hit:
        pytest.skip("SKIP it maps fewer files")
    job.check(f"mmap:{n}:lost", r, content)
    assert r.code == 1 and content == OLD
    job.out.unlink()


def test_eval_names_what_it_cannot_read(library, files, tmp_path):
    for data, fault in (("a.csv.gz", "read:1:EIO"), ("a.csv", "mmap:1:lost"), ("docs", "readdir:2:EIO"), ("docs", "open:3:EMFILE")):
        mark = tmp_path / "mark"
        mark.unlink(missing_ok=True)
        r = valence("eval", "-m", "base.safetensors", "-t", "1", data, cwd=files, code=None,
                    env={"LD_PRELOAD": str(library), "VALENCE_FAULT": fault, "VALENCE_FAULT_MARK": str(mark)})
        assert mark.exists(), fault
        assert r.code == 1 and len(r.err.splitlines()) == 1 and r.out == "", (fault, r.err)
        assert data in r.err or "base" in r.err, (fault, r.err)


# ---- Closed descriptors, models cut in use, closed readers -----------------------------------------

def test_closed_descriptors_do_not_reach_the_output(tmp_path):
    """The output file must not become descriptor 2, where messages go."""
    path, out = tmp_path / "a.csv", tmp_path / "out.csv"
    path.write_text("id,text\n1,good\nbroken\n2,bad\n")
    expected = valence("predict", "-i", path, "--skip-bad").stdout
    for closed in ("2>&-", ">&- 2>&-", "<&- >&- 2>&-", "<&-"):
        p = subprocess.run(["sh", "-c", f'exec "$0" predict -i "$1" -o "$2" --skip-bad --memory {closed}', VALENCE, path, out],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(), timeout=60)
        assert p.returncode == 0 and out.read_bytes() == expected, closed
        out.unlink()
    for closed, args in ((">&-", "predict good"), (">&-", "info"), ("<&-", "predict -")):
        p = subprocess.run(["sh", "-c", f'exec "$0" {args} {closed}', VALENCE], stdout=subprocess.DEVNULL,
                           stderr=subprocess.PIPE, env=environment(), timeout=60)
        assert p.returncode == 1 and len(p.stderr.splitlines()) == 1, (closed, args, p.stderr)


def test_model_cut_short_in_use(tmp_path):
    """A model written over instead of renamed into place: no answers made of zeros."""
    model, path, out = tmp_path / "m.safetensors", tmp_path / "a.tsv", tmp_path / "out.tsv"
    shutil.copy(GENERAL.parent / "movies-nb.safetensors", model)
    path.write_text("id\ttext\n" + "".join(f"{i}\tthe film was good and the plot was bad number {i}\n" for i in range(20_000)) * 40)
    out.write_bytes(OLD)
    p = subprocess.Popen(command("predict", "-m", model, "-i", path, "-o", out), stderr=subprocess.PIPE, env=environment())
    part = tmp_path / "out.tsv.part"
    until = time.time() + 20
    while time.time() < until and p.poll() is None and not (part.exists() and part.stat().st_size > 100_000):
        time.sleep(0.0005)
    p.send_signal(signal.SIGSTOP)
    assert p.poll() is None, "it was done before it could be stopped"
    os.truncate(model, 8192)
    p.send_signal(signal.SIGCONT)
    error = p.communicate(timeout=60)[1].decode()
    assert p.returncode == 1 and "m.safetensors" in error and "cut short" in error and len(error.splitlines()) == 1, error
    assert out.read_bytes() == OLD and not part.exists()


@pytest.mark.parametrize("args", ["eval a.csv --json -m base.safetensors", "info --json", "predict good", "predict -i a.csv", "clean -i a.csv",
                                  "train logistic --data small.csv -o out.model --iterations 2"])
def test_closed_reader(files, args):
    """The reader is gone before anything is written: no crash, and a trained model is whole."""
    read, write = os.pipe()
    os.close(read)
    p = subprocess.run(command(*args.split()), stdout=write, stderr=subprocess.PIPE, cwd=files, env=environment(), timeout=60)
    os.close(write)
    assert p.returncode in (1, -signal.SIGPIPE) and len(p.stderr.splitlines()) <= 1, p.stderr
    if "train" in args:
        valence("predict", "-m", "out.model", "good", cwd=files)
        (files / "out.model").unlink()


def test_signals_while_writing(files):
    """SIGINT or SIGTERM at any moment: OUT is the old one or a whole new one, and nothing crashes."""
    out = files / "out.csv"
    expected = valence("predict", "-i", "a.csv", cwd=files).stdout
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        for delay in range(12):
            out.write_bytes(OLD)
            p = subprocess.Popen(command("predict", "-i", "a.csv", "-o", "out.csv"), cwd=files, env=environment(),
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            time.sleep(delay * 0.003)
            p.send_signal(number)
            error = p.communicate(timeout=20)[1]
            assert p.returncode in (0, 1, -number, 128 + number) and len(error.splitlines()) <= 1, (p.returncode, error)
            assert out.read_bytes() in (OLD, expected)
    for leftover in files.glob("out.csv*"):
        leftover.unlink()
