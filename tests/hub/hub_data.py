"""What a fake hub serves: blobs with the etags that git and Git LFS give them, repositories with commits and refs."""

import dataclasses
import functools
import hashlib
import json
import os
import pathlib
import random
import struct
import urllib.parse

LFS_SUFFIXES = (".safetensors", ".gguf", ".bin", ".npz")
LFS_FROM_BYTES = 10 * 1024 * 1024


def git_sha1(kind, data):
    return hashlib.sha1(b"%s %d\0" % (kind.encode(), len(data)) + data).hexdigest()


class Blob:
    """One content: bytes, or a file that may be large. `lfs` None means by size; `shape` forces the answer's form (A, B or C)."""

    def __init__(self, source, *, lfs=None, shape=None):
        self.source = source
        self.size = len(source) if isinstance(source, bytes) else os.stat(source).st_size
        self.lfs = self.size >= LFS_FROM_BYTES if lfs is None else lfs
        self.shape = shape

    @functools.cached_property
    def sha256(self):
        if isinstance(self.source, bytes):
            return hashlib.sha256(self.source).hexdigest()
        with open(self.source, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @functools.cached_property
    def pointer(self):
        return b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n" % (self.sha256.encode(), self.size)

    @functools.cached_property
    def oid(self):
        """The object in git: the content's own, or its LFS pointer's."""
        return git_sha1("blob", self.pointer if self.lfs else self.bytes())

    @property
    def etag(self):
        return self.sha256 if self.lfs else self.oid

    def bytes(self, start=0, stop=None):
        if isinstance(self.source, bytes):
            return self.source[start:stop]
        with open(self.source, "rb") as file:
            file.seek(start)
            return file.read(-1 if stop is None else stop - start)

    def tree_entry(self, path):
        entry = {"type": "file", "oid": self.oid, "size": self.size, "path": path}
        if self.lfs:
            entry["lfs"] = {"oid": self.sha256, "size": self.size, "pointerSize": len(self.pointer)}
        return entry


def safetensors(tensor, size):
    """A whole file of one tensor of random bytes."""
    header = json.dumps({tensor: {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + random.Random(tensor).randbytes(size)


def as_blob(path, value):
    """A blob from a blob, bytes, text or path; a file that git would not hold is LFS."""
    if isinstance(value, Blob):
        return value
    if isinstance(value, str):
        value = value.encode()
    return Blob(value, lfs=True if path.endswith(LFS_SUFFIXES) else None)


@dataclasses.dataclass
class Repo:
    """A model repository: commits (each a whole tree of path -> Blob), branches, tags, pull requests."""

    id: str
    private: bool = False
    gated: str | bool = False
    disabled: bool = False
    card: dict = dataclasses.field(default_factory=dict)  # more keys of /api/models: tags, downloads, pipeline_tag ..
    commits: dict = dataclasses.field(default_factory=dict)
    branches: dict = dataclasses.field(default_factory=dict)
    tags: dict = dataclasses.field(default_factory=dict)
    pull_requests: dict = dataclasses.field(default_factory=dict)
    extra_entries: list = dataclasses.field(default_factory=list)  # sent in listings as they are: hostile paths, oids ..

    def commit(self, files, branch="main", *, pr=None):
        """Puts a whole tree on a branch (or on refs/pr/N) and returns its commit."""
        tree = {path: as_blob(path, value) for path, value in sorted(files.items())}
        refs, name = (self.branches, branch) if pr is None else (self.pull_requests, f"refs/pr/{pr}")
        lines = [f"parent {refs.get(name)} {len(self.commits)}"] + [f"{blob.etag} {path}" for path, blob in tree.items()]
        commit = git_sha1("commit", f"{self.id}\n".encode() + "\n".join(lines).encode())
        self.commits[commit] = tree
        refs[name] = commit
        return commit

    def find(self, revision):
        """The commit that a revision names, or None. A commit may be shortened to seven digits, as on the Hub."""
        for refs in (self.branches, self.tags, self.pull_requests):
            if revision in refs:
                return refs[revision]
        if revision.startswith("refs/heads/"):
            return self.branches.get(revision.removeprefix("refs/heads/"))
        hits = [commit for commit in self.commits if len(revision) >= 7 and commit.startswith(revision)]
        return hits[0] if len(hits) == 1 else None

    def info(self, commit, *, blobs=False):
        siblings = []
        for path, blob in self.commits[commit].items():
            entry = {"rfilename": path}
            if blobs:
                listed = blob.tree_entry(path)
                entry |= {"size": blob.size, "blobId": blob.oid}
                if blob.lfs:
                    lfs = listed["lfs"]
                    entry["lfs"] = {"sha256": lfs["oid"], "size": lfs["size"], "pointerSize": lfs["pointerSize"]}
            siblings.append(entry)
        return self.summary() | {"sha": commit, "siblings": siblings}

    def summary(self):
        facts = {"_id": git_sha1("blob", self.id.encode())[:24], "id": self.id, "modelId": self.id}
        facts |= {"private": self.private, "gated": self.gated, "disabled": self.disabled, "downloads": 0, "likes": 0}
        facts |= {"tags": [], "lastModified": "2026-01-02T03:04:05.000Z", "createdAt": "2026-01-02T03:04:05.000Z"}
        return facts | self.card

    def tree(self, commit, folder="", *, recursive=False):
        """The listing of a folder, folders and files in path order; None if there is no such folder."""
        start = f"{folder}/" if folder else ""
        entries, folders = [], set()
        for path, blob in self.commits[commit].items():
            if not path.startswith(start):
                continue
            parts = path.removeprefix(start).split("/")
            for depth in range(1, len(parts) if recursive else min(len(parts), 2)):
                folders.add(start + "/".join(parts[:depth]))
            if recursive or len(parts) == 1:
                entries.append(blob.tree_entry(path))
        entries += [{"type": "directory", "oid": git_sha1("tree", name.encode()), "size": 0, "path": name} for name in folders]
        if start and not entries:
            return None
        return sorted(entries, key=lambda entry: entry["path"]) + self.extra_entries


def load_folder(folder):
    """({id: Repo}, settings) from DIR/NAMESPACE/NAME/REVISION/FILES and DIR/hub.json.

    `_` as NAMESPACE is none; a REVISION is written with %2F for `/` (`refs%2Fpr%2F1` is a pull request, the rest are
    branches). hub.json may hold `repos` ({id: fields of Repo, and "tags": {tag: branch}}), `tokens`, `page_size` and
    `faults` (a list of Fault's fields).
    """
    folder = pathlib.Path(folder)
    settings_file = folder / "hub.json"
    settings = json.loads(settings_file.read_text()) if settings_file.exists() else {}
    repos = {}
    for revision in sorted(path for path in folder.glob("*/*/*") if path.is_dir()):
        namespace, name = revision.parts[-3:-1]
        repo_id = name if namespace == "_" else f"{namespace}/{name}"
        repo = repos.setdefault(repo_id, Repo(repo_id))
        files = {}
        for path in revision.rglob("*"):
            if path.is_file():
                files[path.relative_to(revision).as_posix()] = path
        ref = urllib.parse.unquote(revision.name)
        repo.commit(files, ref, pr=ref.removeprefix("refs/pr/") if ref.startswith("refs/pr/") else None)
    for repo_id, facts in settings.get("repos", {}).items():
        repo = repos[repo_id]
        for name, value in facts.items():
            setattr(repo, name, {tag: repo.find(ref) for tag, ref in value.items()} if name == "tags" else value)
    return repos, settings
