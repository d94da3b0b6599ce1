"""What the network does to a pull, and what must come of it: the table behind test_network.py.

A case prepares a hub that has org/tiny (FILES) and names what is allowed: OK (the pull succeeds), or exit statuses of
typed errors. Whatever happens, no wrong byte may reach the cache and no token another origin; both are always checked.
"""

import dataclasses
import random
from collections.abc import Callable

from hub_data import Blob
from hub_faults import (
    Fault,
    deep_json,
    endless_listing,
    endless_string,
    too_many_requests,
)

OK, NETWORK, PERMISSION, CORRUPT, NOT_FOUND = 0, 5, 6, 7, 3
REFUSED = (NETWORK, CORRUPT)
RETRIED = 30  # seconds that five retries may take, with time-outs of 1 s

BIG = random.Random(7).randbytes(6_000_000)
MEDIUM = random.Random(8).randbytes(1_000_000)
FILES = {"config.json": b'{"model_type": "llama"}', "model.safetensors": BIG, "sub/medium.bin": MEDIUM, "sub/vocab.txt": b"words\n" * 500}
INFO, TREE = "/api/models/org/tiny*", "/api/models/org/tiny/tree/*"
SMALL_FILE, LARGE_FILE = "*/config.json", "*/model.safetensors"


@dataclasses.dataclass
class Case:
    prepare: Callable  # of the hub and of the repository
    allowed: tuple
    deadline: float = 20
    within: Callable | None = None  # a further check of the hub, afterwards


CASES = {}


def add(name, allowed, *faults, deadline=20, prepare=None, within=None):
    def run(hub, repo):
        hub.faults += [dataclasses.replace(fault) for fault in faults]
        if prepare:
            prepare(hub, repo)

    assert name not in CASES
    CASES[name] = Case(run, allowed if isinstance(allowed, tuple) else (allowed,), deadline, within)


def body(content=BIG, **what):
    return Fault(f"/{Blob(content).sha256}", origin="cdn", method="GET", **what)


def is_info(request):
    return "/tree/" not in request.path


def redirected(target):
    def run(hub, repo):
        to = target.replace("@cdn", hub.cdn).replace("@hub", hub.endpoint)
        hub.faults.append(Fault(SMALL_FILE, redirect=to, times=None))

    return run


def next_page(target):
    def run(hub, repo):
        link = target.replace("@cdn", hub.cdn).replace("@hub", hub.endpoint)
        hub.faults.append(Fault(TREE, headers={"Link": f'<{link}>; rel="next"'}, times=None))

    return run


def endless_pages(hub, repo):
    pages = iter(range(10**9))

    def link(hub, request):
        fault.headers["Link"] = f'<{hub.endpoint}/api/models/org/tiny/tree/main?recursive=true&n={next(pages)}>; rel="next"'

    fault = Fault(TREE, before=link, times=None, edit=lambda entries: entries[:1])
    hub.faults.append(fault)


def moved(path, skip=0):
    def run(hub, repo):
        change = {name: data + b"\n" for name, data in FILES.items()}
        hub.faults.append(Fault(path, before=lambda *_: repo.commit(change), skip=skip))

    return run


def few_requests(limit):
    def within(hub):
        assert len(hub.log) <= limit, len(hub.log)

    return within


def unsafe_listing(entry):
    def run(hub, repo):
        repo.extra_entries.append({"type": "file", "path": "x.txt", "size": 1, "oid": "0" * 40} | entry)

    return run


def changed_entry(facts):
    """The listing says something else of config.json."""

    def changed(entries):
        return [entry | (facts if entry["path"] == "config.json" else {}) for entry in entries]

    return lambda hub, repo: hub.faults.append(Fault(TREE, edit=changed, times=None))


add("nothing-wrong", OK, deadline=5)

for status in (408, 429, 500, 502, 503, 504):
    add(f"once-{status}-everywhere", OK, *[
        Fault(path, where=where, status=status, origin=origin) for path, where, origin in (
            (INFO, is_info, "hub"), (TREE, None, "hub"), ("*/resolve/*", None, "hub"), ("*", None, "cdn"))
    ], deadline=30)  # fmt: skip
