#!/usr/bin/env python3
"""A Hugging Face Hub for tests: two origins on 127.0.0.1, the hub and its CDN, that answer as the real ones do.

In a test:

    with FakeHub() as hub:
        repo = hub.add("org/tiny", {"config.json": b"{}", "model.safetensors": b"..."})
        repo.commit({"config.json": b"{ }"}, "dev")                 # a branch; pr=1 makes refs/pr/1
        repo.tags["v1"] = repo.branches["main"]
        hub.tokens["hf_alice"] = {"name": "alice", "access": {"org/tiny"}}
        hub.faults.append(Fault("*/model.safetensors", method="GET", cut=100))
        ... HF_ENDPOINT=hub.endpoint ...
        assert hub.requests(method="GET", origin="cdn")

`hub.log` has every request (method, target, headers, status, bytes sent). What no client may ever do, such as a token
sent to the CDN, is written to `hub.failures`; leaving the `with` block raises if that is not empty.

As a program it serves a folder laid out as `load_folder` of hub_data.py says, until it is interrupted or its standard
input ends (with --wait), and prints one JSON line first:

    $ python3 tests/hub/fake_hub.py --data DIR [--port N] [--cdn-port N] [--page-size N] [--log FILE] [--wait]
    {"endpoint": "http://127.0.0.1:41231", "cdn": "http://127.0.0.1:38211"}

Answers of HEAD and GET /ID/resolve/REVISION/PATH, by file: A (small, in git) 307 to /api/resolve-cache; B (private,
gated or un-namespaced repository, or an empty file) 200 at once; C (LFS) 302 to the CDN with X-Linked-Etag.
"""

import argparse
import base64
import hashlib
import json
import re
import signal
import sys
import threading
import urllib.parse

from hub_data import Repo, load_folder
from hub_faults import Fault
from hub_http import Answer, Origin, blob_answer, error_answer, json_answer

REPO = r"(?P<repo>[^/]+/[^/]+|[^/]+)"
FORBIDDEN_AT_CDN = ("authorization", "cookie")


def quote(path):
    return urllib.parse.quote(path)


