"""Two clients behind one face, each with a cache of its own: Python's snapshot_download, and `burin pull`."""

import dataclasses

from huggingface_hub import snapshot_download
from trees import assert_sound, offline


@dataclasses.dataclass(frozen=True)
class Pull:
    """What is asked for."""

    repo: str = "org/tiny"
    revision: str | None = None
    include: tuple = ()
    exclude: tuple = ()
    token: str | None = None


class Python:
    def __init__(self, endpoint, cache):
        self.endpoint, self.cache, self.pulls = endpoint, cache, []

    def __call__(self, *words, **facts):
        pull = Pull(*words, **facts)
        self.pulls.append(pull)
        return self.get(pull, self.cache)

    def get(self, pull, cache):
        patterns = {"allow_patterns": list(pull.include) or None, "ignore_patterns": list(pull.exclude) or None}
        where = {"endpoint": self.endpoint, "cache_dir": cache, "max_workers": 4}
        return snapshot_download(pull.repo, revision=pull.revision, token=pull.token or False, **patterns, **where)

    def read_offline(self, pull, cache):
        """The commit that another client's cache gives with the network forbidden."""
        with offline():
            return self.get(pull, cache).rsplit("/", 1)[1]


class Program:
    def __init__(self, burin, **env):
        self.burin, self.cache, self.env, self.pulls = burin, burin.cache, env, []

    def __call__(self, *words, **facts):
        pull = Pull(*words, **facts)
        self.pulls.append(pull)
        status, envelope = self.get(pull, self.cache)
        assert status == 0, envelope
        assert_sound(self.cache)
        return envelope["data"]

    def get(self, pull, cache, *more):
        words = list(more)
        if pull.revision:
            words += ["--revision", pull.revision]
        for option, patterns in (("--include", pull.include), ("--exclude", pull.exclude)):
            for pattern in patterns:
                words += [option, pattern]
        token = {"HF_TOKEN": pull.token} if pull.token else {}
        return self.burin.pull(pull.repo, *words, HF_HUB_CACHE=str(cache), **self.env, **token)

    def read_offline(self, pull, cache):
        status, envelope = self.get(pull, cache, "--offline")
        assert status == 0, envelope
        assert envelope["data"]["download_status"] == "already_exists", envelope
        return envelope["data"]["commit_hash"]
