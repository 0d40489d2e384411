"""The suites: how each is run and how its cases are counted."""

import glob
import json
import os
import re
import subprocess
import sys
import time
import unittest

import build
import fuzz
from appliance import Appliance, Options
from report import BUILD, PORTS, TOP

CHECKS = re.compile(r"Checks: (\d+), Failures: (\d+), Errors: (\d+)")
TAP_OK = re.compile(r"^ok \d+", re.M)
TAP_BAD = re.compile(r"^not ok \d+", re.M)


def lint(report):
    """Every file in tests/lib's lint module that starts with check_."""
    import lint as checks  # pylint: disable=import-outside-toplevel

    for name, function in checks.CHECKS.items():
        began = time.monotonic()
        try:
            problems = function()
        except (OSError, subprocess.CalledProcessError, KeyError) as error:
            problems = [f"{type(error).__name__}: {error}"]
        if problems:
            report.fail(f"lint: {name}", "\n".join(problems))
        else:
            report.ok(f"lint: {name}", extra=f" {time.monotonic() - began:.1f} s")


def _unit_cases(entry):
    """(passed, failed) test cases of one Meson test, as its own output counts them."""
    out = entry.get("stdout", "") + entry.get("stderr", "")
    passed = failed = 0
    for total, failures, errors in CHECKS.findall(out):
        failed += int(failures) + int(errors)
        passed += int(total) - int(failures) - int(errors)
    passed += len(TAP_OK.findall(out))
    failed += len(TAP_BAD.findall(out))
    good = entry["result"] in ("OK", "EXPECTEDFAIL")
    if good:
        return max(passed, 1), 0
    return passed, max(failed, 1)


def unit(report):
    """Meson's unit tests; the cases inside each are counted."""
    build.compile_everything(BUILD)
    log = os.path.join(BUILD, "meson-logs/testlog.json")
    if os.path.exists(log):
        os.unlink(log)
    subprocess.run(
        ["meson", "test", "-C", BUILD, "--suite", "unit", "--no-rebuild", "--print-errorlogs"],
        check=False,
        stdout=subprocess.DEVNULL,
        env=build.environment(),
    )
    if not os.path.exists(log):
        report.fail("unit: meson test", "no test ran")
        return
    with open(log, encoding="utf-8") as f:
        entries = [json.loads(line) for line in f if line.strip()]
    for entry in entries:
        passed, failed = _unit_cases(entry)
        name = f"unit: {entry['name']}"
        if failed:
            report.passed += passed
            report.fail(name, entry.get("stdout", "") + entry.get("stderr", ""), failed)
        else:
            report.ok(name, passed)


class _Result(unittest.TestResult):
    """Hands unittest's results to the report."""

    def __init__(self, report, suite):
        super().__init__()
        self.report = report
        self.suite = suite
        self.began = 0.0

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()
        self.report.note(f"      {self._name(test)} ...")

    def _name(self, test):
        words = test.shortDescription() or test.id().rsplit(".", 1)[-1]
        return f"{self.suite}: {words}"

    def addSuccess(self, test):
        super().addSuccess(test)
        self.report.ok(self._name(test), extra=f" {time.monotonic() - self.began:.1f} s")

    def _bad(self, test, err):
        self.report.fail(self._name(test), self._exc_info_to_string(err, test))

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._bad(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self._bad(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self._bad(subtest, err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.report.note(f"skip  {self._name(test)}: {reason}")


def _flat(tests):
    """The cases of nested unittest suites, in order."""
    for test in tests:
        if isinstance(test, unittest.TestSuite):
            yield from _flat(test)
        else:
            yield test


def _unittests(report, folder, wanted=lambda test: True):
    """Run those cases of a folder of tests that are @wanted."""
    build.build_all(Options(), None)
    path = os.path.join(TOP, "tests", folder)
    if path not in sys.path:
        sys.path.insert(0, path)
    only = os.environ.get("DOMUS_TESTS", "test_*.py")
    for file in sorted(glob.glob(os.path.join(path, only))):
        module = os.path.basename(file)[:-3]
        tests = unittest.defaultTestLoader.loadTestsFromName(module)
        unittest.TestSuite(filter(wanted, _flat(tests))).run(_Result(report, folder))


def _alone(test):
    """Does it boot appliances of its own?"""
    return getattr(test, "alone", False)


def system_shared(report):
    """The tests of one appliance, which is booted once and shut down at the end."""
    _unittests(report, "system", lambda test: not _alone(test))
    import bed  # pylint: disable=import-outside-toplevel

    if bed.close_bed():
        report.ok("system: the shared appliance shuts down in order")
    else:
        report.fail("system: the shared appliance shuts down in order", "it had to be ended")


def system_alone(report):
    """The tests that boot appliances of their own."""
    _unittests(report, "system", _alone)


def system(report):
    """The real appliance, driven over its API and websocket."""
    system_shared(report)
    system_alone(report)


def iso(report):
    """The ISO, from BIOS and from UEFI firmware."""
    _unittests(report, "iso")


def ui(report):
    """Chromium against the real appliance; tests/ui/run prints TAP."""
    build.build_all(Options(), None)
    log = os.path.join(BUILD, "log/ui")
    appliance = Appliance(Options(port=PORTS + 5, data="none", log=log))
    try:
        appliance.start()
        appliance.wait_ready()
        env = {
            **build.environment(),
            "DOMUS_URL": f"https://127.0.0.1:{appliance.o.port}/",
            "DOMUS_USER": "admin",
            "DOMUS_PASSWORD": appliance.password,
        }
        run = subprocess.run(
            [os.path.join(TOP, "tests/ui/run")],
            check=False,
            env=env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=1500,
        )
    finally:
        appliance.stop()
    _count_ui(report, run)


def _count_ui(report, run):
    for line in run.stdout.splitlines():
        if TAP_OK.match(line):
            report.ok("ui: " + line.split(" ", 2)[-1])
        elif TAP_BAD.match(line):
            report.fail("ui: " + line.split(" ", 3)[-1], run.stdout)
    if run.returncode and not TAP_BAD.search(run.stdout):
        report.fail("ui: tests/ui/run", run.stdout)
    elif not TAP_OK.search(run.stdout):
        report.fail("ui: tests/ui/run", "it reported no test\n" + run.stdout)


SUITES = {"lint": lint, "unit": unit, "fuzz": fuzz.suite, "system": system, "ui": ui, "iso": iso}
PARTS = {"system-shared": system_shared, "system-alone": system_alone}
# What all of them are run as: one after the other, then two rows side by side. An emulated appliance
# keeps little more than one CPU busy; fuzzing takes what is left.
FIRST = ("lint", "unit")
ROWS = (("system-shared",), ("system-alone", "ui", "iso", "fuzz"))
