"""Fixtures that several files share."""
import os
import signal
import subprocess

import pytest

from support import BUILD, ROOT

# Started in the background by a shell, we would ignore SIGINT, and so would what we start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """`make install` of this build into a folder of its own, which is the prefix."""
    place = tmp_path_factory.mktemp("installed")
    env = {k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k != "MFLAGS"}
    if not BUILD.is_relative_to(ROOT / "build"):
        pytest.skip(f"SKIP {BUILD} is not one of make's builds")
    p = subprocess.run(["make", "-s", f"BUILD={BUILD.relative_to(ROOT / 'build')}", f"PREFIX={place}", "install"], cwd=ROOT, env=env,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=1200)
    assert p.returncode == 0, p.stdout[-3000:]
    return place
