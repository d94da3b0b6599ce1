"""Checks every #include "LAYER/..." under src/ against src/LAYERS, and src/LAYERS against itself. Exit 1 with one line a finding."""

import argparse
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
SOURCES = {".h", ".cpp", ".c", ".inc", ".hpp"}


class LayersError(Exception):
    """src/LAYERS is not what its grammar says."""


def read_layers(path):
    """{layer: set of layers it may include}; `layer: a b`, `layer:` for none, `layer: * -x` for all but x, # comments."""
    rules = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        line = line.split("#", 1)[0].strip()
        if not line:
            continue
        match = re.fullmatch(r"([a-z]+):((?: +\*| +-?[a-z]+)*)", line)
        if not match or match[1] in rules:
            raise LayersError(f"{path.name}:{number}: cannot be read, or named twice: {line}")
        rules[match[1]] = match[2].split()
    allowed = {layer: resolve(layer, words, rules) for layer, words in rules.items()}
    for layer, names in allowed.items():
        for name in sorted(names - rules.keys()):
            raise LayersError(f"{path.name}: {layer} names {name}, which is no layer")
    return allowed


def resolve(layer, words, rules):
    names = set(rules) - {layer} if "*" in words else set()
    for word in words:
        if word.startswith("-"):
            if word[1:] not in rules:
                raise LayersError(f"LAYERS: {layer} leaves out {word[1:]}, which is no layer")
            names.discard(word[1:])
        elif word != "*":
            names.add(word)
    return names


def find_cycle(edges):
    """One cycle of {node: set of nodes} as a list that begins and ends with the same node; [] when there is none."""
    done = set()

    def visit(node, path):
        if node in path:
            return [*path[path.index(node) :], node]
        if node not in done:
            for following in sorted(edges.get(node, ())):
                if cycle := visit(following, [*path, node]):
                    return cycle
            done.add(node)
        return []

    for start in sorted(edges):
        if cycle := visit(start, []):
            return cycle
    return []


def sources(src):
    return sorted(p for p in src.rglob("*") if p.suffix in SOURCES and "target" not in p.parts)


def check_file(path, src, allowed):
    parts = path.relative_to(src).parts
    if len(parts) == 1:
        return [f"{parts[0]}: lies in src/ itself; every file belongs to a layer"]
    layer, findings = parts[0], []
    if layer not in allowed:
        return [f"{'/'.join(parts)}: {layer} is not in src/LAYERS"]
    for include in INCLUDE.findall(path.read_text(errors="replace")):
        target = include.split("/", 1)[0]
        if ".." in include.split("/"):
            findings.append(f"{'/'.join(parts)}: includes {include}; paths start at src/")
        elif "/" in include and (src / target).is_dir() and target != layer and target not in allowed[layer]:
            findings.append(f"{'/'.join(parts)}: {layer} may not include {include}")
    return findings


def included_layers(src):
    """{layer: set of layers its files do include}."""
    edges = {}
    for path in sources(src):
        layer = path.relative_to(src).parts[0]
        names = {name.split("/", 1)[0] for name in INCLUDE.findall(path.read_text(errors="replace")) if "/" in name}
        edges.setdefault(layer, set()).update(name for name in names if name != layer and (src / name).is_dir())
    return edges


def check(root):
    """All findings for the tree at root."""
    src = root / "src"
    try:
        allowed = read_layers(src / "LAYERS")
    except (LayersError, OSError) as error:
        return [str(error)]
    findings = [finding for path in sources(src) for finding in check_file(path, src, allowed)]
    for what, edges in (("allowed", allowed), ("included", included_layers(src))):
        if cycle := find_cycle(edges):
            findings.append(f"cycle among {what} layers: {' -> '.join(cycle)}")
    return findings


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    findings = check(parser.parse_args().root)
    print("\n".join(findings) if findings else "layers: clean")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
