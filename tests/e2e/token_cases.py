"""Texts and tokenizers by which ours are compared with Hugging Face's: a torture set, random texts, and random
tokenizers over the parts that valence knows. Not a test itself; golden/make_tokenizer_golden.py uses it, too."""
import random

# Anything that some step treats in its own way.
ODD = ("aéeèüñøßſİıKÅ \t\n\r\x0b\x0c\x1c\x00\x7f\u0085\u00a0\u00ad\u200b\u200d\u2028\ufeff\ufffd\ue000中文字漢㐀𠀀豈"
       "😀👍🏽👨\u200d👩\u200d👧🇩🇪\u0301\u0323\u0345\u0338\u3099かがカ한글각\u1100\u1161\u11a8שלוםابجमुहि์ﬁ㎏Ⅳ½²٣五\uff21"
       "''’“”—…!?.,-_[]<>|#$@&()\u2581\U0010ffff\u0378ΣσςΟ")

WORDS = ("the a I you film movie great terrible don't won't can't it's they're we've I'm he'll she'd was not very good "
         "bad wonderful-looking 10/10 2,000 U.S.A. e-mail http://t.co/x #fail @user :-) ... !!! <br /> naïve café "
         "über Zürich coöperate résumé").split(" ")


def torture():
    """A few hundred short texts: one per trap."""
    texts = ["", " ", "   ", "\n", "\t\t", "\r\n", "a", "A", "'", "''", "\x00", "a\x00b", "\ufffd", "\ufeffa", "\ue000", "\U0010ffff"]
    texts += ["I loved it!", "Don't can't WON'T they're I've I'm he'll she'd 'tis 's 'S", "Hello,world;this:is-a_test.", "3.14 1,000 2nd x2y"]
    texts += ["naïve café Zürich Ångström façade", "e\u0301 e\u0323\u0301 e\u0301\u0323 a\u0345\u0301 ế ệ q\u0323\u0307", "İstanbul ISTANBUL ıI ſS",
              "ΌΣΟΣ Σ ΑΣ. ς", "ﬁne ﬂow ﬀ Ⅳ ½ ² ㎏ ℃ ™ ﷺ", "각 한글 \u1100\u1161\u11a8 \uac00\u11a8", "ガ が カ\u3099 か\u3099", "中文字 abc漢字def 㐀𠀀豈",
              "שָׁלוֹם עולם", "مرحبا بالعالم ١٢٣", "नमस्ते दुनिया", "สวัสดีชาวโลก", "Привет, мир! Ёлка ёж"]
    texts += ["😀😃 👍🏽 👨\u200d👩\u200d👧\u200d👦 🇩🇪🇫🇷 ❤\ufe0f ©®", "a\u200bb a\u200db a\u200cb a\ufeffb a\u00adb", "“quotes” ‘single’ — – … ‹›«»",
              "a\u00a0b\u2003c\u3000d\u2028e\u2029f\u0085g", "tab\tnewline\ncarriage\rformfeed\x0cvt\x0bfs\x1cdel\x7fnel\u0085"]
    texts += [" leading", "trailing ", "  two  spaces  ", "   three   ", "a\n\nb\n c", " \n \n", "x  \n\n  y", "a \u3000 b", "\u3000\u3000a", "  'll  've"]
    texts += ["[CLS] a [SEP] b[MASK]c [MASK] [PAD][UNK]", "[cls] [mask]", "<s>a</s><mask> <mask>x<pad>", "  [MASK]  ", "|||IP_ADDRESS||| x<|endoftext|>", "[CL [CLS"]
    texts += ["x" * 15, "x" * 16, "y" * 99, "y" * 100, "y" * 101, "z" * 300, "ab" * 5000, "é" * 150, "中" * 120, "!" * 200, "'" * 50, " " * 60, "a" + "\u0301" * 100]
    texts += ["word " * 900, ("w" * 63 + " ") * 70, "a" * 4095 + " b", "a" * 4096 + "b c", "." * 4097, "é " * 500, ("plain words here " * 9 + "ünd ") * 20]
    texts += [f"a{'b' * n} {'c' * (64 - n)} é{'d' * n}" for n in range(0, 64, 7)]
    rng = random.Random(5)
    texts += ["".join(rng.choice(ODD) for _ in range(rng.randint(1, 40))) for _ in range(150)]
    texts += [" ".join(rng.choice(WORDS) for _ in range(rng.randint(3, 30))) for _ in range(40)]
    return texts


