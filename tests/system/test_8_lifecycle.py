"""How guests end and begin again: by request, by themselves, with the host."""

import signal
import unittest

from bed import MIB, bed, boot, close_bed, hostile, remove, scratch
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


class WithTheHost(unittest.TestCase):
    """Three boots from one data disk."""

    def up(self, name, data):
        """Boot, and log in."""
        machine = boot(name, data=data)
        self.addCleanup(machine.kill)
        client = machine.client()
        client.login("admin", machine.password)
        return machine, client

    def test_autostart(self):
        """guests are shut down before the host, and start with it again, even after a power loss"""
        self.assertTrue(close_bed(), "the shared appliance did not shut down in order")
        data = scratch("data.img")
        machine, client = self.up("autostart-1", data)
        spec = {**guest_spec(client, "auto"), "memory": 96 * MIB, "autostart": {"enabled": True}}
        vm = client.create_vm(**spec)["id"]
        console = client.console(vm)
        console.read_until(GUEST_READY, BOOT)
        self.assertTrue(machine.stop(), "the power button did not do\n" + machine.tail())

        machine, client = self.up("autostart-2", data)
        done = [t for t in client.get("/tasks")["items"] if t["kind"] == "vm.shutdown"]
        self.assertEqual([t["status"] for t in done], ["succeeded"], "the guest was not asked")
        client.wait_state(vm, ("running",), BOOT)
        machine.process.send_signal(signal.SIGKILL)
        machine.process.wait()
        machine.kill()

        machine, client = self.up("autostart-3", data)
        client.wait_state(vm, ("running",), BOOT)
        tasks = client.get("/tasks?limit=1000")["items"]
        self.assertEqual(len([t for t in tasks if t["kind"] == "host.autostart"]), 2)
        client.action(vm, "destroy")
        self.assertTrue(machine.stop())
