"""A pull killed at each of its system calls, or with one of them failing: the cache stays sound and a rerun completes."""

import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import time

import injection
import invariants
import pytest
from clients import FULL, Burin, kill_after
from fake_hub import FakeHub
from hub_data import safetensors
from hub_faults import Fault
from trees import assert_sound, tree

STEP = 1 if FULL else 7
FAILURES = [("fresh", error) for error in ("ENOSPC", "EIO", "EROFS")] + [("left_over", "EIO")]
if FULL:
    every = ("ENOSPC", "EIO", "EROFS", "EINTR", "EMFILE")
    FAILURES = [(workload, error) for workload in ("fresh", "moved_branch", "large", "left_over", "all_damaged") for error in every]
INTERRUPTIBLE = {"openat", "write", "pwrite64", "fsync", "fdatasync", "fallocate", "flock"}
MIB = 1 << 20

FILES = {
    "config.json": b'{"model_type": "llama"}',
    "empty.txt": b"",
    "model.safetensors": random.Random(3).randbytes(300_000),
    "sub/folder/copy.json": b'{"model_type": "llama"}',
}
LARGE = random.Random(4).randbytes(12 * MIB)
WHOLE = {
    "config.json": FILES["config.json"],
    "model.safetensors": safetensors("x", 300_000),
    "tokenizer.json": b'{"version": "1.0", "model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}}',
}


def gone(data):
    return data


DAMAGE = {
    "flipped": ("model.safetensors", lambda data: data[:-1] + b"?"),
    "cut_short": ("tokenizer.json", lambda data: data[:20]),
    "entry_gone": ("config.json", gone),
}
NEXT = FILES | {"config.json": b"{}", "new/file.bin": b"new" * 1000}


def assert_success_or_typed(status, out, err):
    """An error that the program did not foresee is of type `internal`. The fault may have struck the answer itself."""
    assert status in range(11), (status, out, err)
    if not out.endswith("\n"):
        assert status != 0 and "cannot write the output" in err, (status, out, err)
        return
    error = json.loads(out)["error"]
    assert (error is None) == (status == 0), (status, out, err)
    assert error is None or error["type"] != "internal", (status, out, err)


needs_strace = pytest.mark.skipif(injection.why_not() is not None, reason=str(injection.why_not()))
can_mount = shutil.which("unshare") and subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode == 0
needs_mount = pytest.mark.skipif(not can_mount, reason="mount namespaces are not allowed here")


def fresh(burin, hub):
    """Nothing is cached."""


def moved_branch(burin, hub):
    """An older commit is cached."""
    assert burin.pull("org/tiny")[0] == 0
    hub.repos["org/tiny"].commit(NEXT)


def part_of_it(burin, hub):
    """The same commit is cached in part, and another branch whole."""
    hub.repos["org/tiny"].commit(NEXT, "dev")
    assert burin.pull("org/tiny", "--include", "*.json")[0] == 0
    assert burin.pull("org/tiny", "--revision", "dev")[0] == 0


def large(burin, hub):
    """Nothing is cached, and a file is large enough for a partial that outlives the program."""
    hub.repos["org/tiny"].commit(FILES | {"large.safetensors": LARGE})


def left_over(burin, hub):
    """A pull of the same was killed when most of the large file had come."""
    large(burin, hub)
    hub.faults.append(Fault(origin="cdn", rate=30 * MIB, times=None))
    process = burin.start("pull", "org/tiny", "--json")
    kill_after(process, hub, 11 * MIB)
    hub.faults.clear()
    assert list(burin.cache.glob("*/blobs/*.incomplete"))


def without_symlinks(burin, hub):
    """Where links cannot be made."""
    burin.env["HF_HUB_DISABLE_SYMLINKS"] = "1"


def broken(*kinds):
    """What `health --repair` starts from: a cached model with such damage."""

    def workload(burin, hub):
        repo = hub.repos["org/tiny"]
        commit = repo.commit(WHOLE)
        assert burin.pull("org/tiny")[0] == 0
        folder = burin.cache / "models--org--tiny"
        for name, change in [DAMAGE[kind] for kind in kinds]:
            blob = folder / "blobs" / repo.commits[commit][name].etag
            blob.write_bytes(change(blob.read_bytes()))
            if change is gone:
                (folder / "snapshots" / commit / name).unlink()

    return workload


