"""The same pulls by Python's client and by the program leave the same trees, and each reads the other's offline.

A case is a function of a hub and of a client that pulls; it is run once for each client, on hubs that serve the same.
"""

import os
import random

import pytest
from clients import FULL, Burin, Program, Python
from fake_hub import FakeHub
from hub_data import Blob
from huggingface_hub import constants, errors, hf_hub_download
from trees import assert_sound, tree

MIB = 1 << 20
CHUNK = 10 * MIB  # what Python's client reads at once, and from where git files are LFS here


def noise(size, seed=0):
    return random.Random(seed).randbytes(size)


SMALL = {
    "config.json": b'{"model_type": "llama"}',
    "tokenizer.json": b"{}",
    "tokenizer_config.json": b"[]",
    "model-00001-of-00002.safetensors": noise(3000, 1),
    "model-00002-of-00002.safetensors": noise(2000, 2),
    "model.safetensors.index.json": b'{"weight_map": {}}',
    "README.md": b"# tiny",
    ".gitattributes": b"*.safetensors filter=lfs\n",
    "original/params.json": b'{"dim": 1}',
    "original/consolidated.00.pth": Blob(noise(1500, 3), lfs=True),
    "pytorch_model.bin": noise(1000, 4),
    "onnx/model.onnx": Blob(noise(1234, 5), lfs=True),
    "onnx/sub/quantized.onnx": Blob(noise(1235, 6), lfs=True),
}

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def add_case(name, function):
    assert name not in CASES
    CASES[name] = function


def add_files(name, files):
    def run(hub, pull):
        hub.add("org/tiny", files)
        pull()

    add_case(name, run)


def add_filter(name, include=(), exclude=()):
    def run(hub, pull):
        hub.add("org/tiny", SMALL)
        pull(include=include, exclude=exclude)

    add_case(f"filter-{name}", run)


def add_repo(name, repo_id, **facts):
    def run(hub, pull):
        hub.add(repo_id, SMALL, **facts)
        hub.tokens["hf_alice"] = {"name": "alice", "access": {repo_id}}
        pull(repo_id, token="hf_alice" if facts else None)

    add_case(f"repo-{name}", run)


def add_revision(name, revision):
    def run(hub, pull):
        repo = hub.add("org/tiny", SMALL)
        repo.tags |= {"v1.0": repo.branches["main"], "release/2": repo.branches["main"]}
        for branch in ("dev", "user/topic/3", "Ünï"):
            repo.commit(SMALL | {"config.json": branch}, branch)
        repo.commit(SMALL | {"config.json": b"pr"}, pr=1)
        repo.commit(SMALL | {"config.json": b"last"})
        pull(revision=revision(repo) if callable(revision) else revision)

    add_case(f"revision-{name}", run)


for size in (0, 1, 2, 65535, 65536, 65537, 9 * MIB):
    add_files(f"git-{size}", {"file.txt": Blob(noise(size), lfs=False)})
for size in (0, 1, 1023, 4096, MIB, 9 * MIB, CHUNK - 1, CHUNK, CHUNK + 1, 11 * MIB):
    add_files(f"lfs-{size}", {"model.safetensors": noise(size)})
for shape in "AB":
    add_files(f"shape-{shape}", {"a.json": Blob(b"{}", lfs=False, shape=shape), "b.bin": Blob(noise(5000), lfs=True, shape="C")})
add_files("lfs-sent-by-the-hub-itself", {"model.safetensors": Blob(noise(70000), lfs=True, shape="B")})
add_files("usual", SMALL)
add_files("nested", {"a/b/c/d/e/f/g/h/i/j/k/l/m.txt": b"m", "a/b/c.txt": b"c", "a/b.bin": b"b", "a0": b"0", "a-b/c": b"d"})
add_files("awful-names", {"subfolder/to?/awful?filename%you:should,never.give": b"awful", "a b/c  d.txt": b"1", "#1;&=+$@!.txt": b"2"})
add_files("more-awful-names", {"100%": b"0", "%2e%2e": b"1", "a%2Fb": b"2", "'quoted\"": b"3", "[x]{y}(z)~": b"4", "...": b"5", "..a": b"6"})
add_files("unicode-names", {"ünïcødé/日本語.txt": b"1", "emoji-\U0001f600.bin": b"2", "z\u0301": b"3", "\u017a": b"4", "~": b"5"})
add_files("long-names", {"n" * 255: b"1", "/".join(["d" * 100] * 5) + "/f": b"2"})
add_files("hidden-names", {".hidden/.file": b"1", ".cache/x": b"2", "refs/main": b"3", "blobs/x": b"4", "snapshots/y": b"5", "trees/z": b"6"})
add_files("one-content-many-names", {"a.json": b"{}", "b.json": b"{}", "x/c.json": b"{}", "m.safetensors": b"{}", "n/m.safetensors": b"{}"})
add_files("two-hundred-small", {f"part-{i:03}.json": b"%d" % i for i in range(200)})
add_files("no-files-in-git", {"model.safetensors": noise(100)})

