"""Lines per layer and the size budgets of the source, measured with lizard. Exit 1 with one line for each broken budget.

Exceptions: tools/size_exceptions.txt, one `PATH[:FUNCTION] BUDGET=LIMIT # reason` a line; one that is no longer needed is an error.
"""

import argparse
import pathlib
import re
import statistics
import sys

import lizard

FILE_LINES = 400
FUNCTION_LINES, FUNCTION_P95 = 60, 40
BUDGETS = {"lines": FUNCTION_LINES, "branches": 15, "parameters": 6}
# lizard takes each `case` for one more level, so nesting is told, not enforced.
WISHES = {"branches": 10, "nesting": 3}
SUFFIXES = {".h", ".cpp", ".c", ".rs"}


def load_exceptions(path):
    """{(subject, budget): limit}; a line without a reason is refused."""
    exceptions = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        if not line.strip() or line.startswith("#"):
            continue
        match = re.fullmatch(r"(\S+) (\w+)=(\d+) +# +\S.*", line)
        if not match:
            raise SystemExit(f"{path.name}: want `PATH[:FUNCTION] BUDGET=LIMIT # reason`, got: {line}")
        exceptions[match[1], match[2]] = int(match[3])
    return exceptions


def code_files(root):
    for top in ("src", "include", "fuzz", "bench", "tests"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix in SUFFIXES and "target" not in path.relative_to(root).parts:
                yield path


def measure(path, root, analyze):
    """The file's line count and, outside tests/, its functions as (subject, {budget: value})."""
    name = path.relative_to(root).as_posix()
    lines = path.read_bytes().count(b"\n")
    functions = []
    if not name.startswith("tests/"):
        for function in analyze(str(path)).function_list:
            values = {
                "lines": function.end_line - function.start_line + 1,
                "branches": function.cyclomatic_complexity,
                "parameters": function.parameter_count,
                "nesting": max(0, function.max_nesting_depth - 1),
            }
            functions.append((f"{name}:{function.name}", values))
    return name, lines, functions


def broken(subject, values, budgets, exceptions, used):
    for budget, value in values.items():
        limit = budgets.get(budget)
        if limit is None or value <= limit:
            continue
        if (granted := exceptions.get((subject, budget))) is not None:
            used.add((subject, budget))
            limit = granted
        if value > limit:
            yield f"{subject}: {budget} {value}, budget {limit}"


def percentile95(values):
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * 95 // 100) - 1)] if ordered else 0


def group_of(name):
    parts = name.split("/")
    return f"{parts[0]}/{parts[1]}" if parts[0] in ("src", "tests") and len(parts) > 2 else parts[0]


def table(measured):
    groups = {}
    for name, lines, functions in measured:
        group = groups.setdefault(group_of(name), ([], []))
        group[0].append(lines)
        group[1].extend(values["lines"] for _, values in functions)
    yield f"{'':<18}{'files':>6}{'lines':>8}{'median':>8}{'longest':>9}{'functions':>11}{'median':>8}{'p95':>6}"
    rows = [*sorted(groups.items()), ("all", ([n for g in groups.values() for n in g[0]], [n for g in groups.values() for n in g[1]]))]
    for group, (files, functions) in rows:
        median = round(statistics.median(functions)) if functions else 0
        yield (
            f"{group:<18}{len(files):>6}{sum(files):>8}{round(statistics.median(files)):>8}{max(files):>9}"
            f"{len(functions):>11}{median:>8}{percentile95(functions):>6}"
        )


def check(root):
    """(table lines, findings, wishes) for the tree at root."""
    exceptions, used = load_exceptions(root / "tools/size_exceptions.txt"), set()
    analyze = lizard.FileAnalyzer(lizard.get_extensions(["nd"]))
    measured = [measure(path, root, analyze) for path in code_files(root)]
    findings, wishes = [], []
    for name, lines, functions in measured:
        findings += broken(name, {"lines": lines}, {"lines": FILE_LINES}, exceptions, used)
        for subject, values in functions:
            findings += broken(subject, values, BUDGETS, exceptions, used)
            wishes += broken(subject, values, WISHES, exceptions, used)
    p95 = percentile95([values["lines"] for _, _, functions in measured for _, values in functions])
    if p95 > FUNCTION_P95:
        findings.append(f"95 % of functions are within {p95} lines, budget {FUNCTION_P95}")
    findings += [f"size_exceptions.txt: {subject} {budget} is no longer needed" for subject, budget in exceptions.keys() - used]
    return list(table(measured)) if measured else [], findings, wishes


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("--wishes", action="store_true", help="also name what is above the wished sizes")
    options = parser.parse_args()
    rows, findings, wishes = check(options.root)
    print("\n".join(rows))
    if options.wishes:
        print("\n".join(wishes))
    print("\n".join(findings) if findings else f"sizes: clean, {len(wishes)} above the wished complexity")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
