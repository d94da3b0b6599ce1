"""`burin pull` and `burin search` as people and programs meet them; trees, faults and races have files of their own."""

import json
import os
import random
import signal
import time

import pytest
from hub_data import Blob
from hub_faults import Fault

MIB = 1 << 20
BIG = random.Random(11).randbytes(12 * MIB)
FILES = {"config.json": b"{}", "sub/x.txt": b"x", "model.safetensors": BIG}
BODY = {"path": f"/{Blob(BIG).sha256}", "origin": "cdn", "method": "GET"}
FAST = ("--retry-base", "10")


@pytest.fixture
def tiny(hub):
    return hub.add("org/tiny", FILES)


def events(out):
    return [json.loads(line) for line in out.splitlines()]


def content(burin, repo, name):
    return (burin.cache / "models--org--tiny" / "snapshots" / repo.branches["main"] / name).read_bytes()


def sent(hub):
    return sum(request.sent for request in hub.log if request.origin == "cdn")


def wait_until(condition, timeout=20):
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_data_of_the_contract(burin, tiny):
    status, envelope = burin.pull("org/tiny")
    data = envelope["data"]
    assert status == 0 and data["download_status"] == "success" and data["expanded_name"] is None
    assert data["commit_hash"] == tiny.branches["main"] and data["model"] == "org/tiny"
    assert data["bytes_total"] == data["bytes_downloaded"] == sum(map(len, FILES.values()))
    assert {file["name"] for file in data["files"]} == set(FILES)
    _, envelope = burin.pull("org/tiny")
    assert envelope["data"]["download_status"] == "already_exists" and envelope["data"]["bytes_downloaded"] == 0


def test_a_bare_name_is_one_of_mlx_community(burin, hub):
    hub.add("mlx-community/tiny", {"a": b"a"})
    hub.add("plain", {"a": b"b"})
    assert burin.pull("tiny")[1]["data"]["expanded_name"] == "mlx-community/tiny"
    data = burin.pull("plain")[1]["data"]
    assert (data["model"], data["expanded_name"]) == ("plain", None)
    assert burin.pull("nothing")[0] == 3
    assert burin.pull("tiny", "--offline")[1]["data"]["model"] == "mlx-community/tiny"


def test_a_revision_may_follow_the_name(burin, tiny):
    first = tiny.branches["main"]
    tiny.commit({"config.json": b"{ }"})
    assert burin.pull(f"org/tiny@{first}")[1]["data"]["commit_hash"] == first
    assert burin.pull("org/tiny@main", "--revision", "dev")[0] == 2
    assert burin.pull("org/tiny@nothing")[1]["error"]["type"] == "revision_not_found"
    assert burin.pull("org/tiny", "--revision", "../../x")[0] == 2


@pytest.mark.parametrize("name", ["../x", "a/b/c", "http://x/y", "org/tiny.git", "a--b", "", "\x1b[31m", "a\nb"])
def test_names_that_are_none_ask_nobody(burin, hub, name):
    assert burin.pull(name)[0] == 2
    assert not hub.log


def test_dry_run_writes_nothing(burin, tiny):
    _, envelope = burin.pull("org/tiny", "--dry-run", "--include", "*.json")
    assert envelope["data"]["download_status"] == "dry_run" and len(envelope["data"]["files"]) == 1
    assert not burin.cache.exists()


def test_patterns_that_fit_nothing_are_an_error(burin, tiny):
    status, envelope = burin.pull("org/tiny", "--include", "*.none")
    assert (status, envelope["error"]["type"]) == (3, "no_match") and not burin.cache.exists()


def test_goes_on_after_kill_9(burin, hub, tiny):
    hub.faults.append(Fault(rate=8 * MIB, **BODY))
    process = burin.start("pull", "org/tiny")
    wait_until(lambda: sent(hub) > 7 * MIB)
    process.kill()
    process.communicate()
    before = sent(hub)
    assert burin.pull("org/tiny")[0] == 0
    ranges = [request.headers["range"] for request in hub.requests(origin="cdn") if "range" in request.headers]
    assert len(ranges) == 1 and sent(hub) - before < 9 * MIB
    assert content(burin, tiny, "model.safetensors") == BIG
    assert not list(burin.cache.glob("*/blobs/*.incomplete")) and not list((burin.home / "state").glob("burin/pulls/*"))


def test_ctrl_c_says_how_to_go_on(burin, hub, tiny):
    hub.faults.append(Fault(rate=4 * MIB, **BODY))
    process = burin.start("pull", "org/tiny", "--exclude", "*.md x")
    wait_until(lambda: sent(hub) > MIB)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 130 and time.monotonic() - began < 2
    assert "go on with: burin pull org/tiny --exclude '*.md x'" in err


