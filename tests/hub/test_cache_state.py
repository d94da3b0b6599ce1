"""What a pull may find: caches that others left in pieces or made on purpose, and a machine that has little to give."""

import os
import shutil

import invariants
import pytest
from clients import Python
from trees import assert_sound, tree

FILES = {"config.json": b'{"model_type": "llama"}', "model.safetensors": bytes(range(256)) * 2000, "sub/folder/deep.json": b"[1]"}
LARGE = FILES | {"large.safetensors": os.urandom(9 << 20)}


@pytest.fixture
def repo(hub):
    return hub.add("org/tiny", FILES)


@pytest.fixture
def folder(burin):
    return burin.cache / "models--org--tiny"


@pytest.fixture
def outside(tmp_path):
    path = tmp_path / "outside"
    path.mkdir()
    (path / "file").write_bytes(b"mine")
    return path


def etag_of(repo, name):
    return repo.commits[repo.branches["main"]][name].etag


@pytest.mark.parametrize("where", ["snapshots", "snapshots/COMMIT", "snapshots/COMMIT/sub", "snapshots/COMMIT/sub/folder", "refs", "trees"])
def test_a_folder_that_is_a_link_to_elsewhere(where, burin, folder, repo, outside):
    """T13: nothing is written through it."""
    path = folder / where.replace("COMMIT", repo.branches["main"])
    path.parent.mkdir(parents=True)
    path.symlink_to(outside)
    status, envelope = burin.pull("org/tiny")
    assert tree(outside) == {"file": tree(outside)["file"]}, "written outside the cache"
    assert (outside / "file").read_bytes() == b"mine"
    assert status == 0 or envelope["error"]["type"] != "internal", envelope


