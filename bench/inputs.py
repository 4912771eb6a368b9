"""inputs.py: the files that the benchmark runs on, made once under build/bench/data.

With ../shared/data they come from its sets; without it, from generated texts (speed only).
Test portions are not there and not wanted: every accuracy here is measured on a part of the training
data that was held back, and says so."""
import csv, hashlib, json, os, random, re, shutil, subprocess

HERE, MAKERS = os.path.dirname(os.path.abspath(__file__)), ("inputs.py", "peers.py")
FOLDS = 5
FILM_BLOCK = 500  # IMDb ids are in the order of films: whole blocks go to one side
THREE = {"negative", "neutral", "positive"}
SST5 = {"0": "negative", "1": "negative", "2": "neutral", "3": "positive", "4": "positive"}


class Inputs:
    def __init__(self, folder, data):
        self.folder, self.data = folder, data
        self.real = os.path.exists(os.path.join(data, "imdb", "train.tsv.zst"))
        self._forget_others()

    def _forget_others(self):
        """Files made from another source or by another version of this file are thrown away."""
        source = os.path.join(self.data, "imdb", "train.tsv.zst")
        facts = [self.real, os.path.getsize(source) if self.real else 0,
                 [hashlib.sha1(open(os.path.join(HERE, f), "rb").read()).hexdigest() for f in MAKERS]]
        stamp = os.path.join(self.folder, "stamp.json")
        try:
            if json.load(open(stamp)) == facts:
                return
        except (OSError, ValueError):
            pass
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        json.dump(facts, open(stamp, "w"))

    def _make(self, name, write):
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            write(path + ".part")
            os.rename(path + ".part", path)
        return path

    def kept(self, name):
        """Where something that was made from these inputs lies; it goes when they go."""
        return os.path.abspath(os.path.join(self.folder, name))

    # ---- One file of long reviews, in every form ---------------------------------------------------

    def imdb(self, form="tsv"):
        """25,000 labelled reviews (label, text, id, rating) as tsv, tsv.zst, csv or jsonl."""
        if form == "tsv":
            return self._make("imdb.tsv", self._imdb_tsv)
        if form == "tsv.zst":
            return self._make("imdb.tsv.zst", lambda p: zstd_write(p, open(self.imdb(), "rb").read(), 9))
        return self._make("imdb." + form, {"csv": self._csv, "jsonl": self._jsonl}[form])

    def _imdb_tsv(self, path):
        if self.real:
            with open(path, "wb") as out:
                out.write(zstd_read(os.path.join(self.data, "imdb", "train.tsv.zst")))
        else:
            generate(path)

    def _csv(self, path):
        header, rows = read_rows(self.imdb())
        with open(path, "w", encoding="utf-8", newline="") as out:
            csv.writer(out).writerows([header] + rows)

    def _jsonl(self, path):
        header, rows = read_rows(self.imdb())
        with open(path, "w", encoding="utf-8") as out:
            for row in rows:
                out.write(json.dumps(dict(zip(header, row)), ensure_ascii=False) + "\n")

    def fasttext(self, source, labels):
        """The texts as fastText's own scripts prepare them: lower case, marks apart, one a line."""
        name = os.path.relpath(source, self.folder).replace("/", "_")
        name += ".labelled.txt" if labels else ".texts.txt"
        return self._make(os.path.join("fasttext", name), lambda p: write_fasttext(p, source, labels))

    def big(self, megabytes):
        """The reviews again and again, at least this large. The caller removes it."""
        def write(path):
            header, _, body = open(self.imdb(), "rb").read().partition(b"\n")
            with open(path, "wb") as out:
                out.write(header + b"\n")
                while out.tell() < megabytes * 1000000:
                    out.write(body)
        return self._make(f"big{megabytes}.tsv", write)

    # ---- Splits ------------------------------------------------------------------------------------

    def fold(self, k):
        """(train, dev) of fold k: of five successive blocks of films, the k-th is dev."""
        def write(side):
            def filtered(path):
                header, rows = read_rows(self.imdb())
                keep = [r for r in rows if (film_block(r[2]) % FOLDS == k) == (side == "dev")]
                write_rows(path, header, keep)
            return filtered
        return tuple(self._make(f"fold{k}/{side}.tsv", write(side)) for side in ("train", "dev"))

    def general(self):
        """(folder, {set: dev file}): four fifths of every set, under the names that make_models.sh
        knows, and the other fifth of every set of three classes as label, text."""
        folder, devs = os.path.join(self.folder, "general"), {}
        for name in sorted(os.listdir(self.data)):
            source = os.path.join(self.data, name, "train.tsv.zst")
            if not os.path.exists(source):
                continue
            target, dev = os.path.join(folder, name, "train.tsv.zst"), os.path.join(folder, name, "dev.tsv")
            if not os.path.exists(target):
                split_set(source, target, dev, SST5 if name == "sst5" else {})
            if {r[0] for r in read_rows(dev)[1]} == THREE:
                devs[name] = dev
        return folder, devs


