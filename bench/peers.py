"""peers.py: the other systems, each as people use it. Runs in build/venv, never imported by bench.py.

    peers.py train    NAME DATA MODEL              --report FILE
    peers.py score    NAME MODEL DATA OUT          --report FILE --processes 2
    peers.py accuracy NAME TRAIN DEV               --report FILE
    peers.py latency  NAME MODEL DATA              --report FILE
    peers.py one      NAME MODEL TEXT
    peers.py vader    DEV...                       --report FILE --processes 2
    peers.py libsvm   DATA OUT
    peers.py clean    DATA                         --report FILE

NAME: sklearn-nb  CountVectorizer(1-2-grams, presence) + MultinomialNB
      sklearn-lr  TfidfVectorizer(1-2-grams) + LogisticRegression
      sklearn-lr-tuned  the same with sublinear_tf and C=10, the best found (accuracy only: it fits slower)
      nbsvm       presence of 1-3-grams x NB log-count ratio + LogisticRegression (Wang and Manning 2012)
      fasttext    wordNgrams 2, dim 10, 10 epochs; its DATA are prepared lines, that time is not counted
The report says what the work alone took, without starting Python, imports and loading of the model."""
import argparse, json, multiprocessing, os, pickle, re, sys, time

CHUNK = 250
LATENCY_TEXTS = 400


def read_tsv(path):
    with open(path, encoding="utf-8", newline="\n") as f:
        rows = [line.split("\t", 2) for line in f.read().split("\n")[1:] if line]
    return [r[1] for r in rows], [r[0] for r in rows]


def read_lines(path):
    with open(path, encoding="utf-8", newline="\n") as f:
        return f.read().split("\n")[:-1]


# ---- scikit-learn ---------------------------------------------------------------------------------

def sklearn_pipeline(name):
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline
    if name == "sklearn-nb":
        return make_pipeline(CountVectorizer(ngram_range=(1, 2), binary=True), MultinomialNB())
    tuned = name == "sklearn-lr-tuned"
    return make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=tuned),
                         LogisticRegression(C=10 if tuned else 1, max_iter=1000))


class Sklearn:
    def __init__(self, name, model=None):
        import sklearn.linear_model, sklearn.naive_bayes, sklearn.pipeline  # the import is not the work
        import sklearn.feature_extraction.text
        self.name = name
        if model:
            with open(model, "rb") as f:
                self.pipeline = pickle.load(f)

    read_texts = staticmethod(lambda path: read_tsv(path)[0])

    def train(self, data):
        texts, labels = read_tsv(data)
        self.pipeline = sklearn_pipeline(self.name).fit(texts, labels)

    def save(self, path):
        with open(path, "wb") as f:
            pickle.dump(self.pipeline, f, protocol=pickle.HIGHEST_PROTOCOL)

    def predict(self, texts):
        p = self.pipeline.predict_proba(texts)
        best = p.argmax(axis=1)
        return [(self.pipeline.classes_[k], float(p[i, k])) for i, k in enumerate(best)]


class NbSvm(Sklearn):
    def train(self, data):
        import numpy
        from sklearn.feature_extraction.text import CountVectorizer
        from sklearn.linear_model import LogisticRegression
        texts, labels = read_tsv(data)
        self.vectors = CountVectorizer(ngram_range=(1, 3), binary=True, token_pattern=r"\b\w+\b", min_df=2,
                                       dtype=numpy.float32)
        x, y = self.vectors.fit_transform(texts), numpy.array(labels)
        first, second = sorted(set(labels))
        a, b = (numpy.asarray(x[y == k].sum(axis=0)).ravel() + 1 for k in (second, first))
        self.r = numpy.log((a / a.sum()) / (b / b.sum())).astype(numpy.float32)
        # C as in the common recipe for unnormalised NB features; a dual solver converges fastest here
        self.model = LogisticRegression(C=0.1, solver="liblinear", dual=True, max_iter=300)
        self.model.fit(x.multiply(self.r).tocsr(), y)

    def predict(self, texts):
        return [(k, 1.0) for k in self.model.predict(self.vectors.transform(texts).multiply(self.r).tocsr())]


# ---- fastText -------------------------------------------------------------------------------------

class FastText:
    def __init__(self, name, model=None):
        import fasttext
        fasttext.FastText.eprint = lambda *_: None
        self.fasttext = fasttext
        if model:
            self.model = fasttext.load_model(model)

    read_texts = staticmethod(read_lines)

    def train(self, data):
        self.model = self.fasttext.train_supervised(data, wordNgrams=2, dim=10, epoch=10, verbose=0,
                                                    thread=os.cpu_count())

    def save(self, path):
        self.model.save_model(path)

    def predict(self, texts):
        """Through the binding's own functions: the wrapper's predict(str) fails with numpy 2 (it asks
        for np.array(.., copy=False)), and a list is also the quickest way in."""
        labels, scores = self.model.f.multilinePredict([t + "\n" for t in texts], 1, 0.0, "strict")
        return [(k[0][len("__label__"):], float(p[0])) for k, p in zip(labels, scores)]


