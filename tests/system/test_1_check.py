"""deploy/run --check, as a user runs it."""

import os
import subprocess

from bed import HYPERVISOR, Alone, scratch
from report import BUILD, PORTS, TOP


class Check(Alone):
    """The whole product from the command line."""

    def run_check(self, *options):
        argv = [os.path.join(TOP, "deploy/run"), "--check", "--port", str(PORTS + 7)]
        argv += ["--data", scratch("data.img"), "--log", os.path.join(BUILD, "log/check"), *options]
        if HYPERVISOR:
            argv += ["--hypervisor", HYPERVISOR]
        done = subprocess.run(
            argv,
            check=False,
            text=True,
            timeout=600,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.assertEqual(done.returncode, 0, done.stdout[-6000:])
        self.assertIn(f"ready https://127.0.0.1:{PORTS + 7}/ user=admin password=", done.stdout)
        self.assertNotIn("by force", done.stdout)

    def test_one_cpu(self):
        """--check with one CPU"""
        self.run_check("--cpus", "1")

    def test_two_cpus(self):
        """--check with two CPUs and a password of the user's"""
        self.run_check("--cpus", "2", "--admin-password", "correct horse battery")
