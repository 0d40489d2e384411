"""Guests that break themselves, and would like to break more."""

import unittest

from bed import MIB, bed, hostile, remove

GUEST_READY = b"demo guest ready"


class Hostile(unittest.TestCase):
    """Each crashes alone: it says why, its neighbour and the host go on."""

    def setUp(self):
        self.bed = bed()
        self.client = self.bed.client
        self.images = {}
        self.addCleanup(self.bed.remove_all)
        self.neighbour = self.client.create_vm(**self.bed.spec("neighbour"))["id"]
        self.console = self.client.console(self.neighbour)
        self.console.read_until(GUEST_READY, 120)

    def tearDown(self):
        self.console.close()
        self.bed.remove_all()
        for image in self.images.values():
            self.client.delete(f"/images/{image}")

    def start(self, name, vcpus=1, memory=16, cmdline=""):
        """One of the small guests as a VM."""
        if name not in self.images:
            self.images[name] = self.client.upload(f"hostile-{name}", "kernel", hostile(name))["id"]
        spec = self.bed.spec(f"{name}-guest", memory=memory * MIB, vcpus=vcpus)
        spec["boot"] = {"kernel": self.images[name], "cmdline": cmdline}
        return self.client.create_vm(**spec)["id"]

    def crash(self, name, limit=180, said=(), **how):
        """Run a guest to its end: it crashes with a reason, and nobody else notices."""
        free, channels = self.bed.free(), self.bed.channels()
        vm = self.start(name, **how)
        now = self.client.wait_state(vm, ("crashed",), limit)
        self.assertTrue((now["reason"] or {}).get("detail"), f"crashed without a reason: {now}")
        text = b""
        if said:
            console = self.client.console(vm)
            text = console.read_until(b"guest stopped", 30)
            console.close()
        for word in said:
            self.assertIn(word.encode(), text)
        self.console.send(f"echo {name} $((6*7))\n".encode())
        self.console.read_until(f"{name} 42".encode(), 30)
        self.assertEqual(self.client.get(f"/vms/{self.neighbour}")["state"], "running")
        self.bed.console.run("true")
        remove(self.client, vm)
        self.assertEqual(self.bed.free(), free)
        self.assertEqual(self.bed.channels(), channels)
        return text

    def test_triple_fault(self):
        """a triple fault"""
        self.crash("triple")

    def test_garbage(self):
        """a jump to where nothing is"""
        self.crash("garbage")

    def test_hypercalls(self):
        """every hypercall number with random arguments"""
        self.crash("hypercalls")

    def test_sweep(self):
        """every MSR and CPUID leaf"""
        self.crash("sweep", 300, ("leaves", "msrs absent", "done"))

    def test_frames(self):
        """grants of frames that are not the guest's"""
        text = self.crash("frames", 120, ("bad grants copied=0", "bad grants mapped=0", "done"))
        self.assertIn(b"good grants copied=1", text)
        self.assertNotIn(b"domain=0", text)

    def test_storms(self):
        """interrupts, NMIs, timers, events and console output without end"""
        self.crash("storms", 300, ("interrupts", "events", "done"), vcpus=4, cmdline="vcpus=4 rounds=200")

    def test_secret(self):
        """memory of a guest that is gone holds nothing of it"""
        self.crash("secret", 120, ("filled",), memory=64, cmdline="fill=1 end=60")
        text = self.crash("secret", 120, ("words",), memory=64, cmdline="end=60")
        self.assertIn(b"secret found=0", text)
