"""What ./dev check runs: formats, names, bug patterns, headers alone, layers, sizes. Exit 1 when one part has findings.

clang-tidy reads changed files (against the last commit, or that commit's own when nothing is changed), all with --all or CI set.
Then the kernels also run as other processors.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build/check"
# What is in the names of the files compiled for an instruction set, and of the headers that only those include.
VECTORS = {"avx2": ("avx2", "lanes256"), "avx512": ("avx512_vnni", "lanes512", "kv_lanes", "kv_vector"), "vnni": ("avx_vnni", "vnni256"),
           "neon": ("neon",)}
TOPS = ("src", "include", "examples", "tests", "fuzz", "bench")


def run(command, **options):
    """(whether it succeeded, its output) of a command, run at the root."""
    done = subprocess.run(command, check=False, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    return done.returncode == 0, done.stdout


def tracked(*suffixes):
    names = run(["git", "ls-files", "--cached", "--others", "--exclude-standard"])[1].splitlines()
    return [name for name in names if name.endswith(suffixes) and (ROOT / name).is_file()]


def changed():
    names = run(["git", "diff", "--name-only", "HEAD"])[1].splitlines()
    names += run(["git", "ls-files", "--others", "--exclude-standard"])[1].splitlines()
    return set(names or run(["git", "diff", "--name-only", "HEAD~1", "HEAD"])[1].splitlines())


def python_tool(name, *arguments):
    return run([str(ROOT / ".venv/bin/python3"), "-m", name, *arguments])


def check_format():
    files = [name for name in tracked(".h", ".cpp", ".c") if name.split("/")[0] in TOPS]
    return run(["clang-format-19", "--dry-run", "-Werror", *files]) if files else (True, "")


def check_cmake():
    return python_tool("gersemi", "--check", "--line-length", "120", "--indent", "2", "--no-warn-about-unknown-commands",
                       *tracked("CMakeLists.txt", ".cmake"))


def check_python():
    ok, output = python_tool("ruff", "check", "--line-length", "140", *tracked(".py"))
    return ok, output


def compile_commands():
    entries = json.loads((BUILD / "compile_commands.json").read_text())
    return {pathlib.Path(entry["file"]).resolve().relative_to(ROOT).as_posix(): entry for entry in entries
            if pathlib.Path(entry["file"]).resolve().is_relative_to(ROOT)}


def in_parallel(jobs, work, items):
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        results = list(pool.map(work, items))
    return all(ok for ok, _ in results), "".join(output for ok, output in results if not ok)


def check_tidy(jobs, names):
    known = compile_commands()
    files = [name for name in known if name in names and name.startswith("src/")]
    return in_parallel(jobs, lambda name: run(["clang-tidy-19", "--quiet", "-p", str(BUILD), name]), files)


def kind_of(name):
    """What decides a file's flags: its layer, and which of the vector sets it is compiled for."""
    file = name.rsplit("/", 1)[-1]
    return "/".join(name.split("/")[:2]), next((vectors for vectors, marks in VECTORS.items() if any(m in file for m in marks)), "")


def check_headers(jobs, names):
    """Each header of src/ compiles by itself, with the flags of a source of its own kind."""
    flags = {}
    for name, entry in compile_commands().items():
        flags.setdefault(kind_of(name), entry["command"])

    def compile_alone(name):
        words = shlex.split(flags[kind_of(name)])
        words = words[1:] if words[0].endswith("ccache") else words
        words = words[: words.index("-o")]
        return run([*words, "-fsyntax-only", "-x", "c++", "-"], input=f'#include "{name[4:]}"\n')

    headers = [name for name in tracked(".h") if name in names and name.startswith("src/") and kind_of(name) in flags]
    return in_parallel(jobs, compile_alone, headers)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", default=bool(os.environ.get("CI")))
    parser.add_argument("--quick", action="store_true", help="without clang-tidy and the headers")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    names = set(tracked("")) if options.all else changed()
    parts = {
        "format": check_format,
        "cmake format": check_cmake,
        "python": check_python,
        "layers": lambda: run([sys.executable, "tools/check_layers.py"]),
        "layer graph": lambda: run([sys.executable, "tools/draw_layers.py", "--check"]),
        "sizes": lambda: run([sys.executable, "tools/sizes.py"]),
        "public docs": lambda: run(["doxygen", "docs/Doxyfile"]),
    }
    if not options.quick:
        parts["headers alone"] = lambda: check_headers(options.jobs, names)
        parts["clang-tidy"] = lambda: check_tidy(options.jobs, names)
    if options.all:
        parts["processors"] = lambda: run([sys.executable, "tools/check_processors.py", "--jobs", str(options.jobs)])
    failed = []
    for part, check in parts.items():
        ok, output = check()
        print(f"  {part:<14} {'clean' if ok else 'findings'}", flush=True)
        if not ok:
            failed.append(part)
            print(output)
    print(f"check: {', '.join(failed)}" if failed else "check: clean")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
