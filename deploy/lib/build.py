"""Builds everything that deploy/run boots; what is up to date costs nothing."""

import contextlib
import fcntl
import os
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# What goes into the image; unit tests and tools are built only for tests.
SHIPPED = (
    "hypervisor/domus.elf",
    "certs/domus-certs",
    "console-proxy/console-broker",
    "console-proxy/console-proxy",
    "mgmtd/disk-reader",
    "mgmtd/disk-server",
    "mgmtd/mgmtd",
    "webui/webui.stamp",
)


class BuildError(Exception):
    """A build step failed; its output has been shown already."""


def environment():
    """The environment of build tools: Debian's own first, so that Meson meets Debian's Python."""
    return {**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin:" + os.environ.get("PATH", "")}


def _step(*argv):
    if subprocess.run(argv, cwd=TOP, env=environment(), check=False).returncode:
        raise BuildError(f"failed: {' '.join(argv)}")


@contextlib.contextmanager
def _alone(build):
    """One build at a time in a folder; the next one waits and then finds nothing to do."""
    os.makedirs(build, exist_ok=True)
    with open(os.path.join(build, ".domus-lock"), "w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for another build in this folder", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _ninja(build, targets):
    if not os.path.exists(os.path.join(build, "build.ninja")):
        print("configuring", flush=True)
        _step("meson", "setup", build)
    print("compiling", flush=True)
    _step("ninja", "-C", build, *targets)


def compile_shipped(build):
    """Compile hypervisor, daemons and UI."""
    _ninja(build, SHIPPED)


def compile_everything(build):
    """Compile all there is, unit tests included."""
    with _alone(build):
        _ninja(build, ())


def make_image(build):
    """Pack the management image."""
    _step(os.path.join(TOP, "deploy/image/build"), "--build", build)


def make_iso(build, hypervisor, hypervisor_args, dom0_args):
    """Make the bootable ISO (BIOS and UEFI)."""
    _step(os.path.join(TOP, "deploy/image/iso"), build, hypervisor, hypervisor_args, dom0_args)


def build_all(options, appliance):
    """All that a boot with these options needs."""
    with _alone(options.build):
        compile_shipped(options.build)
        make_image(options.build)
        if options.boot != "direct":
            hypervisor = options.hypervisor or os.path.join(options.build, "hypervisor/domus.elf")
            args = (appliance.hypervisor_args(), appliance.dom0_args())
            make_iso(options.build, hypervisor, *args)
