#!/usr/bin/env python3
"""make_transformer_golden.py: writes tests/golden/transformers: small sequence classifiers of every
architecture, each a complete folder as transformers writes it, and what transformers answers.

    python3 tests/golden/make_transformer_golden.py        needs torch, transformers, tokenizers, safetensors

Nothing in it comes from elsewhere: weights are seeded random numbers, the tokenisers are trained on the
sentences below. Each folder is written and opened anew by transformers, which then answers in float32 on
one thread. golden.json of a folder: per text of texts.json the ids and the logits; `noise` is
the largest difference of a logit to the same model in float64. Running it again changes nothing (last
digits, with other versions of the packages): a tokenizer.json that is there is kept, as the trainer breaks
ties differently every time."""
import importlib.metadata, itertools, json, os, platform, shutil, sys

import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "transformers")
VOCABULARY = 300
NO_LIMIT = int(1e30)  # what transformers writes for "unknown": 1000000000000000019884624838656

# ---- Texts ----------------------------------------------------------------------------------------

SUBJECTS = ["the film", "this movie", "the plot", "her acting", "his voice", "the music", "a scene", "the ending",
            "their dialogue", "the camera", "the script", "every joke", "the whole cast", "the director"]
VERBS = ["is", "was", "seems", "felt", "looked", "stays", "became", "remains"]
JUDGEMENTS = ["wonderful", "terrible", "boring", "brilliant", "too long", "not good", "surprisingly funny", "dull",
              "a masterpiece", "a waste of time", "unwatchable", "moving and honest", "predictable", "overrated",
              "beautifully shot", "badly written", "charming", "painfully slow", "worth seeing", "forgettable"]
ENDINGS = [".", "!", ", and i loved it.", ", but i hated it.", "; nobody laughed.", " (again).", "...", " - really?"]
ODD = ["Café crème, naïve façade, über-große Straße, señor, Łódź, Ångström.", "电影 很 好 看 好 电影", "とても面白い映画でした",
       "Очень хороший фильм", "👍 🎬 😀 great 😀", "10/10, 7.5 stars & 100% fun", "don't can't won't it's", "\"quoted\" 'words'",
       "email@example.org http://example.org/a?b=c", "$5 €6 £7 #8", "a_b-c/d\\e [x] {y} <z>"]


def sentences():
    made = ["".join((s, " ", v, " ", j, e)) for (s, v, j), e in
            zip(itertools.product(SUBJECTS, VERBS, JUDGEMENTS), itertools.cycle(ENDINGS))]
    return made[::3] + [s.capitalize() for s in made[1::7]] + ODD * 3


TEXTS = [
    "",
    "a",
    "The film was wonderful.",
    "the film was terrible.",
    "This movie is NOT good, and i hated it!",
    "i loved it",
    "her acting was brilliant; nobody laughed.",
    "unbelievably wonderfully overacted melodramas",
    "!!! ??? ...",
    "   spaces   and\ttabs   ",
    "Café crème: naïve, über-große Straße",
    "cafe\u0301 n\u0303 combining",
    "电影很好看",
    "とても面白い",
    "Очень хороший фильм",
    "👍🎬 great 😀 👨\u200d👩\u200d👧 ok",
    "don't, can't, won't; it's",
    "10/10 would see again, 7.5 stars & 100% fun",
    "one [MASK] two [SEP] three <mask> four",
    "xqzzkjv wvxq",
    "soft\u00adhyphen zero\u200bwidth \ufeffmark \ufffd",
    "İstanbul ŞIŞLI ǅ ﬁne Ⅷ",
    "The plot is predictable, but the whole cast is charming and the ending was moving and honest.",
    " ".join(f"{s} {v} {j}," for s, v, j in zip(SUBJECTS, VERBS * 2, JUDGEMENTS)),
    " ".join(f"the ending of part {i} was {JUDGEMENTS[i * 7 % 20]}." for i in range(60)),
    "word" * 40,
]

# ---- Tokenisers -----------------------------------------------------------------------------------


def wordpiece(lower=True):
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer(lowercase=lower)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.train_from_iterator(sentences(), trainers.WordPieceTrainer(
        vocab_size=VOCABULARY, special_tokens=special, limit_alphabet=110, show_progress=False))
    t.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    t.decoder = decoders.WordPiece()
    return t, {"tokenizer_class": "BertTokenizer", "do_lower_case": lower, "strip_accents": None,
               "tokenize_chinese_chars": True, "cls_token": "[CLS]", "mask_token": "[MASK]", "pad_token": "[PAD]",
               "sep_token": "[SEP]", "unk_token": "[UNK]"}


