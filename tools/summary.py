"""Adds up the JUnit reports of the named suites: says what failed, ends with `N passed, N failed`.

Exit 1 when anything failed, when a suite left no report, or when nothing ran.
"""

import pathlib
import sys
from xml.etree import ElementTree


def outcome(case):
    """One of passed, failed, skipped, for a <testcase> of ctest or of pytest."""
    status = case.get("status", "run")
    if case.find("failure") is not None or case.find("error") is not None or status == "fail":
        return "failed"
    if status == "notrun":  # ctest: skipped by the test itself, or a program that is not there
        note = case.find("skipped")
        return "skipped" if note is not None and note.get("message", "").startswith("SKIP_") else "failed"
    return "skipped" if case.find("skipped") is not None or status == "disabled" else "passed"


def count(folder, names):
    """{suite: {outcome: number}} and what failed, over the reports FOLDER/NAME.xml."""
    suites, failures = {}, []
    for name in names:
        counts = suites.setdefault(name, {"passed": 0, "failed": 0, "skipped": 0})
        try:
            cases = list(ElementTree.parse(folder / f"{name}.xml").getroot().iter("testcase"))
        except (OSError, ElementTree.ParseError):
            counts["failed"] += 1
            failures.append(f"{name}: no report, the suite itself broke")
            continue
        for case in cases:
            result = outcome(case)
            counts[result] += 1
            if result == "failed":
                failures.append(f"{name}: {case.get('name')}")
    return suites, failures


def main(folder, names):
    suites, failures = count(pathlib.Path(folder), names)
    for name, counts in suites.items():
        print(f"  {name:<12} {counts['passed']:5} passed {counts['failed']:4} failed {counts['skipped']:4} skipped")
    for failure in failures:
        print(f"FAILED {failure}")
    total = {key: sum(counts[key] for counts in suites.values()) for key in ("passed", "failed", "skipped")}
    skipped = f", {total['skipped']} skipped" if total["skipped"] else ""
    print(f"{total['passed']} passed, {total['failed']} failed{skipped}")
    return 1 if total["failed"] or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
