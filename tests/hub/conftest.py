"""The fake hub, Python's client against it, and the program under test, each with a home of its own."""

import json
import os
import pathlib
import subprocess
import tempfile

HF_HOME = tempfile.mkdtemp(prefix="burin-hub-tests-")
for name in [name for name in os.environ if name.startswith(("HF_", "HUGGING", "BURIN_HUB"))]:
    del os.environ[name]
# Read by huggingface_hub as it is imported: neither Xet nor calls of its own.
os.environ |= {"HF_HOME": HF_HOME, "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_UPDATE_CHECK": "1"}
os.environ |= {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}

import pytest
from fake_hub import FakeHub

ROOT = pathlib.Path(__file__).resolve().parents[2]
FULL = os.environ.get("BURIN_FULL") == "1"


@pytest.fixture(scope="session", autouse=True)
def same_modes_for_both():
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def hub():
    with FakeHub() as hub:
        yield hub


@pytest.fixture
def program():
    path = pathlib.Path(os.environ.get("BURIN_BIN") or ROOT / "build" / "dev" / "burin")
    if not path.exists():
        message = "the program is not built"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    return path


class Burin:
    """The program with an environment of its own, pointed at a hub and a cache."""

    def __init__(self, program, endpoint, home):
        self.program, self.home, self.cache = program, home, home / "hub"
        home.mkdir(parents=True, exist_ok=True)
        self.env = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(home / "user"),
            "HF_HOME": str(home),
            "HF_ENDPOINT": endpoint,
            "BURIN_MODELS": str(home / "models"),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_STATE_HOME": str(home / "state"),
            "XDG_CACHE_HOME": str(home / "xdg-cache"),
            "XDG_DATA_HOME": str(home / "data"),
        } | {name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}

    def start(self, *words, before=(), **env):
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen([*before, self.program, *words], cwd=self.home, env=self.env | env, text=True, **pipes)

    def run(self, *words, before=(), timeout=60, **env):
        """(exit status, stdout, stderr); a program that outlives the time-out is killed and fails the test."""
        process = self.start(*words, before=before, **env)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        return process.returncode, out, err

    def pull(self, repo, *words, **options):
        """(exit status, envelope) of `pull --json`; anything but one JSON object on stdout is a failure."""
        status, out, err = self.run("pull", repo, *words, "--json", **options)
        assert out.count("\n") == 1, (status, out, err)
        return status, json.loads(out)


@pytest.fixture
def burin(program, hub, tmp_path):
    return Burin(program, hub.endpoint, tmp_path / "burin")
