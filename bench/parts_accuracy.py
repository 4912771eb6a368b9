"""parts_accuracy.py: how often the models are right, beside the peers on the same held-back texts."""
import concurrent.futures, json, os, statistics
from inputs import FOLDS
from measure import Failed

MAP = "@0=negative,1=positive"
FAMILIES = {"nb": "naive-bayes", "logistic": "logistic"}
PEERS = ("sklearn-nb", "sklearn-lr", "sklearn-lr-tuned", "nbsvm", "fasttext")


def peer_accuracy(b, name, k):
    train, dev = b.inputs.fold(k)
    if name == "fasttext":
        train, dev = (b.inputs.fasttext(f, True) for f in (train, dev))
    report = b.path(f"accuracy_{name}_{k}.json")
    b.lab.output(b.peer("accuracy", name, train, dev, "--report", report))
    return json.load(open(report))["accuracy"]


def our_accuracy(b, name, k):
    train, dev = b.inputs.fold(k)
    model = b.path(f"{name}_{k}.safetensors")
    b.lab.output([b.valence, "train", FAMILIES[name], "--data", train + MAP, "-o", model])
    return b.lab.json_output([b.valence, "eval", "-m", model, dev + MAP, "--json"])["accuracy"]


def imdb(b):
    """Accuracy on films that were not trained on; a fold of five, or the mean of all five."""
    if not b.inputs.real:
        raise Failed("no ../shared/data: accuracy is NOT measured")
    folds, contenders = range(1 if b.quick else FOLDS), list(FAMILIES)
    if b.peers:
        contenders += [p for p in PEERS if not (b.quick and p == "nbsvm")]
    for k in folds:  # made before several processes ask for them
        for side in b.inputs.fold(k):
            b.inputs.fasttext(side, True)
    rows = []
    with concurrent.futures.ThreadPoolExecutor(b.cores) as pool:
        jobs = {(c, k): pool.submit(our_accuracy if c in FAMILIES else peer_accuracy, b, c, k)
                for c in contenders for k in folds}
        for c in contenders:
            found = []
            for k in folds:
                b.lab.progress(f"{c}, fold {k + 1} of {len(folds)}")
                found.append(jobs[c, k].result())
            mine = "valence " if c in FAMILIES else ""
            gate = "accuracy" if mine else None
            b.lab.figure(f"imdb.{c}.accuracy.fold1", found[0], "", gate=gate)
            mean = statistics.mean(found)
            if len(found) > 1:
                b.lab.figure(f"imdb.{c}.accuracy", mean, "", gate=gate)
            rows.append([mine + c, f"{mean:.4f}"] + [f"{x:.4f}" for x in found])
    b.table("IMDb, films not trained on (four fifths train, one fifth dev; blocks of 500 ids)",
            ["system", "mean"] + [f"fold {k + 1}" for k in folds], rows)
    b.say("Dev estimates from the training set, not to be set beside published test figures: the official test\n"
          "set is held back, and a fold trains on four fifths. Reviews of one film are neighbours among the\n"
          "positive and among the negative ids, numbered apart; a film with both, or at a block's edge, can be\n"
          "on both sides.")


def general(b):
    """The recipe of models/general.safetensors, trained without a fifth of every set, on that fifth."""
    if not b.inputs.real:
        raise Failed("no ../shared/data: macro-F1 is NOT measured")
    folder, devs = b.inputs.general()
    models = b.path("models")
    os.makedirs(models, exist_ok=True)
    b.lab.progress("training with tools/make_models.sh on four fifths of every set")
    b.lab.output(["tools/make_models.sh", b.valence], {"DATA": folder, "MODELS": models})
    f1 = {m: {} for m in ("general", "general-nb")}
    for name, dev in devs.items():
        for m in f1:
            model = os.path.join(models, m + ".safetensors")
            f1[m][name] = b.lab.json_output([b.valence, "eval", "-m", model, dev, "--json"])["macro_f1"]
    vader = vader_f1(b, devs)
    show_general(b, f1, vader)


def vader_f1(b, devs):
    if not b.peers:
        return {}
    report = b.path("vader.json")
    b.lab.progress("VADER")
    b.lab.output(b.peer("vader", *devs.values(), "--processes", str(b.cores), "--report", report))
    found = json.load(open(report))
    return {name: found[dev] for name, dev in devs.items()}


def show_general(b, f1, vader):
    lr, nb, rows = f1["general"], f1["general-nb"], []
    for name in lr:
        b.lab.figure(f"general.{name}.macro_f1", lr[name], "", gate="set")
        row = [name, f"{lr[name]:.3f}", f"{nb[name]:.3f}"]
        if vader:
            b.lab.figure(f"general.{name}.vader_macro_f1", vader[name], "")
            row += [f"{vader[name]:.3f}", "better" if lr[name] > vader[name] else "WORSE"]
        rows.append(row)
    mean = [b.lab.figure("general.macro_f1", statistics.mean(lr.values()), "", gate="accuracy"),
            b.lab.figure("general-nb.macro_f1", statistics.mean(nb.values()), "", gate="accuracy")]
    last = ["mean"] + [f"{x:.4f}" for x in mean]
    if vader:
        worse = b.lab.figure("general.sets_worse_than_vader", sum(lr[n] <= vader[n] for n in lr), "", "lower", "count")
        theirs = b.lab.figure("general.vader_macro_f1", statistics.mean(vader.values()), "")
        last += [f"{theirs:.4f}", "on every set" if not worse else f"worse on {worse}"]
    b.table("macro-F1, three classes, a fifth of every set kept out of training (by SHA-1 of the text)",
            ["set", "general", "general-nb"] + (["VADER", "general is"] if vader else []), rows + [last])