for status in (500, 503):
    add(f"always-{status}-info", NETWORK, Fault(INFO, status=status, times=None), deadline=RETRIED)
    add(f"always-{status}-body", NETWORK, body(status=status, times=None), deadline=RETRIED)
for status in (400, 403, 404, 410, 418, 451, 304, 204, 999):
    add(f"always-{status}-body", (NETWORK, PERMISSION, NOT_FOUND, CORRUPT), body(status=status, times=None), deadline=RETRIED)
    add(f"always-{status}-info", (NETWORK, PERMISSION, NOT_FOUND, CORRUPT), Fault(INFO, status=status, times=None), deadline=RETRIED)
add("signature-expired-once", (OK, NETWORK, PERMISSION), body(status=403))
add("429-ratelimit", OK, too_many_requests(1, path=INFO))
add("429-retry-after", OK, too_many_requests(1, retry_after=True, origin="cdn"))
add("429-retry-after-date", OK, Fault(INFO, status=429, headers={"Retry-After": "Fri, 02 Jan 2026 03:04:05 GMT"}))
add("503-retry-after-nonsense", OK, Fault(INFO, status=503, headers={"Retry-After": "-5 soon"}))

for file, content in (("large", BIG), ("medium", MEDIUM)):
    for name, at in (("0", 0), ("1", 1), ("middle", 700_000), ("last", len(content) - 1)):
        add(f"cut-{file}-at-{name}", OK, body(content, cut=at))
        add(f"reset-{file}-at-{name}", OK, body(content, cut=at, reset=True))
    last, total = len(content) - 1, len(content)
    cut = body(content, cut=500_000)
    add(f"cut-{file}-twice", OK, body(content, cut=500_000), body(content, cut=300_000))
    add(f"stall-{file}-once", OK, body(content, stall=(600_000, 60)))
    add(f"flip-{file}-once", OK, body(content, flip=654_321))
    add(f"flip-{file}-always", CORRUPT, body(content, flip=654_321, times=None))
    add(f"flip-{file}-then-cut", OK, body(content, flip=5, cut=600_000))
    add(f"range-of-{file}-ignored-after-cut", OK, cut, body(content, ignore_range=True))
    for name, text in {"elsewhere": f"bytes 5-{last}/{total}", "of-another-total": f"bytes 500000-{last}/99999999", "nonsense": "bytes x-y/z", "none": None}.items():
        add(f"range-of-{file}-{name}", (OK, *REFUSED), cut, body(content, headers={"Content-Range": text}))
    add(f"range-of-{file}-never-satisfiable", (OK, *REFUSED), cut, body(content, status=416), deadline=RETRIED)
    add(f"range-of-{file}-claimed-whole", (OK, *REFUSED), cut, body(content, claim=200, headers={"Content-Range": None}))
    add(f"partial-{file}-unasked", (OK, *REFUSED), body(content, headers={"Content-Range": f"bytes 0-{last}/{total}"}, claim=206))
    add(f"partial-{file}-unasked-elsewhere", (OK, *REFUSED), body(content, headers={"Content-Range": f"bytes 7-{last + 7}/{total + 7}"}, claim=206))
    for text in ("10", f"{total + 1}", "999999999999999999999", "-1", "x"):
        add(f"length-of-{file}-{text}", (OK, *REFUSED), body(content, headers={"Content-Length": text}), deadline=RETRIED)
add("cut-small-file", OK, Fault("/api/resolve-cache/*", method="GET", cut=3))
add("cut-listing", OK, Fault(TREE, cut=30))
add("cut-info", OK, Fault(INFO, where=is_info, cut=10))
add("cut-every-700000", OK, body(cut=700_000, times=4), deadline=30)
add("cut-always-at-0", NETWORK, body(cut=0, times=None), deadline=RETRIED)
add("reset-instead-of-a-head", OK, body(reset=True), Fault(INFO, reset=True), Fault(TREE, reset=True))
add("stall-always-at-the-start", NETWORK, body(stall=(0, 60), times=None), deadline=RETRIED + 15)
add("silent-once", OK, Fault(INFO, where=is_info, silent=True))
add("silent-listing-once", OK, Fault(TREE, silent=True))
add("silent-always", NETWORK, Fault(times=None, silent=True), deadline=RETRIED + 15)
add("slow-to-begin", OK, body(delay=0.4), Fault(INFO, delay=0.4))
add("slow-but-moving", OK, body(rate=3_000_000))