class FakeHub:
    """The two origins, what they serve, the knobs, and the log."""

    def __init__(self, repos=None, *, port=0, cdn_port=0, page_size=1000):
        self.repos = repos or {}
        self.tokens = {}  # token -> {"name", "access": ids of private and gated repositories}
        self.faults = []
        self.page_size = page_size
        self.xet = False  # whether answers carry Xet hashes
        self.log = []
        self.failures = []
        self.closing = threading.Event()
        self.lock = threading.Lock()
        self.hub_origin = Origin("hub", self, self.route_hub, port)
        self.cdn_origin = Origin("cdn", self, self.route_cdn, cdn_port)
        self.endpoint, self.cdn = self.hub_origin.url, self.cdn_origin.url
        self.routes = [
            (re.compile(pattern.replace("REPO", REPO)), handler)
            for pattern, handler in (
                (r"/api/whoami-v2", self.whoami),
                (r"/api/models", self.search),
                (r"/api/resolve-cache/models/REPO/(?P<revision>[0-9a-f]{40})/(?P<path>.+)", self.resolve_cache),
                (r"/api/models/REPO/tree/(?P<revision>[^/]+)(?:/(?P<path>.+))?", self.tree),
                (r"/api/models/REPO/revision/(?P<revision>[^/]+)", self.info),
                (r"/api/models/REPO/refs", self.refs),
                (r"/api/models/REPO", self.info),
                (r"/REPO/resolve/(?P<revision>[^/]+)/(?P<path>.+)", self.resolve),
            )
        ]

    def __enter__(self):
        self.hub_origin.thread.start()
        self.cdn_origin.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.close()
        if kind is None:
            assert not self.failures, self.failures

    def close(self):
        self.closing.set()
        self.hub_origin.stop()
        self.cdn_origin.stop()

    def add(self, repo_id, files=None, **facts):
        """A repository, with a first commit on main if there are files."""
        repo = self.repos[repo_id] = Repo(repo_id, **facts)
        if files is not None:
            repo.commit(files)
        return repo

    def requests(self, **facts):
        """The log's requests whose fields have these values."""
        return [request for request in self.log if all(getattr(request, name) == value for name, value in facts.items())]

    def fault_for(self, request):
        with self.lock:
            return next((fault for fault in self.faults if fault.strikes(request)), None)

    # Routes of the hub. Each takes the request and the parts of its path, and gives an Answer.

    def route_hub(self, request):
        if request.token and request.token not in self.tokens:
            return error_answer(401, "Invalid credentials in Authorization header")
        if request.method not in ("GET", "HEAD"):
            return error_answer(405, "Method not allowed")
        for pattern, handler in self.routes:
            if match := pattern.fullmatch(request.raw_path):
                parts = {name: urllib.parse.unquote(text) for name, text in match.groupdict().items() if text is not None}
                return handler(request, **parts)
        return error_answer(404, "Sorry, we can't find the page you are looking for.")

    def may_see(self, request, repo_id):
        return repo_id in self.tokens.get(request.token, {}).get("access", ())

    def refusal(self, request, repo_id, *, content=False):
        """Why this client gets nothing of the repository, or None."""
        repo = self.repos.get(repo_id)
        if repo is None or (repo.private and not self.may_see(request, repo_id)):
            return error_answer(404 if request.token else 401, "Repository not found", "RepoNotFound")
        if repo.disabled:
            return error_answer(403, "Access to this resource is disabled.")
        if content and repo.gated and not self.may_see(request, repo_id):
            message = f"Access to model {repo_id} is restricted. You must have access to it and be authenticated to access it."
            return error_answer(403 if request.token else 401, message, "GatedRepo")
        return None

    def locate(self, request, repo_id, revision, *, content=False):
        """(repository, commit, None), or the answer that refuses."""
        if refused := self.refusal(request, repo_id, content=content):
            return None, None, refused
        repo = self.repos[repo_id]
        commit = repo.find(revision)
        if commit is None:
            return None, None, error_answer(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return repo, commit, None

    def whoami(self, request):
        if request.token is None:
            return error_answer(401, "Invalid username or password.")
        return json_answer({"type": "user", "name": self.tokens[request.token]["name"], "orgs": [], "auth": {"type": "access_token"}})

    def search(self, request):
        words = request.query.get("search", "").lower().split()
        author = request.query.get("author")
        hits = []
        for repo in self.repos.values():
            if repo.private and not self.may_see(request, repo.id):
                continue
            if author and not repo.id.startswith(f"{author}/"):
                continue
            if all(word in repo.id.lower() for word in words):
                commit = repo.branches.get("main")
                full = {"full", "expand"} & request.query.keys() and commit
                hits.append(repo.info(commit) if full else repo.summary() | {"sha": commit})
        return self.page(request, hits, int(request.query.get("limit", self.page_size)))

    def info(self, request, repo, revision="main"):
        repo, commit, refused = self.locate(request, repo, revision)
        return refused or json_answer(repo.info(commit, blobs=request.query.get("blobs", "").lower() in ("1", "true")))

    def tree(self, request, repo, revision, path=""):
        repo, commit, refused = self.locate(request, repo, revision)
        if refused:
            return refused
        entries = repo.tree(commit, path.rstrip("/"), recursive=request.query.get("recursive", "").lower() in ("1", "true"))
        if entries is None:
            return error_answer(404, f"{path} does not exist on {revision}", "EntryNotFound")
        if self.xet:
            entries = [entry | ({"xetHash": entry["lfs"]["oid"]} if "lfs" in entry else {}) for entry in entries]
        expand = request.query.get("expand", "").lower() in ("1", "true")
        return self.page(request, entries, min(self.page_size, 50) if expand else self.page_size)

    def page(self, request, entries, size):
        """One page of a list; the next one is at an absolute URL, as on the Hub."""
        at = int(base64.urlsafe_b64decode(request.query.get("cursor", "MA==")))
        headers = {}
        if at + size < len(entries):
            query = request.query | {"cursor": base64.urlsafe_b64encode(str(at + size).encode()).decode()}
            url = f"{self.endpoint}{request.raw_path}?{urllib.parse.urlencode(query)}"
            headers["Link"] = f'<{url}>; rel="next"'
        return json_answer(entries[at : at + size], **headers)

    def refs(self, request, repo):
        if refused := self.refusal(request, repo):
            return refused
        repo = self.repos[repo]

        def listed(refs, prefix):
            return [{"name": name, "ref": prefix + name, "targetCommit": commit} for name, commit in refs.items()]

        found = {"branches": listed(repo.branches, "refs/heads/"), "tags": listed(repo.tags, "refs/tags/"), "converts": []}
        if request.query.get("include_prs"):
            found["pullRequests"] = [entry | {"name": entry["ref"][10:]} for entry in listed(repo.pull_requests, "")]
        return json_answer(found)

    def find_file(self, request, repo, revision, path):
        repo, commit, refused = self.locate(request, repo, revision, content=True)
        if refused:
            return None, None, refused
        blob = repo.commits[commit].get(path)
        if blob is None:
            return None, None, error_answer(404, "Entry not found", "EntryNotFound", X_Repo_Commit=commit)
        return blob, commit, None

    def resolve(self, request, repo, revision, path):
        blob, commit, refused = self.find_file(request, repo, revision, path)
        if refused:
            return refused
        facts = self.repos[repo]
        direct = facts.private or facts.gated or "/" not in repo or blob.size == 0
        shape = blob.shape or ("C" if blob.lfs and blob.size else "B" if direct else "A")
        headers = {"X-Repo-Commit": commit}
        if shape == "A":
            location = f"/api/resolve-cache/models/{repo}/{commit}/{quote(path)}"
            location += f"?{quote(f'/{repo}/resolve/{revision}/{path}')}=&etag=%22{blob.etag}%22"
            return Answer(307, headers | {"Location": location}, b"Temporary Redirect. Redirecting")
        if shape == "B":
            return blob_answer(request, blob, blob.etag, headers)
        headers |= {"X-Linked-Etag": f'"{blob.etag}"', "X-Linked-Size": str(blob.size), "Location": self.signed(blob)}
        if self.xet:
            headers["X-Xet-Hash"] = blob.sha256
        return Answer(302, headers, b"Found. Redirecting")

    def resolve_cache(self, request, repo, revision, path):
        blob, commit, refused = self.find_file(request, repo, revision, path)
        return refused or blob_answer(request, blob, blob.etag, {"X-Repo-Commit": commit})

    # The CDN.

    def signed(self, blob):
        return f"{self.cdn}/{blob.sha256}?sig={signature(blob.sha256)}"

    def route_cdn(self, request):
        for name in FORBIDDEN_AT_CDN:
            if name in request.headers:
                self.failures.append(f"{name} sent to the CDN: {request.method} {request.target}")
                return error_answer(400, "Only one auth mechanism allowed")
        sha256 = request.path[1:]
        if request.query.get("sig") != signature(sha256):
            return error_answer(403, "Access denied")
        for repo in self.repos.values():
            for tree in repo.commits.values():
                for blob in tree.values():
                    if blob.lfs and blob.sha256 == sha256:
                        return blob_answer(request, blob, blob.etag, {})
        return error_answer(404, "No such object")


def signature(sha256):
    return hashlib.sha256(f"secret {sha256}".encode()).hexdigest()[:32]


def from_folder(folder, **options):
    """A hub that serves a folder with its settings."""
    repos, settings = load_folder(folder)
    options.setdefault("page_size", settings.get("page_size", 1000))
    hub = FakeHub(repos, **options)
    hub.tokens |= settings.get("tokens", {})
    hub.faults += [Fault(**fields) for fields in settings.get("faults", [])]
    return hub


def write_log(hub, path):
    with open(path, "w") as file:
        for request in hub.log:
            facts = {name: getattr(request, name) for name in ("origin", "method", "target", "headers", "status", "sent")}
            print(json.dumps(facts), file=file)


def main():
    parser = argparse.ArgumentParser(description="A Hugging Face Hub for tests.")
    parser.add_argument("--data", required=True, help="the folder to serve: NAMESPACE/NAME/REVISION/FILES and hub.json")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--cdn-port", type=int, default=0)
    parser.add_argument("--page-size", type=int, default=1000)
    parser.add_argument("--log", help="where to write the requests, as JSON lines, at the end")
    parser.add_argument("--wait", action="store_true", help="end when standard input ends")
    words = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    hub = from_folder(words.data, port=words.port, cdn_port=words.cdn_port, page_size=words.page_size)
    try:
        with hub:
            print(json.dumps({"endpoint": hub.endpoint, "cdn": hub.cdn}), flush=True)
            sys.stdin.read() if words.wait else threading.Event().wait()
    except KeyboardInterrupt:
        pass
    finally:
        if words.log:
            write_log(hub, words.log)


if __name__ == "__main__":
    main()