add_filter("suffix", ["*.json"])
add_filter("crosses-folders", ["o*.json"])
add_filter("folder", ["onnx/"])
add_filter("folder-slash-star", ["onnx/*"])
add_filter("several", ["*.safetensors", "config.json"])
add_filter("question-mark", ["model-0000?-of-*"])
add_filter("class", ["[ct]o*.json"])
add_filter("negated-class", ["[!m]*.json"])
add_filter("class-range", ["model-0000[1-1]*"])
add_filter("class-unclosed", ["[config.json", "README.md"])
add_filter("class-bracket-first", ["[]R]*"])
add_filter("case-counts", ["readme.md", "CONFIG.JSON", "README.md"])
add_filter("excluded", exclude=["*.safetensors", "*.bin", "onnx/"])
add_filter("both", ["*.json", "onnx/*"], ["original/*", "*quantized*"])
add_filter("exclude-wins", ["config.json", "README.md"], ["config*"])
add_filter("everything", ["*"])
add_filter("only-one-shard", ["model-00002-of-00002.safetensors"])

add_repo("without-a-namespace", "gpt2")
add_repo("dots", "a.b/c_d-e.f")
add_repo("upper", "Org/TINY-4bit")
add_repo("private", "org/private", private=True)
add_repo("gated", "org/gated", gated="auto")
add_repo("private-and-gated", "org/both", private=True, gated="manual")
add_repo("mlx-community", "mlx-community/tiny-4bit")
add_repo("long", "n" * 90 + "/" + "m" * 90)

add_revision("main", "main")
add_revision("branch", "dev")
add_revision("branch-with-slashes", "user/topic/3")
add_revision("branch-unicode", "Ünï")
add_revision("tag", "v1.0")
add_revision("tag-with-slash", "release/2")
add_revision("pull-request", "refs/pr/1")
add_revision("commit", lambda repo: repo.branches["dev"])
add_revision("commit-without-a-name", lambda repo: repo.tags["v1.0"])


@case
def second_revision_shares_blobs(hub, pull):
    repo = hub.add("org/tiny", SMALL)
    repo.commit(SMALL | {"config.json": b"dev", "new/file.json": b"1"}, "dev")
    pull()
    sent = len(hub.requests(origin="cdn", method="GET"))
    pull(revision="dev")
    if not constants.HF_HUB_DISABLE_SYMLINKS:  # where there are no links each revision has files of its own
        assert len(hub.requests(origin="cdn", method="GET")) == sent


@case
def branch_moves(hub, pull):
    repo = hub.add("org/tiny", SMALL)
    pull()
    repo.commit(SMALL | {"config.json": b"moved"})
    pull()


@case
def branch_moves_back(hub, pull):
    repo = hub.add("org/tiny", SMALL)
    first = repo.branches["main"]
    repo.commit({"config.json": b"moved"})
    pull()
    repo.branches["main"] = first
    pull()


@case
def name_then_commit_then_tag_of_the_same(hub, pull):
    repo = hub.add("org/tiny", SMALL)
    repo.tags["v1"] = repo.branches["main"]
    for revision in (None, repo.branches["main"], "v1"):
        pull(revision=revision)


@case
def part_then_all(hub, pull):
    hub.add("org/tiny", SMALL)
    pull(include=["*.json"])
    pull()


@case
def part_then_another_part(hub, pull):
    hub.add("org/tiny", SMALL)
    pull(include=["*.json"])
    pull(exclude=["*.json", "onnx/*"])


@case
def same_pull_twice(hub, pull):
    hub.add("org/tiny", SMALL)
    pull()
    sent = len(hub.requests(origin="cdn", method="GET"))
    pull()
    assert len(hub.requests(origin="cdn", method="GET")) == sent


@case
def two_repositories_of_one_content(hub, pull):
    hub.add("org/tiny", SMALL)
    hub.add("other/tiny", SMALL)
    pull()
    pull("other/tiny")


