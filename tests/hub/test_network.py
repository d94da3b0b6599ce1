"""The knobs of the fake hub turned one by one: right bytes or a typed error within its deadline, never a wrong blob.

All cases wait for time-outs and retries at the same time, once for this file; each test then looks at its own.
"""

import concurrent.futures
import contextlib
import dataclasses
import json
import shutil
import signal
import socket
import subprocess
import threading
import time

import invariants
import pytest
from clients import Burin
from fake_hub import FakeHub
from hub_data import Blob, Repo
from hub_faults import Fault
from network_cases import BIG, CASES, FILES, INFO, OK, RETRIED

PATIENCE = {"HF_HUB_DOWNLOAD_TIMEOUT": "1", "HF_HUB_ETAG_TIMEOUT": "1", "HF_TOKEN": "hf_alice"}
PULL = ["pull", "org/tiny", "--json", "--retry-base", "50"]
TOKENS = {"hf_alice": {"name": "alice", "access": set()}}


@dataclasses.dataclass
class Outcome:
    status: int | None = None  # None: it did not end in time
    out: str = ""
    err: str = ""
    seconds: float = 0
    failures: list = dataclasses.field(default_factory=list)
    problem: str | None = None  # with the cache, or with the rerun


def tiny(hub):
    """org/tiny as every hub of the case has it."""
    hub.tokens |= TOKENS
    return hub.add("org/tiny", FILES)


def attempt(name, program, home):
    """Runs the case, looks at the cache, and runs again where nothing is wrong."""
    case, outcome = CASES[name], Outcome()
    with FakeHub() as hub:
        repo = tiny(hub)
        case.prepare(hub, repo)
        burin = Burin(program, hub.endpoint, home)
        started = time.monotonic()
        try:
            outcome.status, outcome.out, outcome.err = burin.run(*PULL, timeout=case.deadline + 20, **PATIENCE)
        except subprocess.TimeoutExpired:
            pass
        outcome.seconds = time.monotonic() - started
        outcome.failures, hub.failures = hub.failures, []
        outcome.problem = looked_at(case, hub, repo, burin, outcome)
    shutil.rmtree(home)
    return outcome


def looked_at(case, hub, repo, burin, outcome):
    """What is wrong afterwards, in words, or None."""
    try:
        invariants.check(burin.cache, [repo])
        if outcome.status == OK:
            assert any((burin.cache / "models--org--tiny/refs").iterdir()), "no ref after a success"
        elif outcome.status is not None:
            assert not list(burin.cache.glob("*/refs/*")), "a ref after a failure"
        if case.within:
            case.within(hub)
        hub.faults.clear()
        repo.extra_entries.clear()
        status, out, err = burin.run(*PULL, timeout=30, **PATIENCE)
        assert status == OK, f"the rerun fails: {out}{err}"
        invariants.check(burin.cache, [repo])
    except (AssertionError, OSError, ValueError, subprocess.TimeoutExpired) as error:
        return f"{type(error).__name__}: {error}"
    return None


