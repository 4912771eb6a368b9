"""The man page and shell completion: made of the commands' own tables, and working where they are used."""
import os
import re
import shutil
import subprocess
import time

import pytest

from support import ROOT, VALENCE, command, environment, valence


def commands():
    return re.findall(r"^  ([a-z]+) +\S", valence("--help").out, re.M)


def options(name):
    """[(letter or None, name, value's name or None)] as --help shows them."""
    found = re.findall(r"^  (?:-(\w), |    )--([\w-]+)(?: (\S+))?  ", valence(name, "--help").out.replace(" show this", "  show this"), re.M)
    assert len(found) >= 2
    return [(letter or None, option, value or None) for letter, option, value in found if option != "help"]


def needs(program):
    path = shutil.which(program)
    if not path:
        pytest.skip(f"SKIP {program} is not installed (tools/deps.sh test)")
    return path


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    for form, name in (("man", "valence.1"), ("bash", "valence"), ("zsh", "_valence")):
        r = valence(f"--help={form}")
        assert r.err == "" and r.out.isascii()
        (folder / name).write_text(r.out)
    return folder


def test_unknown_forms():
    assert "nosuch" in valence("--help=nosuch", code=2).err
    r = valence("predict", "--help=nosuch", code=2)
    assert "nosuch" in r.err and r.out == ""


# ---- The man page --------------------------------------------------------------------------------

def shown(page):
    p = subprocess.run(["groff", "-man", "-ww", "-Tascii", "-P-c", "-rLL=200n", page], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True)
    assert p.stderr == b""
    return re.sub(".\b", "", p.stdout.decode())  # bold is a letter twice


