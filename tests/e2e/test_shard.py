"""predict --shard I/N: the parts are the whole, whatever stands between quotes; and a part of a file costs a part."""
import ctypes
import mmap
import os
import random

import pytest

from support import compress, valence, write_csv

SEED = 20240229


def nasty(rng):
    """Texts of what confuses a cut, at their edges too."""
    return "".join(rng.choice(['"', ",", "\n", "\r\n", "good", " bad ", '",', ',"', '"\n"', "\n\n"]) for _ in range(rng.randint(0, 12)))


def shard(path, i, n, *options):
    return valence("predict", "-i", path, "--format", "jsonl", "--keep", "text", "--shard", f"{i}/{n}", *options).jsonl()


def values(rows):
    return [(r["text"], r["label"], r["score"]) for r in rows]


@pytest.mark.parametrize("n", [1, 2, 3, 7, 64])
def test_union_is_the_whole(tmp_path, n):
    rng = random.Random(SEED)
    path = write_csv(tmp_path / "nasty.csv", [(nasty(rng), k) for k in range(400)], ["text", "n"])
    whole = valence("predict", "-i", path, "--format", "jsonl", "--keep", "text").jsonl()
    parts = [shard(path, i, n) for i in range(1, n + 1)]
    assert values(sum(parts, [])) == values(whole)
    ids = [row["id"] for part in parts for row in part]
    assert ids == [f"{i}/{n}:{k}" for i, part in enumerate(parts, 1) for k in range(1, len(part) + 1)]


def test_more_shards_than_rows(tmp_path):
    path = tmp_path / "few.csv"
    path.write_text('text\n"a\nb"\nc\n""\n')
    whole = valence("predict", "-i", path, "--format", "jsonl", "--keep", "text").jsonl()
    parts = [shard(path, i, 20) for i in range(1, 21)]
    assert values(sum(parts, [])) == values(whole)
    assert sum(len(p) > 0 for p in parts) <= 3
    empty = tmp_path / "empty.csv"
    empty.write_text("text\n")
    assert [shard(empty, i, 3) for i in (1, 2, 3)] == [[], [], []]


def test_ids_of_the_file_are_kept(tmp_path):
    path = write_csv(tmp_path / "ids.csv", [(f"x{k}", "good") for k in range(50)], ["id", "text"])
    assert [r["id"] for i in (1, 2, 3) for r in shard(path, i, 3)] == [f"x{k}" for k in range(50)]


def test_streams_are_counted_through(tmp_path):
    path = write_csv(tmp_path / "s.csv", [("good\nfilm", k) for k in range(100)], ["text", "n"])
    parts = [shard(compress(path)[0], i, 3) for i in (1, 2, 3)]
    assert [[r["id"] for r in p] for p in parts] == [list(range(i, 101, 3)) for i in (1, 2, 3)]


def test_malformed_rows_are_told_by_byte(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("text\n" + "good film\n" * 10 + '"bad"film\n' + "good\n")
    p = valence("predict", "-i", path, "--shard", "2/2", "--format", "jsonl", code=1)
    assert "byte 106: bad record" in p.err and "line" not in p.err.splitlines()[0]
    assert [r["id"] for r in p.jsonl()][-1].startswith("2/2:")


def test_what_cannot_be_split_is_an_error(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("text,n\n" + '"aaaa\nbbbb"c,1\n' * 41)
    codes = [valence("predict", "-i", path, "-o", tmp_path / f"{i}.csv", "--skip-bad", "--shard", f"{i}/2", code=None)
             for i in (1, 2)]
    told = [c for c in codes if c.code]
    assert told and "cannot split" in told[0].err and "at byte 314" in told[0].err and "no --shard" in told[0].err
    assert sum((tmp_path / f"{i}.csv").exists() for i in (1, 2)) == 2 - len(told)


# ---- Without reading the rest --------------------------------------------------------------------

def resident(path):
    """Bytes of the file that are in the page cache, by mincore(2); looking does not read them."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    size, page = path.stat().st_size, mmap.PAGESIZE
    seen = (ctypes.c_ubyte * ((size + page - 1) // page))()
    with open(path, "rb") as f:
        at = libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, f.fileno(), 0)
        assert libc.mincore(ctypes.c_void_p(at), ctypes.c_size_t(size), seen) == 0
        libc.munmap(ctypes.c_void_p(at), ctypes.c_size_t(size))
    return sum(b & 1 for b in seen) * page


def drop(path):
    with open(path, "rb") as f:
        os.fsync(f.fileno())
        os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


@pytest.mark.slow
def test_a_shard_reads_its_part_only(tmp_path):
    """4.2 GB, a hole but for both ends: the last of 100 shards touches a hundredth, and the header."""
    path, gigabyte = tmp_path / "huge.csv", 10**9
    row = b'"good film,\nsays ""he""",' + b"x" * 40 + b"\n"
    with open(path, "wb") as f:
        f.write(b"text,n\n" + row * 100)
        f.seek(int(4.2 * gigabyte) - 60 * 10**6)
        f.write(b"\n" + row * (60 * 10**6 // len(row)))
    drop(path)
    if resident(path) > 10**7:
        pytest.skip("SKIP this file system does not drop pages")
    n = 100
    out = valence("predict", "-i", path, "-o", tmp_path / "o.csv", "--shard", f"{n}/{n}", timeout=60)
    read = resident(path)
    print(f"shard {n} of {n}: {read / 1e6:.1f} MB of {path.stat().st_size / 1e6:.0f} MB read")
    assert out.err == ""
    assert read < path.stat().st_size / n + 10**7
    assert (tmp_path / "o.csv").read_text().count("\n") > 500000
