"""What must hold of a cache at every instant: I1 to I5 of the order of writes."""

import hashlib
import json
import os
import re

from hub_data import git_sha1
from trees import assert_sound

TAG = b"Signature: 8a477f597d28d172789f06886806bc55"


def check_blobs(folder, damaged):
    """I1: a blob without a suffix is whole and is what its name says, or is as damaged as it was."""
    for name in os.listdir(folder):
        if re.fullmatch(r"([0-9a-f]{40}|[0-9a-f]{64})\.[0-9a-f]{8}\.incomplete", name):
            continue
        assert re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", name), f"I1: {name} in blobs"
        data = (folder / name).read_bytes()
        found = hashlib.sha256(data).hexdigest() if len(name) == 64 else git_sha1("blob", data)
        assert found == name or data == damaged.get(name), f"I1: blob {name} is not what its name says ({len(data)} bytes)"


def check_snapshot(folder, repo, blobs, damaged):
    """I2: each entry is a file of that commit, and leads to a blob of the same repository."""
    files = repo.commits[folder.name]
    for path in folder.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            continue
        name = path.relative_to(folder).as_posix()
        assert name in files, f"I2: {name} is not in the commit"
        if path.is_symlink():
            assert path.exists(), f"I2: {name} leads nowhere"
            assert path.resolve() == (blobs / files[name].etag).resolve(), f"I2: {name} leads to {os.readlink(path)}"
        data = path.read_bytes()
        assert data in (files[name].bytes(), damaged.get(files[name].etag)), f"I2: {name} has other bytes"


def check_refs(folder, repo, promised):
    """I3: a ref names a snapshot that holds all that was asked for."""
    for path in (folder / "refs").rglob("*"):
        if path.is_dir():
            continue
        commit = path.read_text()
        assert commit in repo.commits, f"I3: {path.name} holds {commit!r}"
        for name in repo.commits[commit]:
            assert not promised(name) or (folder / "snapshots" / commit / name).exists(), f"I3: {name} is missing under a ref"


def check(cache, repos, promised=lambda name: True, damaged=None):
    """Holds if the cache holds nothing but sound parts of these repositories (I4) and Python finds it sound (I5).

    `damaged` is what may be wrong from the beginning: {name of a blob: its bytes}.
    """
    damaged = damaged or {}
    if not cache.exists():
        return
    folders = {f"models--{repo.id.replace('/', '--')}": repo for repo in repos}
    for entry in cache.iterdir():
        assert entry.name in {".locks", "CACHEDIR.TAG"} | folders.keys(), f"I4: {entry.name} in the cache"
    tag = cache / "CACHEDIR.TAG"
    assert not tag.exists() or tag.read_bytes().startswith(TAG), "I4: a torn CACHEDIR.TAG"
    for name, repo in folders.items():
        folder = cache / name
        if not folder.exists():
            continue
        blobs = folder / "blobs"
        if blobs.exists():
            check_blobs(blobs, damaged)
        for snapshot in (folder / "snapshots").glob("*"):
            check_snapshot(snapshot, repo, blobs, damaged)
        check_refs(folder, repo, promised)
        for listing in (folder / "trees").glob("*.json"):
            assert json.loads(listing.read_text())["format_version"] == 1
    assert_sound(cache)
