"""`burin pull --local-dir`: the folders that Python's client and the program leave are equal, and each goes on from the other's."""

import os
import random
import shutil
import time

import injection
import pytest
from clients import FULL, Burin, kill_after
from fake_hub import FakeHub
from hub_data import Blob
from hub_faults import Fault
from huggingface_hub import snapshot_download
from trees import assert_sound, tree

MIB = 1 << 20
BIG = random.Random(21).randbytes(12 * MIB)
FILES = {
    "config.json": b"{}",
    "copy.json": b"{}",
    "empty.txt": b"",
    "sub/folder/model.safetensors": Blob(random.Random(22).randbytes(5000), lfs=True),
    "model.safetensors": BIG,
}
NOTES = ".cache/huggingface/download"


def contents(files):
    return {name: data.source if isinstance(data, Blob) else data for name, data in files.items()}


def without_times(folder):
    """The tree, notes without the moment that they were written at."""
    found = tree(folder)
    for path in found:
        if path.endswith(".metadata"):
            commit, etag, _, end = (folder / path).read_text().split("\n")
            found[path] = ("notes", found[path][1], commit, etag, end)
    return found


def python(hub, folder, cache, **options):
    return snapshot_download("org/tiny", endpoint=hub.endpoint, local_dir=folder, cache_dir=cache, token=False, **options)


def bodies(hub):
    return len([request for request in hub.log if request.method == "GET" and request.path.startswith(("/api/resolve-cache/", "/"))
                and (request.origin == "cdn" or "/resolve-cache/" in request.path)])  # fmt: skip


@pytest.fixture
def tiny(hub):
    return hub.add("org/tiny", FILES)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "folder"


def assert_whole(folder, files):
    for name, data in contents(files).items():
        assert (folder / name).read_bytes() == data, name
        assert not (folder / name).is_symlink()


def test_folders_are_equal(program, tmp_path):
    with FakeHub() as one, FakeHub() as two:
        for hub in (one, two):
            hub.add("org/tiny", FILES)
        python(one, tmp_path / "python", tmp_path / "python-cache")
        burin = Burin(program, two.endpoint, tmp_path / "burin")
        status, envelope = burin.pull("org/tiny", "--local-dir", str(tmp_path / "ours"))
        assert status == 0 and envelope["data"]["path"] == str(tmp_path / "ours"), envelope
        assert without_times(tmp_path / "ours") == without_times(tmp_path / "python")
        assert not burin.cache.exists(), "the cache was written to"


def test_each_takes_the_other_s_for_downloaded(burin, hub, tiny, folder, tmp_path):
    assert burin.pull("org/tiny", "--local-dir", str(folder))[0] == 0
    before = bodies(hub)
    python(hub, folder, tmp_path / "cache")
    assert bodies(hub) == before, "Python's client fetched again"
    mine = tmp_path / "theirs"
    python(hub, mine, tmp_path / "cache")
    before = bodies(hub)
    status, envelope = burin.pull("org/tiny", "--local-dir", str(mine))
    assert (status, envelope["data"]["download_status"]) == (0, "already_exists")
    assert bodies(hub) == before and envelope["data"]["bytes_downloaded"] == 0


def test_a_moved_branch_fetches_what_changed(burin, hub, tiny, folder, tmp_path):
    assert burin.pull("org/tiny", "--local-dir", str(folder))[0] == 0
    tiny.commit(FILES | {"config.json": b"[1]"})
    hub.log.clear()
    status, envelope = burin.pull("org/tiny", "--local-dir", str(folder))
    assert (status, envelope["data"]["bytes_downloaded"]) == (0, 3), envelope
    assert_whole(folder, FILES | {"config.json": b"[1]"})
    before = bodies(hub)
    python(hub, folder, tmp_path / "cache")
    assert bodies(hub) == before


def test_what_is_in_the_cache_is_copied(burin, hub, tiny, folder):
    assert burin.pull("org/tiny")[0] == 0
    before, cached = bodies(hub), tree(burin.cache)
    status, envelope = burin.pull("org/tiny", "--local-dir", str(folder))
    assert (status, envelope["data"]["bytes_downloaded"], envelope["data"]["bytes_missing"]) == (0, 0, 0)
    assert bodies(hub) == before and tree(burin.cache) == cached
    assert_whole(folder, FILES)
    assert_sound(burin.cache)


def test_offline_from_the_cache(burin, hub, tiny, folder):
    status, envelope = burin.pull("org/tiny", "--local-dir", str(folder), "--offline")
    assert (status, envelope["error"]["type"]) == (3, "not_cached") and not folder.exists()
    assert burin.pull("org/tiny")[0] == 0
    hub.log.clear()
    assert burin.pull("org/tiny", "--local-dir", str(folder), "--offline")[0] == 0
    assert not hub.log
    assert_whole(folder, FILES)


def test_what_lies_there_already_is_hashed(burin, hub, tiny, folder):
    (folder / "sub/folder").mkdir(parents=True)
    for name, data in contents(FILES).items():
        (folder / name).write_bytes(data)
    status, envelope = burin.pull("org/tiny", "--local-dir", str(folder))
    assert (status, envelope["data"]["bytes_downloaded"]) == (0, 0)
    assert (folder / NOTES / "config.json.metadata").exists()