add("flip-small-once", OK, Fault("/api/resolve-cache/*", method="GET", flip=2))
add("flip-small-always", CORRUPT, Fault("/api/resolve-cache/*", method="GET", flip=2, times=None))
add("another-body", (CORRUPT, NETWORK), body(body=b"<html>log in</html>", times=None))
add("length-and-chunks", (OK, *REFUSED), body(headers={"Transfer-Encoding": "chunked"}), deadline=RETRIED)
add("gzip-body-once", (OK, *REFUSED), body(gzip=True))
add("gzip-body-always", REFUSED, body(gzip=True, times=None), deadline=RETRIED)
add("gzip-json", (OK, *REFUSED), Fault(INFO, gzip=True, times=None), deadline=RETRIED)
add("gzip-claimed", REFUSED, body(headers={"Content-Encoding": "gzip"}, times=None), deadline=RETRIED)

add("loop-hub", REFUSED, Fault("*/resolve/*", redirect="@self", times=None), within=few_requests(100))
add("loop-cdn", REFUSED, body(redirect="@self", times=None), within=few_requests(100))
add("loop-info", REFUSED, Fault(INFO, redirect="@self", times=None), within=few_requests(100))
for name, target in {
    "cdn": "@cdn/elsewhere", "scheme-relative": "//127.0.0.1:1/x", "file": "file:///etc/passwd", "ftp": "ftp://127.0.0.1:1/x",
    "gopher": "gopher://127.0.0.1:1/x", "javascript": "javascript:alert(1)", "userinfo": "http://a:b@127.0.0.1:1/x", "empty": "",
    "control": "/x%0d%0aX-Evil: 1", "dots": "/../../../../etc/passwd", "long": "/" + "x" * 20_000, "no-host": "http:///x",
}.items():  # fmt: skip
    add(f"redirect-{name}", (NETWORK, CORRUPT, NOT_FOUND, PERMISSION, 8), prepare=redirected(target), deadline=RETRIED)
add("redirect-without-location", REFUSED, Fault(SMALL_FILE, status=302, times=None))
add("info-to-the-cdn", (*REFUSED, NOT_FOUND, PERMISSION), prepare=lambda hub, repo: hub.faults.append(Fault(INFO, redirect=f"{hub.cdn}/x", times=None)))
for name, target in {"cdn": "@cdn/x", "other-port": "http://127.0.0.1:1/x", "other-host": "http://localhost:1/x", "https": "https://127.0.0.1:1/x"}.items():
    add(f"next-{name}", REFUSED, prepare=next_page(target))
add("next-itself", (*REFUSED, 8), prepare=next_page("@hub/api/models/org/tiny/tree/main?recursive=true"), within=few_requests(300), deadline=30)
add("next-nonsense", (OK, *REFUSED, NOT_FOUND), Fault(TREE, headers={"Link": '<<>>; rel="next", ;;;,'}, times=None))
add("endless-pages", (*REFUSED, 8), prepare=endless_pages, deadline=60)
add("branch-moves-after-info", OK, prepare=moved(TREE))
add("branch-moves-before-bodies", OK, prepare=moved("*/resolve/*", 1))