PULLS = {function.__name__: function for function in (fresh, moved_branch, part_of_it, large, left_over, without_symlinks)}
# One file at a time is the work of one thread, whose calls are then all different points.
REPAIRS = {kind: broken(kind) for kind in DAMAGE} | {"all_damaged": broken(*DAMAGE)}
WORKLOADS = PULLS | REPAIRS


class Ground:
    """A cache in the state that a workload starts from, as often as it is wanted, and what must come of it."""

    def __init__(self, workload, program, path):
        self.hub = FakeHub().__enter__()
        self.repo = self.hub.add("org/tiny", FILES)
        self.other = self.hub.add("org/other", {"a.txt": b"a", "b.bin": b"b"})
        self.burin = Burin(program, self.hub.endpoint, path / "home")
        assert self.burin.pull("org/other")[0] == 0
        WORKLOADS[workload](self.burin, self.hub)
        self.repairs = workload in REPAIRS
        self.saved = path / "saved"
        # Without links a blob that was not moved yet stays behind, whole: Python's client does the same.
        self.passed_over = (".locks", "models--org--tiny/blobs/") if workload == "without_symlinks" else (".locks",)
        shutil.copytree(self.burin.home, self.saved, symlinks=True)
        status, out, err = self.run()
        assert status == 0, (out, err)
        self.expected = self.seen()
        self.untouched = self.others()

    def restore(self):
        shutil.rmtree(self.burin.home)
        shutil.copytree(self.saved, self.burin.home, symlinks=True)

    def others(self):
        return {path: facts for path, facts in tree(self.burin.cache).items() if path.startswith("models--org--other")}

    def seen(self):
        """The cache but for locks: which of them are there depends on what was asked for."""
        return {path: facts for path, facts in tree(self.burin.cache).items() if not path.startswith(self.passed_over)}

    def run(self, before=(), jobs=8):
        words = ["health", "org/tiny", "--deep", "--repair"] if self.repairs else ["pull", "org/tiny", "--jobs", str(jobs)]
        return self.burin.run(*words, "--json", before=before)

    def check(self):
        if self.repairs:
            files = self.repo.commits[self.repo.branches["main"]]
            bad = {files[name].etag: change(WHOLE[name]) for name, change in DAMAGE.values()}
            return invariants.check(self.burin.cache, [self.repo, self.other], lambda name: name != "config.json", bad)
        part = WORKLOADS["part_of_it"].__name__ in str(self.saved)  # its ref promised only what was asked for then
        invariants.check(self.burin.cache, [self.repo, self.other], lambda name: not part or name.endswith(".json"))
        assert self.others() == self.untouched, "I4: another repository changed"

    def rerun(self):
        status, out, err = self.run()
        assert status == 0, (out, err)
        invariants.check(self.burin.cache, [self.repo, self.other])
        found = self.seen()
        assert found == self.expected, sorted(found.items() ^ self.expected.items())


@contextlib.contextmanager
def ground(workload, program, path):
    place = Ground(workload, program, path / workload)
    try:
        yield place
    finally:
        place.hub.close()


def points_of(place, jobs=8):
    listing = place.saved.parent / "calls"
    place.restore()
    assert place.run(injection.listing(listing), jobs)[0] == 0
    return injection.points(listing, place.burin.home)


def kill(place, call, when, jobs):
    """Which of the threads makes how many calls differs from run to run: a point that is missed gets two more chances."""
    for _ in range(3):
        place.restore()
        status, out, err = place.run(injection.inject(call, "signal=KILL", when), jobs)
        if status != 0:
            break
    return status, out, err


@needs_strace
@pytest.mark.parametrize(("workload", "jobs"), [(workload, 1) for workload in PULLS] + [("fresh", 8), ("part_of_it", 8)] + [(workload, 8) for workload in REPAIRS])
def test_killed_at_each_call(workload, jobs, program, tmp_path):
    problems, killed = [], 0
    with ground(workload, program, tmp_path) as place:
        points = points_of(place, jobs)
        assert len(points) > 5
        chosen = injection.sampled(points, STEP)
        for call, when in chosen:
            status, out, err = kill(place, call, when, jobs)
            assert status in (0, -signal.SIGKILL), (out, err)
            killed += status != 0
            try:
                place.check()
                place.rerun()
            except AssertionError as problem:
                problems.append(f"killed at {call} number {when}: {problem}")
    print(f"killed at {killed} points")
    assert not problems, "\n".join(problems)
    assert killed > len(chosen) // (4 if jobs > 1 else 2)


