"""Debian's own Xen tools, run in the management domain, must see the truth."""

import os
import re
import subprocess
import tempfile
import unittest

from bed import MIB, Bed, close_bed
from report import BUILD, TOP


def tools_initramfs():
    """The shipped initramfs with one more layer: xl and its friends from Debian's packages."""
    out = os.path.join(BUILD, "image/initramfs-tools.img")
    subprocess.run([os.path.join(TOP, "tests/system/tools-layer"), BUILD, out], check=True)
    return out


class Tools(unittest.TestCase):
    """xl info, xl list, xenstore-ls."""

    @classmethod
    def setUpClass(cls):
        close_bed()
        cls.bed = Bed("tools", initramfs=tools_initramfs())

    @classmethod
    def tearDownClass(cls):
        cls.bed.stop()

    def tool(self, command):
        return self.bed.console.run(f"PATH=$PATH:/usr/lib/xen-4.17/bin {command}", 90)

    def domains(self):
        """Rows of xl list; before its heading xl may miss a configuration file in words."""
        lines = self.tool("xl list").splitlines()
        heading = next(i for i, line in enumerate(lines) if line.split()[:2] == ["Name", "ID"])
        return [line.split() for line in lines[heading + 1 :]]

    def test_info(self):
        """xl info agrees with GET /host"""
        info = dict(re.findall(r"^(\S+)\s*: (.*)$", self.tool("xl info"), re.M))
        host = self.bed.client.get("/host")
        self.assertEqual(info["nr_cpus"], "2")
        self.assertEqual((info["xen_major"], info["xen_minor"]), ("4", "17"))
        self.assertAlmostEqual(int(info["total_memory"]), host["memory"]["total"] / MIB, delta=2)
        self.assertAlmostEqual(int(info["free_memory"]), host["memory"]["free"] / MIB, delta=4)
        self.assertIn("hvm", info["virt_caps"])

    def test_list(self):
        """xl list shows domain 0 and a guest, by its right size and CPUs"""
        vm = self.bed.client.create_vm(**self.bed.spec("listed", vcpus=2))["id"]
        # Its second CPU is online once its kernel has started it.
        self.bed.client.console(vm).read_until(b"demo guest ready", 300)
        rows = self.domains()
        self.assertEqual(rows[0][:2], ["Domain-0", "0"])
        (guest,) = [r for r in rows if r[1] != "0"]
        self.assertAlmostEqual(int(guest[2]), 96, delta=2)
        self.assertEqual(guest[3], "2")
        tree = self.tool("xenstore-ls")
        self.assertIn(vm, tree)
        self.assertIn(f"{guest[1]} = ", tree)
        self.bed.remove_all()
        self.assertEqual([row[0] for row in self.domains()], ["Domain-0"])
        self.assertNotIn(vm, self.tool("xenstore-ls /local/domain"))

    def test_dmesg(self):
        """xl dmesg shows the hypervisor's log"""
        self.assertTrue(self.tool("xl dmesg").strip())
