"""Daemons that are killed come back, and guests never notice."""

import time
import unittest

from bed import bed

GUEST_READY = b"demo guest ready"


class Recovery(unittest.TestCase):
    """kill -9 at bad moments."""

    def setUp(self):
        self.bed = bed()
        self.client = self.bed.client
        self.addCleanup(self.bed.remove_all)

    def kill(self, program):
        """Kill a daemon and wait until another one runs in its place."""
        before = self.bed.pids(program)
        self.assertTrue(before, f"{program} does not run")
        self.bed.console.run(f"kill -9 {' '.join(before)}")
        deadline = time.monotonic() + 60
        while True:
            now = self.bed.pids(program)
            if now and not set(now) & set(before):
                return
            self.assertLess(time.monotonic(), deadline, f"{program} did not come back")
            time.sleep(0.3)

    def test_mgmtd_while_running(self):
        """mgmtd killed while a guest runs: it knows the guest, the guest never noticed"""
        vm = self.client.create_vm(**self.bed.spec("steady"))["id"]
        console = self.client.console(vm)
        console.read_until(GUEST_READY, 120)
        console.send(b"before=$((6*7))\n")
        self.kill("mgmtd")
        self.bed.wait_healthy()
        self.assertEqual(self.client.get(f"/vms/{vm}")["state"], "running")
        console.send(b"echo kept $before\n")
        console.read_until(b"kept 42", 30)
        console.close()
        again = self.client.console(vm)
        again.read_until(b"kept 42", 30)
        self.client.action(vm, "destroy")

    def test_mgmtd_while_starting(self):
        """mgmtd killed while a guest starts: no half-built domain, the task says failed"""
        free = self.bed.free()
        spec = self.bed.spec("half", memory=1024 << 20)
        vm = self.client.post("/vms", spec).json
        # At once, while the domain is being built.
        self.bed.console.run("kill -9 $(pidof mgmtd)")
        time.sleep(1)
        self.bed.wait_healthy()
        task = self.client.get(f"/tasks/{vm['task_id']}?wait=30")
        state = self.client.wait_state(vm["id"], ("stopped", "running", "crashed"))["state"]
        if task["status"] == "succeeded":
            self.assertEqual(state, "running")
            self.skipTest("the domain was already built when mgmtd died")
        self.assertEqual(task["status"], "failed", task)
        self.assertTrue(task["error"]["detail"])
        self.assertEqual(state, "stopped")
        self.assertEqual(self.bed.free(), free)
        self.client.action(vm["id"], "start")
        self.assertEqual(self.client.get(f"/vms/{vm['id']}")["state"], "running")

    def test_broker(self):
        """console-broker killed: the console works again, the guest goes on"""
        vm = self.client.create_vm(**self.bed.spec("broker"))["id"]
        console = self.client.console(vm)
        console.read_until(GUEST_READY, 120)
        self.kill("console-broker")
        self.bed.wait_healthy()
        console = self.client.console(vm)
        console.send(b"echo again $((6*7))\n")
        console.read_until(b"again 42", 60)

    def test_others(self):
        """console-proxy and haproxy killed: both come back"""
        self.kill("console-proxy")
        self.kill("haproxy")
        self.client.close()
        deadline = time.monotonic() + 60
        while True:
            try:
                self.bed.wait_healthy()
                return
            except OSError:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.3)