@needs_strace
@pytest.mark.parametrize(("workload", "error"), FAILURES)
def test_each_call_fails(workload, error, program, tmp_path):
    problems = []
    with ground(workload, program, tmp_path) as place:
        points = [point for point in points_of(place, 1) if error != "EINTR" or point[0] in INTERRUPTIBLE]
        for call, when in injection.sampled(points, STEP):
            place.restore()
            status, out, err = place.run(injection.inject(call, f"error={error}", when), 1)
            try:
                assert_success_or_typed(status, out, err)
                place.check()
                place.rerun()
            except AssertionError as problem:
                problems.append(f"{error} at {call} number {when}: {problem}")
    assert not problems, "\n".join(problems)


@needs_strace
def test_a_disk_that_lies(program, tmp_path, hub):
    """Pieces of a download that the system says it wrote, and did not: they are missed when the file is read back."""
    repo = hub.add("org/tiny", {"large.safetensors": random.Random(5).randbytes(6 * MIB)})
    for when in (1, 2, 20):
        burin = Burin(program, hub.endpoint, tmp_path / str(when))
        burin.run("pull", "org/tiny", before=injection.inject("pwrite64", "retval=1", when))
        invariants.check(burin.cache, [repo])


@needs_strace
@pytest.mark.parametrize("call", ["fsync", "fdatasync", "fallocate", "fchmod", "flock", "renameat2"])
@pytest.mark.parametrize("error", ["ENOSYS", "EOPNOTSUPP", "EINVAL"])
def test_a_file_system_that_cannot(call, error, program, tmp_path):
    """Every such call is refused, as some network file systems do: the pull succeeds or says why not."""
    with ground("fresh", program, tmp_path) as place:
        place.restore()
        status, out, err = place.run(injection.inject(call, f"error={error}"))
        assert_success_or_typed(status, out, err)
        place.check()
        place.rerun()


@pytest.mark.parametrize("seed", range(200 if FULL else 4))
def test_killed_at_a_random_moment(seed, program, tmp_path):
    """Three kills one after the other, then a run that completes and fetches again only what it must."""
    chance = random.Random(seed)
    files = FILES | {"large.safetensors": chance.randbytes(6 * MIB), "more.safetensors": chance.randbytes(3 * MIB)}
    with FakeHub() as hub:
        repo = hub.add("org/tiny", files)
        hub.faults.append(Fault(origin="cdn", rate=20 * MIB, times=None))
        burin = Burin(program, hub.endpoint, tmp_path)
        for _ in range(3):
            process = burin.start("pull", "org/tiny", "--json")
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=chance.uniform(0.01, 0.6))
            process.kill()
            process.communicate()
            invariants.check(burin.cache, [repo])
        status, envelope = burin.pull("org/tiny")
        assert status == 0, envelope
        invariants.check(burin.cache, [repo])
        assert not list(burin.cache.glob("*/blobs/*.incomplete")), "partials are left over"


@pytest.mark.parametrize("times", [1, 3])
def test_a_killed_pull_goes_on_where_it_was(times, program, tmp_path, hub):
    """I6: what had come is not fetched again, however often the pull is killed."""
    size = (200 if FULL else 48) * MIB
    files = {"large.safetensors": random.Random(1).randbytes(size)}
    repo = hub.add("org/tiny", files)
    burin = Burin(program, hub.endpoint, tmp_path)
    for turn in range(times):
        hub.faults[:] = [Fault(origin="cdn", rate=100 * MIB, times=None)]
        before = sum(request.sent for request in hub.requests(origin="cdn"))
        process = burin.start("pull", "org/tiny", "--json")
        deadline = time.monotonic() + 60
        while sum(request.sent for request in hub.requests(origin="cdn")) - before < size // (times + 2):
            assert time.monotonic() < deadline and process.poll() is None, turn
            time.sleep(0.002)
        process.kill()
        process.communicate()
        invariants.check(burin.cache, [repo])
    hub.faults.clear()
    assert burin.pull("org/tiny")[0] == 0
    bodies = [request for request in hub.requests(origin="cdn", method="GET")]
    assert all("range" in request.headers for request in bodies[-1:]), "the last run began at zero"
    # Between the server's count and the file lie the buffers of the sockets.
    assert sum(request.sent for request in bodies) <= size + times * 12 * MIB
    invariants.check(burin.cache, [repo])


def in_namespace(place, script, *words):
    """Runs a script in a mount namespace of its own, with the cache as $1."""
    line = ["unshare", "-m", "sh", "-euc", script, "sh", str(place.cache), *map(str, words)]
    return subprocess.run(line, check=False, capture_output=True, text=True, env=place.env, timeout=60)