def test_man_page_has_no_warnings(pages):
    needs("groff")
    text = shown(pages / "valence.1")
    heads = re.findall(r"^[A-Z][A-Z ]+$", text, re.M)
    assert heads == ["NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "FILES", "ENVIRONMENT", "EXIT STATUS", "EXAMPLES", "SEE ALSO"]
    assert "valence - sentiment analysis" in text
    for variable in ("VALENCE_MODELS", "VALENCE_ISA", "NO_COLOR"):
        assert variable in text


def test_man_page_says_what_the_help_says(pages):
    needs("groff")
    text = shown(pages / "valence.1")
    sections = dict(re.findall(r"^   ([a-z]+)\n(.*?)(?=^   [a-z]|^[A-Z])", text, re.M | re.S))
    assert list(sections) == commands()
    for name, section in sections.items():
        flat = " ".join(section.split())
        for letter, option, value in options(name):
            head = f"-{letter}, --{option}" if letter else f"--{option}"
            assert re.search(rf"^ +{re.escape(head)}( {re.escape(value)})?\b" if value and value[-1].isalnum() else rf"^ +{re.escape(head)}", section, re.M), (name, head)
        for line in valence(name, "--help").out.splitlines():
            words = re.sub(r"^  (-\w, |    )--[\w-]+( \S+)?(  |$)", "", line) if "  --" in line or ", --" in line else line
            words = " ".join(words.split()).removeprefix("Usage: ")
            if "show this" not in words:
                assert words in flat, (name, words)


def test_examples_of_the_man_page_are_commands(pages):
    text = (pages / "valence.1").read_text()
    lines = re.findall(r"^valence (.*)", text.split(".SH EXAMPLES")[1], re.M)
    assert len(lines) >= 4
    for line in lines:
        words = line.replace("\\-", "-").split()
        assert words[0] in commands()
        known = {f"--{o}" for _, o, _ in options(words[0])} | {f"-{l}" for l, _, _ in options(words[0]) if l}
        assert {w for w in words if w.startswith("-")} <= known


# ---- bash ----------------------------------------------------------------------------------------

BASH = """
source "$1"; shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_valence "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
((${#COMPREPLY[@]})) && printf '%s\\n' "${COMPREPLY[@]}"
true
"""


def bash(pages, *words, cwd=None, **env):
    p = subprocess.run([needs("bash"), "--norc", "--noprofile", "-c", BASH, "bash", pages / "valence", VALENCE, *words], cwd=cwd,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(**env), timeout=60)
    assert p.returncode == 0 and p.stderr == b"", p.stderr
    return p.stdout.decode().splitlines()


def test_bash_completes_commands(pages):
    assert bash(pages, "") == [*commands(), "--help", "--version"]
    assert bash(pages, "pre") == ["predict"]
    assert bash(pages, "nosuch") == []


def test_bash_completes_every_option(pages):
    for name in commands():
        own = {f"--{o}" for _, o, _ in options(name)} | {"--help"}
        assert set(bash(pages, name, "--")) == own
        assert set(bash(pages, name, "-")) == own | {f"-{letter}" for letter, _, _ in options(name) if letter}
    assert bash(pages, "predict", "I loved it", "--for") == ["--format"]


def test_bash_completes_values(pages, tmp_path):
    folder = tmp_path / "a folder"
    folder.mkdir()
    for name in ("data.csv", "my model.safetensors", "$(touch pwned).safetensors"):
        (tmp_path / name).write_text("")
    kinds = ["pretty", "json", "jsonl", "csv", "tsv"]
    ask = lambda *words, **env: bash(pages, *words, cwd=tmp_path, **env)
    assert [k for k in ask("predict", "--format", "") if k != "html"] == kinds
    assert ask("predict", "--format", "js") == ask("predict", "--format", "=", "js") == ["json", "jsonl"]
    assert ask("predict", "--format", "=")[:2] == kinds[:2]
    assert sorted(ask("predict", "-i", "")) == sorted(["data.csv", "my model.safetensors", "$(touch pwned).safetensors", "a folder"])
    assert ask("predict", "-i", "da") == ask("eval", "da") == ["data.csv"]
    assert ask("predict", "--threads", "") == []
    assert ask("train", "") == ["naive-bayes", "logistic"]
    assert ask("train", "logistic", "--weighting", "tfidf") == ["tfidf", "tfidf-nb"]
    assert ask("train", "logistic", "--type", "") == ["i8", "f16", "f32"]
    assert ask("clean", "-p", "lo") == ["lower"] and ask("clean", "-p", "html,sp") == ["html,spaces"]
    assert set(ask("predict", "-m", "my")) == {"my model.safetensors"}
    assert "a folder" in ask("predict", "-m", "")
    assert not (tmp_path / "pwned").exists()


def test_bash_completes_models_by_name(pages, tmp_path):
    models = tmp_path / "models"
    models.mkdir()
    for name in ("own-one", "$(touch pwned)", "two words"):
        (models / f"{name}.safetensors").write_text("")
    names = bash(pages, "predict", "-m", "", cwd=tmp_path, VALENCE_MODELS=str(models))
    assert {"general", "own-one"} <= set(names) and not any("pwned" in n or n == "two words" for n in names)
    if (VALENCE.parent.parent.parent / "models").is_dir():  # as in the repository
        assert {p.stem for p in (ROOT / "models").glob("*.safetensors")} <= set(names)
    assert sorted(names) == sorted(set(names))
    assert bash(pages, "predict", "--model", "own", cwd=tmp_path, VALENCE_MODELS=str(models)) == ["own-one"]
    assert not (tmp_path / "pwned").exists()


def test_values_offered_are_values_taken(pages, tmp_path):
    """What completion offers where a set is closed, the command takes."""
    for family in bash(pages, "train", ""):
        assert "unknown family" not in valence("train", family, "--data", "nosuch", "-o", tmp_path / "m", code=1).err
    for value in ("--words", "--features", "--choose", "--weighting", "--norm", "--type"):
        offered = bash(pages, "train", value, "")
        assert len(offered) >= 2
        for v in [*offered, "nosuch"]:
            err = valence("train", "logistic", value, v, "--data", "missing", "-o", tmp_path / "m", code=None).err
            assert ("'missing'" in err) == (v != "nosuch"), err
    for v in bash(pages, "predict", "--format", ""):
        valence("predict", "--format", v, "good")
    for v in bash(pages, "clean", "-p", ""):
        valence("clean", "-p", v, "good")


# ---- zsh -----------------------------------------------------------------------------------------

# Every match goes to a file: compadd is where they all pass. -O, -A and -D only ask.
ZSH = """
PROMPT=
fpath=({pages} $fpath)
autoload -Uz compinit && compinit -u -D
zstyle ':completion:*' menu no
setopt no_beep
compadd() {{
    local -a hits
    if [[ ${{@[1,(i)(-|--)]}} != *-(O|A|D)* ]]; then
        builtin compadd -A hits "$@"
        (( $#hits )) && print -rl -- $hits >> {hits}
    fi
    builtin compadd "$@"
}}
finish() {{ zle kill-buffer; print END >> {hits} }}
zle -N finish
bindkey '^X' finish
print READY >> {hits}
"""


def wait_for(path, word):
    for _ in range(200):
        if path.exists() and word in path.read_text().splitlines():
            return path.read_text().splitlines()
        time.sleep(0.05)
    pytest.fail(f"zsh did not answer: {path.read_text() if path.exists() else 'nothing'}")


@pytest.fixture(scope="module")
def zsh(pages, tmp_path_factory):
    """A function that types a line and Tab into an interactive zsh, and returns the matches."""
    needs("zsh")
    try:
        ours, theirs = os.openpty()
    except OSError as e:
        pytest.skip(f"SKIP no pseudo terminal here: {e}")
    folder = tmp_path_factory.mktemp("zsh")
    hits = folder / "hits"
    (folder / "data.csv").write_text("")
    (folder / ".zshrc").write_text(ZSH.format(pages=pages, hits=hits))
    env = environment(TERM="dumb", ZDOTDIR=str(folder), PATH=f"{VALENCE.parent}:{os.environ['PATH']}")
    p = subprocess.Popen(["zsh", "-i", "-d"], stdin=theirs, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, env=env,
                         start_new_session=True)
    os.close(theirs)
    wait_for(hits, "READY")

    def ask(line):
        hits.write_text("")
        os.write(ours, line.encode() + b"\t\x18")
        return [hit for hit in wait_for(hits, "END") if hit != "END"]
    yield ask
    p.kill()
    p.wait()
    os.close(ours)


def test_zsh_syntax(pages):
    subprocess.run([needs("zsh"), "-n", pages / "_valence"], check=True)


@pytest.mark.slow
def test_zsh_completes(zsh):
    assert zsh("valence ") == commands()
    assert zsh("valence pre") == ["predict"]
    for name in commands():
        own = {f"--{o}" for _, o, _ in options(name)} | {"--help"}
        assert {hit.rstrip("=") for hit in zsh(f"valence {name} --")} == own
    assert zsh("valence predict 'I loved it' --for") == ["--format="] or zsh("valence predict x --for") == ["--format"]
    assert [k for k in zsh("valence predict --format ") if k != "html"] == ["pretty", "json", "jsonl", "csv", "tsv"]
    assert zsh("valence predict --format=cs") == ["csv"]
    assert zsh("valence train ") == ["naive-bayes", "logistic"]
    assert zsh("valence train logistic --weighting tf") == ["tfidf", "tfidf-nb"]
    assert zsh("valence clean -p html,sp") == ["spaces"]
    assert zsh("valence predict -i d") == ["data.csv"]
    assert zsh("valence predict -t ") == []
    assert {"general", "movies-nb"} <= set(zsh("valence predict -m "))


# ---- Installed -----------------------------------------------------------------------------------

@pytest.mark.slow
def test_install_puts_the_pages_in_their_places(installed, pages):
    share = installed / "share"
    assert (share / "man/man1/valence.1").read_text() == (pages / "valence.1").read_text()
    assert (share / "bash-completion/completions/valence").read_text() == (pages / "valence").read_text()
    assert (share / "zsh/site-functions/_valence").read_text() == (pages / "_valence").read_text()
    p = subprocess.run([installed / "bin/valence", "predict", "-m", "movies-nb", "a superb film"], stdout=subprocess.PIPE, check=True)
    assert b"positive" in p.stdout
