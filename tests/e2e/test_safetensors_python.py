"""Our model files and Python's `safetensors` understand each other, both ways."""
import os, pathlib, subprocess

import pytest

np = pytest.importorskip("numpy")
st = pytest.importorskip("safetensors.numpy")
from safetensors import safe_open

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("VALENCE_BUILD", "build/release")
LIBRARIES = ["-lsimdjson", "-lstdc++", "-lutf8proc", "-lxxhash", "-lzstd", "-lz", "-lm", "-ldl"]
NUMPY = {"BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "F16": "<f2", "U32": "<u4",
         "I32": "<i4", "F32": "<f4", "U64": "<u8", "I64": "<i8", "F64": "<f8"}


def sanitizers():
    """The flags of the library's build, as far as linking needs them."""
    return {"asan": ["-fsanitize=address,undefined"], "ubsan": ["-fsanitize=undefined"],
            "tsan": ["-fsanitize=thread"]}.get(BUILD.name.split("_")[-1], [])


@pytest.fixture(scope="session")
def tool(tmp_path_factory):
    out = tmp_path_factory.mktemp("tool") / "make_safetensors"
    subprocess.run(["gcc", "-std=c17", "-O1", "-D_GNU_SOURCE", "-pthread", *sanitizers(),
                    f"-I{ROOT}/include", f"-I{ROOT}/src", "-o", out,
                    ROOT / "tests/tools/make_safetensors.c", BUILD / "libvalence.a", *LIBRARIES], check=True)
    return out


def expected(dtype):
    """The same bytes that make_safetensors.c puts there."""
    width = np.dtype(NUMPY[dtype]).itemsize
    if dtype == "BOOL":
        return (np.arange(15) % 2).astype(bool).reshape(3, 5)
    data = (np.arange(15)[:, None] + np.arange(width)[None, :]).astype("u1").tobytes()
    return np.frombuffer(data, NUMPY[dtype]).reshape(3, 5)


def test_python_reads_ours(tool, tmp_path):
    path = tmp_path / "ours.safetensors"
    subprocess.run([tool, path], check=True)
    with safe_open(path, framework="np") as f:
        assert f.metadata() == {"family": "logistic", 'odd "key"\n': "café 😀 \\ \t", "empty": ""}
        assert set(f.keys()) == set(NUMPY) | {"BF16", "scalar", "empty"}
        for name in NUMPY:
            got = f.get_tensor(name)
            assert got.dtype == np.dtype(NUMPY[name])
            np.testing.assert_array_equal(got.view("u1"), expected(name).view("u1"))
        assert f.get_tensor("scalar") == np.float32(3.14159274) and f.get_tensor("scalar").shape == ()
        assert f.get_tensor("empty").shape == (0, 7)
        assert f.get_slice("BF16").get_dtype() == "BF16" and f.get_slice("BF16").get_shape() == [3, 5]


def test_data_is_aligned_and_repeatable(tool, tmp_path):
    for name in "ab":
        subprocess.run([tool, tmp_path / name], check=True)
    first = (tmp_path / "a").read_bytes()
    assert first == (tmp_path / "b").read_bytes()
    assert (8 + int.from_bytes(first[:8], "little")) % 64 == 0
    assert not list(tmp_path.glob("*.part"))


def test_we_read_python(tool, tmp_path):
    rng = np.random.default_rng(1)
    tensors = {f"layer.{i}.{kind}": rng.integers(0, 2, shape).astype(kind)
               for i, shape in enumerate([(), (0,), (7,), (3, 1, 2), (64, 33)])
               for kind in ("bool", "int8", "float16", "float32", "int64")}
    metadata = {"format": "np", "labels": '["negative", "positive"]', "näme": "日本"}
    st.save_file(tensors, tmp_path / "theirs", metadata)
    subprocess.run([tool, tmp_path / "theirs", tmp_path / "again"], check=True)
    back = st.load_file(tmp_path / "again")
    assert back.keys() == tensors.keys()
    for name, value in tensors.items():
        assert back[name].dtype == value.dtype and back[name].shape == value.shape
        np.testing.assert_array_equal(back[name], value)
    with safe_open(tmp_path / "again", framework="np") as f:
        assert f.metadata() == metadata


def test_unaligned_python_file(tool, tmp_path):
    """A header of odd length: data starts at an odd address; both must read it."""
    header = b'{"a":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}}'
    header += b" " * (len(header) % 2 == 0)
    data = np.array([1.5, -2.5]).tobytes()
    (tmp_path / "odd").write_bytes(len(header).to_bytes(8, "little") + header + data)
    subprocess.run([tool, tmp_path / "odd", tmp_path / "even"], check=True)
    np.testing.assert_array_equal(st.load_file(tmp_path / "even")["a"], [1.5, -2.5])


def test_what_python_refuses_we_refuse(tool, tmp_path):
    good = (8).to_bytes(8, "little") + b"{}      "
    cases = [b"", good[:7], good + b"x", b"\xff" * 8 + b"{}", (2).to_bytes(8, "little") + b"[]"]
    for i, bytes_ in enumerate(cases):
        path = tmp_path / f"bad{i}"
        path.write_bytes(bytes_)
        with pytest.raises(Exception):
            st.load_file(path)
        done = subprocess.run([tool, path, tmp_path / "out"], capture_output=True, text=True)
        assert done.returncode == 1 and str(path) in done.stderr and done.stderr.count("\n") == 1