def byte_bpe(special, classes):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.train_from_iterator(sentences(), trainers.BpeTrainer(
        vocab_size=256 + len(special) + 60, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False))
    t.decoder = decoders.ByteLevel()
    return t, {"tokenizer_class": classes, "add_prefix_space": False}


def roberta_bpe():
    t, config = byte_bpe(["<s>", "<pad>", "</s>", "<unk>", AddedToken("<mask>", lstrip=True)], "RobertaTokenizer")
    t.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return t, {**config, "bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>",
               "mask_token": "<mask>", "pad_token": "<pad>", "unk_token": "<unk>"}


def modernbert_bpe():
    t, config = byte_bpe(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], "TokenizersBackend")
    t.normalizer = normalizers.NFC()
    t.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return t, {**config, "cls_token": "[CLS]", "mask_token": "[MASK]", "pad_token": "[PAD]", "sep_token": "[SEP]",
               "unk_token": "[UNK]", "model_input_names": ["input_ids", "attention_mask"]}


# ---- Models ---------------------------------------------------------------------------------------

SIZES = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=40, max_position_embeddings=48)
THREE = {0: "negative", 1: "neutral", 2: "positive"}
EMOTIONS = {0: "joy", 1: "anger", 2: "fear", 3: "surprise"}


class Variant:
    """A folder: a config, a tokeniser with its config, the type of its file. limit: model_max_length as
    written down."""

    def __init__(self, config, tokenizer, dtype, limit=NO_LIMIT, pooler=True, shard=None, rewrite=None):
        self.config, (self.tokenizer, self.tokenizer_config), self.dtype, self.limit = config, tokenizer, dtype, limit
        self.pooler, self.shard, self.rewrite = pooler, shard, rewrite

    @property
    def max_length(self):
        offset = self.config.pad_token_id + 1 if self.config.model_type == "roberta" else 0
        return min(self.config.max_position_embeddings - offset, self.limit)


def old_modernbert(config):
    """The keys of transformers 4 instead of those of 5."""
    rope = config.pop("rope_parameters")
    del config["layer_types"]
    config["torch_dtype"] = config.pop("dtype")
    return {**config, "global_attn_every_n_layers": 2, "global_rope_theta": rope["full_attention"]["rope_theta"],
            "local_rope_theta": rope["sliding_attention"]["rope_theta"], "position_embedding_type": "absolute"}


def variants():
    t = transformers
    piece, pad = VOCABULARY, dict(pad_token_id=0)
    modern = dict(vocab_size=321, hidden_size=32, num_attention_heads=2, intermediate_size=32, local_attention=12,
                  pad_token_id=0, cls_token_id=2, sep_token_id=3, bos_token_id=2, eos_token_id=3)
    return {
        "bert": Variant(t.BertConfig(vocab_size=piece, **SIZES, **pad), wordpiece(), torch.float16),
        "bert_without_pooler": Variant(
            t.BertConfig(vocab_size=piece, id2label=THREE, label2id={v: k for k, v in THREE.items()},
                         hidden_act="gelu_new", **SIZES, **pad), wordpiece(lower=False), torch.float16, pooler=False),
        "minilm": Variant(  # many narrow heads, three classes, bfloat16
            t.BertConfig(vocab_size=piece, id2label=THREE, label2id={v: k for k, v in THREE.items()},
                         **{**SIZES, "num_attention_heads": 8, "intermediate_size": 64}, **pad),
            wordpiece(), torch.bfloat16, limit=32),
        "distilbert_multi": Variant(
            t.DistilBertConfig(vocab_size=piece, dim=32, n_layers=2, n_heads=2, hidden_dim=40, max_position_embeddings=48,
                               id2label=EMOTIONS, label2id={v: k for k, v in EMOTIONS.items()},
                               problem_type="multi_label_classification", **pad), wordpiece(), torch.float16, limit=48),
        "roberta_sharded": Variant(
            t.RobertaConfig(vocab_size=321, **{**SIZES, "max_position_embeddings": 50}, type_vocab_size=1,
                            layer_norm_eps=1e-5, pad_token_id=1, bos_token_id=0, eos_token_id=2), roberta_bpe(), torch.float16,
            limit=48, shard="30KB"),
        "electra": Variant(
            t.ElectraConfig(vocab_size=piece, embedding_size=16, **{**SIZES, "intermediate_size": 32}, **pad), wordpiece(), torch.float32),
        "modernbert": Variant(t.ModernBertConfig(num_hidden_layers=4, max_position_embeddings=256, **modern),
                              modernbert_bpe(), torch.float16),
        "modernbert_mean": Variant(
            t.ModernBertConfig(num_hidden_layers=2, max_position_embeddings=128, classifier_pooling="mean",
                               attention_bias=True, norm_bias=True, classifier_bias=True, norm_eps=1e-6,
                               layer_types=["full_attention", "sliding_attention"], **modern),
            modernbert_bpe(), torch.float16, rewrite=old_modernbert),
    }


