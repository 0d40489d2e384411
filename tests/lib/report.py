"""Counts test results and prints them as they come."""

import os
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, "build")

# The first of ten ports on loopback that the suites use: two checkouts can test side by side.
PORTS = int(os.environ.get("DOMUS_TEST_PORTS", "18440"))


class Report:
    """The running total over all suites."""

    def __init__(self):
        self.passed = 0
        self.failed = []
        self.began = time.monotonic()

    def note(self, text):
        """Progress that is not a result."""
        print(f"[{time.monotonic() - self.began:6.1f}] {text}", flush=True)

    def ok(self, name, count=1, extra=""):
        """@count cases passed under this name."""
        self.passed += count
        cases = f" ({count} cases)" if count > 1 else ""
        self.note(f"ok    {name}{cases}{extra}")

    def fail(self, name, why, count=1):
        """@count cases failed under this name."""
        self.failed += [name] * count
        self.note(f"FAIL  {name}")
        for line in str(why).rstrip().splitlines()[-60:]:
            print(f"        {line}", flush=True)

    def finish(self):
        """Print the closing lines; return the exit status."""
        for name in self.failed:
            print(f"failed: {name}")
        print(f"{self.passed} passed, {len(self.failed)} failed", flush=True)
        return 1 if self.failed else 0
