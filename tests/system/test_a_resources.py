"""CPU and memory of running guests: shares, caps, CPUs, and memory given back and taken again."""

import re
import time
import unittest

from bed import MIB, bed
from client import ApiError
from guests import Guest, disk_spec

GUEST_READY = b"demo guest ready"
BOOT = 300
BUSY = b"while :; do :; done &\n"


class Resources(unittest.TestCase):
    """On the shared appliance."""

    def setUp(self):
        self.bed = bed()
        self.client = self.bed.client
        self.addCleanup(self.bed.remove_all)

    def start(self, name, **more):
        """A demo guest that is up, and its console."""
        vm = self.client.create_vm(**self.bed.spec(name, start=True, **more))["id"]
        console = self.client.console(vm)
        self.addCleanup(console.close)
        console.read_until(GUEST_READY, BOOT)
        return vm, console

    def patch(self, vm, **values):
        return self.client.request("PATCH", f"/vms/{vm}", values).json

    def stats(self, vm):
        return self.client.get(f"/vms/{vm}/stats")

    def shares(self, vms, seconds):
        """Percent of one CPU that each used, both as the hypervisor counts them."""
        first = [self.stats(vm) for vm in vms]
        time.sleep(seconds)
        last = [self.stats(vm) for vm in vms]
        return [100 * (b["cpu_time"] - a["cpu_time"]) / (b["time"] - a["time"])
                for a, b in zip(first, last)]

    def refused(self, status, vm, **values):
        with self.assertRaises(ApiError) as caught:
            self.patch(vm, **values)
        self.assertEqual(caught.exception.answer.status, status)
        return caught.exception.answer.json

    def wait_guest(self, console, command, wanted, limit=120):
        """Repeat a command in the guest until @wanted(first number of its answer)."""
        deadline = time.monotonic() + limit
        while True:
            console.send(b"echo @$(" + command + b")@\n")
            seen, match = b"", None
            while not match:
                seen += console.read_until(b"@", 60)
                match = re.search(rb"@(\d+)@", seen)
            number = int(match.group(1))
            if wanted(number):
                return number
            self.assertLess(time.monotonic(), deadline, f"{command} says {number}")
            time.sleep(1)

    def test_cap_and_weight(self):
        """a capped guest stays within its cap; equal and unequal guests share a CPU by weight"""
        one, console = self.start("one", cap=40, affinity=[0])
        console.send(BUSY)
        time.sleep(5)
        capped = self.shares([one], 15)[0]
        self.assertAlmostEqual(capped, 40, delta=3)
        two, console = self.start("two", affinity=[0])
        console.send(BUSY)
        self.patch(one, cap=0)
        time.sleep(5)
        a, b = self.shares([one, two], 15)
        self.assertLess(abs(a - b) / max(a, b), 0.05, (a, b))
        self.patch(two, weight=768)
        time.sleep(5)
        a, b = self.shares([one, two], 15)
        self.assertAlmostEqual(b / a, 3, delta=0.6)
        self.assertEqual({v["cpu"] for vm in (one, two) for v in self.stats(vm)["vcpus"]}, {0})
        self.assertEqual(self.refused(422, one, affinity=[63])["errors"][0]["field"], "affinity")

    def test_cpus(self):
        """CPUs are taken from a running guest and given back, never more than it was made with"""
        vm, console = self.start("elastic", vcpus=2)
        self.wait_guest(console, b"nproc", lambda n: n == 2)
        for wanted in (1, 2, 1):
            self.patch(vm, vcpus=wanted)
            self.wait_guest(console, b"nproc", lambda n: n == wanted)
            self.wait_online(vm, wanted)
        self.refused(409, vm, vcpus=3)
        self.refused(409, vm, memory=256 * MIB)

    def wait_online(self, vm, wanted):
        """As the hypervisor sees them."""
        deadline = time.monotonic() + 60
        while True:
            online = [v for v in self.stats(vm)["vcpus"] if v["state"] != "offline"]
            if len(online) == wanted:
                return
            self.assertLess(time.monotonic(), deadline, f"{len(online)} CPUs, not {wanted}")
            time.sleep(0.5)

    def test_many_cpus(self):
        """8 of 128 CPUs at work at once, each on its own; then two more come"""
        # Without being told, Linux would start all 128 before it looks which it may use.
        boot = self.bed.spec("wide")["boot"]
        boot["cmdline"] += " maxcpus=8"
        vm, console = self.start("wide", vcpus=8, vcpus_max=128, memory=384 * MIB, boot=boot)
        self.wait_guest(console, b"nproc", lambda n: n == 8, 300)
        self.assertEqual(len(self.stats(vm)["vcpus"]), 128)
        self.wait_online(vm, 8)
        console.send(b"for n in $(seq 0 7); do (exec taskset -c $n sh -c "
                     b"'while :; do :; done') & done\n")
        before = self.stats(vm)["vcpus"]
        self.wait_guest(console, b"sleep 10; echo 1", lambda n: n == 1)
        after = self.stats(vm)["vcpus"]
        for a, b in zip(before[:8], after[:8]):
            self.assertGreater(b["cpu_time"], a["cpu_time"], f"CPU {a['vcpu']} did nothing")
        console.send(b"kill -9 $(jobs -p)\n")
        self.wait_guest(console, b"ps | grep -c '[w]hile'", lambda n: n == 0)
        self.patch(vm, vcpus=10)
        self.wait_guest(console, b"nproc", lambda n: n == 10)
        self.wait_guest(console, b"dmesg | grep -c -E 'BUG|Oops|soft lockup|rcu.*stall'",
                        lambda n: n == 0)

    def wait_actual(self, vm, wanted):
        deadline = time.monotonic() + 120
        while (actual := self.stats(vm)["memory"]["actual"]) != wanted:
            self.assertLess(time.monotonic(), deadline, f"{actual} bytes, not {wanted}")
            time.sleep(0.5)

    def own_memory(self, console):
        """Bytes that the guest's balloon driver and its page allocator count."""
        ask = b"cat /sys/devices/system/xen_memory/xen_memory0/info/current_kb"
        current = self.wait_guest(console, ask, bool)
        ask = b"sed -n 's/^MemTotal: *\\([0-9]*\\).*/\\1/p' /proc/meminfo"
        return current << 10, self.wait_guest(console, ask, bool) << 10

    def test_balloon(self):
        """memory is taken from a running guest and given back, as it and the hypervisor count it"""
        vm, console = self.start("grows", memory=192 * MIB, memory_min=64 * MIB)
        full = self.stats(vm)["memory"]["actual"]
        before, free = self.own_memory(console), self.bed.free()
        self.refused(422, vm, memory=48 * MIB)
        for memory in (96 * MIB, 192 * MIB, 96 * MIB):
            less = 192 * MIB - memory
            self.patch(vm, memory=memory)
            self.wait_actual(vm, full - less)
            self.assertEqual(self.own_memory(console), tuple(n - less for n in before))
            # To the page but for the nested page tables, where large pages were split.
            self.assertAlmostEqual(self.bed.free() - free, less, delta=MIB)
        self.check_promised(vm)

    def check_promised(self, vm):
        """What others were given since can't be promised: a grown target is refused with numbers."""
        rest = self.bed.free() // MIB - 32
        self.client.create_vm(**self.bed.spec("hog", start=True, memory=rest * MIB))
        answer = self.refused(507, vm, memory=192 * MIB)
        self.assertEqual(answer["needed"], 96 * MIB)
        self.assertLess(answer["free"], 96 * MIB)
        self.assertEqual(self.client.get(f"/vms/{vm}")["memory"], 96 * MIB)

    def test_counters(self):
        """what a guest did is counted: its run states, disks, exits, hypercalls, channels, grants"""
        volume = self.client.post("/volumes", {"name": "counted", "size": 16 * MIB}).json["id"]
        self.addCleanup(self.client.delete, f"/volumes/{volume}")
        self.addCleanup(self.bed.remove_all)
        vm = self.client.create_vm(**disk_spec(self.client, "counted"))["id"]
        self.client.post(f"/vms/{vm}/disks", {"volume": volume})
        self.client.action(vm, "start")
        guest = Guest(self.client, vm)
        self.addCleanup(guest.close)
        before = self.stats(vm)["disks"][0]
        guest.run("dd if=/dev/xvda of=/dev/null bs=1M count=8; dd if=/dev/zero of=/dev/xvda bs=1M count=4; sync")
        stats = self.stats(vm)
        disk = stats["disks"][0]
        self.assertEqual(disk["target"], "xvda")
        self.assertGreaterEqual(disk["read_bytes"] - before["read_bytes"], 8 * MIB)
        self.assertGreaterEqual(disk["write_bytes"] - before["write_bytes"], 4 * MIB)
        self.assertGreater(disk["write_requests"], before["write_requests"])
        debug = self.client.get(f"/vms/{vm}/debug")
        kinds = {c["kind"] for c in debug["event_channels"]}
        self.assertLessEqual({"interdomain", "virq", "ipi"}, kinds)
        self.assertRegex(debug["vcpus"][0]["registers"]["cr3"], "^0x0")
        if not self.client.get("/host")["capabilities"]["counters"]:
            # Another hypervisor: null, and no error.
            self.assertIsNone(stats["vcpus"][0]["times"])
            self.assertIsNone(debug["hypercalls"])
            self.assertIsNone(debug["mappings"])
            return
        times = stats["vcpus"][0]["times"]
        # Read one after the other: it may have run in between.
        self.assertGreaterEqual(times["running"], stats["vcpus"][0]["cpu_time"])
        self.assertGreater(times["blocked"], 0)
        exits = debug["vcpus"][0]["exits"]
        self.assertGreater(exits["HLT"] + exits["hypercall"], 100)
        calls = {c["name"]: c for c in debug["hypercalls"]}
        self.assertGreater(calls["event_channel_op"]["calls"], 10)
        self.assertTrue(all(c["absent"] <= c["calls"] for c in calls.values()))
        self.assertGreater(debug["grants"]["used"], 0)
        # Most of its 128 MiB is mapped by 2 MiB at a time.
        self.assertGreaterEqual(debug["mappings"]["2m"], 48, debug["mappings"])
        self.assertGreaterEqual(self.client.get(f"/vms/{vm}/debug")["vcpus"][0]["exits"]["HLT"], exits["HLT"])