@needs_mount
def test_a_read_only_cache(program, hub, tmp_path):
    hub.add("org/tiny", FILES)
    hub.add("org/other", FILES)
    burin = Burin(program, hub.endpoint, tmp_path)
    assert burin.pull("org/tiny")[0] == 0
    script = 'mount --bind "$1" "$1"; mount -o remount,ro,bind "$1"; set +e; "$2" pull "$3" --json $4; exit $?'
    for words, expected in (("org/tiny", ""), {0}), (("org/tiny", "--offline"), {0}), (("org/other", ""), {6, 9}):
        before = tree(burin.cache)
        done = in_namespace(burin, script, program, *words)
        assert done.returncode in expected, (words, done.stdout, done.stderr)
        assert tree(burin.cache) == before


@needs_mount
def test_a_disk_of_eight_megabytes(program, hub, tmp_path):
    """Too much is refused with the numbers, before it is fetched; then what fits still goes in, and all after growing."""
    repo = hub.add("org/large", {"config.json": b"{}", "model.safetensors": random.Random(2).randbytes(20 * MIB)})
    small = hub.add("org/small", FILES)
    burin = Burin(program, hub.endpoint, tmp_path)
    burin.cache.mkdir()
    script = """mount -t tmpfs -o size=8m tmpfs "$1"; set +e
"$2" pull org/large --json; a=$?; cp -a "$1" "$3/full"; "$2" pull org/small --json; b=$?
mount -o remount,size=64m "$1"; "$2" pull org/large --json; c=$?; cp -a "$1" "$3/grown"; echo "$a $b $c" """
    done = in_namespace(burin, script, program, tmp_path)
    assert done.stdout.splitlines()[-1] == "9 0 0", (done.stdout, done.stderr)
    assert "resource_exhausted" in done.stdout.splitlines()[0] or "disk_full" in done.stdout.splitlines()[0]
    invariants.check(tmp_path / "full", [repo, small])
    invariants.check(tmp_path / "grown", [repo, small])


@needs_mount
def test_a_disk_that_fills_up_meanwhile(program, hub, tmp_path):
    """The space is taken by another while the pull runs: the reservation holds, or a typed error says so."""
    repo = hub.add("org/tiny", FILES | {"large.safetensors": random.Random(2).randbytes(5 * MIB)})
    hub.faults.append(Fault(origin="cdn", rate=5 * MIB, times=None))
    burin = Burin(program, hub.endpoint, tmp_path)
    burin.cache.mkdir()
    script = """mount -t tmpfs -o size=8m tmpfs "$1"; set +e
"$2" pull org/tiny --json & sleep 0.4; dd if=/dev/zero of="$1/.locks/filler" bs=64k 2>"$3/dd"; wait $!; a=$?
rm "$1/.locks/filler"; cp -a "$1" "$3/full"; "$2" pull org/tiny --json; b=$?; cp -a "$1" "$3/after"; echo "$a $b" """
    done = in_namespace(burin, script, program, tmp_path)
    assert done.stdout.splitlines()[-1] in ("0 0", "9 0"), (done.stdout, done.stderr)
    invariants.check(tmp_path / "full", [repo])
    invariants.check(tmp_path / "after", [repo])


NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


@pytest.fixture
def open_folder():
    """A folder that every user can reach, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="burin-hub-") as name:
        os.chmod(name, 0o755)
        yield pathlib.Path(name)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root can become somebody else")
def test_a_cache_of_another_user(program, hub, open_folder):
    """Files that may not be written: a cached model is still read, a new one is refused."""
    if subprocess.run([*NOBODY, "test", "-x", program], check=False).returncode != 0:
        pytest.skip("another user cannot reach the program")
    hub.add("org/tiny", FILES)
    hub.add("org/other", FILES)
    burin = Burin(program, hub.endpoint, open_folder)
    assert burin.pull("org/tiny")[0] == 0
    before = tree(burin.cache)
    status, envelope = burin.pull("org/tiny", before=NOBODY)
    assert (status, envelope["data"]["download_status"]) == (0, "already_exists")
    status, envelope = burin.pull("org/other", before=NOBODY)
    assert status == 6 and envelope["error"]["type"] == "read_only_cache" and envelope["error"]["hint"]
    assert tree(burin.cache) == before
    assert_sound(burin.cache)
