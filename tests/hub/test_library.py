"""The library's side of the manager against the fake hub: the C++ example as a program, and the C interface by ctypes."""

import ctypes
import os
import pathlib
import random
import subprocess

import pytest
from hub_faults import Fault

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BURIN_BUILD_DIR") or ROOT / "build" / "dev")
BIG = random.Random(4).randbytes(30 << 20)
FILES = {"config.json": b'{"model_type": "llama"}', "model.safetensors": BIG}
CANCELLED, PERMISSION, NETWORK = 130, 6, 5


class Progress(ctypes.Structure):
    _fields_ = [
        ("size", ctypes.c_size_t), ("bytes_done", ctypes.c_uint64), ("bytes_total", ctypes.c_uint64),
        ("files_done", ctypes.c_uint64), ("files_total", ctypes.c_uint64), ("bytes_per_s", ctypes.c_double),
    ]  # fmt: skip


class Environment(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t)] + [(name, ctypes.c_char_p) for name in ("home", "model_home", "hub_cache", "backend_dir")]


class HubOptions(ctypes.Structure):
    _fields_ = [
        ("size", ctypes.c_size_t), ("environment", ctypes.POINTER(Environment)), ("endpoint", ctypes.c_char_p),
        ("token", ctypes.c_char_p), ("offline", ctypes.c_int32),
    ]  # fmt: skip


class PullOptions(ctypes.Structure):
    _fields_ = [
        ("size", ctypes.c_size_t), ("model", ctypes.c_char_p), ("revision", ctypes.c_char_p),
        ("include", ctypes.POINTER(ctypes.c_char_p)), ("include_count", ctypes.c_size_t),
        ("exclude", ctypes.POINTER(ctypes.c_char_p)), ("exclude_count", ctypes.c_size_t),
        ("jobs", ctypes.c_int32), ("dry_run", ctypes.c_int32), ("check_all", ctypes.c_int32),
        ("timeout_s", ctypes.c_int32), ("local_dir", ctypes.c_char_p),
    ]  # fmt: skip


CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Progress), ctypes.c_void_p)


@pytest.fixture
def library(monkeypatch, tmp_path):
    path = BUILD / "libburin.so"
    if not path.exists():
        pytest.skip("the library is not built")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    library = ctypes.CDLL(path)
    library.burin_report_text.restype = ctypes.c_char_p
    library.burin_report_number.restype = ctypes.c_double
    library.burin_report_number.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_double]
    library.burin_error_type.restype = ctypes.c_char_p
    return library


@pytest.fixture
def pull(library, hub, tmp_path):
    """(status, report, type of the error) of burin_hub_pull."""

    def run(model, callback=None, **more):
        where = Environment(ctypes.sizeof(Environment), None, None, str(tmp_path / "cache").encode(), None)
        options, given = HubOptions(), PullOptions()
        library.burin_hub_options_init(ctypes.byref(options), ctypes.c_size_t(ctypes.sizeof(options)))
        options.environment, options.endpoint, options.token = ctypes.pointer(where), hub.endpoint.encode(), b""
        library.burin_pull_options_init(ctypes.byref(given), ctypes.c_size_t(ctypes.sizeof(given)))
        given.model = model.encode()
        for name, value in more.items():
            setattr(given, name, value)
        report, error = ctypes.c_void_p(), ctypes.c_void_p()
        status = library.burin_hub_pull(
            ctypes.byref(options), ctypes.byref(given), CALLBACK(callback or 0), None, ctypes.byref(report), ctypes.byref(error)
        )
        kind = library.burin_error_type(error) if error else None
        library.burin_error_free(error)
        return status, report, kind

    return run


def test_a_pull_reports_its_progress_and_what_came(library, hub, pull, tmp_path):
    repo = hub.add("org/tiny", FILES)
    seen = []
    status, report, _ = pull("org/tiny", lambda progress, _: seen.append((progress[0].bytes_done, progress[0].bytes_total)) or 0)
    assert status == 0 and seen[-1] == (sum(map(len, FILES.values())),) * 2
    assert library.burin_report_text(report, b"/commit_hash").decode() == repo.branches["main"]
    assert library.burin_report_number(report, b"/bytes_downloaded", -1.0) == sum(map(len, FILES.values()))
    path = pathlib.Path(library.burin_report_text(report, b"/path").decode())
    assert path.is_relative_to(tmp_path / "cache") and (path / "model.safetensors").read_bytes() == BIG
    library.burin_report_free(report)


def test_a_callback_cancels_and_the_next_call_goes_on(library, hub, pull):
    hub.add("org/tiny", FILES)
    hub.faults.append(Fault(origin="cdn", method="GET", rate=8 << 20, times=None))
    status, report, _ = pull("org/tiny", lambda progress, _: int(progress[0].bytes_done > 12 << 20))
    assert status == CANCELLED and not report
    hub.faults.clear()
    before = len(hub.log)
    status, report, _ = pull("org/tiny")
    assert status == 0
    assert sum(request.sent for request in hub.log[before:] if request.origin == "cdn") < len(BIG) - (8 << 20)
    library.burin_report_free(report)


def test_plain_files_within_a_time(library, hub, pull, tmp_path):
    hub.add("org/tiny", FILES)
    hub.faults.append(Fault(origin="cdn", method="GET", rate=8 << 20, times=None))
    folder = tmp_path / "folder"
    status, report, kind = pull("org/tiny", local_dir=str(folder).encode(), timeout_s=1)
    assert (status, bool(report), kind) == (NETWORK, False, b"pull_timeout")
    hub.faults.clear()
    status, report, _ = pull("org/tiny", local_dir=str(folder).encode(), timeout_s=60)
    assert status == 0 and (folder / "model.safetensors").read_bytes() == BIG
    assert 0 < library.burin_report_number(report, b"/bytes_missing", -1.0) < len(BIG)
    library.burin_report_free(report)
    assert pull("org/tiny", timeout_s=-1)[2] == b"invalid_argument"


def test_a_gated_model_is_a_typed_error(hub, pull):
    hub.add("org/gated", FILES, gated="manual")
    status, report, kind = pull("org/gated")
    assert (status, bool(report)) == (PERMISSION, False) and kind == b"access_denied"


def test_the_example_fetches_and_checks(burin, hub):
    example = BUILD / "tests" / "api" / "example_pull"
    if not example.exists():
        pytest.skip("the examples are not built")
    hub.add("org/tiny", FILES)
    run = subprocess.run([example, "org/tiny"], env=burin.env, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("success ") and "bytes" in run.stderr
    missing = subprocess.run([example, "org/none"], env=burin.env, capture_output=True, text=True, check=False, timeout=60)
    assert missing.returncode == 3 and missing.stderr.startswith("error: ")
