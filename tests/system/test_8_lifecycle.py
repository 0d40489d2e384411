"""How guests end and begin again: by request, by themselves, with the host."""

import signal
import unittest

from bed import MIB, Alone, bed, boot_for, hostile, remove, scratch
from check import guest_spec

GUEST_READY = b"demo guest ready"
BOOT = 180


class Lifecycle(unittest.TestCase):
    """On the shared appliance."""

    def setUp(self):
        self.bed = bed()
        self.client = self.bed.client
        self.addCleanup(self.bed.remove_all)

    def start(self, name, **more):
        """A demo guest that is up, and its console."""
        vm = self.client.create_vm(**self.bed.spec(name, **more))["id"]
        console = self.client.console(vm)
        self.addCleanup(console.close)
        console.read_until(GUEST_READY, BOOT)
        return vm, console

    def ask(self, vm, action, **how):
        """Perform an action; return the task as it ended, well or not."""
        answer = self.client.post(f"/vms/{vm}/actions/{action}", how)
        return self.client.get(answer.headers["Location"].removeprefix("/api/v1") + "?wait=60")

    def wait_crash(self, vm):
        """Wait for a crash report; return the VM."""
        now = self.client.wait_state(vm, ("crashed",), 120)
        self.assertIsNotNone(now["crash"], now)
        return now

    def test_reboot(self):
        """a reboot, asked for and of the guest's own, is a new domain of the same VM"""
        vm, console = self.start("reboot")
        first = self.client.get(f"/vms/{vm}")["domid"]
        self.client.action(vm, "reboot")
        second = self.client.get(f"/vms/{vm}")
        self.assertEqual(second["state"], "running")
        self.assertNotEqual(second["domid"], first)
        console.read_until(GUEST_READY, BOOT)
        console.send(b"reboot -f\n")
        console.read_until(GUEST_READY, BOOT)
        self.assertNotEqual(self.client.get(f"/vms/{vm}")["domid"], second["domid"])
        self.client.action(vm, "shutdown")
        self.assertEqual(self.client.get(f"/vms/{vm}")["state"], "stopped")

    def test_crash(self):
        """a crash leaves the registers, and the policy starts the guest again"""
        vm, console = self.start("crash")
        console.send(b"echo c >/proc/sysrq-trigger\n")
        now = self.wait_crash(vm)
        self.assertEqual(now["crash"]["code"], "guest_crashed")
        registers = now["crash"]["vcpus"][0]["registers"]
        # Linux ran in its own half of the address space, with paging.
        self.assertRegex(registers["rip"], "^0xffffffff")
        self.assertTrue(int(registers["cr0"], 16) >> 31)
        self.client.request("PATCH", f"/vms/{vm}", {"restart_policy": "on_crash"})
        self.client.action(vm, "start")
        console.read_until(GUEST_READY, BOOT)
        console.send(b"echo c >/proc/sysrq-trigger\n")
        console.read_until(GUEST_READY, BOOT)
        self.assertEqual(self.client.get(f"/vms/{vm}")["state"], "running")

    def test_deaf(self):
        """a guest that does not obey keeps running, or is forced; 'always' starts what went off"""
        vm, console = self.start("deaf")
        first = self.client.get(f"/vms/{vm}")["domid"]
        # What the kernel runs when it is asked does nothing.
        console.send(b"for v in poweroff reboot; do echo '#!/bin/busybox true' >/sbin/$v; done; echo de''af\n")
        console.read_until(b"deaf", 60)
        task = self.ask(vm, "shutdown", timeout=3)
        self.assertEqual((task["status"], task["error"]["code"]), ("failed", "guest_ignored"))
        now = self.client.get(f"/vms/{vm}")
        self.assertEqual((now["state"], now["domid"]), ("running", first))
        self.client.request("PATCH", f"/vms/{vm}", {"restart_policy": "always"})
        task = self.ask(vm, "reboot", timeout=3, force=True)
        self.assertEqual(task["status"], "succeeded", task)
        second = self.client.get(f"/vms/{vm}")["domid"]
        self.assertNotEqual(second, first)
        console.read_until(GUEST_READY, BOOT)
        console.send(b"poweroff -f\n")
        console.read_until(GUEST_READY, BOOT)
        self.assertNotEqual(self.client.get(f"/vms/{vm}")["domid"], second)
        # Told to stop, it stays down in spite of the policy.
        self.client.action(vm, "shutdown")
        self.assertEqual(self.client.get(f"/vms/{vm}")["state"], "stopped")

    def test_triple_fault(self):
        """a guest that the hypervisor has to end: the report says why"""
        image = self.client.upload("triple", "kernel", hostile("triple"))
        spec = self.bed.spec("triple", memory=16 * MIB)
        spec["boot"] = {"kernel": image["id"], "cmdline": ""}
        vm = self.client.create_vm(**spec)["id"]
        now = self.wait_crash(vm)
        self.assertEqual(now["crash"]["code"], "guest_crashed")
        if self.client.get("/host")["capabilities"]["counters"]:
            self.assertIn("triple fault", now["crash"]["detail"])
            self.assertIn(now["crash"]["detail"], now["reason"]["detail"])
        remove(self.client, vm)
        self.client.delete(f"/images/{image['id']}")

    def test_watchdog(self):
        """a watchdog that is not fed ends its guest, and says so"""
        image = self.client.upload("watchdog", "kernel", hostile("watchdog"))
        spec = self.bed.spec("watchdog", memory=16 * MIB)
        spec["boot"] = {"kernel": image["id"], "cmdline": ""}
        vm = self.client.create_vm(**spec)["id"]
        now = self.wait_crash(vm)
        self.assertEqual(now["reason"]["code"], "guest_watchdog")
        remove(self.client, vm)
        self.client.delete(f"/images/{image['id']}")


