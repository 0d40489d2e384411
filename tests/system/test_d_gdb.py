"""deploy/gdb.py sees the same host as REST."""

import os
import re
import subprocess
import unittest

from bed import HYPERVISOR, MIB, bed
from report import TOP


@unittest.skipIf(HYPERVISOR, "it reads our hypervisor's structures")
class Gdb(unittest.TestCase):
    """In batch mode, against the shared appliance with a running guest."""

    def test_all_commands(self):
        """gdb shows the guest's vCPUs, memory, page table, channels and grants, and the log"""
        machine, client = bed().machine, bed().client
        self.addCleanup(bed().remove_all)
        vm = client.create_vm(**bed().spec("seen", vcpus=2))["id"]
        client.console(vm).read_until(b"demo guest ready", 300)
        domid = client.get(f"/vms/{vm}")["domid"]
        commands = ["domains", f"p2m {domid} 0x1000", f"events {domid}", f"grants {domid}", "log"]
        text = self.gdb(machine, commands)
        ids = re.findall(r"^domain (\d+) at .*: vcpus (\d+) pages (\d+)", text, re.M)
        self.assertEqual([i[0] for i in ids], ["0", str(domid)], text)
        self.assertEqual(ids[1][1], "2")
        self.assertAlmostEqual(int(ids[1][2]) * 4096 / MIB, 96, delta=2)
        self.assertEqual(len(re.findall(r"^  vcpu \d: VCPU_(BLOCKED|RUNNING|RUNNABLE) cpu [01]", text, re.M)), 3)
        self.assertEqual(len(re.findall(r"rip=0xffffffff[89a-f][0-9a-f]{7} ", text)), 3, text)
        self.assertRegex(text, r"gfn 0x1000: mfn 0x[0-9a-f]+ ram, a leaf of (1|512|262144) pages")
        self.assertRegex(text, rf"domain {domid}: \d+ ports in use")
        self.assertRegex(text, r"port \d+: interdomain to port \d+ of domain 0 vcpu 0")
        self.assertRegex(text, rf"domain {domid}: \d+ of \d+ grant frames")
        self.assertIn("hypervisor", text.lower())
        # And the machine goes on.
        self.assertEqual(client.get(f"/vms/{vm}")["state"], "running")

    def gdb(self, machine, commands):
        """What gdb prints."""
        argv = ["gdb", "-nx", "-batch", "-x", os.path.join(TOP, "deploy/gdb.py")]
        for command in (f"connect {machine.gdb_path}", *commands):
            argv += ["-ex", f"domus {command}"]
        argv += ["-ex", "detach"]
        run = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=120)
        self.assertNotIn("Error", run.stderr)
        return run.stdout
