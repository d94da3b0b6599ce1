"""The fake hub, Python's client against it, and the program under test, each with a home of its own."""

import os
import pathlib
import tempfile

HF_HOME = tempfile.mkdtemp(prefix="burin-hub-tests-")
for name in [name for name in os.environ if name.startswith(("HF_", "HUGGING", "BURIN_HUB"))]:
    del os.environ[name]
# Read by huggingface_hub as it is imported: neither Xet nor calls of its own.
os.environ |= {"HF_HOME": HF_HOME, "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_UPDATE_CHECK": "1"}
os.environ |= {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}

import pytest
from clients import Burin
from fake_hub import FakeHub

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session", autouse=True)
def same_modes_for_both():
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def hub():
    with FakeHub() as hub:
        yield hub


@pytest.fixture(scope="session")
def program():
    path = pathlib.Path(os.environ.get("BURIN_BIN") or ROOT / "build" / "dev" / "burin")
    if not path.exists():
        message = "the program is not built"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    return path


@pytest.fixture
def burin(program, hub, tmp_path):
    return Burin(program, hub.endpoint, tmp_path / "burin")
