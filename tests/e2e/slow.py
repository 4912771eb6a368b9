"""A server with a slow model: tests/tools/slow_server.c, whose models called slow* take a time of their own for each
batch and answer like the model file they are a copy of. Not a test itself."""
import concurrent.futures
import contextlib
import functools
import json
import os
import shutil
import subprocess
import tempfile

from observing import Observed, series
from serving import Server, post
from support import BUILD, GENERAL, ROOT


@functools.cache
def slow_program():
    program = BUILD / "tests" / "slow_server"
    env = {k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k != "MFLAGS"}
    if BUILD.is_relative_to(ROOT / "build"):
        subprocess.run(["make", "-s", f"BUILD={BUILD.relative_to(ROOT / 'build')}", program.relative_to(ROOT)], cwd=ROOT, env=env,
                       check=True, stdout=subprocess.DEVNULL, timeout=1200)
    return str(program)


class SlowServer(Observed):
    """The default model is slow; `general` is the same one, answered in the loop."""

    def __init__(self, *options, batch_ms=20, token_us=0, length=0, loops=2, drain=20):
        self.folder = tempfile.TemporaryDirectory()
        model = os.path.join(self.folder.name, "slow.safetensors")
        shutil.copyfile(GENERAL, model)
        environment = {"SLOW_BATCH_MS": str(batch_ms), "SLOW_TOKEN_US": str(token_us), "SLOW_LENGTH": str(length)}
        Server.__init__(self, "-m", model, "-m", "general", "--threads", loops, "--grace", 0, "--drain", drain, *options,
                        env=environment, program=slow_program())

    def __exit__(self, *failure):
        try:
            super().__exit__(*failure)
        finally:
            self.folder.cleanup()

    def send(self, value, *headers, path="/predict"):
        """One request on a connection of its own."""
        with contextlib.closing(self.connect()) as c:
            c.send(post(value, *headers, path=path))
            return c.answer()

    def ask_later(self, value, *headers, path="/predict"):
        """A connection on which the request is on its way."""
        c = self.connect()
        c.send(post(value, *headers, path=path))
        return c

    def together(self, values, clients=16):
        with concurrent.futures.ThreadPoolExecutor(clients) as pool:
            return list(pool.map(self.send, values))

    def count(self, name, **labels):
        text = ",".join(f'{k}="{v}"' for k, v in labels.items())
        return int(series(self.metrics(), f"{name}{{{text}}}" if text else name))

    def computed(self):
        """Texts that the slow model has answered, and in how many batches."""
        metrics = self.metrics()
        return tuple(int(series(metrics, f'valence_batch_items_{part}{{model="slow"}}')) for part in ("sum", "count"))

    def waiting(self):
        return self.count("valence_queue_items", model="slow")


def lines(values):
    return b"".join(json.dumps(v).encode() + b"\n" for v in values)
