#!/usr/bin/env python3
"""peer_tokenizers.py: our tokenisers beside Hugging Face's, on one thread, in one run. Runs in build/venv:

    build/venv/bin/python bench/peer_tokenizers.py [--build build/release] [--texts 8000] [--json]

Vocabularies of the usual sizes are trained once on texts of ../shared/data and kept in build/bench/data. Both sides
get the same IMDb training texts and give ids only (encode_batch_fast, the fastest call of theirs); rounds alternate
and the best of each side counts, in processor seconds, since a shared machine has other work. --texts: how many go
through Hugging Face's in a round; ours get all."""
import argparse, json, os, struct, subprocess, sys, time

os.environ["TOKENIZERS_PARALLELISM"], os.environ["RAYON_NUM_THREADS"] = "false", "1"
ROUNDS, KEPT, SHARED = 3, "build/bench/data", "../shared/data"
LIBRARIES = "-lsimdjson -lstdc++ -lutf8proc -lxxhash -lzstd -lz -lm -ldl -pthread".split()


def lines(name):
    return subprocess.run(["zstd", "-dc", f"{SHARED}/{name}"], stdout=subprocess.PIPE, check=True).stdout.decode().split("\n")


def corpus():
    for name in ("text/blogs.txt.zst", "text/tweets.txt.zst", "text/news.txt.zst", "imdb/train.tsv.zst"):
        yield from lines(name)[:60000]


def train(kind, path):
    from tokenizers import BertWordPieceTokenizer, ByteLevelBPETokenizer
    if os.path.exists(path):
        return
    print(f"training {path}", file=sys.stderr, flush=True)
    t = BertWordPieceTokenizer() if kind == "wordpiece" else ByteLevelBPETokenizer()
    t.train_from_iterator(corpus(), vocab_size=30522 if kind == "wordpiece" else 50265, show_progress=False)
    t.save(path + ".part")
    os.rename(path + ".part", path)


def peer_speed(tokenizer, texts):
    start = time.process_time()
    for i in range(0, len(texts), 500):
        tokenizer.encode_batch_fast(texts[i:i + 500], add_special_tokens=False)
    return sum(len(t.encode()) for t in texts) / (time.process_time() - start) * 1e-6


def our_speed(tool, path, data, isa):
    out = subprocess.run([tool, "time", path], input=data, stdout=subprocess.PIPE, check=True, env=dict(os.environ, VALENCE_ISA=isa)).stdout
    return float(out.split()[-2])


def measure(kind, tool, texts, peer_texts):
    from tokenizers import Tokenizer
    path = f"{KEPT}/tokenizer_{kind}.json"
    train(kind, path)
    peer = Tokenizer.from_file(path)
    peer.no_truncation()
    data = b"".join(struct.pack("<I", len(b)) + b for b in (t.encode() for t in texts))
    best = {"hf": 0.0, "scalar": 0.0, "avx2": 0.0, "avx512": 0.0}
    for _ in range(ROUNDS):
        best["hf"] = max(best["hf"], peer_speed(peer, peer_texts))
        for isa in ("scalar", "avx2", "avx512"):
            best[isa] = max(best[isa], our_speed(tool, path, data, isa))
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--texts", type=int, default=8000)
    parser.add_argument("--json", action="store_true")
    o = parser.parse_args()
    os.makedirs(KEPT, exist_ok=True)
    tool = f"{KEPT}/token_texts"
    subprocess.run(["gcc", "-std=c17", "-D_GNU_SOURCE", "-O2", "-Iinclude", "-Isrc", "-o", tool, "tests/tools/token_texts.c",
                    f"{o.build}/libvalence.a", *LIBRARIES], check=True)
    texts = [row.split("\t")[1] for row in lines("imdb/train.tsv.zst")[1:] if row]
    found = {kind: measure(kind, tool, texts, texts[::max(1, len(texts) // o.texts)]) for kind in ("wordpiece", "bpe")}
    if o.json:
        print(json.dumps(found))
        return
    for kind, mb in found.items():
        print(f"{kind}: Hugging Face {mb['hf']:.2f} MB/s; ours " +
              ", ".join(f"{isa} {mb[isa]:.0f} MB/s ({mb[isa] / mb['hf']:.0f}x)" for isa in ("scalar", "avx2", "avx512")))


main()
