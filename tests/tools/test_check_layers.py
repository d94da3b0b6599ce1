"""The layer checker finds each kind of broken tree, and none in this one."""

import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import check_layers
import draw_layers


@pytest.fixture
def tree(tmp_path):
    """tree(LAYERS, {path: text}) makes a source tree and returns the checker's findings."""

    def make(layers, files):
        (tmp_path / "src").mkdir()
        (tmp_path / "src/LAYERS").write_text(layers)
        for name, text in files.items():
            path = tmp_path / "src" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return check_layers.check(tmp_path)

    return make


def test_this_tree_is_clean():
    assert check_layers.check(ROOT) == []


def test_an_allowed_include_passes(tree):
    assert tree("base:\nnn: base\n", {"base/a.h": "#pragma once\n", "nn/b.cpp": '#include "base/a.h"\n'}) == []


def test_an_include_upwards_is_found(tree):
    findings = tree("base:\nnn: base\n", {"base/a.h": '#  include "nn/b.h"\n', "nn/b.h": ""})
    assert findings == ["base/a.h: base may not include nn/b.h"]


def test_a_layer_taken_out_of_the_star_is_found(tree):
    layers = "base:\nserver: base\nbackends: * -server\n"
    findings = tree(layers, {"server/http.h": "", "backends/mlx.cpp": '#include "server/http.h"\n'})
    assert findings == ["backends/mlx.cpp: backends may not include server/http.h"]


def test_includes_that_cross_each_other_are_a_cycle(tree):
    findings = tree("a: b\nb: a\n", {"a/x.h": '#include "b/y.h"\n', "b/y.h": '#include "a/x.h"\n'})
    assert "cycle among allowed layers: a -> b -> a" in findings
    assert "cycle among included layers: a -> b -> a" in findings


@pytest.mark.parametrize(
    ("name", "text", "finding"),
    [
        ("stray.cpp", "", "stray.cpp: lies in src/ itself; every file belongs to a layer"),
        ("common/help.h", "", "common/help.h: common is not in src/LAYERS"),
        ("base/a.h", '#include "../nn/b.h"', "base/a.h: includes ../nn/b.h; paths start at src/"),
    ],
)
def test_a_misplaced_file_is_found(tree, name, text, finding):
    assert tree("base:\n", {name: text}) == [finding]


@pytest.mark.parametrize("layers", ["base\n", "base:\nbase:\n", "base: nowhere\n", "base: -nowhere\n", "Base:\n", "base:x\n"])
def test_a_malformed_table_is_found(tree, layers):
    assert len(tree(layers, {})) == 1


def test_comments_and_system_headers_are_left_alone(tree):
    assert tree("# table\nbase: # none\nnn:\n", {"nn/a.h": "", "base/a.h": '#include <nn/a.h>\n#include "nn.h"\n'}) == []


def test_the_drawing_leaves_out_what_follows():
    graph = draw_layers.draw({"base": set(), "nn": {"base"}, "models": {"base", "nn"}})
    assert "models --> nn" in graph and "models --> base" not in graph


def test_the_page_shows_the_table_as_it_is():
    page = (ROOT / "docs/architecture.md").read_text()
    assert draw_layers.splice(page, draw_layers.draw(check_layers.read_layers(ROOT / "src/LAYERS"))) == page
