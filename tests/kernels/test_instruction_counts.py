"""Instructions of the hot AVX2 kernels, counted by callgrind: they repeat from run to run, which times do not."""

import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Instructions of one call of `packed_panels` (256 x 1024 weights) or `kv_attention` (1024 tokens, two heads of 128) when
# this was last looked at. More than a twentieth above means that the compiler or a change has cost speed.
COUNTS = {
    ("packed", "4", "1"): 67_800,
    ("packed", "4", "8"): 456_600,
    ("packed", "8", "1"): 124_700,
    ("attention",): 195_900,
}


def count(arguments):
    folder = os.environ.get("BURIN_BUILD_DIR") or ROOT / "build" / "dev"
    function = "*kv_attention*" if arguments[0] == "attention" else "*packed_panels*"
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", f"--toggle-collect={function}"]
    program = pathlib.Path(folder) / "tests" / "kernels" / "kernel_once"
    done = subprocess.run([*command, program, *arguments], check=False, capture_output=True, text=True, timeout=120)
    if done.returncode == 2:
        pytest.skip("this machine has no AVX2")
    return int(re.search(r"Collected : (\d+)", done.stderr)[1])


@pytest.mark.parametrize("arguments", COUNTS, ids="-".join)
def test_a_kernel_takes_no_more_instructions_than_it_did(arguments):
    assert count(arguments) <= COUNTS[arguments] * 1.05
