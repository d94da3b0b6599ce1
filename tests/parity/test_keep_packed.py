"""`--keep-packed`: the second load reads what the first one packed, and never what another model left."""

import json
import os
import shutil
import subprocess

import pytest
import tiny_models


@pytest.fixture
def model(tmp_path):
    return tiny_models.build(tmp_path / "model", "qwen3", "4bit_g64")


@pytest.fixture
def logits(burin, tmp_path, model):
    """Bytes of the logits of a few tokens; `keep` or not."""

    def run(*more, check=True):
        out = tmp_path / "logits.safetensors"
        command = [burin, "logits", str(model), "--tokens", "1,2,3", "--out", str(out), "--json", *more]
        environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
        run = subprocess.run(command, env=environment, check=check, capture_output=True, text=True, timeout=120)
        return out.read_bytes() if check else json.loads(run.stdout)["error"]

    return run


@pytest.fixture
def kept(tmp_path):
    return lambda: sorted((tmp_path / "cache" / "burin" / "packed").glob("*.packed.safetensors"))


def test_the_second_load_reads_what_the_first_one_kept(logits, kept, model):
    plain = logits()
    assert not kept()
    assert logits("--keep-packed") == plain
    (file,) = kept()
    before = file.stat()
    # The weights' own bytes change unseen (no sample of the fingerprint lies there): what was kept is what is read.
    weights = model / "model.safetensors"
    size = weights.stat().st_size
    content = bytearray(weights.read_bytes())
    at = size // 64 * 40 + 600
    assert at + 8 < size // 64 * 41
    content[at : at + 8] = bytes(8)
    weights.write_bytes(content)
    assert logits("--keep-packed") == plain
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    assert logits() != plain


def test_another_model_in_the_same_place_is_packed_anew(logits, kept, model, tmp_path):
    logits("--keep-packed")
    other = tiny_models.build(tmp_path / "other", "qwen3", "4bit_g32")
    shutil.copytree(other, model, dirs_exist_ok=True)
    expected = logits()
    assert logits("--keep-packed") == expected
    assert logits("--keep-packed") == expected
    assert len(kept()) == 1


@pytest.mark.parametrize("damage", ["cut", "garbage", "empty"])
def test_a_damaged_file_is_written_anew(logits, kept, damage):
    plain = logits("--keep-packed")
    (file,) = kept()
    whole = file.read_bytes()
    file.write_bytes({"cut": whole[:-100], "garbage": b"\xff" * 5000, "empty": b""}[damage])
    assert logits("--keep-packed") == plain
    assert file.read_bytes() == whole


def test_files_of_models_that_are_gone_go_too(burin, logits, kept, model, tmp_path):
    gone = tiny_models.build(tmp_path / "gone", "llama", "4bit_g64")
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    out = tmp_path / "gone.safetensors"
    command = [burin, "logits", str(gone), "--tokens", "1", "--out", str(out), "--keep-packed"]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120)
    shutil.rmtree(gone)
    logits("--keep-packed")
    assert [file.name.startswith("model-") for file in kept()] == [True]


def test_a_folder_that_cannot_be_written_is_an_error(logits, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "burin").write_text("no folder")
    assert logits("--keep-packed", check=False)["type"] == "permission"
