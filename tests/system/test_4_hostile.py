"""Guests that break themselves, and would like to break more."""

import contextlib
import os
import re
import unittest

from bed import MIB, bed, hostile, remove

GUEST_READY = b"demo guest ready"
# 10 million take about half an hour: DOMUS_HOSTILE_CALLS=10000000 DOMUS_TESTS='test_4*.py' tests/run system
CALLS = int(os.environ.get("DOMUS_HOSTILE_CALLS", 300000))
MMIO = max(CALLS // 100, 3000)
SEED = int(os.environ.get("DOMUS_HOSTILE_SEED", 1))


# What the policy (hypervisor/hvm/cpuid.c, msr.c) lets a PVH guest see; all else reads as on hardware without it.
LEAVES = ((0x0, 0x1), (0x7, 0x7), (0xb, 0xb), (0xd, 0xd), (0x40000000, 0x40000004),
          (0x80000000, 0x80000008))
MSRS = ((0x10, 0x10), (0x1b, 0x1b), (0x8b, 0x8b), (0xfe, 0xfe), (0x174, 0x176), (0x179, 0x17a),
        (0x1d9, 0x1d9), (0x200, 0x20f), (0x250, 0x250), (0x258, 0x259), (0x268, 0x26f),
        (0x277, 0x277), (0x2ff, 0x2ff), (0x800, 0x8ff), (0xc0000080, 0xc0000084),
        (0xc0000100, 0xc0000103), (0xc0010010, 0xc0010010), (0xc0010015, 0xc0010015),
        (0xc001001f, 0xc001001f), (0xc0010055, 0xc0010055), (0xc0010058, 0xc0010058),
        (0xc0011020, 0xc0011020), (0xc0011029, 0xc0011029))
WRITE_ONLY = {0x49, 0x40000000}
# How the guest "fatal" ends, each way. Setting reserved bits faults; under QEMU it takes them, and VMRUN fails.
RESERVED = "invalid registers|triple fault"
BROKEN = "triple fault|in a double fault"
FATAL = (*(RESERVED,) * 7, "page table at", *(BROKEN,) * 5)
# Hardware reports a task switch; QEMU does it.
TASKS = ("hardware task switch|said so itself", *("hardware task switch|triple fault",) * 6)


def numbers(text, name):
    """What a guest said it had seen, "name=N", in order."""
    return [int(n) for n in re.findall(rb"(?m)^" + name.encode() + rb"=(\d+)\r?$", text)]


def number(text, name):
    return numbers(text, name)[0]


class Hostile(unittest.TestCase):
    """Each crashes alone: it says why, the host and one neighbour of them all go on."""

    @classmethod
    def setUpClass(cls):
        cls.bed = bed()
        cls.client = cls.bed.client
        cls.asked = 0
        cls.neighbour = cls.client.create_vm(**cls.bed.spec("neighbour"))["id"]
        with contextlib.closing(cls.client.console(cls.neighbour)) as console:
            console.read_until(GUEST_READY, 120)

    @classmethod
    def tearDownClass(cls):
        cls.bed.remove_all()

    def setUp(self):
        self.images = {}

    def tearDown(self):
        self.bed.remove_all(but=self.neighbour)
        for image in self.images.values():
            self.client.delete(f"/images/{image}")

    def start(self, name, vcpus=1, memory=16, cmdline="", number="", start=True):
        """One of the small guests as a VM."""
        if name not in self.images:
            self.images[name] = self.client.upload(f"hostile-{name}", "kernel", hostile(name))["id"]
        spec = self.bed.spec(f"{name}-guest{number}", memory=memory * MIB, vcpus=vcpus, start=start)
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
        self.others_go_on(name)
        remove(self.client, vm)
        self.assertEqual(self.bed.free(), free)
        self.assertEqual(self.bed.channels(), channels)
        return text

    def others_go_on(self, name):
        """The neighbour answers, and so does the management domain."""
        Hostile.asked += 1
        with contextlib.closing(self.client.console(self.neighbour)) as console:
            console.send(f"echo {name} $((1000+{self.asked}))\n".encode())
            console.read_until(f"{name} {1000 + self.asked}".encode(), 30)
        self.assertEqual(self.client.get(f"/vms/{self.neighbour}")["state"], "running")
        self.bed.console.run("true")

    def test_triple_fault(self):
        """a triple fault"""
        self.crash("triple")

    def test_garbage(self):
        """a jump to where nothing is"""
        self.crash("garbage")

    def test_hypercalls(self):
        """every hypercall with random and boundary arguments from four processors at once"""
        limit = 180 + CALLS // 5000
        text = self.crash("hypercalls", limit, ("done",), vcpus=4,
                          cmdline=f"vcpus=4 calls={CALLS} seed={SEED}")
        self.assertGreaterEqual(number(text, "calls"), CALLS - 3)
        self.assertGreater(number(text, "succeeded"), CALLS // 50)

    def test_sweep(self):
        """every MSR, CPUID leaf and port: what the policy does not name is not there"""
        text = self.crash("sweep", 300, ("leaves tried", "msrs absent", "done"))
        beyond = [leaf for leaf in numbers(text, "leaf") if not any(a <= leaf <= b for a, b in LEAVES)]
        self.assertEqual(beyond, [])
        rows = list(zip(numbers(text, "msr"), numbers(text, "to")))
        beyond = [row for row in rows if not any(a <= row[0] and row[1] <= b for a, b in MSRS)]
        self.assertEqual(beyond, [])
        self.assertLessEqual(set(numbers(text, "msr that is only written")), WRITE_ONLY)
        self.assertEqual(number(text, "msrs changed"), 0)
        self.assertEqual(numbers(text, "hypercall page"), [0, 0x1000])
        self.assertEqual(number(text, "ports faulting"), 0)
        self.assertEqual(number(text, "ports answering"), 6)  # of the timer that is not there: zeros

    def test_rings(self):
        """requests and indexes that make no sense in the rings of xenstored and the console"""
        self.crash("rings", 180)

    def test_frames(self):
        """grants of frames that are not the guest's"""
        text = self.crash("frames", 120, ("bad grants copied=0", "bad grants mapped=0", "done"))
        self.assertIn(b"good grants copied=1", text)
        self.assertNotIn(b"domain=0", text)
        self.assertEqual(number(text, "bad copies"), 0)
        self.assertGreater(number(text, "frames given away"), 0)
        self.assertLess(number(text, "pages scattered"), 1000)
        self.assertEqual(number(text, "freed grants copied"), 0)

    def ways(self, name, ends):
        """Run a guest once for each of the ways it has, at once; each ends as told."""
        free, channels = self.bed.free(), self.bed.channels()
        vms = [self.start(name, cmdline=f"way={n}", number=n) for n in range(len(ends))]
        for vm, why in zip(vms, ends):
            now = self.client.wait_state(vm, ("crashed",), 180)
            self.assertRegex(now["reason"]["detail"], why, now["name"])
        self.others_go_on(name)
        for vm in vms:
            remove(self.client, vm)
        self.assertEqual(self.bed.free(), free)
        self.assertEqual(self.bed.channels(), channels)

    def test_fatal(self):
        """registers, tables and stacks that no processor goes on with, each its own end"""
        self.ways("fatal", FATAL)

    def test_tasks(self):
        """hardware task switches, to where a task is and is not"""
        self.ways("tasks", TASKS)

    def test_apic(self):
        """the local APIC's registers, timer and messages, by page and MSR, from all processors"""
        text = self.crash("apic", 300, ("done",), vcpus=4, cmdline=f"vcpus=4 seed={SEED}")
        self.assertEqual(number(text, "wrong"), 0, text)
        self.assertGreaterEqual(number(text, "processors started"), 3)

    def test_instructions(self):
        """code across, over and beyond pages, bits no register has, jumps to nowhere"""
        text = self.crash("instructions", 300, ("done",))
        self.assertEqual(number(text, "instructions wrong"), 0, text)

    def test_mmio(self):
        """instructions on the local APIC do what they do on memory"""
        text = self.crash("mmio", 300, ("done",), cmdline=f"calls={MMIO} seed={SEED}")
        self.assertEqual(number(text, "differences"), 0, text)
        self.assertLess(number(text, "faults"), MMIO // 4)

    def test_storms(self):
        """interrupts, NMIs, timers, events and console output without end"""
        self.crash("storms", 300, ("interrupts", "events", "done"), vcpus=4, cmdline="vcpus=4 rounds=200")

    def test_channels(self):
        """event channels of everyone, to the limit, closed, and at once from four processors"""
        text = self.crash("channels", 300, ("done",), vcpus=4, cmdline="vcpus=4 rounds=3000")
        limits = numbers(text, "ports to the limit")
        self.assertGreater(limits[0], 500)
        self.assertEqual(limits, limits[:1] * 2)
        self.assertEqual(numbers(text, "used after they were closed"), [0, 0])
        self.assertEqual(number(text, "foreign ports bound"), 0)
        self.assertGreater(min(numbers(text, "done")[:13]), 10)

    def test_devices(self):
        """a front end whose rings a disk's and a network card's back ends should not trust"""
        free, channels = self.bed.free(), self.bed.channels()
        volume = self.client.post("/volumes", {"name": "hostile", "size": 8 * MIB}).json["id"]
        host = self.bed.console.run("ip -4 -o addr show br0").split()[3].split("/")[0]
        host = int.from_bytes(map(int, host.split(".")), "big")
        vm = self.start("devices", cmdline=f"disks=2 cards=6 host={host}", start=False)
        self.client.post(f"/vms/{vm}/disks", {"volume": volume})
        network = self.client.get("/networks?name=default")["items"][0]["id"]
        for _ in range(6):
            self.client.post(f"/vms/{vm}/nics", {"network": network})
        self.client.action(vm, "start")
        self.client.wait_state(vm, ("crashed",), 300)
        console = self.client.console(vm)
        text = console.read_until(b"guest stopped", 30)
        console.close()
        self.assertNotIn(b"does not close", text)
        self.assertEqual((number(text, "disks connected"), number(text, "cards connected")), (2, 6))
        for what, times in (("disk requests", 2), ("packets", 6), ("packets to receive", 6)):
            self.assertEqual(numbers(text, f"{what} answered wrong"), [0] * times, text)
            self.assertEqual(numbers(text, f"{what} not answered"), [0] * times, text)
            self.assertGreater(min(numbers(text, f"{what} answered right, errors")), 5, text)
            self.assertGreater(sum(numbers(text, f"{what} answered right, others")), 5, text)
        self.assertEqual(number(text, "cards given up"), 6)
        self.others_go_on("devices")
        remove(self.client, vm)
        self.client.delete(f"/volumes/{volume}")
        self.assertEqual(self.bed.free(), free)
        self.assertEqual(self.bed.channels(), channels)

    def test_secret(self):
        """memory of a guest that is gone holds nothing of it"""
        self.crash("secret", 120, ("filled",), memory=64, cmdline="fill=1 end=60")
        text = self.crash("secret", 120, ("words",), memory=64, cmdline="end=60")
        self.assertIn(b"secret found=0", text)
