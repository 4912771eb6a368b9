"""The program on a processor without AVX (qemu's oldest x86-64): it must start, choose the scalar code and say the
same. Dispatch between what this machine has is in test_predict.py."""
import json
import shutil
import subprocess

import pytest

from support import SANITIZED, command, environment, real_texts, valence, write_csv

QEMU = shutil.which("qemu-x86_64") or shutil.which("qemu-x86_64-static")
pytestmark = [pytest.mark.skipif(not QEMU, reason="SKIP qemu-user is not installed (tools/deps.sh test)"),
              pytest.mark.skipif(SANITIZED, reason="SKIP a sanitizer does not run under qemu-user")]


def emulated(cpu, *args):
    p = subprocess.run([QEMU, "-cpu", cpu, *command(*args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       env=environment(), timeout=300)
    assert p.returncode == 0, f"exit {p.returncode} (-4 is an illegal instruction): {p.stderr[-500:]!r}"
    return p.stdout


def test_scalar_is_chosen():
    info = json.loads(emulated("qemu64", "info", "--json"))
    assert (info["isa"], info["isa_detected"]) == ("scalar", "scalar")


def test_one_text():
    assert emulated("qemu64", "predict", "I loved it") == valence("predict", "I loved it").stdout


@pytest.mark.parametrize("cpu", ["qemu64", "Nehalem", "Haswell"])
def test_a_file(tmp_path, cpu):
    path = write_csv(tmp_path / "d.csv", [(i, t) for i, t in enumerate(real_texts(600))], ("id", "text"))
    for model in ("general", "general-nb"):
        args = ["predict", "-m", model, "-i", path, "--format", "jsonl"]
        assert emulated(cpu, *args) == valence(*args).stdout
    args = ["clean", "-i", path]
    assert emulated(cpu, *args) == valence(*args).stdout


def test_training(tmp_path):
    rows = [(str(i % 2), f"{'good' if i % 2 else 'bad'} film {i % 17}") for i in range(300)]
    path = write_csv(tmp_path / "d.csv", rows, ("label", "text"))
    models = []
    for run in (lambda *a: emulated("qemu64", *a), lambda *a: valence(*a, env={"SOURCE_DATE_EPOCH": "0"})):
        run("train", "logistic", "--data", path, "-o", tmp_path / "m.safetensors")
        models.append(valence("predict", "-m", tmp_path / "m.safetensors", "-i", path).stdout)
    assert models[0] == models[1]
