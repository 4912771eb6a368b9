"""predict --explain, --top, --sentences and --format html from outside."""
import html.parser
import json
import re

import pytest

from support import LABELS, real_texts, strict_json, table, valence, write_csv

TEXT = "The film was not good, I <b>LOVED</b> the music, caf\u00e9 & all \u2665 loved it"


def explained(*args):
    return valence("predict", "--explain", "--format", "jsonl", *args).jsonl()


def check_sums(text, answer):
    """Offsets are bytes of the text, and bias and weights add up to the logit."""
    raw = text.encode()
    total = answer["bias"]
    for r in answer["explanation"]:
        assert raw[r["start"]:r["end"]].decode() == r["text"]
        assert r.get("count", 2) > 1
        total += r["weight"]
    assert total == pytest.approx(answer["logit"], abs=1e-3)


@pytest.mark.parametrize("model", ["general", "general-nb", "movies-lr", "movies-nb"])
def test_weights_add_up(model):
    texts = [TEXT, "", "great", "Terrible. " * 50] + real_texts(40)
    for text, answer in zip(texts, explained("-m", model, "--", *texts)):
        check_sums(text, answer)
        assert answer["explained"] == answer["label"]


def test_the_answer_is_the_plain_one():
    texts = [TEXT] + real_texts(60)
    plain = valence("predict", "--format", "jsonl", "--", *texts).jsonl()
    for a, b in zip(plain, explained("--", *texts)):
        assert {k: b[k] for k in a} == a


def test_words_point_the_right_way():
    answer = explained("-m", "movies-lr", "wonderful, though the end was awful")[0]
    sign = 1 if answer["label"] == "positive" else -1
    weight = {r["text"]: sign * r["weight"] for r in answer["explanation"]}
    assert weight["wonderful"] > 0 > weight["awful"]


def test_in_tables(tmp_path):
    source = write_csv(tmp_path / "in.csv", [("a", 'so "good",\tyes'), ("b", "bad\nbad")], ("id", "text"))
    for ending, separator in (("csv", ","), ("tsv", "\t")):
        out = tmp_path / f"out.{ending}"
        valence("predict", "-i", source, "-o", out, "--explain")
        rows = table(out.read_text(), separator)
        assert list(rows[0]) == ["id", "label", "score", *LABELS, "explanation"]
        texts = {r["text"] for r in json.loads(rows[0]["explanation"])}
        assert {"good", '"', ","} <= texts
        assert {"count": 2}.items() <= [r for r in json.loads(rows[1]["explanation"]) if r["text"] == "bad"][0].items()


def test_file_and_arguments_agree(tmp_path):
    texts = real_texts(30)
    source = write_csv(tmp_path / "in.csv", [(t,) for t in texts], ("text",))
    from_file = valence("predict", "-i", source, "--explain", "--format", "jsonl").jsonl()
    assert from_file == explained("--", *texts)


def test_for_people():
    out = valence("predict", "--explain", "--format", "pretty", "wonderful film but a terrible end").out
    assert re.search(r"for \w+: ", out) and "against: " in out
    assert "\033" not in out
    hostile = valence("predict", "--explain", "--format", "pretty", "good \033[2J\u009b31m film").out
    assert "\033" not in hostile and "\u009b" not in hostile


# ---- --top ---------------------------------------------------------------------------------------

def test_top():
    for k in (1, 2, 3, 9):
        a = valence("predict", "--top", k, "--format", "json", "not bad").out
        p = strict_json(a)[0]["probabilities"]
        assert len(p) == min(k, 3)
        if k < 3:
            assert list(p.values()) == sorted(p.values(), reverse=True)


def test_top_in_tables():
    row = table(valence("predict", "--top", 2, "--format", "csv", "not bad").out, ",")[0]
    assert list(row) == ["id", "label", "score", "label_2", "score_2"]
    assert row["label"] != row["label_2"] and float(row["score"]) >= float(row["score_2"])
    assert list(table(valence("predict", "--top", 1, "--format", "tsv", "x").out, "\t")[0]) == ["id", "label", "score"]
    assert valence("predict", "--top", "-1", "x", code=2).err


# ---- HTML ----------------------------------------------------------------------------------------

class Page(html.parser.HTMLParser):
    """Collects tags and the text of each article; complains about what is not closed."""
    VOID = {"meta", "br"}

    def __init__(self, text):
        super().__init__()
        self.stack, self.tags, self.articles, self.attributes = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.stack

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in self.VOID:
            self.stack.append(tag)
        if tag == "article":
            self.articles.append("")

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        if "article" in self.stack and "p" in self.stack:
            self.articles[-1] += data


HOSTILE = ['<script>alert(1)</script> "good" & \'bad\'', "</p></article><img src=x onerror=alert(1)>", "&lt;b&gt; fine"]


@pytest.mark.parametrize("how", [[], ["--explain"], ["--sentences"]])
def test_html_report(how):
    out = valence("predict", *how, "--format", "html", "--", TEXT, "", *HOSTILE).out
    page = Page(out)
    assert [a.strip() for a in page.articles] == [TEXT, "", *HOSTILE]
    assert not {"script", "img", "link", "iframe"} & set(page.tags)
    assert not [v for k, v in page.attributes if k in ("src", "href") or k.startswith("on")]
    assert "5 texts" in out and "2 without words" in out  # one is only a tag
    if how == ["--explain"]:
        assert "mark" in page.tags and re.search(r'<mark class="[gb][34]" title="[+-]\d', out)


def test_html_of_a_file(tmp_path):
    source = write_csv(tmp_path / "in.csv", [(i, f"good film {i} <b>") for i in range(3000)], ("id", "text"))
    out = tmp_path / "report.html"
    valence("predict", "-i", source, "-o", out, "--keep", "text", "--explain", "--threads", 3)
    page = Page(out.read_text())
    assert len(page.articles) == 3000 and page.articles[17] == "good film 17 <b>"
    assert "<b>3000 texts</b>" in out.read_text() and "in.csv" in out.read_text()


# ---- --sentences ---------------------------------------------------------------------------------

def test_sentences():
    text = "The caf\u00e9 was wonderful, a superb evening! The service was terrible, awful and rude. Dr. Who?"
    answer = valence("predict", "--sentences", "--format", "jsonl", text).jsonl()[0]
    raw = text.encode()
    assert [raw[s["start"]:s["end"]].decode() for s in answer["sentences"]] == [s["text"] for s in answer["sentences"]]
    assert len(answer["sentences"]) == 3
    assert [s["label"] for s in answer["sentences"][:2]] == ["positive", "negative"]
    assert answer["label"] == "mixed"
    assert valence("predict", "--sentences", "--explain", "x", code=2).err
