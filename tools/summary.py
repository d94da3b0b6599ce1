"""Adds up JUnit reports: names what failed, ends with `N passed, N failed`. Exit 1 when anything failed or nothing ran."""

import pathlib
import sys
import xml.etree.ElementTree as ElementTree


def outcome(case):
    """One of passed, failed, skipped, for a <testcase> of ctest or of pytest."""
    status = case.get("status", "run")
    if case.find("failure") is not None or case.find("error") is not None or status == "fail":
        return "failed"
    if case.find("skipped") is not None or status in ("notrun", "disabled"):
        return "skipped"
    return "passed"


def count(folder):
    """{suite: {outcome: number}} and the names of the failed, over all reports of a folder."""
    suites, failures = {}, []
    for report in sorted(folder.glob("*.xml")):
        counts = suites.setdefault(report.stem, {"passed": 0, "failed": 0, "skipped": 0})
        for case in ElementTree.parse(report).getroot().iter("testcase"):
            result = outcome(case)
            counts[result] += 1
            if result == "failed":
                failures.append(f"{report.stem}: {case.get('name')}")
    return suites, failures


def main(folder):
    suites, failures = count(pathlib.Path(folder))
    for name, counts in suites.items():
        print(f"  {name:<12} {counts['passed']:5} passed {counts['failed']:4} failed {counts['skipped']:4} skipped")
    for failure in failures:
        print(f"FAILED {failure}")
    total = {key: sum(counts[key] for counts in suites.values()) for key in ("passed", "failed", "skipped")}
    skipped = f", {total['skipped']} skipped" if total["skipped"] else ""
    print(f"{total['passed']} passed, {total['failed']} failed{skipped}")
    return 1 if total["failed"] or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
