#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts test results and prints "N passed, N failed, N skipped".

usage: tally.py FOLDER

Reads CTest's JUnit files (FOLDER/*.xml) and FOLDER/steps.txt (lines "passed NAME" or "failed NAME"; "broken NAME" is a
step that failed as a whole and counts when none of its tests did). What FOLDER/NAME.again.xml has was run once more
after it had failed in NAME.xml: the second result counts, and is told. A GoogleTest or unittest program is one test for
CTest but counts by its cases, as its own closing lines tell them, so that a case skipped inside a program that passes
is not lost. NEUROPERF_REQUIRE is a comma list of words, or "all": a skip whose reason has one of the words is a
failure. Exit status 1 if anything failed or nothing passed.
"""
import os
import pathlib
import re
import sys
import xml.etree.ElementTree as xml

CLOSING = re.compile(r"^\[ *(PASSED|FAILED|SKIPPED) *\] (\d+) tests?", re.MULTILINE)
SKIPPED_CASE = re.compile(r"^(?:.*: )?Skipped\n(.*)|\.\.\. skipped ['\"](.*)['\"]$", re.MULTILINE)
UNITTEST = re.compile(r"^Ran (\d+) tests? in .*\n+(?:OK|FAILED)(?: \((.*)\))?", re.MULTILINE)
OF_CLOSING = {"PASSED": "passed", "FAILED": "failed", "SKIPPED": "skipped"}


def closing_counts(output):
    """What the program's own closing lines say; empty if it has none."""
    counts = {OF_CLOSING[word]: int(number) for word, number in CLOSING.findall(output)}
    for ran, rest in UNITTEST.findall(output):
        words = dict(re.findall(r"(\w+)=(\d+)", rest))
        failed = int(words.get("failures", 0)) + int(words.get("errors", 0))
        skipped = int(words.get("skipped", 0))
        counts = {"failed": failed, "skipped": skipped, "passed": max(int(ran) - failed - skipped, 0)}
    return counts


def is_required(reason):
    words = [word.strip() for word in os.environ.get("NEUROPERF_REQUIRE", "").split(",") if word.strip()]
    return "all" in words or any(re.search(rf"\b{re.escape(word)}\b", reason) for word in words)


def count_case(case, counts, reasons):
    output = case.findtext("system-out") or ""
    closing = closing_counts(output)
    skipped = case.get("status") in ("notrun", "disabled") or case.find("skipped") is not None
    failed = case.get("status") == "fail" or case.find("failure") is not None
    if skipped:
        lines = output.strip().splitlines()
        reasons.append((case.get("name"), lines[-1] if lines else "CTest did not run it"))
    else:
        told = [(a or b).strip() for a, b in SKIPPED_CASE.findall(output)]
        told += ["no reason told"] * (closing.get("skipped", 0) - len(told))
        reasons += [(case.get("name"), reason) for reason in told]
    if skipped:
        closing = {"skipped": 1}
    elif failed and not closing.get("failed"):  # died, or not a GoogleTest program
        closing["failed"] = 1
    elif not closing:
        closing = {"passed": 1}
    for outcome, number in closing.items():
        counts[outcome] += number
    if closing.get("failed"):
        print("failed:", case.get("name"))


def cases_of(path):
    return list(xml.parse(path).getroot().iter("testcase"))


def main():
    folder = pathlib.Path(sys.argv[1])
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    reasons = []
    again = {path: {case.get("name"): case for case in cases_of(path)} for path in folder.glob("*.again.xml")}
    for path in sorted(set(folder.glob("*.xml")) - set(again)):
        second = again.get(path.with_suffix(".again.xml"), {})
        for case in cases_of(path):
            if case.get("name") in second:
                print("failed at first, and ran once more:", case.get("name"))
            count_case(second.get(case.get("name"), case), counts, reasons)
    steps = folder / "steps.txt"
    broken = 0
    for line in steps.read_text().splitlines() if steps.exists() else []:
        outcome, name = line.split(" ", 1)
        if outcome != "passed":
            print(f"{outcome}:", name)
        if outcome == "broken":
            broken += 1
        else:
            counts[outcome] += 1
    for name, reason in reasons:
        required = is_required(reason)
        print(f"{'required but ' if required else ''}skipped in {name}: {reason}")
        if required:
            counts["skipped"] -= 1
            counts["failed"] += 1
    if broken and not counts["failed"]:
        counts["failed"] = broken
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**counts))
    return 1 if counts["failed"] or not counts["passed"] else 0


sys.exit(main())
