"""A large file over a slow hub, so that several connections share it: faults of each of them, and kills meanwhile."""

import random
import time

import invariants
import pytest
from clients import FULL, Burin
from fake_hub import FakeHub
from hub_data import Blob
from hub_faults import Fault

MIB = 1 << 20
SIZE = 72 * MIB
PATIENCE = {"HF_HUB_DOWNLOAD_TIMEOUT": "2", "HF_HUB_ETAG_TIMEOUT": "2"}


@pytest.fixture(scope="module")
def files():
    return {"config.json": b"{}", "large.safetensors": Blob(random.Random(6).randbytes(SIZE), lfs=True)}


@pytest.fixture
def slow(hub, files):
    """A hub that sends eight MiB a second over each connection."""
    repo = hub.add("org/tiny", files)
    hub.faults.append(Fault(origin="cdn", rate=8 * MIB, times=None))
    return repo


def bodies(hub):
    return hub.requests(origin="cdn", method="GET")


def is_part(request):
    return "range" in request.headers


def strike(hub, *faults):
    """The faults come first; what they leave alone is as slow as before."""
    hub.faults[:0] = faults


def test_others_help_with_a_slow_file(hub, slow, burin):
    status, envelope = burin.pull("org/tiny", **PATIENCE)
    assert status == 0, envelope
    invariants.check(burin.cache, [slow])
    assert sum(map(is_part, bodies(hub))) >= 2, "one connection did it all"
    assert sum(request.sent for request in bodies(hub)) < SIZE + 16 * MIB


FAULTS = {
    "cut": {"cut": MIB},
    "reset": {"cut": 3 * MIB, "reset": True},
    "stall": {"stall": (2 * MIB, 60)},
    "flip": {"flip": 40 * MIB},
    "range-ignored": {"ignore_range": True},
    "range-elsewhere": {"headers": {"Content-Range": f"bytes 5-{SIZE - 1}/{SIZE}"}},
    "unavailable": {"status": 503},
    "forbidden": {"status": 403},
    "gzip": {"gzip": True},
    "longer": {"headers": {"Content-Length": str(9 * MIB)}},
}


@pytest.mark.parametrize("name", FAULTS if FULL else ["stall", "flip"])
def test_a_helper_fails(name, hub, slow, burin):
    fault = Fault(origin="cdn", where=is_part, times=2, **{"rate": 16 * MIB} | FAULTS[name])
    if name == "flip":
        # Whichever connection brings that byte; the second time it is right.
        fault.times, fault.where = None, lambda request: is_part(request) and len(bodies(hub)) < 12
    strike(hub, fault)
    status, envelope = burin.pull("org/tiny", "--retry-base", "50", **PATIENCE)
    assert status in (0, 5, 6, 7), envelope
    assert status == 0 or name in ("forbidden", "range-elsewhere", "flip", "gzip"), envelope
    invariants.check(burin.cache, [slow])
    hub.faults.clear()
    assert burin.pull("org/tiny", **PATIENCE)[0] == 0
    invariants.check(burin.cache, [slow])


@pytest.mark.parametrize("seed", range(25 if FULL else 1))
def test_killed_while_it_is_shared(seed, program, files, tmp_path):
    """What lies behind a hole never counts as there."""
    chance = random.Random(seed)
    with FakeHub() as hub:
        repo = hub.add("org/tiny", files)
        hub.faults.append(Fault(origin="cdn", rate=12 * MIB, times=None))
        burin = Burin(program, hub.endpoint, tmp_path)
        process = burin.start("pull", "org/tiny", "--json")
        deadline = time.monotonic() + 20
        while sum(map(is_part, bodies(hub))) < 2:
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.8))
        process.kill()
        process.communicate()
        invariants.check(burin.cache, [repo])
        before = sum(request.sent for request in bodies(hub))
        hub.faults.clear()
        status, envelope = burin.pull("org/tiny", **PATIENCE)
        assert status == 0, envelope
        invariants.check(burin.cache, [repo])
        again = before + envelope["data"]["bytes_downloaded"] - SIZE
        assert again <= 64 * MIB, "I6: more was fetched again than promised"
        assert not list(burin.cache.glob("*/blobs/*.incomplete"))
