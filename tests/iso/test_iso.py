"""The ISO, started by BIOS and by UEFI firmware, through the whole check."""

import os
import subprocess
import tempfile
import unittest

from report import BUILD, PORTS, TOP

HYPERVISOR = os.environ.get("DOMUS_HYPERVISOR")


class Iso(unittest.TestCase):
    """deploy/run --check --boot ..."""

    def run_check(self, firmware):
        argv = [os.path.join(TOP, "deploy/run"), "--check", "--port", str(PORTS + 8)]
        argv += ["--boot", firmware]
        argv += ["--data", os.path.join(tempfile.mkdtemp(prefix="domus-test-"), "data.img")]
        argv += ["--log", os.path.join(BUILD, "log", firmware)]
        if HYPERVISOR:
            argv += ["--hypervisor", HYPERVISOR]
        done = subprocess.run(
            argv,
            check=False,
            text=True,
            timeout=900,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.assertEqual(done.returncode, 0, done.stdout[-6000:])

    def test_bios(self):
        """--check from the ISO, BIOS"""
        self.run_check("iso")

    def test_uefi(self):
        """--check from the ISO, UEFI"""
        self.run_check("uefi")