def code_points():
    return [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def every_code_point(block):
    """One text for each `block` code points: each of them between letters, and alone."""
    points = code_points()
    for i in range(0, len(points), block):
        yield "".join(f"a{chr(c)}B {chr(c)} " for c in points[i:i + block])


def random_text(rng, corpus):
    kind, n = rng.random(), rng.randint(0, 60)
    if kind < 0.25:
        return "".join(rng.choice(ODD) for _ in range(n))
    if kind < 0.5:
        return "".join(rng.choice(ODD) if rng.random() < .3 else rng.choice("abcde tths'S 12. \n  ") for _ in range(n))
    if kind < 0.6:
        spans = [(0, 0x2ff), (0x300, 0x36f), (0, 0xd7ff), (0xe000, 0xffff), (0x10000, 0x1ffff), (0, 0x10ffff)]
        return "".join(chr(rng.randint(*rng.choice(spans))) for _ in range(n)).encode("utf-8", "ignore").decode()
    text = rng.choice(corpus)
    if kind < 0.8:
        letters = list(text)
        for _ in range(3):
            letters.insert(rng.randint(0, len(letters)), rng.choice(ODD))
        return "".join(letters)
    if kind > 0.9:
        tails = ["[M]", " [M] ", "<y> ", "  <y>  <y>", "<x>a", "<z>", " word", "word", "   ", "Word 's"]
        return text.replace(" ", "<x>", 1) + rng.choice(tails)
    return text


# ---- Random tokenizers ------------------------------------------------------------------------------------------------

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
BEHAVIORS = ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]


def gpt4(digits):
    return (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + digits +
            r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def normalizers():
    from tokenizers import Regex, normalizers as N
    return [None, N.NFC(), N.NFD(), N.NFKC(), N.NFKD(), N.Lowercase(), N.StripAccents(),
            N.Sequence([N.NFD(), N.StripAccents(), N.Lowercase()]), N.Sequence([N.NFKD(), N.Lowercase(), N.StripAccents()]),
            N.Replace("a", "bcd"), N.Replace("the", ""), N.Replace(Regex(" {2,}"), "▁"), N.Replace(Regex(r"\s+"), " "),
            N.Replace(Regex("e{2,3}"), "é"), N.Replace(Regex("l{2}"), "L"), N.Replace(Regex(r"\p{N}+"), "0"), N.Replace(Regex(r"\p{L}"), "ab"),
            N.Strip(True, True), N.Strip(True, False), N.Strip(False, True), N.Prepend("▁x"),
            N.BertNormalizer(), N.BertNormalizer(lowercase=False), N.BertNormalizer(strip_accents=True, lowercase=False),
            N.BertNormalizer(clean_text=False), N.BertNormalizer(handle_chinese_chars=False, strip_accents=False, lowercase=True),
            N.Sequence([N.Strip(), N.Replace(Regex(r"\s+"), " "), N.NFC(), N.Lowercase()]),
            N.ByteLevel(), N.Sequence([N.NFC(), N.ByteLevel()]), N.Sequence([N.NFKC(), N.Prepend("_")])]


def pre_tokenizers(by_bytes):
    from tokenizers import Regex, pre_tokenizers as P
    if by_bytes:
        return ([P.ByteLevel(a, use_regex=u) for a in (False, True) for u in (False, True)] +
                [P.Sequence([P.Split(Regex(gpt4(d)), "isolated"), P.ByteLevel(a, use_regex=False)])
                 for d in ("", "{1,3}", "+") for a in (True, False)] +
                [P.Sequence([P.Digits(True), P.ByteLevel(a)]) for a in (True, False)] +
                [P.Sequence([P.WhitespaceSplit(), P.ByteLevel(True)])])
    patterns = ["e", "th", " ", Regex(r"\s+"), Regex(r"\p{N}{1,3}"), Regex(GPT2), Regex(gpt4("{1,3}"))]
    return ([None, P.BertPreTokenizer(), P.BertPreTokenizer(), P.Whitespace(), P.WhitespaceSplit(), P.Digits(True), P.Digits(False)] +
            [P.Punctuation(b) for b in BEHAVIORS] +
            [P.Split(p, b, invert) for p in patterns for b in BEHAVIORS for invert in (False, True)] +
            [P.Sequence([P.WhitespaceSplit(), P.Punctuation()]), P.Sequence([P.Digits(True), P.BertPreTokenizer()])])


def train(rng, kind, tokenizer, corpus):
    from tokenizers import models, pre_tokenizers, trainers
    size, special = rng.choice([300, 900]), ["[UNK]", "[CLS]", "[SEP]"]
    if kind == "wordpiece":
        tokenizer.model = models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=rng.choice([3, 100]))
        trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=special, show_progress=False)
    elif kind == "bytes":
        tokenizer.model = models.BPE()
        trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=special, show_progress=False,
                                      initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    else:
        options = rng.choice([{}, dict(unk_token="[UNK]"), dict(unk_token="[UNK]", fuse_unk=True),
                              dict(unk_token="[UNK]", continuing_subword_prefix="##"), dict(unk_token="[UNK]", end_of_word_suffix="</w>"),
                              dict(byte_fallback=True, unk_token="[UNK]", fuse_unk=True)])
        tokenizer.model = models.BPE(**options)
        if options.get("byte_fallback"):
            special += [f"<0x{i:02X}>" for i in range(256)]
        trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=special, limit_alphabet=60, show_progress=False,
                                      continuing_subword_prefix=options.get("continuing_subword_prefix", ""),
                                      end_of_word_suffix=options.get("end_of_word_suffix", ""))
    tokenizer.train_from_iterator(corpus, trainer)


