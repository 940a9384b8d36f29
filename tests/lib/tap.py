# SPDX-License-Identifier: MIT
"""A plugin for pytest that prints each result as TAP, as soon as it comes: Debian has none."""

import pathlib
import tty


def pytest_addoption(parser):
    parser.addoption("--tap", help="terminal or pipe for the results as TAP")


def pytest_configure(config):
    path = config.getoption("--tap")
    if path:
        config.pluginmanager.register(Tap(path))


class Tap:
    def __init__(self, path):
        self._out = open(path, "w", buffering=1)
        if self._out.isatty():
            tty.setraw(self._out.fileno())
        self._number = 0
        self._reports = []

    def _diagnose(self, text):
        for line in text.splitlines():
            print("#", line, file=self._out)

    def pytest_collection_finish(self, session):
        print(f"1..{len(session.items)}", file=self._out)

    def pytest_collectreport(self, report):
        if report.failed:
            self._diagnose(report.longreprtext)

    def pytest_runtest_logreport(self, report):
        """One of set-up, test and tear-down; a result is out after the last one."""
        self._reports.append(report)
        if report.when == "teardown":
            self._print_result(self._reports)
            self._reports = []

    def _print_result(self, reports):
        self._number += 1
        verdict = "not ok" if any(report.failed for report in reports) else "ok"
        skips = "".join(f" # SKIP {report.longrepr[2]}" for report in reports if report.skipped)
        path, _, name = reports[0].location
        name = f"{pathlib.Path(path).stem}: {name}{skips}"
        print(f"{verdict} {self._number} - {name}", file=self._out)
        self._diagnose(f"{sum(report.duration for report in reports):.1f} s")
        for key, value in reports[-1].user_properties:
            self._diagnose(f"{key}: {value}")
        for report in reports:
            if report.failed:
                self._print_failure(report)

    def _print_failure(self, report):
        self._diagnose(f"{report.when}:\n{report.longreprtext}")
        for title, text in report.sections:
            self._diagnose(f"-- {title}\n{text}")
