"""Builds everything that deploy/run boots; what is up to date costs nothing."""

import os
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class BuildError(Exception):
    """A build step failed; its output has been shown already."""


def _step(*argv, env=None):
    if subprocess.run(argv, cwd=TOP, env=env, check=False).returncode:
        raise BuildError(f"failed: {' '.join(argv)}")


def compile_all(build):
    """Compile hypervisor, daemons and UI with Meson."""
    # Debian's Python first: Meson must not meet another one's modules.
    env = {**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin:" + os.environ.get("PATH", "")}
    if not os.path.exists(os.path.join(build, "build.ninja")):
        print("configuring", flush=True)
        _step("meson", "setup", "--buildtype=release", build, env=env)
    print("compiling", flush=True)
    _step("ninja", "-C", build, env=env)


def make_image(build):
    """Pack the management image."""
    _step(os.path.join(TOP, "deploy/image/build"), "--build", build)


def make_iso(build, hypervisor, hypervisor_args, dom0_args):
    """Make the bootable ISO (BIOS and UEFI)."""
    _step(os.path.join(TOP, "deploy/image/iso"), build, hypervisor, hypervisor_args, dom0_args)


def build_all(options, appliance):
    """All that a boot with these options needs."""
    compile_all(options.build)
    make_image(options.build)
    if options.boot != "direct":
        hypervisor = options.hypervisor or os.path.join(options.build, "hypervisor/domus.elf")
        make_iso(options.build, hypervisor, appliance.hypervisor_args(), appliance.dom0_args())
