"""Python's own client against the fake hub: what it downloads, lists and refuses is what the real hub would give."""

import json
import os
import pathlib
import random
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from hub_data import Blob
from hub_faults import Fault, deep_json, endless_listing, too_many_requests
from huggingface_hub import (
    HfApi,
    errors,
    hf_hub_download,
    snapshot_download,
    try_to_load_from_cache,
)
from huggingface_hub.utils import (
    EntryNotFoundError,
    GatedRepoError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from trees import assert_sound, offline, tree

BIG = random.Random(1).randbytes(11 << 20)
FILES = {
    "config.json": b'{"model_type": "llama"}',
    "empty.txt": b"",
    "model.safetensors": b"weights" * 1000,
    "big.dat": BIG,
    "sub/folder/deep.txt": b"deep",
    "subfolder/to?/awful?filename%you:should,never.give": b"awful",
}


def get(url, method="GET", **headers):
    """(status, headers, body) without following redirects."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    request = urllib.request.Request(url, method=method, headers={name.replace("_", "-"): text for name, text in headers.items()})
    try:
        with urllib.request.build_opener(Stay).open(request, timeout=10) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


@pytest.fixture
def repo(hub):
    return hub.add("org/tiny", FILES)


@pytest.fixture
def download(hub, tmp_path):
    def run(repo_id="org/tiny", name=None, **options):
        options = {"endpoint": hub.endpoint, "cache_dir": tmp_path / "hub"} | options
        return snapshot_download(repo_id, **options) if name is None else hf_hub_download(repo_id, name, **options)

    return run


def test_etags_are_those_of_git_and_lfs(tmp_path):
    (tmp_path / "a").write_bytes(b"hello\n")
    assert Blob(b"hello\n").etag == Blob(tmp_path / "a").etag == "ce013625030ba8dba906f756967f9e9ca394464a"
    lfs = Blob(b"hello\n", lfs=True)
    assert lfs.etag == "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
    assert lfs.pointer.endswith(f"{lfs.etag}\nsize 6\n".encode()) and lfs.oid == Blob(lfs.pointer).oid != lfs.etag


@pytest.mark.parametrize("name", FILES)
def test_each_file_downloads(repo, download, name):
    assert pathlib.Path(download(name=name)).read_bytes() == FILES[name]


def test_a_snapshot_is_whole_sound_and_readable_offline(hub, repo, download, tmp_path):
    folder = pathlib.Path(download())
    assert {path: (folder / path).read_bytes() for path in FILES} == FILES
    assert_sound(tmp_path / "hub")
    hub.log.clear()
    with offline():
        assert download() == str(folder)
    assert hub.log == []
    listed = json.loads((tmp_path / "hub/models--org--tiny/trees" / f"{repo.branches['main']}.json").read_text())
    assert listed["files"]["big.dat"]["lfs_sha256"] == Blob(BIG).sha256


def test_small_files_come_by_the_cache_route_and_lfs_from_the_cdn(hub, repo, download):
    download()
    assert {request.path[1:] for request in hub.requests(origin="cdn", method="GET", status=200)} == {
        repo.commits[repo.branches["main"]][name].sha256 for name in ("model.safetensors", "big.dat")
    }
    assert any(request.path.startswith("/api/resolve-cache/models/org/tiny/") for request in hub.log)


def test_the_three_shapes_of_an_answer(hub, repo):
    commit = repo.branches["main"]
    resolve = f"{hub.endpoint}/org/tiny/resolve/main"
    status, headers, _ = get(f"{resolve}/config.json", "HEAD")
    assert (status, headers["X-Repo-Commit"]) == (307, commit)
    status, headers, body = get(hub.endpoint + headers["Location"])
    assert (status, headers["ETag"], body) == (200, f'"{Blob(FILES["config.json"]).oid}"', FILES["config.json"])
    status, headers, _ = get(f"{resolve}/empty.txt", "HEAD")
    assert (status, headers["Content-Length"], headers["X-Repo-Commit"]) == (200, "0", commit)
    for method in ("HEAD", "GET"):
        status, headers, _ = get(f"{resolve}/big.dat", method)
        assert (status, headers["X-Linked-Size"], headers["X-Linked-Etag"]) == (302, str(len(BIG)), f'"{Blob(BIG).sha256}"')
        assert headers["Location"].startswith(hub.cdn)


@pytest.mark.parametrize(
    ("asked", "status", "start", "stop"),
    [("bytes=0-9", 206, 0, 10), ("bytes=100-", 206, 100, None), ("bytes=-7", 206, len(BIG) - 7, None), (f"bytes={len(BIG)}-", 416, 0, 0)],
)
def test_ranges(hub, repo, asked, status, start, stop):
    location = get(f"{hub.endpoint}/org/tiny/resolve/main/big.dat", "HEAD")[1]["Location"]
    got = get(location, Range=asked)
    assert got[0] == status and got[2] == BIG[start:stop]
    stop = len(BIG) if stop is None else stop
    assert got[1]["Content-Range"] == (f"bytes {start}-{stop - 1}/{len(BIG)}" if status == 206 else f"bytes */{len(BIG)}")


def test_a_token_at_the_cdn_is_a_failure(hub, repo):
    location = get(f"{hub.endpoint}/org/tiny/resolve/main/big.dat", "HEAD")[1]["Location"]
    assert get(location, Authorization="Bearer hf_x")[0] == 400
    assert get(location.replace("sig=", "sig=0"))[0] == 403
    assert len(hub.failures) == 1
    hub.failures.clear()


def test_python_sends_its_token_to_the_hub_only(hub, repo, download):
    hub.tokens["hf_alice"] = {"name": "alice", "access": set()}
    download(token="hf_alice")
    assert {request.token for request in hub.requests(origin="hub")} == {"hf_alice"}


def test_branches_tags_pull_requests_and_commits(repo, download):
    first = repo.branches["main"]
    repo.tags["v1"] = first
    second = repo.commit(FILES | {"config.json": b"{}"})
    dev = repo.commit({"config.json": b"dev"}, "dev/x")
    pull = repo.commit({"config.json": b"pr"}, pr=1)
    expected = {"v1": first, first: first, "main": second, "dev/x": dev, "refs/pr/1": pull, second[:8]: second}
    assert {revision: pathlib.Path(download(revision=revision)).name for revision in expected} == expected
    assert pathlib.Path(download(name="config.json", revision="refs/pr/1")).read_bytes() == b"pr"


def test_info_listing_refs_and_search(hub, repo):
    api = HfApi(endpoint=hub.endpoint)
    repo.tags["v1"] = repo.branches["main"]
    repo.commit(FILES, pr=1)
    hub.add("org/other", {"a": b""})
    info = api.model_info("org/tiny", files_metadata=True)
    assert (info.sha, {file.rfilename: file.size for file in info.siblings}) == (
        repo.branches["main"], {path: len(data) for path, data in FILES.items()},
    )  # fmt: skip
    assert [entry.path for entry in api.list_repo_tree("org/tiny", path_in_repo="sub", recursive=True)] == [
        "sub/folder", "sub/folder/deep.txt",
    ]  # fmt: skip
    refs = api.list_repo_refs("org/tiny", include_pull_requests=True)
    assert ([ref.name for ref in refs.branches], [ref.name for ref in refs.tags], refs.pull_requests[0].ref) == (["main"], ["v1"], "refs/pr/1")
    assert [model.id for model in api.list_models(search="TINY")] == ["org/tiny"]
    assert len(list(api.list_models(author="org"))) == 2


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_listings_come_in_pages(hub, repo, size):
    hub.page_size = size
    paths = [entry.path for entry in HfApi(endpoint=hub.endpoint).list_repo_tree("org/tiny", recursive=True)]
    assert [path for path in paths if path in FILES] == sorted(FILES) and len(paths) == len(FILES) + 4
    assert len(hub.log) == -(-len(paths) // size)


def test_what_is_missing(hub, repo, download, tmp_path):
    with pytest.raises(RepositoryNotFoundError):
        HfApi(endpoint=hub.endpoint).model_info("org/none")
    with pytest.raises(RevisionNotFoundError):
        download(revision="none")
    with pytest.raises(EntryNotFoundError):
        download(name="none.json")
    assert (tmp_path / "hub/models--org--tiny/.no_exist" / repo.branches["main"] / "none.json").exists()
    assert try_to_load_from_cache("org/tiny", "none.json", cache_dir=tmp_path / "hub") is not None


def test_private_gated_and_disabled(hub, download):
    hub.add("org/private", FILES, private=True)
    hub.add("org/gated", FILES, gated="manual")
    hub.add("org/disabled", FILES, disabled=True)
    hub.tokens["hf_bob"] = {"name": "bob", "access": set()}
    hub.tokens["hf_alice"] = {"name": "alice", "access": {"org/private", "org/gated"}}
    api = HfApi(endpoint=hub.endpoint)
    for token in (False, "hf_bob"):
        with pytest.raises(RepositoryNotFoundError):
            api.model_info("org/private", token=token)
        assert api.model_info("org/gated", token=token).gated == "manual"
        with pytest.raises(GatedRepoError):
            download("org/gated", "config.json", token=token)
    with pytest.raises(errors.DisabledRepoError):
        api.model_info("org/disabled")
    for repo_id in ("org/private", "org/gated"):
        assert pathlib.Path(download(repo_id, "config.json", token="hf_alice")).read_bytes() == FILES["config.json"]
        assert download(repo_id, token="hf_alice")
    assert api.whoami("hf_alice")["name"] == "alice"
    with pytest.raises(errors.HfHubHTTPError):
        api.whoami("hf_wrong")


def test_a_repository_without_a_namespace(hub, download):
    hub.add("gpt2", FILES)
    assert tree(download("gpt2")).keys() >= FILES.keys()


def test_a_cut_body_is_resumed(hub, repo, download):
    hub.faults.append(Fault(origin="cdn", method="GET", where=lambda request: request.path[1:] == Blob(BIG).sha256, cut=(10 << 20) + 5))
    assert pathlib.Path(download(name="big.dat")).read_bytes() == BIG
    assert [request.headers.get("range") for request in hub.requests(origin="cdn", method="GET")] == [None, f"bytes={10 << 20}-"]


def test_a_flipped_byte_arrives(hub, repo, download):
    hub.faults.append(Fault(origin="cdn", flip=12345))
    data = pathlib.Path(download(name="big.dat")).read_bytes()
    assert [i for i in range(12000, 13000) if data[i] != BIG[i]] == [12345] and len(data) == len(BIG)


@pytest.mark.parametrize("retry_after", [False, True])
def test_too_many_requests(hub, repo, download, retry_after):
    hub.faults.append(too_many_requests(0, retry_after=retry_after, origin="cdn"))
    assert pathlib.Path(download(name="model.safetensors")).read_bytes() == FILES["model.safetensors"]
    assert [request.status for request in hub.requests(origin="cdn")] == [429, 200]


def test_redirects_that_go_round(hub, repo):
    hub.faults.append(Fault("/org/tiny/resolve/*", redirect="@self", times=None))
    url = f"{hub.endpoint}/org/tiny/resolve/main/config.json"
    status, headers, _ = get(url)
    assert (status, headers["Location"]) == (302, "/org/tiny/resolve/main/config.json")


def test_a_branch_that_moves_between_head_and_get(hub, repo):
    moved = []
    hub.faults.append(Fault("*/config.json", before=lambda hub, _: moved.append(repo.commit({"config.json": b"new"})), skip=1))
    url = f"{hub.endpoint}/org/tiny/resolve/main/config.json"
    first = get(url, "HEAD")[1]["X-Repo-Commit"]
    assert get(url)[1]["X-Repo-Commit"] == moved[0] != first


def test_endless_and_deep_answers(hub, repo):
    hub.faults.append(Fault("/api/models/org/tiny", body=deep_json(1000)))
    hub.faults.append(Fault("*/tree/*", body=endless_listing))
    assert get(f"{hub.endpoint}/api/models/org/tiny")[2] == b"[" * 1000 + b"]" * 1000
    with urllib.request.urlopen(f"{hub.endpoint}/api/models/org/tiny/tree/main") as answer:
        assert len(answer.read(10 << 20)) == 10 << 20


def test_edited_and_gzipped_answers(hub, repo):
    hub.faults.append(Fault("/api/models/org/tiny", edit=lambda info: info | {"sha": "../../x"}))
    hub.faults.append(Fault(origin="cdn", gzip=True, headers={"Content-Range": "bytes 5-6/7"}))
    assert json.loads(get(f"{hub.endpoint}/api/models/org/tiny")[2])["sha"] == "../../x"
    location = get(f"{hub.endpoint}/org/tiny/resolve/main/model.safetensors", "HEAD")[1]["Location"]
    status, headers, body = get(location)
    assert (status, headers["Content-Encoding"], headers["Content-Range"], body[:2]) == (200, "gzip", "bytes 5-6/7", b"\x1f\x8b")


def test_a_folder_is_served_by_the_program(tmp_path, download):
    folder = tmp_path / "data/org/tiny/main"
    (folder / "sub").mkdir(parents=True)
    (folder / "config.json").write_bytes(b"{}")
    (folder / "sub/big.safetensors").write_bytes(BIG)
    (tmp_path / "data/hub.json").write_text('{"repos": {"org/tiny": {"tags": {"v1": "main"}, "card": {"downloads": 7}}}}')
    script = pathlib.Path(__file__).with_name("fake_hub.py")
    words = [sys.executable, script, "--data", tmp_path / "data", "--log", tmp_path / "log", "--wait"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        endpoint = json.loads(server.stdout.readline())["endpoint"]
        got = pathlib.Path(snapshot_download("org/tiny", endpoint=endpoint, cache_dir=tmp_path / "hub", revision="v1"))
        assert HfApi(endpoint=endpoint).model_info("org/tiny").downloads == 7
        server.stdin.close()
        assert server.wait(10) == 0
    assert (got / "sub/big.safetensors").read_bytes() == BIG and os.path.getsize(got / "config.json") == 2
    assert len((tmp_path / "log").read_text().splitlines()) > 4
