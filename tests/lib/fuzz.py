"""Fuzz targets: built with clang in build/fuzz, run from seeds and the kept corpus; see tests/fuzz/README.md."""

import concurrent.futures
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../deploy/lib"))

import build  # noqa: E402
from report import BUILD, TOP  # noqa: E402

FOLDER = os.path.join(BUILD, "fuzz")
SOURCE = os.path.join(TOP, "tests/fuzz")
TARGETS = ("hypercall", "kernel", "acpi", "boot", "insn", "qcow2")
SECONDS = int(os.environ.get("DOMUS_FUZZ_SECONDS", "60"))
AT_ONCE = 2
POLITE = ("nice", "-n", "19")  # an emulated appliance beside it comes first
LIMITS = ("-timeout=20", "-rss_limit_mb=2048", "-print_final_stats=1")


def binary(name):
    """The program that fuzzes @name."""
    return os.path.join(FOLDER, "tests/fuzz", f"fuzz-{name}")


def compile_targets():
    """Set up build/fuzz, compile, and lay out what the targets start from."""
    env = {**build.environment(), "CC": "clang"}
    quiet = {"check": True, "cwd": TOP, "env": env, "stdout": subprocess.DEVNULL}
    if not os.path.exists(os.path.join(FOLDER, "build.ninja")):
        subprocess.run(["meson", "setup", FOLDER], **quiet)
    subprocess.run([*POLITE, "ninja", "-C", FOLDER, "-j2", "fuzz"], **quiet)
    start = os.path.join(FOLDER, "start")
    shutil.rmtree(start, ignore_errors=True)
    subprocess.run([sys.executable, os.path.join(SOURCE, "seeds.py"), start], **quiet)
    for name in TARGETS:
        kept = os.path.join(SOURCE, "corpus", f"{name}.tar.xz")
        if os.path.exists(kept):
            with tarfile.open(kept) as tar:
                tar.extractall(os.path.join(start, name))


def run_target(name):
    """Fuzz one target. Return: None and its figures, or what went wrong."""
    found, crashes = os.path.join(FOLDER, "found", name), os.path.join(FOLDER, "crashes")
    for folder in (found, crashes):
        os.makedirs(folder, exist_ok=True)
    log = os.path.join(FOLDER, f"{name}.log")
    prefix = os.path.join(crashes, f"{name}-")
    argv = [*POLITE, binary(name), *LIMITS, f"-max_total_time={SECONDS}", f"-artifact_prefix={prefix}", found]
    with open(log, "w", encoding="utf-8", errors="replace") as out:
        run = subprocess.run(
            [*argv, os.path.join(FOLDER, "start", name)],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            timeout=SECONDS + 300,
        )
    with open(log, encoding="utf-8", errors="replace") as f:
        lines = f.read().splitlines()
    if not run.returncode:
        stats = [line.rsplit(" ", 1)[-1] for line in lines if "number_of_executed_units" in line]
        return None, f" {stats[0] if stats else '?'} inputs in {SECONDS} s"
    wrote = [line.rsplit(" ", 1)[-1] for line in lines if "Test unit written to" in line]
    again = f"to see it again: {binary(name)} {wrote[0]}" if wrote else f"see {log}"
    return "\n".join([*lines[-50:], again]), ""


def suite(report):
    """All targets, two at a time."""
    compile_targets()
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        runs = {pool.submit(run_target, name): name for name in TARGETS}
        for done in concurrent.futures.as_completed(runs):
            name = f"fuzz: {runs[done]}"
            wrong, figures = done.result()
            if wrong:
                report.fail(name, wrong)
            else:
                report.ok(name, extra=figures)


def keep():
    """Replace the kept corpus by the smallest set of what is known that covers as much."""
    compile_targets()
    for name in TARGETS:
        with tempfile.TemporaryDirectory() as small:
            known = [os.path.join(FOLDER, part, name) for part in ("start", "found")]
            argv = [binary(name), "-merge=1", "-max_len=4096", small]
            subprocess.run([*argv, *(k for k in known if os.path.isdir(k))], check=True)
            with tarfile.open(os.path.join(SOURCE, "corpus", f"{name}.tar.xz"), "w:xz") as tar:
                for file in sorted(os.listdir(small)):
                    with open(os.path.join(small, file), "rb") as f:
                        data = f.read()
                    entry = tarfile.TarInfo(file[:16])
                    entry.size = len(data)
                    tar.addfile(entry, io.BytesIO(data))


if __name__ == "__main__":
    keep()