def add_tokens(rng, tokenizer):
    from tokenizers import AddedToken
    pool = [("[M]", dict(lstrip=True, normalized=False, special=True)), ("<x>", dict(normalized=False, special=True)),
            ("<y>", dict(rstrip=True, lstrip=True, normalized=False)), ("word", dict(single_word=True, normalized=True)),
            ("<z>", dict(normalized=True)), ("  ", dict(normalized=True)), ("   ", dict(normalized=False)),
            ("Word", dict(single_word=True, normalized=False)), ("é", dict(normalized=False)), (" a", dict(normalized=False, rstrip=True))]
    seen = set()
    for content, options in rng.sample(pool, rng.randint(0, 6)):
        normal = content
        if options.get("normalized") and tokenizer.normalizer:
            normal = tokenizer.normalizer.normalize_str(content)
        if normal and (options["normalized"], normal) not in seen:  # Hugging Face hangs on empty ones
            seen.add((options["normalized"], normal))
            tokenizer.add_tokens([AddedToken(content, **options)])


def post_process(rng, tokenizer):
    from tokenizers import processors
    template = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]",
                                             special_tokens=[("[CLS]", 1), ("[SEP]", 2)])
    choice = rng.choice([None, processors.ByteLevel(trim_offsets=True), processors.Sequence([processors.ByteLevel(trim_offsets=True), template]),
                         processors.RobertaProcessing(("[SEP]", 2), ("[CLS]", 1), trim_offsets=True, add_prefix_space=rng.random() < .5)])
    if choice:
        tokenizer.post_processor = choice


def random_tokenizer(rng, corpus):
    """One that Hugging Face itself can read back."""
    import json
    from tokenizers import Tokenizer, models
    kind = rng.choice(["wordpiece", "bytes", "characters"])
    tokenizer = Tokenizer(models.BPE())
    normalizer, pre = rng.choice(normalizers()), rng.choice(pre_tokenizers(kind == "bytes"))
    if kind == "characters" and pre is None:
        pre = pre_tokenizers(False)[1]  # whole texts as words make slow merges
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre:
        tokenizer.pre_tokenizer = pre
    train(rng, kind, tokenizer, corpus)
    description = json.loads(tokenizer.to_str())
    if kind == "bytes" and rng.random() < .3:
        description["model"]["ignore_merges"] = True
    tokenizer = Tokenizer.from_str(json.dumps(description))
    add_tokens(rng, tokenizer)
    if kind == "bytes":
        post_process(rng, tokenizer)
    return Tokenizer.from_str(tokenizer.to_str())


# ---- The answers in our form ------------------------------------------------------------------------------------------

def byte_offsets(text, offsets):
    if text.isascii():
        return offsets
    places = [0]
    for c in text:
        places.append(places[-1] + len(c.encode()))
    return [(places[a], places[b]) for a, b in offsets]


def expected(tokenizer, text):
    """ids, and offsets in bytes."""
    encoding = tokenizer.encode(text, add_special_tokens=False)
    return encoding.ids, byte_offsets(text, encoding.offsets)
