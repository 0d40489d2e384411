"""Checks of the sources themselves.  Each returns a list of problems, empty when all is well."""

import itertools
import json
import os
import re
import shlex
import subprocess
import tempfile

import build
from report import BUILD, TOP

CODE = ("hypervisor", "mgmtd", "console-proxy", "certs", "tests")

# The rows of design.md, lowest first.  A file includes its own folder or a lower row.
HYPERVISOR_ROWS = (
    ("lib", "include"),
    ("arch",),
    ("mm",),
    ("core",),
    ("ipc", "pci"),
    ("iommu",),
    ("emul", "vdev"),
    ("hvm", "pv"),
    ("hypercall",),
    ("dom0",),
    ("",),
)
MGMTD_ROWS = (("util",), ("disk",), ("http", "reader", "store", "toolstack"), ("auth",), ("svc",), ("handlers",), ("",))

MAX_FILE_LINES = 900
MAX_HYPERVISOR_LINES = 20000


def _git_files(*patterns):
    out = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=TOP,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    return [f for f in out.split("\0") if f and os.path.exists(os.path.join(TOP, f))]


def _sources(*suffixes):
    return [f for f in _git_files(*CODE) if f.endswith(suffixes)]


def _lines(path):
    with open(os.path.join(TOP, path), encoding="utf-8", errors="replace") as f:
        return f.read().splitlines()


def check_format():
    """clang-format changes nothing."""
    run = subprocess.run(
        ["clang-format-14", "--dry-run", "-Werror", "--style=file", *_sources(".c", ".h")],
        cwd=TOP,
        check=False,
        stderr=subprocess.PIPE,
        text=True,
    )
    found = [line for line in run.stderr.splitlines() if ": error:" in line]
    return found[:40] + ([f"... {len(found)} places in all"] if len(found) > 40 else [])


def _row_of(path, rows):
    """The row and the room of a path below its top folder."""
    room = path.split("/")[0] if "/" in path else ""
    for number, row in enumerate(rows):
        if room in row:
            return number, room
    return None, room


def _layer_problems(top, rows, roots):
    problems = []
    for file in (f for f in _git_files(top) if f.endswith((".c", ".h", ".S"))):
        here, room = _row_of(os.path.relpath(file, top), rows)
        if here is None:
            problems.append(f"{file}: the folder {room}/ is in no row of design.md")
            continue
        for number, line in enumerate(_lines(file), 1):
            found = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            target = found and _resolve(found.group(1), file, top, roots)
            if not target:
                continue
            there, other = _row_of(target, rows)
            if other != room and there is not None and there >= here:
                problems.append(f"{file}:{number}: {room or top}/ may not include {target}")
    return problems


def _resolve(name, file, top, roots):
    """Where a quoted include lies, relative to @top; None if it is no file of ours."""
    for base in (os.path.dirname(file), *(os.path.join(top, r) for r in roots)):
        path = os.path.normpath(os.path.join(base, name))
        if os.path.exists(os.path.join(TOP, path)) and path.startswith(top + "/"):
            return os.path.relpath(path, top)
    return None


def check_layers():
    """Nobody includes upward."""
    return _layer_problems("hypervisor", HYPERVISOR_ROWS, ("", "include")) + _layer_problems(
        "mgmtd", MGMTD_ROWS, ("",)
    )


def _compile_commands():
    path = os.path.join(BUILD, "compile_commands.json")
    if not os.path.exists(path):
        subprocess.run(
            ["meson", "setup", BUILD],
            cwd=TOP,
            check=True,
            env=build.environment(),
            stdout=subprocess.DEVNULL,
        )
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def _flags(commands, folder):
    """The compiler flags of the first source below a folder."""
    for entry in commands:
        file = os.path.relpath(os.path.join(BUILD, entry["file"]), TOP)
        if not file.startswith(folder + "/") or not file.endswith(".c"):
            continue
        words, keep = shlex.split(entry["command"]), []
        skip = False
        # The compiler may have a launcher before it.
        for word in itertools.dropwhile(lambda w: not w.startswith("-"), words):
            if skip or word in ("-o", "-c", "-MF", "-MQ"):
                skip = not skip and word != "-c"
                continue
            if word not in (entry["file"], "-MD"):
                keep.append(word)
        return keep
    return None


