"""The manual pages, read by groff: no warning, nothing lost, and the ones of an installed tree."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest
from test_cli import CALLS

BUILD = pathlib.Path(os.environ.get("BURIN_BUILD_DIR") or "build/dev").resolve()


def groff(page, *words):
    if shutil.which("groff") is None:
        pytest.skip("no groff here")
    done = subprocess.run(["groff", "-man", "-Tutf8", *words], check=False, input=page.encode(), capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    return re.sub(r".\x08", "", done.stdout.decode())  # bold is written twice


def squeezed(text):
    """Without blanks and without the hyphens and line breaks that groff puts into words."""
    return re.sub(r"[\s\u2010]+", "", text)


@pytest.mark.parametrize("command", ["burin", *CALLS])
def test_pages_have_no_warnings(home, command):
    status, page, err = home.run("help", "--man", *([] if command == "burin" else [command]))
    assert (status, err) == (0, "") and page.isascii()
    groff(page, "-ww", "-z")


@pytest.mark.parametrize("command", CALLS)
def test_a_page_says_what_the_help_says(home, command):
    shown = squeezed(groff(home.run("help", command, "--man")[1]))
    described = home.json("help", command, "--json")[1]["data"]
    for item in described["arguments"] + described["options"]:
        assert squeezed(item["name"]) in shown and squeezed(item["help"]) in shown, item
    for example in described["examples"]:
        assert squeezed(example["line"]) in shown and squeezed(example["what"]) in shown, example


def test_the_first_page_lists_commands_and_statuses(home):
    shown = groff(home.run("help", "--man")[1])
    assert all(f"burin-{command}(1)" in shown for command in CALLS)
    assert "BURIN_MODELS" in shown and re.search(r"130\s+cancelled", shown)


def test_an_installed_tree_has_them(home, tmp_path):
    out = tmp_path / "staged"
    script = BUILD / "src" / "cli" / "cmake_install.cmake"
    if not script.exists():
        pytest.skip("no build folder here")
    env = os.environ | {"DESTDIR": str(out)}
    command = ["cmake", "-DCMAKE_INSTALL_PREFIX=/opt/burin", "-P", str(script)]
    subprocess.run(command, check=True, env=env, capture_output=True, timeout=60)
    share = out / "opt" / "burin" / "share"
    pages = {file.name for file in (share / "man" / "man1").iterdir()}
    assert pages == {"burin.1", *(f"burin-{command}.1" for command in CALLS)}
    assert (share / "man" / "man1" / "burin-run.1").read_text() == home.run("help", "run", "--man")[1]
    scripts = ["bash-completion/completions/burin", "zsh/site-functions/_burin", "fish/vendor_completions.d/burin.fish"]
    assert all("burin" in (share / script).read_text() for script in scripts)
