"""predict --resume: whatever stops a run, and however often, the file becomes that of a run that nothing stopped."""
import gzip
import hashlib
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import time

import pytest

from support import BAD, GOOD, command, environment, sentence, valence

SEED = int(os.environ.get("VALENCE_SEED", random.SystemRandom().randrange(10**6)))
KILLS = 10  # of each kind of run; five kinds


def text_of(rng):
    words = sentence(rng, GOOD + BAD, rng.randint(3, 60))
    kind = rng.random()
    if kind < 0.05:
        words += '\nsecond line, "quoted"\n\n' + words
    return words


def csv_row(rng, i):
    if rng.random() < 0.002:
        return f'"bad"row {i},x\n'
    return '"' + text_of(rng).replace('"', '""') + f'",{i}\n'


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    """300,000 rows with quotes, newlines and malformed rows, as CSV and JSON lines; and a folder."""
    rng = random.Random(SEED)
    folder = tmp_path_factory.mktemp("big")
    rows = [csv_row(rng, i) for i in range(20000)]
    with open(folder / "in.csv", "w") as f:
        f.write("text,n\n")
        for k in range(15):
            f.write("".join(rows))
    lines = [json.dumps({"text": text_of(rng), "n": i}) + "\n" if rng.random() > 0.002 else "{bad\n"
             for i in range(20000)]
    with open(folder / "in.jsonl", "w") as f:
        for k in range(15):
            f.write("".join(lines))
    subprocess.run(["zstd", "-q", "--rm", folder / "in.jsonl"], check=True)
    for label in ("neg", "pos"):
        (folder / "in" / label).mkdir(parents=True)
        for i in range(10000):
            (folder / "in" / label / f"{i}.txt").write_text(text_of(rng))
    return folder


def arguments(source, out, *options):
    return ["predict", "-i", source, "-o", out, "--skip-bad", "--threads", 1, *options]


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def part(out):
    return out.with_name(out.name + ".part")


def state(out):
    return out.with_name(out.name + ".state")


def leftovers(out):
    return sorted(p.name for p in out.parent.iterdir() if p.name.startswith(out.name + "."))


def start(*args, **more):
    return subprocess.Popen(command(*args), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                            env=environment(), **more)


def stop_after(seconds, number, *args):
    """Its exit code and stderr; 0 if it was done before."""
    p = start(*args)
    try:
        p.wait(seconds)
    except subprocess.TimeoutExpired:
        p.send_signal(number)
    err = p.communicate()[1].decode()
    return p.returncode, err


def kill_after(seconds, paused, *args):
    """Kills it after so many seconds; paused: in the middle of them it stands still until a checkpoint is due,
    which it makes as soon as it goes on. So kills come before and after checkpoints on any machine."""
    p = start(*args)
    for number in (signal.SIGSTOP, signal.SIGKILL):
        try:
            p.wait(seconds / 2)
        except subprocess.TimeoutExpired:
            if number == signal.SIGKILL or paused:
                p.send_signal(number)
            if number == signal.SIGSTOP and paused:
                time.sleep(1.05)
                p.send_signal(signal.SIGCONT)
    err = p.communicate()[1].decode()
    return p.returncode, err


def wait_for_state(p, out):
    """Until the first checkpoint. It is due a second after the start: standing still brings that about even where
    the whole run takes less."""
    for _ in range(30):
        time.sleep(0.2)
        p.send_signal(signal.SIGSTOP)
        time.sleep(1)
        p.send_signal(signal.SIGCONT)
        for _ in range(50):
            if state(out).exists():
                return
            assert p.poll() is None, "the run was done before its first checkpoint"
            time.sleep(0.005)
    pytest.fail("no checkpoint in half a minute")


# ---- Kills ---------------------------------------------------------------------------------------

@pytest.mark.slow
@pytest.mark.parametrize("source,name,options", [
    ("in.csv", "out.csv", ("--keep", "all")),
    ("in.csv", "out.jsonl.gz", ()),
    ("in.jsonl.zst", "out.tsv", ()),
    ("in", "out.csv.zst", ()),
    ("in.csv", "out.json", ("--shard", "2/3"))], ids=["csv", "gz", "stream", "folder", "array"])
def test_killed_at_any_moment(big, tmp_path, source, name, options):
    rng = random.Random(f"{SEED} {name}")
    print("seed", SEED)
    whole, out = tmp_path / "whole" / name, tmp_path / name
    whole.parent.mkdir()
    begun = time.monotonic()
    valence(*arguments(big / source, whole, *options), timeout=600)
    length = time.monotonic() - begun
    kills = checkpoints = finished = 0
    while kills < KILLS or (checkpoints == 0 and kills < 20 * KILLS):  # a short run is rarely met behind a checkpoint
        code, err = kill_after(rng.uniform(0, length), kills % 2, *arguments(big / source, out, "--resume", *options))
        assert code in (0, -signal.SIGKILL), err
        if code == 0:
            assert digest(out) == digest(whole)
            assert leftovers(out) == []
            out.unlink()
            finished += 1
        else:
            kills += 1
            checkpoints += state(out).exists()
    valence(*arguments(big / source, out, "--resume", *options), timeout=600)
    print(f"{length:.1f} s; {kills} kills, {checkpoints} of them behind a checkpoint, {finished} runs done meanwhile")
    assert digest(out) == digest(whole)
    assert leftovers(out) == []
    assert checkpoints > 0


