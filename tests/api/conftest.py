"""The installed tree: made once from the build folder, then moved, since a tree that only works where it was made is no tree."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BURIN_BUILD_DIR") or ROOT / "build" / "dev")
MODELS = pathlib.Path(os.environ.get("BURIN_MODELS") or ROOT / ".deps" / "models")
sys.path.insert(0, str(ROOT / "examples" / "python"))


def environment(**variables):
    """What a bare shell would give: no path to any library of ours."""
    return {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "BURIN_MODELS": str(MODELS)} | variables


def run(*command, timeout=300, **options):
    """(exit status, stdout, stderr)."""
    options.setdefault("env", environment())
    done = subprocess.run([str(word) for word in command], check=False, capture_output=True, text=True, timeout=timeout, **options)
    return done.returncode, done.stdout, done.stderr


def succeed(*command, **options):
    status, out, err = run(*command, **options)
    assert status == 0, f"{command}\n{out}\n{err}"
    return out


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    if not (BUILD / "libburin_mlx.so").exists():
        pytest.skip("this build has no MLX")
    made = tmp_path_factory.mktemp("made") / "tree"
    succeed("cmake", "--install", BUILD, "--prefix", made, env=os.environ | {})
    moved = tmp_path_factory.mktemp("moved") / "burin"
    shutil.move(made, moved)
    return moved
