"""llama.cpp at its best: built for this machine from the source distribution of llama-cpp-python."""

import pathlib
import subprocess
import sys
import tarfile

VERSION = "0.3.36"
PROGRAMS = ("llama-bench", "llama-quantize", "llama-batched-bench")


def download(folder):
    """The source archive; pip builds its metadata on the way, which needs a compiler and no more."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:", "-d", folder]
    subprocess.run([*command, f"llama-cpp-python=={VERSION}"], check=True)
    return next(folder.glob("llama_cpp_python-*.tar.gz"))


def build(folder: pathlib.Path):
    """The folder of its programs; built once, for this machine's instruction set, with OpenMP."""
    programs = folder / "build" / "bin"
    if all((programs / name).exists() for name in PROGRAMS):
        return programs
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(download(folder)) as archive:
        archive.extractall(folder, filter="data")
    source = next(folder.glob("llama_cpp_python-*/vendor/llama.cpp"))
    options = ["CMAKE_BUILD_TYPE=Release", "GGML_NATIVE=ON", "BUILD_SHARED_LIBS=OFF", "LLAMA_BUILD_TESTS=OFF"]
    options += ["LLAMA_BUILD_EXAMPLES=OFF", "LLAMA_BUILD_SERVER=OFF", "LLAMA_OPENSSL=OFF"]
    configure = ["cmake", "-S", source, "-B", folder / "build", "-G", "Ninja", *(f"-D{option}" for option in options)]
    subprocess.run(configure, check=True)
    subprocess.run(["cmake", "--build", folder / "build", "--target", *PROGRAMS], check=True)
    return programs