@pytest.mark.slow
def test_counts_go_on(big, tmp_path):
    """Rows are skipped and counted as in one run; the report and the exit code are about all of it."""
    args = ["predict", "-i", big / "in.csv", "-o", tmp_path / "o.csv", "--threads", 1]
    whole = valence(*args, code=1)
    (tmp_path / "o.csv").unlink()
    p = start(*args)
    wait_for_state(p, tmp_path / "o.csv")
    p.kill()
    p.communicate()
    again = valence(*args, "--resume", code=1)
    assert again.err.splitlines()[-1] == whole.err.splitlines()[-1]
    assert re.fullmatch(r"valence: \d+ malformed rows were skipped", again.err.splitlines()[-1])


# ---- Signals, failures ---------------------------------------------------------------------------

@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(big, tmp_path, number):
    whole, out = tmp_path / "whole.csv", tmp_path / "o.csv"
    args = arguments(big / "in.csv", out)
    valence(*arguments(big / "in.csv", whole))
    p = start(*args)
    wait_for_state(p, out)
    p.send_signal(number)
    err = p.communicate()[1].decode()
    assert p.returncode == -number
    told = re.fullmatch(r"valence: interrupted; .*--resume goes on from row (\d+)", err.splitlines()[-1])
    assert int(told[1]) > 1
    assert leftovers(out) == ["o.csv.part", "o.csv.state"] and not out.exists()
    valence(*args, "--resume")
    assert digest(out) == digest(whole)
    assert leftovers(out) == []


@pytest.mark.slow
def test_interrupted_before_the_first_checkpoint(big, tmp_path):
    """A signal makes one of what is done; in the very first moments there is nothing to keep."""
    out = tmp_path / "o.csv"
    code, err = stop_after(0.3, signal.SIGINT, *arguments(big / "in.csv", out))
    assert code == -signal.SIGINT
    assert leftovers(out) == (["o.csv.part", "o.csv.state"] if "--resume" in err else [])


def test_interrupted_while_a_pipe_gives_nothing(tmp_path):
    out = tmp_path / "o.csv"
    p = start(*arguments("-", out), stdin=subprocess.PIPE)
    p.stdin.write(b"text\none\n" * 20000)
    p.stdin.flush()
    while not part(out).exists():
        assert p.poll() is None
        time.sleep(0.01)
    time.sleep(0.2)
    p.send_signal(signal.SIGTERM)
    assert p.wait(10) == -signal.SIGTERM
    assert b"interrupted" in p.communicate()[1]
    assert leftovers(out) == []