def zstd_read(path):
    return subprocess.run(["zstd", "-dcq", path], check=True, stdout=subprocess.PIPE).stdout


def zstd_write(path, content, level=3):
    subprocess.run(["zstd", "-qf", f"-{level}", "-o", path], input=content, check=True)


def read_rows(path):
    with open(path, encoding="utf-8", newline="\n") as f:
        lines = f.read().split("\n")
    return lines[0].split("\t"), [line.split("\t") for line in lines[1:] if line]


def write_rows(path, header, rows):
    with open(path, "w", encoding="utf-8", newline="\n") as out:
        out.writelines("\t".join(row) + "\n" for row in [header] + rows)


def film_block(review):
    """train/pos/1234_7 -> the number of its block."""
    return int(review.rsplit("/", 1)[1].split("_")[0]) // FILM_BLOCK


def held_back(text):
    """One in five, by the letters and digits of the text, so that copies stay on one side. Salted:
    the kept-apart test portions were chosen by the plain SHA-1."""
    plain = "".join(c for c in text.lower() if c.isalnum())
    return hashlib.sha1(("valence bench:" + plain).encode()).digest()[0] % 5 == 0


def split_set(source, target, dev, labels):
    os.makedirs(os.path.dirname(target), exist_ok=True)
    header, _, body = zstd_read(source).decode().partition("\n")
    rows = [line.split("\t") for line in body.split("\n") if line]
    held = [r for r in rows if held_back(r[1])]
    write_rows(dev, ["label", "text"], [[labels.get(r[0], r[0]), r[1]] for r in held])
    kept = "".join("\t".join(r) + "\n" for r in rows if not held_back(r[1]))
    zstd_write(target, (header + "\n" + kept).encode())


MARKS = re.compile(r"([.!?,'/()\":;])")


def write_fasttext(path, source, labels):
    rows = read_rows(source)[1]
    if labels:  # fastText takes lines in the order of the file; sorted by label it learns badly
        random.Random(1).shuffle(rows)
    with open(path, "w", encoding="utf-8") as out:
        for row in rows:
            text = " ".join(MARKS.sub(r" \1 ", row[1].lower().replace("<br />", " ")).split())
            out.write((f"__label__{row[0]} " if labels else "") + text + "\n")


# ---- Generated texts ------------------------------------------------------------------------------

COMMON = ("the and a of to is it in this that was as for with movie film but on you not are have his be one he all "
          "at by an they who so from like or just her about out has if there some what good more when very up no "
          "time my even would she which only really see story their had can me than we much been get will also "
          "into people because other how most first its made make way them too could any after then think watch "
          "characters character acting plot life never little show scene love over where did well best").split()
GOOD = "great wonderful excellent loved superb perfect moving brilliant enjoyable beautiful".split()
BAD = "awful terrible boring worst waste dull poor stupid horrible disappointing".split()


def generate(path, texts=25000):
    """Reviews of about 230 words: Zipf's law over common and made-up words, marks, some markup."""
    chance = random.Random(20240607)
    parts = "ba ce di fo gu ha jo ka le mi no pra que ri sto ta ver wo xa yu zen th er ing".split()
    made = sorted({"".join(chance.choices(parts, k=chance.randint(2, 4))) for _ in range(60000)})
    chance.shuffle(made)
    words = COMMON + made
    weights, total = [], 0.0
    for i in range(len(words)):
        total += 1 / (i + 3)
        weights.append(total)
    marks = ["", "", "", "", "", "", "", ",", ".", ". ", "!", "<br /><br />"]
    with open(path, "w", encoding="utf-8") as out:
        out.write("label\ttext\tid\trating\n")
        for i in range(texts):
            label, n = i % 2, int(min(1500, max(20, chance.lognormvariate(5.2, 0.65))))
            text = chance.choices(words, cum_weights=weights, k=n)
            for _ in range(n // 25):
                text[chance.randrange(n)] = chance.choice(GOOD if label == (chance.random() < 0.8) else BAD)
            ends = chance.choices(marks, k=n)
            body = " ".join(w + e.strip() for w, e in zip(text, ends)).capitalize()
            out.write(f"{label}\t{body}\ttrain/{'pos' if label else 'neg'}/{i // 2}_{9 if label else 2}\t\n")
