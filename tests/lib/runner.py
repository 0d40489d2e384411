"""tests/run: run the suites named on the command line."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../deploy/lib"))

import suites  # noqa: E402
from report import Report  # noqa: E402


KNOWN = {**suites.SUITES, **suites.PARTS}


def run(report, names):
    """Run suites in order; one that breaks is a failure, the others still run."""
    for name in names:
        report.note(f"suite {name}")
        try:
            KNOWN[name](report)
        except Exception:  # pylint: disable=broad-except
            report.fail(f"{name}: the suite itself", traceback.format_exc())


@contextlib.contextmanager
def beside(report, names):
    """A runner of its own for some suites; it is waited for, unless this one is ended."""
    command = [sys.executable, os.path.abspath(__file__), *names]
    env = {**os.environ, "DOMUS_TESTS_BEGAN": str(report.began)}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as child:
        relay = threading.Thread(target=report.relay, args=(child.stdout,))
        relay.start()
        try:
            yield
            relay.join()
        finally:
            child.terminate()


def run_all(report):
    """Everything, side by side where that is quicker."""
    run(report, suites.FIRST)
    first, second = suites.ROWS
    with beside(report, second):
        run(report, first)


def main(names):
    """Run the suites named, or all."""
    unknown = [n for n in names if n not in KNOWN and n != "all"]
    if unknown:
        sys.exit(f"no such suite: {' '.join(unknown)}; there are: all {' '.join(KNOWN)}")
    # A runner that is ended still ends the appliances it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    report = Report()
    if not names or "all" in names:
        run_all(report)
    else:
        run(report, names)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