def test_ignored_signals_stay_ignored(tmp_path):
    """nohup, and background jobs of scripts."""
    out = tmp_path / "o.csv"
    p = start(*arguments("-", out), stdin=subprocess.PIPE, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    p.stdin.write(b"text\none\n" * 10)
    p.stdin.flush()
    time.sleep(0.3)
    p.send_signal(signal.SIGINT)
    time.sleep(0.3)
    p.communicate()
    assert p.returncode == 0 and out.read_text().count("\n") == 20


def limit_files(size):
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    return limit


@pytest.mark.slow
def test_full_disk_keeps_what_is_done(big, tmp_path):
    whole, out = tmp_path / "whole.jsonl", tmp_path / "o.jsonl"
    args = arguments(big / "in.csv", out, "--keep", "text")
    valence(*arguments(big / "in.csv", whole, "--keep", "text"))
    size = whole.stat().st_size
    p = subprocess.Popen(command(*args), stderr=subprocess.PIPE, env=environment(),
                         preexec_fn=limit_files(size * 9 // 10))
    wait_for_state(p, out)
    err = p.communicate()[1].decode()
    assert p.returncode == 1
    assert re.search(r"cannot write .*: file too large; .*--resume goes on from row \d+", err.splitlines()[-1])
    assert leftovers(out) == ["o.jsonl.part", "o.jsonl.state"]
    valence(*args, "--resume")
    assert digest(out) == digest(whole) and leftovers(out) == []


def test_full_disk_at_once_leaves_nothing(tmp_path):
    source, out = tmp_path / "in.csv", tmp_path / "o.csv"
    source.write_text("text\n" + "good\n" * 20000)
    p = subprocess.run(command(*arguments(source, out)), stderr=subprocess.PIPE, env=environment(),
                       preexec_fn=limit_files(1000))
    assert p.returncode == 1 and b"file too large" in p.stderr and b"--resume" not in p.stderr
    assert leftovers(out) == []


# ---- What has changed ----------------------------------------------------------------------------

@pytest.fixture(scope="module")
def stopped(tmp_path_factory, big):
    """A folder with a run that was interrupted behind a checkpoint; copy it. Input: big."""
    folder = tmp_path_factory.mktemp("stopped")
    shutil.copy2(big / "in.csv", folder / "in.csv")
    p = start(*arguments("in.csv", "o.csv"), cwd=folder)
    wait_for_state(p, folder / "o.csv")
    p.kill()
    p.communicate()
    return folder


def copy(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy", copy_function=shutil.copy2)
    return tmp_path / "copy"


def refused(folder, sentence, *args, code=1):
    before = {p.name: p.read_bytes() for p in folder.iterdir() if p.name != "in.csv"}
    err = valence(*args, code=code, cwd=folder).err
    assert re.search(sentence, err), err
    assert err.count("\n") == 1
    assert before == {p.name: p.read_bytes() for p in folder.iterdir() if p.name != "in.csv"}


@pytest.mark.slow
@pytest.mark.parametrize("options,changed", [
    (("--format", "jsonl"), "--format"), (("--keep", "all"), "--keep"), (("--top", 1), "--top"),
    (("--text", "1"), "--text"), (("--min-confidence", 0.9), "--min-confidence"), (("--shard", "1/2"), "--shard"),
    (("--sentences",), "--sentences"), (("--explain",), "--explain")])
def test_other_options_are_refused(stopped, tmp_path, options, changed):
    refused(copy(stopped, tmp_path), f"cannot resume 'o.csv': {changed} changed since",
            *arguments("in.csv", "o.csv", "--resume", *options))


@pytest.mark.slow
def test_another_input_or_model_is_refused(stopped, tmp_path):
    folder = copy(stopped, tmp_path)
    args = arguments("in.csv", "o.csv", "--resume")
    train = tmp_path / "train.csv"
    train.write_text("text,label\n" + "good film,pos\nbad film,neg\n" * 50)
    valence("train", "naive-bayes", "--data", train, "-o", tmp_path / "m.safetensors")
    refused(folder, "the model changed since", *args, "-m", tmp_path / "m.safetensors")
    stat = (folder / "in.csv").stat()
    with open(folder / "in.csv", "r+b") as f:
        f.seek(-3, os.SEEK_END)
        f.write(b"0")
    os.utime(folder / "in.csv", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    refused(folder, "the input's contents changed since", *args)
    os.utime(folder / "in.csv")
    refused(folder, "the input's time of change changed since", *args)
    with open(folder / "in.csv", "ab") as f:
        f.write(b"more,1\n")
    refused(folder, "the input's size changed since", *args)
    valence(*arguments("in.csv", "o.csv"), cwd=folder)  # without --resume all of that does not matter
    assert leftovers(folder / "o.csv") == []


@pytest.mark.slow
def test_moved_input_is_the_same(stopped, big, tmp_path):
    folder = copy(stopped, tmp_path)
    (folder / "in.csv").rename(folder / "elsewhere.csv")
    err = valence(*arguments("elsewhere.csv", "o.csv", "--resume"), cwd=folder).err
    valence(*arguments(big / "in.csv", folder / "whole.csv"))
    assert digest(folder / "o.csv") == digest(folder / "whole.csv"), err


@pytest.mark.slow
def test_damaged_state(stopped, tmp_path):
    folder = copy(stopped, tmp_path)
    good = state(folder / "o.csv").read_bytes()
    args = arguments("in.csv", "o.csv", "--resume")
    for bad in (b"", good[:-1], good[:100], good.replace(b'"sequence":', b'"sequence":1'), b"\0" * 5000):
        state(folder / "o.csv").write_bytes(bad)
        refused(folder, "'o.csv.state' is damaged; remove it", *args)
    state(folder / "o.csv").write_bytes(good)
    with open(part(folder / "o.csv"), "r+b") as f:
        f.truncate(100)
    refused(folder, "'o.csv.part' has 100 bytes, its state promises", *args)


def test_without_state_it_starts_anew(tmp_path):
    source, out = tmp_path / "in.csv", tmp_path / "o.csv"
    source.write_text("text\n" + "good film\n" * 1000)
    valence("predict", "-i", source, "-o", tmp_path / "whole.csv")
    for leftover in (None, b"something that was left over" * 10000):
        if leftover:
            part(out).write_bytes(leftover)
        valence("predict", "-i", source, "-o", out, "--resume")
        assert digest(out) == digest(tmp_path / "whole.csv")
        assert leftovers(out) == []
    state(out).write_bytes(b"left over without a .part")
    valence("predict", "-i", source, "-o", out, "--resume")
    assert digest(out) == digest(tmp_path / "whole.csv") and leftovers(out) == []


@pytest.mark.slow
def test_without_resume_the_old_run_is_replaced(stopped, big, tmp_path):
    folder = copy(stopped, tmp_path)
    (folder / "small.csv").write_text("text\ngood\n")
    valence("predict", "-i", "small.csv", "-o", "o.csv", cwd=folder)
    assert (folder / "o.csv").read_text().count("\n") == 2
    assert leftovers(folder / "o.csv") == []


@pytest.mark.parametrize("args", [("clean", "A!"), ("tokenize", "A!"), ("predict", "A!")], ids=lambda a: a[0])
def test_whoever_else_writes_the_file_ends_the_run(tmp_path, args):
    """Its bytes would be taken for those that the state promises."""
    out = tmp_path / "out.csv"
    for path in (part(out), state(out)):
        path.write_text("of an interrupted run")
    valence(*args, "-o", out)
    assert leftovers(out) == [] and out.exists()


@pytest.mark.slow
def test_killed_between_rename_and_the_end(big, tmp_path):
    """The state that is written last says that all is done: the file has its name, or needs only that."""
    whole, out = tmp_path / "whole.csv", tmp_path / "o.csv"
    args = arguments(big / "in.csv", out)
    valence(*arguments(big / "in.csv", whole))
    last = None
    p = start(*args)
    wait_for_state(p, out)  # only a run that has a state writes a last one
    while p.poll() is None:  # the complete state is there for a moment only
        p.send_signal(signal.SIGSTOP)
        if state(out).exists() and b'"complete":true' in state(out).read_bytes():
            last = state(out).read_bytes()
            p.kill()
        p.send_signal(signal.SIGCONT)
        time.sleep(0.0005)
    p.communicate()
    if last is None:
        pytest.skip("SKIP the moment was missed")
    if not out.exists():
        part(out).rename(out)
    assert valence(*args, "--resume").err == f"valence: '{out}' is already complete\n"
    assert leftovers(out) == [] and digest(out) == digest(whole)
    state(out).write_bytes(last)
    out.rename(part(out))
    valence(*args, "--resume")
    assert leftovers(out) == [] and digest(out) == digest(whole)


@pytest.mark.slow
def test_two_at_a_time(big, tmp_path):
    out = tmp_path / "o.csv"
    p = start(*arguments(big / "in.csv", out))
    wait_for_state(p, out)
    p.send_signal(signal.SIGSTOP)
    for options in ((), ("--resume",)):
        err = valence(*arguments(big / "in.csv", out, *options), code=1).err
        assert "another process is writing it" in err
        assert leftovers(out) == ["o.csv.part", "o.csv.state"]
    p.send_signal(signal.SIGCONT)
    p.communicate()
    assert p.returncode == 0 and leftovers(out) == []


# ---- What cannot be resumed ----------------------------------------------------------------------

@pytest.mark.parametrize("args", [
    ["-i", "-", "-o", "o.csv"], ["-i", "in.csv"], ["-i", "in.csv", "-o", "-"], ["a text"], ["-", "-o", "o.csv"],
    ["-i", "in.csv", "-o", "o.html"], ["-i", "in.csv", "-o", "o.csv", "--format", "html"]])
def test_usage(tmp_path, args):
    (tmp_path / "in.csv").write_text("text\ngood\n")
    err = valence("predict", "--resume", *args, code=2, cwd=tmp_path).err
    assert "--resume" in err.splitlines()[0]
    assert [p.name for p in tmp_path.iterdir()] == ["in.csv"]


def test_what_is_no_file(tmp_path):
    (tmp_path / "in.csv").write_text("text\ngood\n")
    err = valence("predict", "--resume", "-i", "in.csv", "-o", "/dev/null", code=1, cwd=tmp_path).err
    assert err == "valence: cannot resume '/dev/null': it is not a regular file\n"
    os.mkfifo(tmp_path / "fifo")
    writer = subprocess.Popen(["sh", "-c", "cat in.csv > fifo"], cwd=tmp_path)
    err = valence("predict", "--resume", "-i", "fifo", "-o", "o.csv", code=1, cwd=tmp_path).err
    writer.wait()
    assert err == "valence: cannot resume 'o.csv': 'fifo' is not a regular file\n"
    assert not (tmp_path / "o.csv.part").exists()


def test_short_runs_leave_no_trace(tmp_path):
    (tmp_path / "in.csv").write_text("text\ngood\n")
    valence("predict", "-i", "in.csv", "-o", "o.csv.gz", cwd=tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.csv", "o.csv.gz"]
    assert gzip.decompress((tmp_path / "o.csv.gz").read_bytes()).count(b"\n") == 2
