"""Every command of README.md's ```sh blocks that begins with `valence ` runs and ends with exit code 0, in order,
in a folder with copies of samples/. Lines with placeholders (FILE, <name>, ...) are shown, not run."""
import os
import re
import shutil
import subprocess

import pytest

from support import BUILD, ROOT, command, environment

README = ROOT / "README.md"
PLACEHOLDER = re.compile(r"<[a-zA-Z][\w -]*>|\b(FILE|MODEL|IN|OUT|DATA|TEXT|PATH|URL|COLUMN|FAMILY|NAME|DIR)\b|\.\.\.|/path/to/|\[[\w-]")
SERVER = re.compile(r"^valence (serve|loadtest|stress)\b")


def commands(text):
    """Commands of all sh blocks, continued lines joined, comments and prompts taken off."""
    found = []
    for block in re.findall(r"^```(?:sh|bash|shell|console)\n(.*?)^```", text, re.M | re.S):
        for line in block.replace("\\\n", " ").splitlines():
            line = re.sub(r"^\s*\$ ", "", line).strip()
            line = re.sub(r"\s+#\s.*$", "", line)
            found.append(line)
    return found


def runnable(text):
    return [c for c in commands(text) if c.startswith("valence ") and not PLACEHOLDER.search(c) and not SERVER.match(c)]


def test_the_finder_finds():
    text = ("x\n```sh\n$ valence predict \"I loved it\"   # says positive\nvalence eval \\\n  -m general a.csv\nmake\n"
            "valence predict -i FILE\nvalence info -m <model>\nvalence serve\n```\n```c\nvalence x\n```\n")
    assert runnable(text) == ['valence predict "I loved it"', "valence eval    -m general a.csv"]


def test_every_command_of_the_readme_runs(tmp_path):
    if not README.exists():
        pytest.skip("SKIP no README.md yet")
    found = runnable(README.read_text())
    assert found, "README.md shows no command that can be run"
    if (ROOT / "samples").is_dir():
        shutil.copytree(ROOT / "samples", tmp_path / "samples")
        for path in (ROOT / "samples").iterdir():  # named with or without the folder
            if path.is_file():
                shutil.copy(path, tmp_path)
    command()
    env = environment(PATH=f"{BUILD}:{os.environ['PATH']}", SAMPLES=str(tmp_path))
    failed = []
    for line in found:
        try:
            p = subprocess.run(["bash", "-o", "pipefail", "-c", line], cwd=tmp_path, env=env, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
            if p.returncode:
                failed.append(f"exit {p.returncode}: {line}\n    {p.stdout[-300:].decode(errors='replace')}")
        except subprocess.TimeoutExpired:
            failed.append(f"did not end in two minutes: {line}")
    assert not failed, "\n".join([f"{len(failed)} of {len(found)} commands:", *failed])