class WithTheHost(Alone):
    """Three boots from one data disk."""

    def order(self, client, kind):
        """Names of the machines that had tasks of @kind, in the order these were made."""
        names = {vm["id"]: vm["name"] for vm in client.get("/vms")["items"]}
        tasks = [t for t in client.get("/tasks?limit=1000&sort=created_at")["items"] if t["kind"] == kind]
        return [(names[t["target"]["id"]], t["status"]) for t in tasks]

    def test_autostart(self):
        """guests are shut down before the host and start with it again in order, even after a power loss"""
        data = scratch("data.img")
        machine, client = boot_for(self, "autostart-1", data)
        spec = {**guest_spec(client, "late"), "memory": 96 * MIB}
        vms = [
            client.create_vm(**{**spec, "name": name, "autostart": {"enabled": True, "order": order}})["id"]
            for name, order in (("late", 2), ("early", 1))
        ]
        for vm in vms:
            console = client.console(vm)
            console.read_until(GUEST_READY, BOOT)
        self.assertTrue(machine.stop(limit=120), "the power button did not do\n" + machine.tail())

        machine, client = boot_for(self, "autostart-2", data)
        done = self.order(client, "vm.shutdown")
        self.assertEqual(done, [("late", "succeeded"), ("early", "succeeded")], "not asked, or not in order")
        for vm in vms:
            client.wait_state(vm, ("running",), BOOT)
        machine.process.send_signal(signal.SIGKILL)
        machine.process.wait()
        machine.kill()

        machine, client = boot_for(self, "autostart-3", data)
        for vm in vms:
            client.wait_state(vm, ("running",), BOOT)
        tasks = client.get("/tasks?limit=1000")["items"]
        self.assertEqual(len([t for t in tasks if t["kind"] == "host.autostart"]), 2)
        starts = [name for name, _ in self.order(client, "vm.start")]
        self.assertEqual(starts, ["late", "early"] + ["early", "late"] * 2)
        for vm in vms:
            client.action(vm, "destroy")
        self.assertTrue(machine.stop(limit=120))
