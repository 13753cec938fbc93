"""counts: what a test run did: counts.py JUNIT.xml...

Prints `PASSED FAILED SKIPPED`, then a line for each test that failed or was skipped, and the end of what the failed ones
said. ctest's programs are cmocka's and count as the tests they ran; one that died before its summary counts as failed.
"""

import re
import sys
import xml.etree.ElementTree as tree

OUTPUT_LINES = 30  # of a failed test

_summary = re.compile(r"^\[  (PASSED|FAILED|SKIPPED) +\] (\d+) test\(s\)", re.MULTILINE)
_named = re.compile(r"^\[  (FAILED|SKIPPED) +\] (?!\d+ test)(\S+)", re.MULTILINE)


def of_case(case):
    """({outcome: number}, [(outcome, name)]) of one testcase."""
    name = f"{case.get('classname') or ''}.{case.get('name')}".strip(".")
    output = case.findtext("system-out") or ""
    failed = case.find("failure") is not None or case.find("error") is not None
    counted = {outcome: int(number) for outcome, number in _summary.findall(output)}
    if counted:
        told = sorted({(outcome, f"{case.get('name')}: {test}") for outcome, test in _named.findall(output)})
        if failed and not counted.get("FAILED"):  # a sanitizer's report after the last test
            counted["FAILED"] = 1
            told.append(("FAILED", f"{case.get('name')}: ended wrongly"))
        return counted, told
    if failed or case.get("status") == "fail":
        return {"FAILED": 1}, [("FAILED", name)]
    skipped = case.find("skipped")
    if skipped is not None:
        return {"SKIPPED": 1}, [("SKIPPED", f"{name}: {skipped.get('message') or ''}")]
    return {"PASSED": 1}, []


def said(case):
    """The end of a failed testcase's output."""
    failure = case.find("failure") if case.find("failure") is not None else case.find("error")
    text = case.findtext("system-out") or (failure.text if failure is not None else "") or ""
    return [("OUTPUT", line) for line in text.rstrip().splitlines()[-OUTPUT_LINES:]]


def main():
    sums, told = dict.fromkeys(("PASSED", "FAILED", "SKIPPED"), 0), []
    for path in sys.argv[1:]:
        for case in tree.parse(path).iter("testcase"):
            counted, lines = of_case(case)
            told += lines + (said(case) if counted.get("FAILED") else [])
            for outcome, number in counted.items():
                sums[outcome] += number
    print(*sums.values())
    for outcome, line in told:
        print(f"{outcome} {line}")


if __name__ == "__main__":
    main()
