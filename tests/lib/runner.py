"""tests/run: run the suites named on the command line."""

import os
import signal
import sys
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../deploy/lib"))

import suites  # noqa: E402
from report import Report  # noqa: E402


def main(names):
    """Run suites in order; one that breaks is a failure, the others still run."""
    if not names or "all" in names:
        names = list(suites.SUITES)
    unknown = [n for n in names if n not in suites.SUITES]
    if unknown:
        sys.exit(f"no such suite: {' '.join(unknown)}; there are: {' '.join(suites.SUITES)}")
    # A runner that is ended still ends the appliances it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    report = Report()
    for name in names:
        report.note(f"suite {name}")
        try:
            suites.SUITES[name](report)
        except Exception:  # pylint: disable=broad-except
            report.fail(f"{name}: the suite itself", traceback.format_exc())
    return report.finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
