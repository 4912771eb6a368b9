"""The programs in examples/: they compile without a warning, as their comments say, and do what they say."""
import re
import subprocess

import pytest

from support import LIBRARIES, ROOT, environment, real_texts, valence
from test_library import built, sanitize

EXAMPLES = ROOT / "examples"
STRICT = ["-std=c17", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """All of them, with the static library."""
    folder = tmp_path_factory.mktemp("examples")
    for source in EXAMPLES.glob("*.c"):
        subprocess.run(["gcc", *STRICT, *sanitize(), f"-I{ROOT}/include", "-o", folder / source.stem, source, built("libvalence.a"), *LIBRARIES],
                       check=True, timeout=120)
    return folder


def run(program, *args, input=b"", code=0, **env):
    p = subprocess.run([program, *args], input=input, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(**env), timeout=120)
    assert p.returncode == code, (p.returncode, p.stderr[-2000:])
    return (p.stdout if code == 0 else p.stderr).decode()


def said_by_the_command(text):
    a = valence("predict", text).jsonl()[0]
    return f"{a['label']} {a['score']:.2f}"


def test_readme_names_them_all():
    readme = (EXAMPLES / "README.md").read_text()
    assert set(re.findall(r"\]\((\w+\.c)\)", readme)) == {p.name for p in EXAMPLES.glob("*.c")} == {"hello.c", "threads.c", "explain.c"}


def test_hello(programs):
    hello = programs / "hello"
    assert run(hello, "I loved it") == said_by_the_command("I loved it") + "\n"
    assert run(hello, "a superb film", ROOT / "models/movies-nb.safetensors").startswith("positive")
    assert run(hello, "") == "no words\n"
    assert "./nosuch" in run(hello, "x", "./nosuch", code=1)
    assert "usage" in run(hello, code=2)


@pytest.mark.parametrize("count", [1, 4, 32])
def test_threads(programs, count):
    texts = [t.replace("\n", " ").replace("\r", " ") for t in real_texts(300)]
    data = "\n".join(texts).encode()
    labels = [a["label"] for a in valence("predict", "-", input=data).jsonl()]
    expected = "".join(f"{label} {labels.count(label)}\n" for label in ("negative", "neutral", "positive"))
    assert run(programs / "threads", str(count), input=data) == expected
    assert run(programs / "threads", str(count)) == "negative 0\nneutral 0\npositive 0\n"
    for wrong in ("0", "-1", "1000", "x"):
        assert "usage" in run(programs / "threads", wrong, code=2)


def test_explain(programs):
    text = "Caf\u00e9 staff were lovely, the food was awful and awful"
    first, *rest = run(programs / "explain", text, "1000").splitlines()
    assert first == said_by_the_command(text)
    rows = [re.fullmatch(r"([+-]\d+\.\d\d) (\d+)-(\d+) (.+)", line).groups() for line in rest]
    sizes = [abs(float(weight)) for weight, *_ in rows]
    assert len(rows) > 5 and sizes == sorted(sizes, reverse=True)
    for _, start, end, words in rows:
        assert text.encode()[int(start):int(end)].decode() == words
    words = [w for *_, w in rows]
    assert "awful" in words and "lovely" in words and words.count("awful") == 1
    assert run(programs / "explain", text, "3").splitlines() == [first, *rest[:3]]
    assert len(run(programs / "explain", text).splitlines()) == 6
    assert run(programs / "explain", "").splitlines()[1:] == []
    assert "usage" in run(programs / "explain", code=2)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hello", "threads", "explain"])
def test_the_line_in_the_comment_builds_it(tmp_path, installed, name):
    source = (EXAMPLES / f"{name}.c").read_text()
    line = re.search(r"^ \*     (cc .*)$", source, re.M)[1]
    assert line.startswith(f"cc {name}.c $(pkg-config --cflags --libs valence)")
    strict = " ".join([*STRICT, *sanitize()])
    (tmp_path / f"{name}.c").write_text(source)
    env = environment(PKG_CONFIG_PATH=str(installed / "lib/pkgconfig"))
    subprocess.run(["sh", "-ec", line.replace("cc ", f"cc {strict} ", 1)], cwd=tmp_path, env=env, check=True)
    library = str(installed / "lib")
    needs = subprocess.run(["ldd", tmp_path / name], stdout=subprocess.PIPE, env=environment(LD_LIBRARY_PATH=library)).stdout.decode()
    assert f"libvalence.so.0 => {library}/" in needs
    given = {"hello": ["I loved it"], "threads": ["2"], "explain": ["I loved it"]}[name]
    out = run(tmp_path / name, *given, input=b"good\n", LD_LIBRARY_PATH=library)
    assert out.startswith("negative 0\n" if name == "threads" else said_by_the_command("I loved it"))
