"""What can go wrong with one answer of the fake hub, as data."""

import dataclasses
import fnmatch
import json
from collections.abc import Callable


@dataclasses.dataclass
class Fault:
    """Which requests it strikes, then what it does to them. Several may strike one request: the first one counts.

    `path` is matched with fnmatch against the decoded path (no query); `skip` lets so many matching requests pass
    first, `times` is how many it strikes (None: all of them).
    """

    path: str = "*"
    method: str | None = None
    origin: str | None = None  # "hub" or "cdn"
    where: Callable | None = None  # a further test of the request
    skip: int = 0
    times: int | None = 1
    # Instead of the answer, or to its head:
    status: int | None = None
    claim: int | None = None  # another status in front of the true body
    headers: dict = dataclasses.field(default_factory=dict)  # None as value removes the header
    body: object = None  # bytes, or a callable that gives an iterator: sent in chunks, perhaps for ever
    redirect: str | None = None  # "@self" makes a loop
    edit: Callable | None = None  # changes the decoded JSON of the answer
    before: Callable | None = None  # called with the hub and the request before the answer is made: moves branches ..
    ignore_range: bool = False
    gzip: bool = False
    # To the connection (offsets count bytes of this body, but `flip` those of the file):
    delay: float = 0  # seconds before the head
    silent: bool = False  # never answers
    reset: bool = False  # RST instead of an answer; with `cut`, instead of a FIN
    cut: int | None = None  # closes after so many bytes
    flip: int | None = None
    stall: tuple | None = None  # (after so many bytes, seconds)
    rate: float | None = None  # bytes per second
    hits: int = 0

    def strikes(self, request):
        """Counts the request if it is meant, and says whether it is hit."""
        if self.method not in (None, request.method) or self.origin not in (None, request.origin):
            return False
        if not fnmatch.fnmatchcase(request.path, self.path) or (self.where and not self.where(request)):
            return False
        self.hits += 1
        return self.hits > self.skip and (self.times is None or self.hits <= self.skip + self.times)


def too_many_requests(seconds, *, times=1, retry_after=False, **match):
    """429 as the Hub says it, in RateLimit or in Retry-After."""
    limit = {"RateLimit": f'"api";r=0;t={seconds}', "RateLimit-Policy": '"fixed window";"api";q=500;w=300'}
    headers = {"Retry-After": str(seconds)} if retry_after else limit
    return Fault(status=429, headers=headers, body=b"slow down", times=times, **match)


def endless_listing():
    """A tree listing that never ends, in pieces of about 100 kB."""
    entries = ({"type": "file", "path": f"f{i}", "size": 1, "oid": "0" * 40} for i in range(1200))
    piece = ",".join(map(json.dumps, entries)).encode() + b","
    yield b"["
    while True:
        yield piece


def endless_string():
    """One JSON string without an end."""
    yield b'[{"path": "'
    while True:
        yield b"a" * 65536


def deep_json(depth=1_000_000):
    return b"[" * depth + b"]" * depth
