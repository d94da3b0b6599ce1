"""`burin rm` killed at each of its file-system calls in turn, by strace: Python's client finds nothing wrong with the
cache at any of these moments, what stays is whole, and the next `burin rm` leaves nothing behind."""

import hashlib
import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("BURIN_BUILD_DIR") or ROOT / "build" / "dev") / "burin"
CALLS = "rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,openat,flock,fchmod"
A, B = "a" * 40, "b" * 40
REPO = "models--org--name"

pytestmark = pytest.mark.skipif(shutil.which("strace") is None or not PROGRAM.exists(), reason="needs strace and burin")


def add_revision(hub, commit, files):
    repo = hub / REPO
    for name, content in files.items():
        etag = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        blob = repo / "blobs" / etag
        link = repo / "snapshots" / commit / name
        for folder in (blob.parent, link.parent, repo / "refs"):
            folder.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(content)
        link.symlink_to(os.path.relpath(blob, link.parent))
    (repo / "refs" / "main").write_text(commit)


def make_cache(hub):
    shared = {"config.json": b'{"model_type": "llama"}', "sub/notes.txt": b"the same in both"}
    add_revision(hub, B, shared | {"weights.bin": b"second"})
    add_revision(hub, A, shared | {"weights.bin": b"first", "more.txt": b"only here"})
    (hub / ".locks" / REPO).mkdir(parents=True)
    (hub / ".locks" / REPO / ("c" * 40 + ".lock")).touch()


def check(hub):
    """Python's own verdict, and every file that is linked to hashes to its name."""
    from huggingface_hub import scan_cache_dir

    found = scan_cache_dir(hub)
    assert not found.warnings, found.warnings
    for link in (hub / REPO).glob("snapshots/*/**/*"):
        if not link.is_dir():
            content = link.read_bytes()
            assert link.resolve().name == hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    return found


@pytest.mark.parametrize(("spec", "left"), [("org/name", []), (f"org/name@{A}", [B])])
def test_rm_killed_at_every_call(tmp_path, spec, left):
    points = 0
    for number in range(1, 400):
        hub = tmp_path / str(number)
        make_cache(hub)
        env = {"HOME": str(tmp_path), "HF_HUB_CACHE": str(hub), "BURIN_MODELS": str(tmp_path / "models")}
        words = [str(PROGRAM), "rm", spec]
        trace = ["strace", "-f", "-o", "/dev/null", "-e", f"inject={CALLS}:signal=KILL:when={number}"]
        killed = subprocess.run([*trace, *words], env=env, check=False, capture_output=True)
        check(hub)
        if killed.returncode in (0, 3):
            break
        points += 1
        again = subprocess.run(words, env=env, check=False, capture_output=True)
        assert again.returncode in (0, 3), again.stderr
        found = check(hub)
        assert [revision.commit_hash for repo in found.repos for revision in repo.revisions] == left
        assert not list((hub / ".locks").glob(".trash-*"))
        blobs = {blob.name for blob in (hub / REPO / "blobs").glob("*")}
        linked = {link.resolve().name for link in (hub / REPO).glob("snapshots/*/**/*") if link.is_symlink()}
        assert blobs == linked
    assert points > 20
    print(f"{points} points")