@pytest.mark.parametrize("was_pulled", [False, True])
def test_somebody_s_own_file_is_not_replaced(burin, hub, tiny, folder, was_pulled):
    if was_pulled:
        assert burin.pull("org/tiny", "--local-dir", str(folder))[0] == 0
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_bytes(b"mine")
    later = time.time() + 10
    os.utime(folder / "config.json", (later, later))
    before = tree(folder)
    status, envelope = burin.pull("org/tiny", "--local-dir", str(folder))
    assert (status, envelope["error"]["type"]) == (2, "local_changes") and "config.json" in envelope["error"]["message"]
    assert tree(folder) == before
    assert burin.pull("org/tiny", "--local-dir", str(folder), "--exclude", "config.json")[0] == 0
    assert (folder / "config.json").read_bytes() == b"mine"
    assert burin.pull("org/tiny", "--local-dir", str(folder), "--force-resume")[0] == 0
    assert_whole(folder, FILES)


def test_damage_is_found_when_all_is_checked(burin, hub, tiny, folder):
    assert burin.pull("org/tiny", "--local-dir", str(folder))[0] == 0
    facts = os.stat(folder / "model.safetensors")
    (folder / "model.safetensors").write_bytes(BIG[:-1] + b"?")
    os.utime(folder / "model.safetensors", ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert burin.pull("org/tiny", "--local-dir", str(folder))[1]["data"]["download_status"] == "already_exists"
    assert burin.pull("org/tiny", "--local-dir", str(folder), "--force-resume")[0] == 0
    assert_whole(folder, FILES)


def test_a_killed_pull_goes_on(burin, hub, tiny, folder):
    hub.faults.append(Fault(origin="cdn", method="GET", rate=20 * MIB, times=None))
    process = burin.start("pull", "org/tiny", "--local-dir", str(folder))
    kill_after(process, hub, 11 * MIB)
    assert not (folder / "model.safetensors").exists(), "half of a file has its name"
    hub.faults.clear()
    status, envelope = burin.pull("org/tiny", "--local-dir", str(folder))
    assert status == 0 and envelope["data"]["bytes_downloaded"] < 6 * MIB, envelope
    assert_whole(folder, FILES)
    assert not list((folder / NOTES).glob("*.incomplete"))


@pytest.mark.parametrize("path", [".cache/huggingface/download/config.json.metadata", ".cache/HuggingFace/trees/x"])
def test_a_repository_cannot_write_notes(burin, hub, folder, path):
    hub.add("org/evil", {"config.json": b"{}", path: b"x"})
    status, envelope = burin.pull("org/evil", "--local-dir", str(folder))
    assert (status, envelope["error"]["type"]) == (7, "unsafe_path") and not folder.exists()
    assert burin.pull("org/evil", "--local-dir", str(folder), "--exclude", ".cache/*")[0] == 0


def test_links_do_not_lead_out(burin, hub, tiny, folder, tmp_path):
    (tmp_path / "outside").mkdir()
    folder.mkdir()
    (folder / "sub").symlink_to(tmp_path / "outside")
    status, _ = burin.pull("org/tiny", "--local-dir", str(folder))
    assert status == 7 and not list((tmp_path / "outside").iterdir())


def test_not_into_the_cache_nor_a_file(burin, hub, tiny, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for place in (burin.cache, burin.cache / "models--org--tiny" / "x", tmp_path / "file"):
        status, envelope = burin.pull("org/tiny", "--local-dir", str(place))
        assert status == 2 and envelope["error"]["hint"] is not None, place
    assert not hub.log


@pytest.mark.skipif(injection.why_not() is not None, reason=str(injection.why_not()))
@pytest.mark.parametrize("before", ["nothing", "another_commit"])
def test_killed_at_each_call(burin, hub, folder, before, tmp_path):
    files = {"config.json": b"{}", "copy.json": b"{}", "sub/model.safetensors": random.Random(23).randbytes(5 * MIB)}
    repo = hub.add("org/tiny", {"config.json": b"[]", "sub/model.safetensors": b"old"} if before == "another_commit" else files)
    words = ("pull", "org/tiny", "--json", "--jobs", "1", "--local-dir", str(folder))
    saved = tmp_path / "saved"
    saved.mkdir()
    if before == "another_commit":
        assert burin.run(*words)[0] == 0
        folder.rename(tmp_path / "old")
        shutil.copytree(tmp_path / "old", saved, dirs_exist_ok=True)
    blobs = repo.commits[repo.commit(files)]
    old = {name: blob for commit in repo.commits.values() for name, blob in commit.items() if blob.etag != blobs[name].etag}

    def restore():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(saved, folder)

    restore()
    assert burin.run(*words, before=injection.listing(tmp_path / "calls"))[0] == 0
    killed = 0
    for call, when in injection.sampled(injection.points(tmp_path / "calls", folder), 1 if FULL else 5):
        restore()
        killed += burin.run(*words, before=injection.inject(call, "signal=KILL", when))[0] != 0
        for name, data in contents(files).items():
            path, notes = folder / name, folder / NOTES / f"{name}.metadata"
            allowed = {data, *([old[name].source] if name in old else [])}
            assert not path.exists() or path.read_bytes() in allowed, (call, when, name)
            if notes.exists() and notes.read_text().split("\n")[1] == blobs[name].etag:
                assert path.read_bytes() == data, (call, when, name)
        assert burin.run(*words)[0] == 0, (call, when)
        assert_whole(folder, files)
        assert not [path for path in folder.rglob("*") if path.name.startswith(".burin-") or path.suffix == ".incomplete"]
    assert killed > 5
