"""Guests that break themselves, and would like to break more."""

import unittest

from bed import MIB, bed, hostile, remove

GUEST_READY = b"demo guest ready"


class Hostile(unittest.TestCase):
    """Each crashes alone: it says why, its neighbour and the host go on."""

    def setUp(self):
        self.bed = bed()
        self.client = self.bed.client
        self.addCleanup(self.bed.remove_all)
        self.neighbour = self.client.create_vm(**self.bed.spec("neighbour"))["id"]
        self.console = self.client.console(self.neighbour)
        self.console.read_until(GUEST_READY, 120)

    def tearDown(self):
        self.console.close()
        self.bed.remove_all()
        for image in self.client.get("/images")["items"]:
            if image["name"].startswith("hostile-"):
                self.client.delete(f"/images/{image['id']}")

    def crash(self, name, vcpus=1):
        free = self.bed.free()
        image = self.client.upload(f"hostile-{name}", "kernel", hostile(name))
        spec = self.bed.spec(name, memory=16 * MIB, vcpus=vcpus)
        spec["boot"] = {"kernel": image["id"], "cmdline": ""}
        vm = self.client.create_vm(**spec)["id"]
        now = self.client.wait_state(vm, ("crashed",), 180)
        self.assertTrue((now["reason"] or {}).get("detail"), f"crashed without a reason: {now}")
        self.console.send(f"echo {name} $((6*7))\n".encode())
        self.console.read_until(f"{name} 42".encode(), 30)
        self.assertEqual(self.client.get(f"/vms/{self.neighbour}")["state"], "running")
        self.bed.console.run("true")
        remove(self.client, vm)
        self.assertEqual(self.bed.free(), free)

    def test_triple_fault(self):
        """a triple fault"""
        self.crash("triple")

    def test_garbage(self):
        """a jump to where nothing is"""
        self.crash("garbage")

    def test_hypercalls(self):
        """every hypercall number with random arguments"""
        self.crash("hypercalls")