@pytest.fixture(scope="session")
def outcomes(program, tmp_path_factory):
    home = tmp_path_factory.mktemp("network")
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        slow_first = sorted(CASES, key=lambda name: -CASES[name].deadline)
        return dict(zip(slow_first, pool.map(lambda name: attempt(name, program, home / name), slow_first), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_case(outcomes, name):
    case, outcome = CASES[name], outcomes[name]
    assert outcome.status is not None, f"still running after {outcome.seconds:.0f} s"
    assert outcome.status in case.allowed, (outcome.out, outcome.err)
    assert outcome.seconds < case.deadline, outcome
    assert outcome.failures == [], "a token left the hub"
    envelope = json.loads(outcome.out)
    if outcome.status != OK:
        error = envelope["error"]
        assert error["type"] and error["type"] != "internal" and error["message"], envelope
        assert "hf_alice" not in outcome.out + outcome.err
    assert outcome.problem is None, outcome.problem


def test_no_server(program, tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        burin = Burin(program, f"http://127.0.0.1:{unused.getsockname()[1]}", tmp_path)
        started = time.monotonic()
        status, envelope = burin.pull("org/tiny", "--retry-base", "50", **PATIENCE)
        assert status == 5 and time.monotonic() - started < RETRIED
        assert "hint" in envelope["error"]


def test_no_such_host(program, tmp_path):
    status, envelope = Burin(program, "http://hub.invalid", tmp_path).pull("org/tiny", "--retry-base", "50", **PATIENCE)
    assert status == 5 and "hub.invalid" in json.dumps(envelope["error"])


@pytest.mark.parametrize("place", ["http://127.0.0.1:1", "http://hub.invalid"])
def test_a_hub_that_never_answered_is_given_up_soon(program, tmp_path, place):
    """With the waits of every day: a name that is wrong and a network that is not there are told within seconds."""
    started = time.monotonic()
    status, _, err = Burin(program, place, tmp_path).run("pull", "org/tiny")
    assert status == 5 and err.count("trying again") == 2 and f"cannot reach {place}" in err, err
    assert time.monotonic() - started < 10


def test_packets_that_are_lost_are_no_answer(program, tmp_path):
    """Nobody takes the connections, and the queue of those that wait is full: attempts to connect time out."""
    with contextlib.ExitStack() as sockets:
        full = sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        place = f"http://127.0.0.1:{full.getsockname()[1]}"
        started = time.monotonic()
        status, _, err = Burin(program, place, tmp_path).run("pull", "org/tiny", **PATIENCE)
        assert status == 5 and f"cannot reach {place}: Nobody answers there" in err, err
        assert time.monotonic() - started < 15


def test_a_hub_that_answered_is_waited_for(program, hub, tmp_path):
    """The server goes after its first answer: all retries are made."""
    hub.add("org/tiny", FILES)
    hub.faults.append(Fault(INFO, status=503, before=lambda *_: threading.Thread(target=hub.close).start()))
    status, _, err = Burin(program, hub.endpoint, tmp_path).run("pull", "org/tiny", "--retry-base", "50")
    assert status == 5 and err.count("trying again") == 5, err


def test_private_gated_disabled_and_missing(program, hub, tmp_path):
    hub.tokens |= {"hf_bob": {"name": "bob", "access": set()}}
    hub.add("org/private", FILES, private=True)
    hub.add("org/gated", FILES, gated="manual")
    hub.add("org/disabled", FILES, disabled=True)
    hub.add("org/tiny", FILES)
    burin = Burin(program, hub.endpoint, tmp_path)
    expected = {("org/private", None): 3, ("org/private", "hf_bob"): 3, ("org/gated", None): 6, ("org/gated", "hf_bob"): 6, ("org/disabled", None): 6}
    expected |= {("org/none", None): 3, ("org/none", "hf_bob"): 3, ("org/tiny", "hf_wrong"): 6}
    for (repo, token), exit_status in expected.items():
        status, envelope = burin.pull(repo, **({"HF_TOKEN": token} if token else {}))
        assert status in {exit_status, 6}, (repo, token, envelope)
        assert envelope["error"]["hint"], envelope
        assert not list(burin.cache.glob("models--*")), (repo, token)
    status, envelope = burin.pull("org/tiny", "--revision", "none")
    assert status == 3 and "none" in envelope["error"]["message"]


@pytest.mark.parametrize("when", ["asking", "receiving", "waiting"])
def test_interrupted(program, hub, tmp_path, when):
    faults = {"asking": Fault(INFO, silent=True), "receiving": Fault(f"/{Blob(BIG).sha256}", rate=10_000_000), "waiting": Fault(INFO, status=429, headers={"Retry-After": "200"}, times=None)}
    repo = tiny(hub)
    hub.faults.append(faults[when])
    burin = Burin(program, hub.endpoint, tmp_path)
    process = burin.start("pull", "org/tiny", "--json")
    wait_for(lambda: hub.faults[0].hits > 0 and (when != "receiving" or sent(hub) > 3_000_000))
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=5)
    assert process.returncode == 130 and json.loads(out)["error"]["type"] == "cancelled"
    invariants.check(burin.cache, [repo])
    hub.faults.clear()
    assert burin.pull("org/tiny")[0] == 0
    if when == "receiving":
        assert sent(hub) < 2 * len(BIG), "what had come was fetched again"


def sent(hub):
    """Bytes of the large file that went out."""
    return sum(request.sent for request in hub.requests(path=f"/{Blob(BIG).sha256}"))


def wait_for(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_offline_asks_nobody(program, hub, tmp_path):
    tiny(hub)
    burin = Burin(program, hub.endpoint, tmp_path)
    for words, env in (((), {"HF_HUB_OFFLINE": "1"}), (("--offline",), {})):
        status, envelope = burin.pull("org/tiny", *words, **env)
        assert status == 3 and envelope["error"]["hint"]
    assert hub.log == []


def test_what_is_cached_serves_while_the_hub_is_down(program, hub, tmp_path):
    tiny(hub)
    burin = Burin(program, hub.endpoint, tmp_path)
    assert burin.pull("org/tiny")[0] == 0
    hub.faults.append(Fault(status=503, times=None))
    status, envelope = burin.pull("org/tiny", timeout=RETRIED)
    assert status in (0, 5)
    assert status or envelope["data"]["download_status"] == "already_exists"


def test_python_and_the_cases_agree_on_what_is_right(tmp_path):
    """The table's own fixture is what the checks take it for."""
    assert isinstance(Repo("org/tiny").commit(FILES), str) and len(CASES) > 150
