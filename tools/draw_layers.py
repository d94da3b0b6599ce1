"""Draws src/LAYERS as the mermaid graph of docs/architecture.md. --write puts it there, --check fails when it is not what stands there."""

import argparse
import pathlib
import sys

import check_layers

BEGIN, END = "<!-- layers: drawn by tools/draw_layers.py -->", "<!-- /layers -->"


def reduced(allowed):
    """The edges that no longer path implies."""

    def reach(layer):
        found = set()
        for name in allowed[layer]:
            found |= {name} | reach(name)
        return found

    return {
        layer: {name for name in names if not any(name in reach(other) for other in names if other != name)}
        for layer, names in allowed.items()
    }


def draw(allowed):
    """An arrow reads `may include`; what follows from two arrows is not drawn."""
    lines = ["```mermaid", "graph BT"]
    for layer, names in reduced(allowed).items():
        lines += [f"  {layer} --> {name}" for name in sorted(names)] or [f"  {layer}"]
    return "\n".join([*lines, "```"])


def splice(text, graph):
    head, rest = text.split(BEGIN, 1)
    return f"{head}{BEGIN}\n{graph}\n{END}{rest.split(END, 1)[1]}"


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=pathlib.Path, default=root)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    graph = draw(check_layers.read_layers(options.root / "src/LAYERS"))
    page = options.root / "docs/architecture.md"
    if options.write:
        page.write_text(splice(page.read_text(), graph))
    elif options.check:
        if splice(page.read_text(), graph) != page.read_text():
            print("docs/architecture.md: the layer graph is old; ./dev docs draws it anew")
            return 1
    else:
        print(graph)
    return 0


if __name__ == "__main__":
    sys.exit(main())
