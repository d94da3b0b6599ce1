"""What somebody has who installed burin: a package for find_package and pkg-config, one library, only burin_* in it."""

import os
import re
import shutil

import pytest
from conftest import MODELS, ROOT, environment, run, succeed

QUESTION = "What is the capital of France?"


@pytest.fixture(scope="module")
def consumer(installed, tmp_path_factory):
    """The project examples/consumer, built against the installed tree by itself."""
    folder = tmp_path_factory.mktemp("consumer")
    shutil.copytree(ROOT / "examples", folder / "examples")
    source, build = folder / "examples" / "consumer", folder / "build"
    succeed("cmake", "-S", source, "-B", build, f"-DCMAKE_PREFIX_PATH={installed}", "-DCMAKE_BUILD_TYPE=Release", env=os.environ | {})
    succeed("cmake", "--build", build, env=os.environ | {})
    return build


def test_a_consumer_in_c_and_one_in_cpp_answer(consumer):
    for program in ("hello", "hello_c"):
        assert "Paris" in succeed(consumer / program, "starter", QUESTION)


def test_the_program_of_the_tree_answers(installed):
    assert "Paris" in succeed(installed / "bin" / "burin", "run", "starter", QUESTION, "--max-tokens", "16")


def test_errors_are_exit_statuses_with_a_hint(consumer):
    for program in ("hello", "hello_c"):
        status, _, err = run(consumer / program, "no-such-model", QUESTION)
        assert status == 3
        assert "no-such-model" in err and len(err.splitlines()) == 2
        assert run(consumer / program, "starter-embedding", QUESTION)[0] == 8
        assert run(consumer / program)[0] == 2


def test_a_stream_is_cut_by_another_thread(consumer):
    out = succeed(consumer / "stream", "starter", "0.5")
    assert re.search(r"\[cut off after \d+ tokens, [\d.]+ tokens/s", out), out


def test_a_conversation_remembers(consumer):
    out = succeed(consumer / "chat", "starter", input=f"{QUESTION}\nAnd of Italy?\n")
    assert [len(line) > 0 for line in out.splitlines()] == [True, True]
    assert "Paris" in out.splitlines()[0]
    assert "starter" in succeed(consumer / "chat").split()


def test_pkg_config_is_enough_for_a_c_compiler(installed, tmp_path):
    env = os.environ | {"PKG_CONFIG_PATH": str(installed / "lib" / "pkgconfig")}
    flags = succeed("pkg-config", "--cflags", "--libs", "burin", env=env).split()
    rpath = f"-Wl,-rpath,{installed / 'lib'}"
    program = tmp_path / "hello"
    succeed("cc", "-std=c11", "-Wall", "-Wextra", "-Werror", ROOT / "examples/c/hello.c", *flags, rpath, "-o", program, env=env)
    assert "Paris" in succeed(program, "starter", QUESTION)


def test_the_library_shows_its_own_names_only_and_has_a_soname(installed):
    library = installed / "lib" / "libburin.so"
    names = [line.split()[-1].split("@")[0] for line in succeed("nm", "-D", "--defined-only", library).splitlines()]
    header = "".join((ROOT / "include/burin" / name).read_text() for name in ("burin.h", "burin_hub.h"))
    declared = set(re.findall(r"\b(burin_\w+)\(", header))
    assert set(names) - {"BURIN_0"} == declared
    assert "[libburin.so.0]" in succeed("readelf", "-d", library)
    assert "RUNPATH" not in succeed("readelf", "-d", library)


def test_without_its_module_the_library_says_what_is_missing(installed, tmp_path):
    """A library that somebody copied out of the tree alone."""
    for file in (installed / "lib").glob("libburin.so*"):
        shutil.copy2(file, tmp_path, follow_symlinks=False)
    stray = tmp_path / "hello"
    succeed("cc", "-std=c11", f"-I{ROOT / 'include'}", ROOT / "examples/c/hello.c", f"-L{tmp_path}", "-lburin", "-o", stray)
    status, _, err = run(stray, "starter", env=environment(LD_LIBRARY_PATH=str(tmp_path)))
    assert status == 8
    assert "libburin_mlx.so is missing" in err and "reinstall" in err


def test_every_public_header_stands_alone_and_needs_the_standard_library_only(installed, tmp_path):
    headers = sorted((installed / "include").rglob("*.h"))
    assert {header.name for header in headers} >= {"burin.h", "burin_hub.h", "engine.h", "error.h", "hub.h", "models.h", "types.h"}
    for header in headers:
        includes = re.findall(r"#include [<\"]([^>\"]+)", header.read_text())
        assert all(name.startswith("burin/") or "/" not in name for name in includes), header
        source = tmp_path / "alone.cpp"
        source.write_text(f'#include "{header.relative_to(installed / "include")}"\n')
        strict = ["-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror", "-fsyntax-only"]
        succeed("c++", *strict, f"-I{installed / 'include'}", source)


def test_the_tree_names_no_folder_of_this_checkout(installed):
    for file in [*(installed / "lib" / "cmake").rglob("*"), installed / "lib" / "pkgconfig" / "burin.pc"]:
        if file.is_file():
            assert str(ROOT) not in file.read_text(), file
    assert MODELS.exists()
