"""The appliance that tests share: booted once, with a root shell on its local console."""

import atexit
import contextlib
import os
import subprocess
import tempfile
import time
import unittest

from appliance import Appliance, LocalConsole, Options
from check import guest_spec, steady_free
from report import BUILD, PORTS, TOP

PORT, PORT_ALONE = PORTS + 6, PORTS + 9
MIB = 1 << 20
# The peer to try the tests themselves on, or to tell whose bug it is.
HYPERVISOR = os.environ.get("DOMUS_HYPERVISOR")

_running = {}


def boot(name, **options):
    """Boot an appliance of its own, without data disk unless one is named."""
    options.setdefault("data", "none")
    options.setdefault("port", PORT_ALONE)
    log = os.path.join(BUILD, "log", name)
    machine = Appliance(Options(log=log, hypervisor=HYPERVISOR, **options))
    try:
        machine.start()
        machine.wait_ready(300)
    except BaseException:
        machine.kill()
        raise
    return machine


def boot_for(test, name, data):
    """Boot on a data disk, log in, and be killed after @test: (the appliance, its client).

    One CPU: what these tests are about needs no more, and two appliances share the host's.
    """
    machine = boot(name, data=data, cpus=1)
    test.addCleanup(machine.kill)
    client = machine.client()
    client.login("admin", machine.password)
    return machine, client


class Alone(unittest.TestCase):
    """Tests that boot appliances of their own: run beside those of the shared one, or after them."""

    alone = True


class Bed:
    """One booted appliance, a client logged in, and its local console."""

    def __init__(self, name, **options):
        self.machine = boot(name, dom0_extra="domus.console=shell", **options)
        self.client = self.login()
        self.console = LocalConsole(self.machine)

    def login(self):
        """Another session of the administrator."""
        client = self.machine.client()
        client.login("admin", self.machine.password)
        return client

    def spec(self, name, **more):
        """The demo guest, by default small and not started."""
        return {**guest_spec(self.client, name), "memory": 96 * MIB, **more}

    def wait_healthy(self):
        """Wait until mgmtd answers again; its sessions live in the database."""
        deadline = time.monotonic() + 60
        while self.client.raw("GET", "/api/v1/health").status != 200:
            if time.monotonic() > deadline:
                raise TimeoutError("not healthy again")
            time.sleep(0.3)
        self.client.get("/host")

    def free(self):
        return steady_free(self.client)

    def pids(self, program):
        """Process ids of one of our daemons in the management domain."""
        return self.console.run(f"pidof {program} || true").split()

    def descriptors(self):
        """Open descriptors of the daemons that may not leak any."""
        count = "for p in $(pidof mgmtd console-broker console-proxy xenstored haproxy); do "
        count += "echo $(cat /proc/$p/comm):$(ls /proc/$p/fd | wc -l); done"
        return dict(line.split(":") for line in self.console.run(count).split())

    def channels(self):
        """Event channels that the management domain has bound."""
        return int(self.console.run("grep -c -i -E 'xen|evtchn' /proc/interrupts || true"))

    def remove_all(self, but=None):
        """Destroy and delete every VM, @but that one."""
        for vm in self.client.get("/vms?limit=1000")["items"]:
            if vm["id"] == but:
                continue
            if vm["task_id"]:
                with contextlib.suppress(RuntimeError):
                    self.client.wait_task(vm["task_id"])
            remove(self.client, vm["id"])

    def stop(self):
        self.console.close()
        self.client.close()
        return self.machine.stop(limit=120)


def remove(client, vm):
    """Destroy a VM if there is anything to destroy, and delete it."""
    if "destroy" in client.get(f"/vms/{vm}")["allowed_actions"]:
        client.action(vm, "destroy")
    client.delete(f"/vms/{vm}")


def bed():
    """The shared appliance; booted on first use, stopped when the tests end."""
    if "bed" not in _running or not _running["bed"].machine.running():
        _running["bed"] = Bed("system", gdb=True, port=PORT)
        atexit.register(_running["bed"].machine.kill)
    return _running["bed"]


def close_bed():
    """Stop the shared appliance; True if that went in order."""
    return "bed" not in _running or _running.pop("bed").stop()


def hostile(name):
    """The bytes of one of the small guests of tests/guest."""
    folder = os.path.join(BUILD, "guests")
    subprocess.run([os.path.join(TOP, "tests/guest/build"), folder], check=True)
    with open(os.path.join(folder, name), "rb") as f:
        return f.read()


def scratch(name):
    """A place for a file of this run."""
    return os.path.join(tempfile.mkdtemp(prefix="domus-test-"), name)
