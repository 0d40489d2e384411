"""Counts test results and prints them as they come."""

import os
import re
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
        # One clock for suites that run side by side.
        self.began = float(os.environ.get("DOMUS_TESTS_BEGAN", time.monotonic()))

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
        lines = str(why).rstrip().splitlines()[-60:]
        # Said again at the end, where it is found even if of a long output only that is kept.
        self.failed += [f"{name}: {lines[-1].strip()[:500]}" if lines else name] * count
        self.note("\n".join([f"FAIL  {name}", *(f"        {line}" for line in lines)]))

    def relay(self, output):
        """Show what a runner beside this one prints, and count what it counted, which comes last."""
        finished = False
        for line in output:
            total = re.fullmatch(r"(\d+) passed, \d+ failed", line.rstrip())
            if total:
                self.passed += int(total.group(1))
                finished = True
            elif line.startswith("failed: "):
                self.failed.append(line[len("failed: ") :].rstrip())
            else:
                print(line, end="", flush=True)
        if not finished:
            self.fail("a runner beside this one", "it did not come to its end")

    def finish(self):
        """Print the closing lines; return the exit status."""
        for name in self.failed:
            print(f"failed: {name}")
        print(f"{self.passed} passed, {len(self.failed)} failed", flush=True)
        return 1 if self.failed else 0