def peer(name, model=None):
    return {"fasttext": FastText, "nbsvm": NbSvm}.get(name, Sklearn)(name, model)


# ---- Commands -------------------------------------------------------------------------------------

def train(args, report):
    name, data, model = args
    p = peer(name)
    start = time.perf_counter()
    p.train(data)
    report["work_s"] = time.perf_counter() - start
    p.save(model)
    report["model_mb"] = os.path.getsize(model) / 1e6


working = None  # the peer that forked processes use


def predict_chunk(texts):
    return working.predict(texts)


def score(args, report, processes):
    global working
    name, model, data, out = args
    start = time.perf_counter()
    working = peer(name, model)
    report["start_s"] = time.perf_counter() - start
    start = time.perf_counter()
    texts = working.read_texts(data)
    chunks = [texts[i:i + CHUNK] for i in range(0, len(texts), CHUNK)]
    with multiprocessing.get_context("fork").Pool(processes) as pool, open(out, "w") as f:
        row = 0
        for results in pool.imap(predict_chunk, chunks):
            for label, p in results:
                row += 1
                f.write(f"{row}\t{label}\t{p:.6f}\n")
    report["work_s"], report["texts"] = time.perf_counter() - start, len(texts)


def accuracy(args, report):
    name, data, dev = args
    p = peer(name)
    p.train(data)
    if name == "fasttext":
        labelled = [line.split(" ", 1) for line in read_lines(dev)]
        texts, labels = [t for _, t in labelled], [k[len("__label__"):] for k, _ in labelled]
    else:
        texts, labels = read_tsv(dev)
    predicted = [k for k, _ in p.predict(texts)]
    report["accuracy"] = sum(a == b for a, b in zip(predicted, labels)) / len(labels)


def latency(args, report):
    name, model, data = args
    p = peer(name, model)
    texts, took = p.read_texts(data), []
    for text in texts[::max(1, len(texts) // LATENCY_TEXTS)]:
        start = time.perf_counter()
        p.predict([text])
        took.append(time.perf_counter() - start)
    took.sort()
    report["p50_us"], report["p99_us"] = took[len(took) // 2] * 1e6, took[len(took) * 99 // 100] * 1e6


def one(args):
    name, model, text = args
    print(peer(name, model).predict([text]))


def vader_label(text):
    compound = working.polarity_scores(text)["compound"]
    return "positive" if compound >= 0.05 else "negative" if compound <= -0.05 else "neutral"


def macro_f1(predicted, labels):
    total, classes = 0.0, sorted(set(labels))
    for k in classes:
        hit = sum(a == b == k for a, b in zip(predicted, labels))
        total += 2 * hit / max(1, sum(a == k for a in predicted) + sum(b == k for b in labels))
    return total / len(classes)


def vader(args, report, processes):
    global working
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
    working = SentimentIntensityAnalyzer()
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        for dev in args:
            texts, labels = read_tsv(dev)
            report[dev] = macro_f1(pool.map(vader_label, texts, CHUNK), labels)


def libsvm(args):
    from sklearn.datasets import dump_svmlight_file
    from sklearn.feature_extraction.text import TfidfVectorizer
    texts, labels = read_tsv(args[0])
    x = TfidfVectorizer(ngram_range=(1, 2)).fit_transform(texts)
    dump_svmlight_file(x, [int(k) for k in labels], args[1], zero_based=False)


def clean(args, report):
    """Lower case, no marks, single spaces: with Python's re."""
    texts = read_tsv(args[0])[0]
    marks, spaces = re.compile(r"[^\w\s]"), re.compile(r"\s+")
    start = time.perf_counter()
    for text in texts:
        spaces.sub(" ", marks.sub("", text.lower())).strip()
    took = time.perf_counter() - start
    report["gb_per_s"] = sum(len(t.encode()) for t in texts) / took / 1e9


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("command")
    parser.add_argument("args", nargs="+")
    parser.add_argument("--report")
    parser.add_argument("--processes", type=int, default=2)
    o = parser.parse_args()
    report = {}
    if o.command in ("score", "vader"):
        {"score": score, "vader": vader}[o.command](o.args, report, o.processes)
    elif o.command in ("one", "libsvm"):
        {"one": one, "libsvm": libsvm}[o.command](o.args)
    else:
        {"train": train, "accuracy": accuracy, "latency": latency, "clean": clean}[o.command](o.args, report)
    if o.report:
        with open(o.report, "w") as f:
            json.dump(report, f)


if __name__ == "__main__":
    sys.exit(main())
