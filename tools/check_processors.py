"""Builds the kernels alone and runs their tests as processors that this machine is not: x86-64 with AVX2 only and with neither,
arm64 with I8MM, with dot products only, and with neither. Part of ./dev check --all. Exit 1 when something fails.
"""

import argparse
import pathlib
import platform
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = ("kernels_threads_test", "kernels_qmatmul_test", "kernels_packed_test")
NEEDED = {"qemu-x86_64-static": "qemu-user-static", "qemu-aarch64-static": "qemu-user-static",
          "aarch64-linux-gnu-g++": "g++-aarch64-linux-gnu and libc6-dev-arm64-cross"}
TOOLCHAINS = {"x86_64": [], "aarch64": ["-DCMAKE_TOOLCHAIN_FILE=cmake/aarch64-linux-gnu.cmake"]}
# (architecture, processor as qemu calls it): the instruction sets that must be found there.
PROCESSORS = {
    ("x86_64", "max"): ["scalar", "avx2"],
    ("x86_64", "Nehalem"): ["scalar"],
    ("aarch64", "max"): ["scalar", "neon", "neon_i8mm"],
    ("aarch64", "neoverse-n1"): ["scalar", "neon"],
    ("aarch64", "cortex-a72"): ["scalar"],
}


class CheckError(Exception):
    """What failed, with the output that shows it."""


def run(command, timeout=1800):
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=timeout)
    if done.returncode != 0:
        raise CheckError(f"{' '.join(map(str, command))}: exit status {done.returncode}\n{(done.stdout + done.stderr)[-4000:]}")
    return done.stdout


def build(architecture, jobs):
    folder = ROOT / "build" / f"kernels-{architecture}"
    launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
    run(["cmake", "-G", "Ninja", "-B", folder, "-DBURIN_KERNELS_ONLY=ON", "-DBURIN_DEVELOPER_MODE=ON", "-DCMAKE_BUILD_TYPE=Release",
         "-DCMAKE_CXX_FLAGS_RELEASE=-O1", *launcher, *TOOLCHAINS[architecture]])
    run(["cmake", "--build", folder, "-j", str(jobs), "-t", *PROGRAMS])
    return folder / "tests" / "kernels"


def found_sets(listing):
    """The instruction sets that one parametrised test is listed with: "  RmsNormAtEveryLength/avx2  # .."."""
    return [line.split("/")[1].split()[0] for line in listing.splitlines() if "RmsNormAtEveryLength/" in line]


def check(architecture, processor, programs):
    emulator = [f"qemu-{architecture}-static", "-cpu", processor]
    sets = found_sets(run([*emulator, programs / "kernels_qmatmul_test", "--gtest_list_tests"]))
    expected = PROCESSORS[architecture, processor]
    if sets != expected:
        raise CheckError(f"{architecture} {processor}: runs {sets} instead of {expected}")
    for program in PROGRAMS:
        run([*emulator, programs / program, "--gtest_brief=1"])
    print(f"{architecture} {processor}: {' '.join(sets)}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        print("other processors: not tried, that needs Linux on x86-64")
        return 0
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        packages = sorted({NEEDED[name] for name in missing})
        print(f"other processors: there is no {', '.join(missing)}; install {' and '.join(packages)} (./dev setup check)")
        return 1
    try:
        programs = {architecture: build(architecture, options.jobs) for architecture in TOOLCHAINS}
        for architecture, processor in PROCESSORS:
            check(architecture, processor, programs[architecture])
    except (CheckError, subprocess.TimeoutExpired) as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