@pytest.mark.parametrize("where", ["refs/main", "trees/COMMIT.json", "snapshots/COMMIT/config.json", "blobs/ETAG", "../.locks/models--org--tiny/ETAG.lock"])
def test_a_file_that_is_a_link_to_elsewhere(where, burin, folder, repo, outside):
    path = folder / where.replace("COMMIT", repo.branches["main"]).replace("ETAG", etag_of(repo, "config.json"))
    (folder / "snapshots").mkdir(parents=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    os.symlink(outside / "file", path)
    status, envelope = burin.pull("org/tiny")
    assert (outside / "file").read_bytes() == b"mine" and len(tree(outside)) == 1
    assert status == 0 or envelope["error"]["type"] != "internal", envelope


@pytest.mark.parametrize("linked", [".", "models--org--tiny"])
def test_a_cache_on_another_disk(linked, burin, folder, repo, outside):
    """Links that people make: the cache itself, or a model's folder."""
    path = burin.cache / linked
    path.parent.mkdir(parents=True, exist_ok=True)
    (outside / "file").unlink()
    os.symlink(outside, path)
    assert burin.pull("org/tiny")[0] == 0
    assert (folder / "snapshots" / repo.branches["main"] / "config.json").read_bytes() == FILES["config.json"]
    assert burin.pull("org/tiny")[1]["data"]["download_status"] == "already_exists"


@pytest.mark.parametrize("content", [b"", b"{", FILES["config.json"] + b" "])
def test_a_blob_of_another_size_is_replaced(content, burin, folder, repo):
    assert burin.pull("org/tiny")[0] == 0
    before = tree(burin.cache)
    (folder / "blobs" / etag_of(repo, "config.json")).write_bytes(content)
    assert burin.pull("org/tiny")[0] == 0
    invariants.check(burin.cache, [repo])
    assert tree(burin.cache) == before


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_damaged_blob_is_replaced_when_asked_to(name, burin, folder, repo):
    assert burin.pull("org/tiny")[0] == 0
    before = tree(burin.cache)
    (folder / "blobs" / etag_of(repo, name)).write_bytes(bytes(len(FILES[name])))
    assert burin.pull("org/tiny", "--force-resume")[0] == 0
    assert tree(burin.cache) == before


def test_another_clients_partial_is_neither_used_nor_touched(burin, folder, hub):
    """Xet's may have holes, and Python's has a writer that no lock tells of."""
    repo = hub.add("org/tiny", LARGE)
    partial = folder / "blobs" / f"{etag_of(repo, 'large.safetensors')}.0badcafe.incomplete"
    partial.parent.mkdir(parents=True)
    (folder / "snapshots").mkdir()
    partial.write_bytes(bytes(5 << 20))
    assert burin.pull("org/tiny")[0] == 0
    assert partial.read_bytes() == bytes(5 << 20)
    assert all("range" not in request.headers for request in hub.requests(origin="cdn"))
    invariants.check(burin.cache, [repo])


@pytest.mark.parametrize("text", ["", "x", "f" * 40, "f" * 41, "../../x", "\0" * 40])
def test_a_ref_that_is_nonsense_is_written_anew(text, burin, folder, repo):
    assert burin.pull("org/tiny")[0] == 0
    before = tree(burin.cache)
    (folder / "refs" / "main").write_text(text)
    assert burin.pull("org/tiny", "--offline")[0] in (3, 7)
    assert burin.pull("org/tiny")[0] == 0
    assert tree(burin.cache) == before


@pytest.mark.parametrize("text", ["", "{", "null", "[]", '{"format_version": 2, "files": {}}', '{"format_version": 1, "files": {"../x": {"size": 1, "blob_id": "x"}}}', "[" * 100_000])
def test_a_listing_that_is_nonsense_is_fetched_anew(text, burin, folder, repo):
    assert burin.pull("org/tiny")[0] == 0
    before = tree(burin.cache)
    (folder / "trees" / f"{repo.branches['main']}.json").write_text(text)
    assert burin.pull("org/tiny")[0] == 0
    assert tree(burin.cache) == before


def test_pieces_that_python_left_are_completed(burin, folder, hub, repo):
    """Its crash windows: a ref without a snapshot, an empty temporary ref, a blob without a link."""
    python = Python(hub.endpoint, burin.cache)
    python("org/tiny")
    shutil.rmtree(folder / "snapshots")
    (folder / "refs" / "main.0badcafe.tmp").touch()
    assert burin.pull("org/tiny")[0] == 0
    snapshot = folder / "snapshots" / repo.branches["main"]
    assert {path.relative_to(snapshot).as_posix(): path.read_bytes() for path in snapshot.rglob("*.*")} == FILES
    (folder / "refs" / "main.0badcafe.tmp").unlink(missing_ok=True)
    assert_sound(burin.cache)


@pytest.mark.parametrize("state", ["state/burin/pulls", "state/burin", "state"])
def test_a_state_folder_that_cannot_be_written(state, burin, hub):
    """Notes on partials only save bandwidth."""
    repo = hub.add("org/tiny", LARGE)
    path = burin.home / state
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("a file, where a folder should be")
    assert burin.pull("org/tiny")[0] == 0
    invariants.check(burin.cache, [repo])


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="prlimit is not installed")
@pytest.mark.parametrize("limit", ["--nofile=4", "--nofile=8", "--nofile=12", "--nofile=16", "--nofile=24", "--nofile=40", "--fsize=1000", "--fsize=300000"])
def test_a_machine_with_little_to_give(limit, burin, hub):
    """F12: too few files or bytes are a typed error, and nothing half is left."""
    repo = hub.add("org/tiny", LARGE)
    assert burin.pull("org/tiny", "--include", "*.json")[0] == 0
    status, out, err = burin.run("pull", "org/tiny", "--json", "--retry-base", "20", before=["prlimit", limit])
    assert status >= 0, f"killed by signal {-status}: {out}{err}"
    assert status == 0 or '"internal"' not in out, (out, err)
    invariants.check(burin.cache, [repo], lambda name: name.endswith(".json"))
    assert burin.pull("org/tiny")[0] == 0
    invariants.check(burin.cache, [repo])
