"""Many guests at once, and many one after another."""

import os
import unittest

from bed import MIB, bed, remove

GUEST_READY = b"demo guest ready"
# The nightly run asks for 200; every change for as many as fit a build machine without KVM.
ROUNDS = int(os.environ.get("DOMUS_ROUNDS", "200"))


class Scale(unittest.TestCase):
    """Numbers."""

    def setUp(self):
        self.bed = bed()
        self.client = self.bed.client
        self.addCleanup(self.bed.remove_all)

    def test_ten(self):
        """ten guests of 128 MiB at once, each answering on its console"""
        free = self.bed.free()
        spec = [self.bed.spec(f"ten-{n}", memory=128 * MIB) for n in range(10)]
        vms = [self.client.create_vm(**s)["id"] for s in spec]
        for number, vm in enumerate(vms):
            console = self.client.console(vm)
            console.read_until(GUEST_READY, 300)
            console.send(f"echo guest {number} $((6*7))\n".encode())
            console.read_until(f"guest {number} 42".encode(), 60)
            console.close()
        states = [vm["state"] for vm in self.client.get("/vms")["items"]]
        self.assertEqual(states, ["running"] * 10)
        for vm in vms:
            remove(self.client, vm)
        self.assertEqual(self.bed.free(), free)

    def churn(self, rounds, tag):
        for number in range(rounds):
            vm = self.client.create_vm(**self.bed.spec(f"{tag}-{number}"))["id"]
            remove(self.client, vm)

    def test_churn(self):
        """guests created and destroyed one after another leak nothing"""
        # Caches fill and pools grow in the first few; what counts is what comes after.
        self.churn(5, "warm")
        free, files = self.bed.free(), self.bed.descriptors()
        channels = self.bed.channels()
        self.churn(ROUNDS, "churn")
        self.assertEqual(self.bed.free(), free, "free memory")
        self.assertEqual(self.bed.channels(), channels, "event channels")
        after = self.bed.descriptors()
        for name, count in files.items():
            # Connections come and go, leaks only come: one for each guest would be seen.
            self.assertLess(int(after[name]), int(count) + max(4, ROUNDS // 4), name)
