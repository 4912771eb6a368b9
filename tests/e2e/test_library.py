"""The library as a stranger would use it: the example at the top of valence.h, the shared object, pkg-config,
threads that share one model."""
import os
import re
import shutil
import subprocess

import pytest

from support import BUILD, LIBRARIES, ROOT, SANITIZED, environment, real_texts, valence

HEADER = ROOT / "include/valence.h"
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
SANITIZE = {"asan": ["-fsanitize=address,undefined"], "tsan": ["-fsanitize=thread"], "ubsan": ["-fsanitize=undefined"]}


def sanitize():
    return next((flags for word, flags in SANITIZE.items() if word in BUILD.name), [])


def built(name):
    path = BUILD / name
    if not path.exists():
        pytest.fail(f"no {path}: run make first (VALENCE_BUILD names the build)")
    return path


def example():
    """The lines of the header's first comment that stand four blanks in."""
    comment = HEADER.read_text().split("*/")[0]
    lines = [m[1] for m in re.finditer(r"^ \*     (.*)$", comment, re.M)]
    assert 8 <= len(lines) <= 20 and "valence_predict" in "\n".join(lines)
    return "#include <stdio.h>\n#include <valence.h>\nint main(void)\n{\n" + "\n".join(lines) + "\n    return 0;\n}\n"


def build(tmp_path, source, *flags, name="program", compiler="gcc", ending=".c"):
    path = tmp_path / f"{name}{ending}"
    path.write_text(source)
    out = tmp_path / name
    subprocess.run([compiler, *STRICT, *sanitize(), f"-I{ROOT}/include", "-o", out, path, *flags], check=True, timeout=120)
    return out