@case
def pages_of_three(hub, pull):
    hub.page_size = 3
    hub.add("org/tiny", SMALL)
    pull()


@case
def xet_hashes_in_the_listing(hub, pull):
    hub.xet = True
    hub.add("org/tiny", SMALL)
    pull()


@case
def a_file_becomes_a_folder(hub, pull):
    repo = hub.add("org/tiny", {"a": b"file", "b": b"1"})
    pull()
    repo.commit({"a/b": b"file", "b": b"2"})
    pull()


@case
def absence_is_remembered(hub, pull):
    hub.add("org/tiny", SMALL)
    with pytest.raises(errors.RemoteEntryNotFoundError):
        hf_hub_download("org/tiny", "none.json", endpoint=hub.endpoint, cache_dir=pull.cache)
    pull()


WITHOUT_SYMLINKS = ["usual", "nested", "lfs-0", "one-content-many-names", "second_revision_shares_blobs", "part_then_all", "same_pull_twice"]
UMASKS = [(name, mask) for name in ("usual", "second_revision_shares_blobs") for mask in (0o000, 0o002, 0o027, 0o077)]
HEAVY = {name for name, function in CASES.items() if name.endswith(tuple(str(size) for size in (CHUNK - 1, CHUNK, CHUNK + 1)))}


def check(name, program, tmp_path, **env):
    """Runs the case with both clients, compares what they left, and lets each read the other's."""
    with FakeHub() as one, FakeHub() as two:
        python = Python(one.endpoint, tmp_path / "python" / "hub")
        ours = Program(Burin(program, two.endpoint, tmp_path / "burin"), **env)
        CASES[name](one, python)
        CASES[name](two, ours)
        assert tree(ours.cache) == tree(python.cache)
        assert_sound(ours.cache)
        assert python.pulls == ours.pulls
        asked = len(one.log), len(two.log)
        for pull in {(pull.repo, pull.revision): pull for pull in python.pulls}.values():
            mine, theirs = ours.read_offline(pull, python.cache), python.read_offline(pull, ours.cache)
            assert mine == theirs
        assert (len(one.log), len(two.log)) == asked
        assert tree(ours.cache) == tree(python.cache)


@pytest.mark.parametrize("name", [name for name in CASES if FULL or name not in HEAVY])
def test_trees_are_equal(name, program, tmp_path):
    check(name, program, tmp_path)


@pytest.mark.parametrize("name", WITHOUT_SYMLINKS)
def test_trees_without_symlinks_are_equal(name, program, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_SYMLINKS", True)
    check(name, program, tmp_path, HF_HUB_DISABLE_SYMLINKS="1")


@pytest.mark.parametrize(("name", "mask"), UMASKS if FULL else UMASKS[1:3])
def test_modes_follow_the_umask(name, mask, program, tmp_path):
    before = os.umask(mask)
    try:
        check(name, program, tmp_path)
    finally:
        os.umask(before)


@pytest.mark.parametrize("first", ["python", "burin"])
def test_one_cache_filled_by_both_in_turn(first, program, tmp_path):
    with FakeHub() as hub:
        repo = hub.add("org/tiny", SMALL)
        repo.commit(SMALL | {"config.json": b"dev"}, "dev")
        repo.commit(SMALL | {"onnx/model.onnx": Blob(noise(99, 7), lfs=True)}, pr=1)
        both = {"python": Python(hub.endpoint, tmp_path / "hub"), "burin": Program(Burin(program, hub.endpoint, tmp_path))}
        turns = [both[first], both[{"python": "burin", "burin": "python"}[first]]]
        turns[0](include=("*.json",))
        turns[1]()
        bodies = len(hub.requests(origin="cdn", method="GET"))
        assert bodies == sum(blob.lfs for blob in repo.commits[repo.branches["main"]].values())
        turns[0](revision="dev")
        turns[1](revision="refs/pr/1")
        turns[0]()
        assert len(hub.requests(origin="cdn", method="GET")) == bodies + 1
        assert_sound(tmp_path / "hub")
        alone = Python(hub.endpoint, tmp_path / "alone")
        for pull in [*turns[0].pulls, *turns[1].pulls]:
            alone.get(pull, alone.cache)
        assert tree(tmp_path / "hub") == tree(alone.cache)


def test_there_are_as_many_cases_as_promised():
    assert len(CASES) - len(HEAVY) + len(WITHOUT_SYMLINKS) >= 60