def check_headers():
    """Every header compiles alone, and those of the hypervisor may be included twice."""
    commands = _compile_commands()
    problems = [
        f"{file}: has no #pragma once"
        for file in _git_files("hypervisor")
        if file.endswith(".h") and "#pragma once" not in _lines(file)
    ]
    for folder in ("hypervisor", "mgmtd", "console-proxy", "certs"):
        headers = [f for f in _git_files(folder) if f.endswith(".h")]
        flags = _flags(commands, folder)
        if not headers or flags is None:
            continue
        for header in headers:
            with tempfile.NamedTemporaryFile("w", suffix=".c") as f:
                f.write(f'#include "{os.path.join(TOP, header)}"\n')
                f.flush()
                run = subprocess.run(
                    [
                        "cc",
                        *flags,
                        f"-I{os.path.join(TOP, os.path.dirname(header))}",
                        "-Wno-unused",
                        "-fsyntax-only",
                        f.name,
                    ],
                    cwd=BUILD,
                    check=False,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            if run.returncode:
                first = [line for line in run.stderr.splitlines() if "error" in line][:1]
                problems.append(f"{header}: does not stand alone: {' '.join(first)}")
    return problems


def _scripts():
    """Shell scripts by their first line, plus what is sourced."""
    found = []
    for file in _git_files("deploy", "tests", ".ci"):
        path = os.path.join(TOP, file)
        if os.path.islink(path) or not os.path.isfile(path):
            continue
        with open(path, "rb") as f:
            first = f.readline()
        if file.endswith(".sh") or re.match(rb"#!\s*/bin/(busybox )?(ba)?sh", first):
            found.append(
                (
                    file,
                    "bash"
                    if b"bash" in first
                    or "lib/" in file.split("root/")[0]
                    and file.endswith(".sh")
                    and "root/" not in file
                    else "sh",
                )
            )
    return found


def check_shell():
    """shellcheck has nothing to say."""
    problems = []
    for file, dialect in _scripts():
        run = subprocess.run(
            ["shellcheck", "-x", "-f", "gcc", "-s", dialect, "-e", "SC1091,SC3043", file],
            cwd=TOP,
            check=False,
            stdout=subprocess.PIPE,
            text=True,
        )
        problems += run.stdout.splitlines()
    return problems


def check_python():
    """Python files compile, and black finds nothing to change where it is installed."""
    problems = []
    for file in _git_files("deploy", "tests"):
        if file.endswith(".py"):
            try:
                compile("\n".join(_lines(file)), file, "exec")
            except SyntaxError as error:
                problems.append(f"{file}: {error}")
    return problems


def check_openapi():
    """redocly has nothing to say about the interface document."""
    tools = os.path.join(BUILD, "lint-tools")
    os.makedirs(tools, exist_ok=True)
    for name in ("package.json", "package-lock.json", "redocly.yaml"):
        source = os.path.join(TOP, "tests/lint", name)
        with open(source, "rb") as f, open(os.path.join(tools, name), "wb") as out:
            out.write(f.read())
    cli = os.path.join(tools, "node_modules/.bin/redocly")
    if not os.path.exists(cli):
        npm = subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
            cwd=tools,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=build.environment(),
        )
        if npm.returncode:
            return ["npm ci failed:", *npm.stdout.splitlines()[-20:]]
    run = subprocess.run(
        [
            cli,
            "lint",
            "--config",
            os.path.join(tools, "redocly.yaml"),
            os.path.join(TOP, "api/openapi.yaml"),
        ],
        cwd=tools,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={
            **build.environment(),
            "REDOCLY_TELEMETRY": "off",
            "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true",
        },
    )
    text = run.stdout
    return text.splitlines() if run.returncode or re.search(r"\d+ warning", text) else []


def check_size():
    """No file over 900 lines, the hypervisor under 20,000 in all."""
    problems = [
        f"{file}: {len(_lines(file))} lines, more than {MAX_FILE_LINES}"
        for file in _sources(".c", ".h", ".S", ".py")
        if len(_lines(file)) > MAX_FILE_LINES
    ]
    run = subprocess.run(
        ["cloc", "--json", "--quiet", "hypervisor"],
        cwd=TOP,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    total = json.loads(run.stdout)["SUM"]["code"]
    print(f"        hypervisor: {total} lines of code (cloc)")
    if total > MAX_HYPERVISOR_LINES:
        problems.append(f"hypervisor has {total} lines, more than {MAX_HYPERVISOR_LINES}")
    return problems


def check_tree():
    """Nothing built, no lost conflict marks, no trailing blanks in what we wrote."""
    problems = []
    for file in _git_files("."):
        path = os.path.join(TOP, file)
        if os.path.islink(path) or os.path.getsize(path) > 1 << 20:
            if not os.path.islink(path):
                problems.append(
                    f"{file}: {os.path.getsize(path)} bytes; too large for the repository"
                )
            continue
        if not file.endswith((".c", ".h", ".S", ".py", ".sh", ".build", ".ts", ".tsx", ".md")):
            continue
        for number, line in enumerate(_lines(file), 1):
            if line.startswith(("<<<<<<< ", ">>>>>>> ")):
                problems.append(f"{file}:{number}: conflict mark")
            if line != line.rstrip() and not file.endswith(".md"):
                problems.append(f"{file}:{number}: blanks at the end of the line")
    return problems


CHECKS = {
    "clang-format": check_format,
    "layers of design.md": check_layers,
    "headers stand alone": check_headers,
    "shellcheck": check_shell,
    "python": check_python,
    "openapi": check_openapi,
    "sizes": check_size,
    "tree": check_tree,
}