def run(program, *args, **env):
    p = subprocess.run([program, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(**env), timeout=120)
    assert p.returncode == 0, (p.returncode, p.stderr[-2000:])
    return p.stdout.decode()


def expected_line():
    a = valence("predict", "I loved it").jsonl()[0]
    return f"{a['label']} {a['score']:.2f}\n"


@pytest.mark.parametrize("standard", ["-std=c99", "-std=c17"])
def test_example_with_the_static_library(tmp_path, standard):
    program = build(tmp_path, example(), standard, built("libvalence.a"), *LIBRARIES)
    assert run(program) == expected_line()


def test_example_with_the_shared_library(tmp_path):
    so = built("libvalence.so")
    shutil.copy(so, tmp_path / "libvalence.so.0")
    program = build(tmp_path, example(), "-std=c17", so)
    assert run(program, LD_LIBRARY_PATH=str(tmp_path)) == expected_line()
    needs = subprocess.run(["readelf", "-d", program], stdout=subprocess.PIPE, check=True).stdout.decode()
    assert "libvalence.so.0" in needs


def test_shared_library_exports_only_its_own_names():
    out = subprocess.run(["nm", "-D", "--defined-only", built("libvalence.so")], stdout=subprocess.PIPE, check=True).stdout.decode()
    names = [line.split()[-1].split("@")[0] for line in out.splitlines()]
    declared = set(re.findall(r"\b(valence_[a-z_]+)\(", HEADER.read_text()))
    assert {n for n in names if not n.startswith("VALENCE")} == declared


def test_header_in_cplusplus(tmp_path):
    program = build(tmp_path, example(), "-std=c++11", built("libvalence.a"), *LIBRARIES, compiler="g++", ending=".cpp")
    assert run(program) == expected_line()


@pytest.mark.parametrize("how", ["shared", "static"])
def test_pkg_config(tmp_path, how):
    if not shutil.which("pkg-config"):
        pytest.skip("SKIP pkg-config is not installed")
    for name in ("valence.pc", "libvalence.a", "libvalence.so", "valence"):
        built(name)
    place = tmp_path / "installed"  # as `make install` does
    for folder in ("lib/pkgconfig", "include"):
        (place / folder).mkdir(parents=True)
    text = built("valence.pc").read_text()
    assert "@" not in text and "Version: " in text
    (place / "lib/pkgconfig/valence.pc").write_text(re.sub(r"(?m)^prefix=.*", f"prefix={place}", text))
    shutil.copy(HEADER, place / "include")
    shutil.copy(BUILD / "libvalence.a", place / "lib")
    if how == "shared":
        shutil.copy(BUILD / "libvalence.so", place / "lib/libvalence.so.0")
        os.symlink("libvalence.so.0", place / "lib/libvalence.so")
    env = environment(PKG_CONFIG_PATH=str(place / "lib/pkgconfig"))
    ask = lambda *what: subprocess.run(["pkg-config", *what, "valence"], env=env, stdout=subprocess.PIPE, check=True).stdout.decode().split()
    version = re.search(r'VALENCE_VERSION "(.*)"', HEADER.read_text())[1]
    assert ask("--modversion") == [version]
    flags = ask("--cflags", "--libs", *(["--static"] if how == "static" else []))
    (tmp_path / "main.c").write_text(example())
    subprocess.run(["gcc", *STRICT, *sanitize(), "-o", tmp_path / "main", tmp_path / "main.c", *flags], check=True)
    assert run(tmp_path / "main", LD_LIBRARY_PATH=str(place / "lib")) == expected_line()


THREADS = r"""
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valence.h>

enum { THREADS = 8, ROUNDS = 3, MOST = 20000 };
static valence_model *model;
static char *texts[MOST];
static int count;
static struct { const char *label; double score; float p[3]; } alone[MOST];

static void check(int ok, const char *what)
{
    if (ok) return;
    fprintf(stderr, "%s\n", what);
    exit(3);
}

/* Half of the threads have contexts of their own, half take the model's. */
static void *work(void *argument)
{
    long thread = (long)argument;
    valence_error error;
    valence_context *context = NULL;
    if (thread % 2) check(valence_context_open(&context, model, &error) == VALENCE_OK, "context");
    for (int r = 0; r < ROUNDS; r++)
        for (int n = 0; n < count; n++) {
            int i = (int)((n + thread * count / THREADS) % count);
            valence_prediction p;
            size_t len = strlen(texts[i]);
            valence_status status = context ? valence_context_predict(context, texts[i], len, &p, &error)
                                            : valence_predict(model, texts[i], len, &p, &error);
            check(status == VALENCE_OK, "predict");
            check(p.label == alone[i].label && p.score == alone[i].score, "another answer than alone");
            if (context) check(memcmp(p.probabilities, alone[i].p, sizeof alone[i].p) == 0, "other probabilities");
            else check(p.probabilities == NULL && p.logits == NULL, "probabilities without a context");
        }
    valence_context_close(context);
    return NULL;
}

int main(int argc, char **argv)
{
    (void)argc;
    valence_error error;
    valence_context *context;
    valence_model_info info;
    static char line[1 << 20];
    check(valence_model_open(&model, argv[1], NULL, &error) == VALENCE_OK, error.message);
    valence_model_describe(model, &info);
    check(info.label_count == 3, "labels");
    check(valence_context_open(&context, model, &error) == VALENCE_OK, "context");
    while (count < MOST && fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        texts[count] = strdup(line);
        valence_prediction p;
        check(valence_context_predict(context, line, strlen(line), &p, &error) == VALENCE_OK, "predict");
        alone[count].label = p.label;
        alone[count].score = p.score;
        memcpy(alone[count++].p, p.probabilities, sizeof alone[0].p);
    }
    valence_context_close(context);
    pthread_t threads[THREADS];
    for (long t = 0; t < THREADS; t++) pthread_create(&threads[t], NULL, work, (void *)t);
    for (int t = 0; t < THREADS; t++) pthread_join(threads[t], NULL);
    for (int i = 0; i < count; i++) printf("%s %.4f\n", alone[i].label, alone[i].score);
    for (int i = 0; i < count; i++) free(texts[i]);
    valence_model_close(model);
    return 0;
}
"""


def test_eight_threads_share_a_model(tmp_path):
    program = build(tmp_path, THREADS, "-O2", "-D_GNU_SOURCE", built("libvalence.a"), *LIBRARIES)
    texts = [t.replace("\n", " ").replace("\r", " ") for t in real_texts(1500)]
    data = "".join(t + "\n" for t in texts)
    p = subprocess.run([program, "general"], input=data.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       env=environment(), timeout=120)
    assert p.returncode == 0, p.stderr[-2000:]
    said = [line.split() for line in p.stdout.decode().splitlines()]
    command = [[a["label"], f"{a['score']:.4f}"] for a in valence("predict", "-", input=data).jsonl()]
    assert said == command and len(said) == len(texts)


MISUSE = r"""
#include <stdio.h>
#include <string.h>
#include <valence.h>
int main(void)
{
    valence_error error;
    valence_model *model = (valence_model *)&error;
    if (valence_model_open(&model, "/nosuch/model.safetensors", NULL, &error) != VALENCE_NOT_FOUND) return 3;
    if (model != NULL || error.code != VALENCE_NOT_FOUND || !strstr(error.message, "/nosuch/model.safetensors")) return 4;
    if (valence_model_open(&model, "nosuch", NULL, NULL) != VALENCE_NOT_FOUND) return 5;
    valence_model_options o = valence_model_defaults();
    o.neutral_band = -1;
    if (valence_model_open(&model, "general", &o, &error) != VALENCE_ARGUMENT) return 6;
    valence_model_close(NULL);
    valence_context_close(NULL);
    if (strcmp(valence_status_name(VALENCE_FORMAT), "FORMAT") || !*valence_status_text(VALENCE_FORMAT)) return 7;
    if (!valence_status_name((valence_status)999) || !valence_status_text((valence_status)-1)) return 8;
    if (valence_model_open(&model, "general", NULL, &error) != VALENCE_OK) return 9;
    valence_prediction p;
    if (valence_predict(model, NULL, 0, &p, NULL) != VALENCE_OK || !p.empty) return 10;
    if (valence_predict(model, "good\0bad", 8, &p, NULL) != VALENCE_OK || p.empty) return 11;
    if (valence_predict(model, "\xff\xfe\xf0", 3, &p, NULL) != VALENCE_OK) return 12;
    valence_model_close(model);
    puts("fine");
    return 0;
}
"""


def test_errors_and_edges(tmp_path):
    program = build(tmp_path, MISUSE, "-std=c17", built("libvalence.a"), *LIBRARIES)
    assert run(program) == "fine\n"
    p = subprocess.run([program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
    assert p.stderr == b"", "the library must never print"


def test_opening_and_closing_leaks_nothing(tmp_path):
    if SANITIZED:
        pytest.skip("SKIP memory under a sanitizer is not the product's")
    source = r"""
#include <stdio.h>
#include <valence.h>
static long resident(void)
{
    long size = 0, pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (fscanf(f, "%ld %ld", &size, &pages) != 2) pages = 0;
    fclose(f);
    return pages;
}
int main(int argc, char **argv)
{
    long first = 0;
    (void)argc;
    for (int i = 0; i < 2000; i++) {
        valence_model *m;
        valence_context *c;
        valence_prediction p;
        if (valence_model_open(&m, argv[1], NULL, NULL) || valence_context_open(&c, m, NULL)) return 3;
        if (valence_predict(m, "good", 4, &p, NULL) || valence_context_predict(c, "bad", 3, &p, NULL)) return 4;
        valence_context_close(c);
        valence_model_close(m);
        if (i == 200) first = resident();
    }
    printf("%ld\n", resident() - first);
    return 0;
}
"""
    program = build(tmp_path, source, "-std=c17", built("libvalence.a"), *LIBRARIES)
    for model in ("general", ROOT / "models/movies-nb.safetensors"):
        assert int(run(program, str(model))) < 64, "pages kept after 1800 more models"