def test_a_wrong_byte_is_fetched_again_and_two_are_an_error(burin, hub, tiny):
    hub.faults.append(Fault(flip=5 * MIB, times=1, **BODY))
    assert burin.pull("org/tiny")[0] == 0
    assert content(burin, tiny, "model.safetensors") == BIG
    tiny.commit({"other/config.json": b"[1]"})
    hub.faults[:] = [Fault("*/other/config.json", flip=1, times=None)]
    status, envelope = burin.pull("org/tiny")
    assert (status, envelope["error"]["type"], envelope["error"]["file"]) == (7, "integrity_error", "other/config.json")


def test_force_resume_finds_what_is_damaged(burin, tiny):
    burin.pull("org/tiny")
    blob = burin.cache / "models--org--tiny" / "blobs" / Blob(BIG).sha256
    blob.write_bytes(BIG[:-1] + b"?")
    assert burin.pull("org/tiny")[1]["data"]["download_status"] == "already_exists"
    data = burin.pull("org/tiny", "--force-resume")[1]["data"]
    assert data["download_status"] == "success" and data["bytes_downloaded"] == len(BIG)
    assert content(burin, tiny, "model.safetensors") == BIG


def test_a_shorter_blob_is_noticed_at_once(burin, tiny):
    burin.pull("org/tiny")
    os.truncate(burin.cache / "models--org--tiny" / "blobs" / Blob(BIG).sha256, 5)
    assert burin.pull("org/tiny")[1]["data"]["download_status"] == "success"
    assert content(burin, tiny, "model.safetensors") == BIG


def test_the_token_goes_to_the_hub_alone(burin, hub):
    hub.tokens["hf_secret"] = {"name": "a", "access": {"org/tiny"}}
    hub.add("org/tiny", FILES, private=True)
    status, _ = burin.pull("org/tiny", HF_TOKEN="hf_secret")
    assert status == 0
    assert all(request.token == "hf_secret" for request in hub.requests(origin="hub"))
    assert hub.requests(origin="cdn") and not any(request.token for request in hub.requests(origin="cdn"))


def test_the_token_comes_from_its_file_too(burin, hub):
    hub.tokens["hf_secret"] = {"name": "a", "access": {"org/tiny"}}
    hub.add("org/tiny", FILES, private=True)
    (burin.home / "token").write_text(" hf_secret\n")
    assert burin.pull("org/tiny", HF_HUB_DISABLE_IMPLICIT_TOKEN="1")[0] == 3
    assert burin.pull("org/tiny")[0] == 0


def test_a_gated_model_says_where_its_terms_are(burin, hub):
    hub.add("org/gated", FILES, gated="auto")
    status, envelope = burin.pull("org/gated")
    assert (status, envelope["error"]["type"]) == (6, "access_denied")
    assert f"{hub.endpoint}/org/gated" in envelope["error"]["hint"] and "HF_TOKEN" in envelope["error"]["hint"]


def test_offline_asks_nobody(burin, hub, tiny):
    assert burin.pull("org/tiny", "--offline")[1]["error"]["type"] == "not_cached"
    assert not hub.log
    burin.pull("org/tiny", "--include", "*.json")
    asked = len(hub.log)
    assert burin.pull("org/tiny", "--include", "*.json", HF_HUB_OFFLINE="1")[1]["data"]["download_status"] == "already_exists"
    status, envelope = burin.pull("org/tiny", "--offline")
    assert (status, envelope["error"]["type"]) == (5, "incomplete_snapshot")
    assert set(envelope["error"]["missing"]) == {"sub/x.txt", "model.safetensors"}
    assert len(hub.log) == asked


def test_a_hub_out_of_reach_leaves_what_is_cached(burin, tiny):
    assert burin.pull("org/tiny", *FAST, HF_ENDPOINT="http://127.0.0.1:1")[1]["error"]["type"] == "hub_unreachable"
    burin.pull("org/tiny")
    status, envelope = burin.pull("org/tiny", HF_ENDPOINT="http://127.0.0.1:1")
    assert status == 0 and envelope["data"]["download_status"] == "already_exists" and "not reached" in envelope["data"]["message"]


def test_four_at_once_fetch_each_body_once(burin, hub, tiny):
    processes = [burin.start("pull", "org/tiny", "--json") for _ in range(4)]
    assert [process.communicate(timeout=60) and process.returncode for process in processes] == [0] * 4
    assert len(hub.requests(origin="cdn", method="GET")) == 1
    assert content(burin, tiny, "model.safetensors") == BIG


