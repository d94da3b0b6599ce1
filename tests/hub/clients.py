"""The program under test, and two clients behind one face: Python's snapshot_download and `burin pull`."""

import dataclasses
import json
import os
import subprocess
import time

from huggingface_hub import constants, snapshot_download
from trees import assert_sound, offline

FULL = os.environ.get("BURIN_FULL") == "1"


class Burin:
    """The program with an environment of its own, pointed at a hub and a cache."""

    def __init__(self, program, endpoint, home):
        self.program, self.home, self.cache = program, home, home / "hub"
        home.mkdir(parents=True, exist_ok=True)
        self.env = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(home / "user"),
            "HF_HOME": str(home),
            "HF_ENDPOINT": endpoint,
            "BURIN_MODELS": str(home / "models"),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_STATE_HOME": str(home / "state"),
            "XDG_CACHE_HOME": str(home / "xdg-cache"),
            "XDG_DATA_HOME": str(home / "data"),
        } | {name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}

    def start(self, *words, before=(), **env):
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen([*before, self.program, *words], cwd=self.home, env=self.env | env, text=True, **pipes)

    def run(self, *words, before=(), timeout=60, **env):
        """(exit status, stdout, stderr); a program that outlives the time-out is killed and fails the test."""
        process = self.start(*words, before=before, **env)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        return process.returncode, out, err

    def pull(self, repo, *words, **options):
        """(exit status, envelope) of `pull --json`; anything but one JSON object on stdout is a failure."""
        status, out, err = self.run("pull", repo, *words, "--json", **options)
        assert out.count("\n") == 1, (status, out, err)
        return status, json.loads(out)


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
        # Without links its workers race for a blob of several names: one moves it while another copies it.
        workers = 1 if constants.HF_HUB_DISABLE_SYMLINKS else 4
        where = {"endpoint": self.endpoint, "cache_dir": cache, "max_workers": workers}
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


def kill_after(process, hub, sent):
    """Kills a program once that many bytes of some file went out."""
    deadline = time.monotonic() + 20
    while not any(request.sent > sent for request in hub.requests(origin="cdn")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.communicate()