add("endless-listing", REFUSED, Fault(TREE, body=endless_listing, times=None), deadline=60)
add("endless-info", REFUSED, Fault(INFO, where=is_info, body=endless_string, times=None), deadline=60)
add("endless-body", (OK, *REFUSED), body(body=endless_string), deadline=30)
for name, text in {
    "deep": deep_json(), "cut-off": b'[{"path": "a', "empty": b"", "html": b"<html></html>", "null": b"null", "number": b"7", "nul": b"\0\0",
    "string": b'"x"', "list-of-lists": b"[[]]", "not-utf8": b'[{"type":"file","path":"\xff\xfe","size":1,"oid":"' + b"0" * 40 + b'"}]',
}.items():  # fmt: skip
    add(f"json-{name}", REFUSED, Fault(INFO, where=is_info, body=text, times=None), deadline=RETRIED)
    add(f"listing-json-{name}", REFUSED, Fault(TREE, body=text, times=None), deadline=RETRIED)
for name, sha in {"dots": "../../x", "short": "a" * 39, "long": "a" * 41, "null": None, "number": 7, "upper": "A" * 40, "nul": "a" * 20 + "\0" * 20}.items():
    add(f"commit-{name}", REFUSED, Fault(INFO, where=is_info, edit=lambda info, sha=sha: info | {"sha": sha}, times=None))
add("commit-missing", REFUSED, Fault(INFO, where=is_info, edit=lambda info: {"id": info["id"]}, times=None))

for name, path in {
    "parent": "../x", "deep-parent": "a/../../../x", "absolute": "/tmp/x", "back-parent": "..\\x", "mixed": "a\\..\\..\\x", "drive": "C:\\x",
    "unc": "\\\\host\\x", "empty": "", "dot": "a/./b", "double-slash": "a//b", "trailing-slash": "a/", "only-dots": "..", "nul": "a\0b", "newline": "a\nb",
    "escape": "a\x1b[2Jb", "long": "a" * 256, "number": 7, "null": None, "list": ["x"], "inside-config": "config.json/x", "twice": "config.json",
}.items():  # fmt: skip
    add(f"path-{name}", CORRUPT, prepare=unsafe_listing({"path": path}))
for name, entry in {
    "oid-dots": {"oid": "../../../x"}, "oid-short": {"oid": "0" * 39}, "oid-upper": {"oid": "A" * 40}, "oid-null": {"oid": None}, "size-negative": {"size": -1},
    "size-huge": {"size": 1e30}, "size-text": {"size": "1"}, "lfs-dots": {"lfs": {"oid": "../../x", "size": 1, "pointerSize": 100}},
    "lfs-short": {"lfs": {"oid": "0" * 63, "size": 1, "pointerSize": 100}}, "lfs-text": {"lfs": "x"}, "lfs-negative": {"lfs": {"oid": "0" * 64, "size": -5, "pointerSize": 1}},
}.items():  # fmt: skip
    # Without an object id the file itself is asked for its etag.
    add(f"entry-{name}", (OK, *REFUSED) if "oid" in entry else REFUSED, prepare=changed_entry(entry))
add("entry-of-petabytes", (9, CORRUPT), prepare=unsafe_listing({"lfs": {"oid": "0" * 64, "size": 1 << 60, "pointerSize": 1}}))
for name, headers in {
    "etag-dots": {"ETag": '"../../x"', "X-Linked-Etag": '"../../x"'}, "etag-other": {"ETag": f'"{"0" * 40}"', "X-Linked-Etag": f'"{"0" * 64}"'},
    "etag-missing": {"ETag": None, "X-Linked-Etag": None}, "commit-dots": {"X-Repo-Commit": "../../x"}, "commit-other": {"X-Repo-Commit": "0" * 40},
    "commit-missing": {"X-Repo-Commit": None}, "size-other": {"X-Linked-Size": "5"}, "no-colon": {"Broken\r\nLine": "x"},
    "huge": {"X-Huge": "x" * 400_000},
}.items():  # fmt: skip
    add(f"header-{name}", (OK, *REFUSED), *[Fault(path, headers=headers, times=None) for path in ("*/resolve/*", "/api/resolve-cache/*")], deadline=RETRIED)
add("etag-weak", OK, Fault("/api/resolve-cache/*/config.json", headers={"ETag": f'W/"{Blob(FILES["config.json"]).oid}"'}, times=None))
