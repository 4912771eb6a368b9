#!/usr/bin/env python3
"""make_sklearn_golden.py > sklearn_small.json: what scikit-learn makes of a tiny corpus.

Written for tests/unit/test_golden_sklearn.c; never needed to run the tests. To make it anew:
    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install scikit-learn
    /tmp/venv/bin/python tests/golden/make_sklearn_golden.py > tests/golden/sklearn_small.json"""
import json
import sys

import numpy
import sklearn
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.naive_bayes import MultinomialNB

# Each text with its label among two (0 negative, 1 positive) and among three (0, 1 neutral, 2).
ROWS = [
    ("I loved this film, it was great", 1, 2),
    ("great acting and a great story", 1, 2),
    ("not good, not good at all", 0, 0),
    ("terrible film. I want my money back", 0, 0),
    ("it was a film", 1, 1),
    ("don't watch this, it isn't good", 0, 0),
    ("the best film I've seen this year", 1, 2),
    ("so so, nothing special", 0, 1),
    ("the story was good but the acting was terrible", 0, 1),
    ("good good good", 1, 2),
    ("boring, boring, boring", 0, 0),
    ("a boring film with a terrible story", 0, 0),
    ("I want to watch it again", 1, 2),
    ("Not my film", 0, 1),
    ("great", 1, 2),
    ("awful", 0, 0),
    ("this was the worst film of the year", 0, 0),
    ("loved it loved it loved it", 1, 2),
    ("the film is about a dog and a cat", 1, 1),
    ("the dog was great, the cat was not", 1, 1),
    ("good acting", 1, 2),
    ("bad acting", 0, 0),
    ("bad story, bad acting, bad film", 0, 0),
    ("nothing special but good", 1, 1),
    ("I've seen better", 0, 1),
    ("I've seen worse", 1, 1),
    ("one of the best", 1, 2),
    ("one of the worst", 0, 0),
    ("it is what it is", 0, 1),
    ("GREAT STORY", 1, 2),
    ("was it good? it was not", 0, 0),
    ("was it bad? it was not", 1, 2),
    ("my money is gone", 0, 0),
    ("my dog loved it", 1, 2),
    ("my cat didn't", 0, 1),
    ("again and again and again", 1, 1),
    ("watch it", 1, 2),
    ("do not watch it", 0, 0),
    ("a story about money", 1, 1),
    ("the year of the dog", 1, 1),
]
SMOOTHING = 1.0  # of the log-count ratio


def main():
    texts = [row[0] for row in ROWS]
    # The words of text/words.h for ASCII: runs of letters, digits and _ with single apostrophes inside.
    vectorizer = CountVectorizer(ngram_range=(1, 3), token_pattern=r"[A-Za-z0-9_]+(?:'[A-Za-z0-9_]+)*")
    counts = vectorizer.fit_transform(texts)
    names = [str(n) for n in vectorizer.get_feature_names_out()]
    presence = (counts > 0).astype(float)
    idf = TfidfTransformer(smooth_idf=True, norm=None).fit(counts).idf_
    tfidf = TfidfTransformer(smooth_idf=True, norm="l2").fit_transform(counts)
    out = {
        "made_by": "tests/golden/make_sklearn_golden.py, scikit-learn %s, numpy %s, Python %s"
        % (sklearn.__version__, numpy.__version__, sys.version.split()[0]),
        "texts": texts,
        "features": names,
        # per text: [feature, count] pairs, and the same with L2-normalised tf-idf
        "counts": [[[int(j), int(counts[i, j])] for j in counts[i].indices] for i in range(len(texts))],
        "idf": [round(float(x), 7) for x in idf],
        "tfidf": [[[int(j), round(float(tfidf[i, j]), 7)] for j in tfidf[i].indices] for i in range(len(texts))],
        "problems": [],
    }
    for column in (1, 2):
        labels = numpy.array([row[column] for row in ROWS])
        K = int(labels.max()) + 1
        nb = MultinomialNB(alpha=1.0).fit(counts, labels)
        # Wang and Manning 2012 as valence defines it: shares of each class' texts that hold the n-gram.
        held = numpy.array([numpy.asarray(presence[labels == k].sum(axis=0)).ravel() for k in range(K)])
        texts_of = numpy.array([(labels == k).sum() for k in range(K)])
        ratio = numpy.zeros(len(names))
        for k in range(K):
            p = (held[k] + SMOOTHING) / (texts_of[k] + 2 * SMOOTHING)
            q = (held.sum(axis=0) - held[k] + SMOOTHING) / (len(texts) - texts_of[k] + 2 * SMOOTHING)
            ratio = numpy.maximum(ratio, numpy.abs(numpy.log(p / q)))
        out["problems"].append({
            "labels": [int(x) for x in labels],
            "feature_log_prob": [[round(float(x), 7) for x in row] for row in nb.feature_log_prob_],
            "joint_log_likelihood": [[round(float(x), 7) for x in row - nb.class_log_prior_]
                                     for row in nb.predict_joint_log_proba(counts)],
            "log_ratio": [round(float(x), 7) for x in ratio],
        })
    json.dump(out, sys.stdout, separators=(",", ":"))
    print()


main()
