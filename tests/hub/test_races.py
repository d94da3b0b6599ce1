"""Several processes, ours and Python's, pull into one cache at the same time."""

import json
import subprocess
import sys

import injection
import invariants
import pytest
from clients import FULL, Burin, Python
from fake_hub import FakeHub
from hub_faults import Fault
from trees import tree

ROUNDS = 100 if FULL else 3
FILES = {f"part-{i}.json": b"%d" % i * 1000 for i in range(6)} | {f"w{i}.safetensors": bytes([i]) * 400_000 for i in range(4)}

WORKER = """
import json, sys
from huggingface_hub import snapshot_download
print("ready", flush=True)
for line in sys.stdin:
    words = json.loads(line)
    try:
        print(json.dumps({"path": snapshot_download(**words)}), flush=True)
    except Exception as error:
        print(json.dumps({"error": repr(error)}), flush=True)
"""

needs_strace = pytest.mark.skipif(injection.why_not() is not None, reason=str(injection.why_not()))


@pytest.fixture(scope="module")
def workers():
    """Python clients that have imported their library and wait for work."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    processes = [subprocess.Popen([sys.executable, "-c", WORKER], **pipes) for _ in range(4)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    yield processes
    for process in processes:
        process.stdin.close()
        process.wait(10)


def race(hub, burin, ours, workers, before=()):
    """All start at once; every one of them must succeed."""
    words = {"repo_id": "org/tiny", "endpoint": hub.endpoint, "cache_dir": str(burin.cache), "token": False}
    for worker in workers:
        print(json.dumps(words), file=worker.stdin, flush=True)
    started = [burin.start("pull", "org/tiny", "--json", before=before) for _ in range(ours)]
    for process in started:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, (out, err)
    for worker in workers:
        answer = json.loads(worker.stdout.readline())
        assert "path" in answer, answer


def alone(hub, path):
    """The tree that Python leaves by itself."""
    client = Python(hub.endpoint, path)
    client("org/tiny")
    return tree(path)


@pytest.mark.parametrize(("ours", "theirs"), [(2, 0), (8, 0), (1, 1), (4, 4)])
def test_at_once(ours, theirs, program, workers, tmp_path):
    with FakeHub() as hub:
        repo = hub.add("org/tiny", FILES)
        expected = alone(hub, tmp_path / "alone")
        for turn in range(ROUNDS):
            burin = Burin(program, hub.endpoint, tmp_path / str(turn))
            hub.log.clear()
            race(hub, burin, ours, workers[:theirs])
            assert tree(burin.cache) == expected
            invariants.check(burin.cache, [repo])
            bodies = [request.path for request in hub.requests(origin="cdn", method="GET")]
            assert len(bodies) == len(set(bodies)) == 4, "a body was fetched twice"


@pytest.mark.parametrize(("ours", "theirs"), [(3, 0), (2, 2)])
def test_at_once_while_the_branch_moves(ours, theirs, program, workers, tmp_path):
    with FakeHub() as hub:
        repo = hub.add("org/tiny", FILES)
        hub.faults.append(Fault("*/resolve/*", skip=3, before=lambda *_: repo.commit(FILES | {"part-0.json": b"new"})))
        burin = Burin(program, hub.endpoint, tmp_path)
        race(hub, burin, ours, workers[:theirs])
        invariants.check(burin.cache, [repo])


@needs_strace
@pytest.mark.parametrize("lock", ["retval=0", "error=ENOSYS", "error=ENOLCK", "error=EOPNOTSUPP"])
def test_where_locks_do_not_work(lock, program, workers, tmp_path):
    with FakeHub() as hub:
        repo = hub.add("org/tiny", FILES)
        expected = alone(hub, tmp_path / "alone")
        for turn in range(ROUNDS // 3):
            burin = Burin(program, hub.endpoint, tmp_path / str(turn))
            race(hub, burin, 4, workers[:1], before=injection.inject("flock", lock))
            invariants.check(burin.cache, [repo])
            # Who cannot lock takes its lock file away again: by another's lights its mere existence might be the lock.
            assert without_locks(tree(burin.cache)) == without_locks(expected)


def without_locks(found):
    return {path: facts for path, facts in found.items() if not path.endswith((".lock", ".incomplete"))}