def fill(model, seed):
    """Weights large enough that texts differ, biases and norms that are not 0 and 1."""
    chance = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in sorted(model.named_parameters()):
            n = torch.randn(p.shape, generator=chance)
            norm = "norm" in name.lower()
            if name.endswith("bias"):
                p.copy_(0.2 * n)
            elif norm:
                p.copy_(1 + 0.3 * n)
            elif "embeddings" in name and "project" not in name:
                p.copy_(0.5 * n)
            else:
                p.copy_(n * (1.2 / p.shape[1] ** 0.5 if p.shape[0] > 8 else 0.35))


@torch.no_grad()
def logits_of(model, v, ids):
    ids = torch.tensor([ids])
    if v.pooler:
        return model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0]
    hidden = model.bert(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
    return model.classifier(hidden[0, 0])


def save(folder, model, v):
    model.to(v.dtype).save_pretrained(folder, **({"max_shard_size": v.shard} if v.shard else {}))
    path = os.path.join(folder, "model.safetensors")
    if not v.pooler:
        save_file({k: t for k, t in load_file(path).items() if "pooler" not in k}, path, metadata={"format": "pt"})
    if v.rewrite:
        path = os.path.join(folder, "config.json")
        config = v.rewrite(json.load(open(path)))
        write_json(path, config, indent=2)
    v.tokenizer.no_truncation()
    v.tokenizer.save(os.path.join(folder, "tokenizer.json"), pretty=False)
    write_json(os.path.join(folder, "tokenizer_config.json"), {**v.tokenizer_config, "model_max_length": v.limit},
               indent=2)


def write_json(path, value, **how):
    with open(path, "w", encoding="utf-8") as f:
        json.dump(value, f, ensure_ascii=False, **how)
        f.write("\n")


def digits(x):
    return float(f"{float(x):.9g}")


def write_golden(folder, cases, noise):
    """One case a line."""
    packages = ("torch", "transformers", "tokenizers", "safetensors")
    made = {"by": "tests/golden/make_transformer_golden.py", "python": platform.python_version(),
            **{p: importlib.metadata.version(p) for p in packages}}
    with open(os.path.join(folder, "golden.json"), "w") as f:
        f.write('{"made": ' + json.dumps(made) + f',\n "noise": {noise:.3g},\n "cases": [\n')
        f.write(",\n".join(json.dumps(c, separators=(",", ":")) for c in cases))
        f.write("\n]}\n")


def make(name, v, seed):
    folder = os.path.join(HERE, name)
    kept = os.path.join(folder, "tokenizer.json")
    if os.path.exists(kept):
        v.tokenizer = Tokenizer.from_file(kept)
    shutil.rmtree(folder, ignore_errors=True)
    model = transformers.AutoModelForSequenceClassification.from_config(v.config).eval()
    assert v.tokenizer.get_vocab_size() == v.config.vocab_size, (name, v.tokenizer.get_vocab_size())
    fill(model, seed)
    save(folder, model, v)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager").eval()
    v.tokenizer.enable_truncation(v.max_length)
    ids = [v.tokenizer.encode(text).ids for text in TEXTS]
    logits = [logits_of(model, v, i) for i in ids]
    model = model.double()
    noise = max(float((logits_of(model, v, i) - l).abs().max()) for i, l in zip(ids, logits))
    write_golden(folder, [{"ids": i, "logits": [digits(x) for x in l]} for i, l in zip(ids, logits)], noise)
    spread = torch.stack(logits).std(dim=0)
    size = sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder))
    print(f"{name:22} {size / 1000:6.1f} kB  lengths {min(map(len, ids))}..{max(map(len, ids))}"
          f"  logits' deviation {[round(float(x), 2) for x in spread]}  noise {noise:.1e}")


def main():
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    os.makedirs(HERE, exist_ok=True)
    write_json(os.path.join(HERE, "texts.json"), TEXTS, indent=0)
    for seed, (name, v) in enumerate(variants().items()):
        make(name, v, seed)


if __name__ == "__main__":
    sys.exit(main())