def test_a_slow_stream_is_helped_by_others(burin, hub):
    data = random.Random(3).randbytes(70 * MIB)
    repo = hub.add("org/tiny", {"model.safetensors": data})
    hub.faults.append(Fault(origin="cdn", method="GET", times=None, rate=9 * MIB))
    assert burin.pull("org/tiny")[0] == 0
    assert len([request for request in hub.requests(origin="cdn") if "range" in request.headers]) > 2
    assert content(burin, repo, "model.safetensors") == data


def test_a_killed_pull_with_helpers_goes_on(burin, hub):
    data = random.Random(4).randbytes(80 * MIB)
    repo = hub.add("org/tiny", {"model.safetensors": data})
    hub.faults.append(Fault(origin="cdn", method="GET", times=None, rate=9 * MIB))
    process = burin.start("pull", "org/tiny")
    wait_until(lambda: sent(hub) > 50 * MIB)
    process.kill()
    process.communicate()
    hub.faults.clear()
    before = sent(hub)
    assert burin.pull("org/tiny")[0] == 0
    assert sent(hub) - before < len(data)
    assert content(burin, repo, "model.safetensors") == data


def test_time_is_limited_for_all_of_it(burin, tiny, hub):
    """Slow, but moving: no limit on silence ends it. What came is kept, and the plan of the next run counts it."""
    hub.faults.append(Fault(**BODY, times=None, rate=4 * MIB))
    started = time.monotonic()
    status, envelope = burin.pull("org/tiny", "--timeout", "2")
    assert (status, envelope["error"]["type"]) == (5, "pull_timeout") and "2 s" in envelope["error"]["message"]
    assert time.monotonic() - started < 6
    hub.faults.clear()
    status, out, _ = burin.run("pull", "org/tiny", "--dry-run", "--json")
    planned = json.loads(out)["data"]["bytes_missing"]
    assert status == 0 and 0 < planned < len(BIG) - MIB, planned
    status, envelope = burin.pull("org/tiny", "--timeout", "60")
    assert status == 0 and envelope["data"]["bytes_missing"] == planned == envelope["data"]["bytes_downloaded"], envelope


def test_time_is_limited_while_others_are_waited_for(burin, tiny, hub):
    hub.faults.append(Fault("/api/models/*", status=429, headers={"Retry-After": "200"}, times=None))
    started = time.monotonic()
    status, envelope = burin.pull("org/tiny", "--timeout", "1")
    assert (status, envelope["error"]["type"]) == (5, "pull_timeout") and time.monotonic() - started < 5


def test_json_lines(burin, tiny):
    status, out, err = burin.run("pull", "org/tiny", "--jsonl")
    lines = events(out)
    assert (status, err) == (0, "")
    assert lines[0]["event"] == "plan" and lines[-1]["event"] == "result" and lines[-1]["download_status"] == "success"
    assert {line["name"] for line in lines if line["event"] == "file"} == set(FILES)
    progress = [line for line in lines if line["event"] == "progress"]
    assert progress and all(line["bytes_done"] <= line["bytes_total"] == sum(map(len, FILES.values())) for line in progress)
    status, out, _ = burin.run("pull", "org/none", "--jsonl")
    assert status == 3 and events(out)[-1]["error"]["type"] == "model_not_found"
    assert burin.run("pull", "org/tiny", "--jsonl", "--json")[0] == 2


def test_people_read_lines_where_nothing_redraws(burin, tiny):
    status, out, err = burin.run("pull", "org/tiny")
    short = tiny.branches["main"][:7]
    assert status == 0 and out == f"pulled org/tiny at {short}\n"
    assert err.splitlines()[0] == f"org/tiny at {short}: 3 files, 12.6MB; 3 to fetch, 12.6MB"
    assert "model.safetensors 12.6MB" in err.splitlines() and "\x1b" not in err


def test_search(burin, hub):
    hub.add("mlx-community/Tiny-4bit", {"a": b"a"})
    status, out, _ = burin.run("search", "tiny", "--all", "--json")
    envelope = json.loads(out)
    assert status == 0 and envelope["data"]["source"] == "hub"
    assert [model["name"] for model in envelope["data"]["models"]] == ["mlx-community/Tiny-4bit"]
    query = hub.log[-1].query
    assert query["search"] == "tiny" and query["limit"] == "20" and "filter" not in query
    burin.run("search", "ti&ny", "--limit", "3", "--sort", "modified")
    query = hub.log[-1].query
    assert (query["search"], query["filter"], query["sort"], query["limit"]) == ("ti&ny", "mlx", "lastModified", "3")
    hub.faults.append(Fault("/api/models", body=b'[{"id": 5}]'))
    assert burin.run("search", "x")[0] == 5
