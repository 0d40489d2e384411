"""An appliance to measure on: booted on one hypervisor or the other, with hands inside."""

import os
import re
import subprocess
import time

from appliance import Appliance, LocalConsole, Options
from check import guest_spec, steady_free

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, "build")
XEN = "/boot/xen-4.17-amd64.gz"
MIB = 1 << 20
GUEST = 256 * MIB
TOOL = "/data/images/{id}"
DAEMONS = ("mgmtd", "console-proxy", "console-broker", "haproxy", "xenstored")


class Counted(Appliance):
    """One CPU that does one instruction a nanosecond: time inside does not depend on the load outside."""

    def _accel(self):
        cpu = super()._accel()[-1]
        return ["-accel", "tcg,thread=single", "-icount", "shift=0", "-cpu", cpu]


class Machine:
    """One boot, logged in."""

    def __init__(self, name, hypervisor, port, counted=False):
        options = Options(
            log=os.path.join(BUILD, "log", name),
            hypervisor=hypervisor,
            port=port,
            cpus=1,
            data="none",
            accel="tcg",
            dom0_extra="domus.console=shell",
        )
        self.appliance = (Counted if counted else Appliance)(options)
        self.userspace = None
        try:
            self.appliance.start()
            self.ready = self.appliance.wait_ready(300, self._note)
            self.client = self.appliance.client()
            self.client.timeout = 120
            self.client.login("admin", self.appliance.password)
            self.console = LocalConsole(self.appliance)
        except BaseException:
            self.appliance.kill()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.console.close()
        self.client.close()
        self.appliance.kill()

    def _note(self, _line):
        """The first word of the management domain's own programs."""
        if self.userspace is None:
            self.userspace = time.monotonic() - self.appliance.started

    # Single figures

    def bench_guest(self):
        """What the bench guest says, by name."""
        kernel = self._upload("bench-guest", "kernel", os.path.join(BUILD, "bench/bench-guest"))
        vm = self.client.post(
            "/vms",
            {
                "name": "bench",
                "mode": "pvh",
                "vcpus": 1,
                "memory": 64 * MIB,
                "boot": {"kernel": kernel},
                "start": True,
            },
        ).json
        self.client.wait_task(vm["task_id"], 300)
        console = self.client.console(vm["id"])
        text = console.read_until(b"bench end", 120).decode(errors="replace")
        console.close()
        self._remove(vm["id"])
        failed = re.search(r"bench failed (.*)", text)
        if failed:
            raise RuntimeError(f"the bench guest failed at: {failed.group(1)}")
        return {name: int(n) for name, n in re.findall(r"bench (\w+) (\d+)", text)}

    def kept(self):
        """Bytes of RAM that are neither free nor the management domain's."""
        memory = self.client.get("/host")["memory"]
        return memory["total"] - (1024 * MIB) - steady_free(self.client)

    def overhead(self):
        """Bytes that a 256 MiB domain takes beyond its memory."""
        tool = self.tool()
        create = f"{tool} create -k {self.kernel()} -m {GUEST // MIB}"
        self.console.run(f"{create} -b 1", 300)
        before = steady_free(self.client)
        self.console.run(create, 300)
        taken = before - steady_free(self.client)
        self._destroy_tool_domain(tool)
        return taken - GUEST

    def _destroy_tool_domain(self, tool):
        for line in self.console.run(f"{tool} list").splitlines():
            domid = line.split()[0]
            if domid != "0":
                self.console.run(f"{tool} destroy {domid}", 120)

    def create_and_destroy(self, kernel, rounds=5):
        """Seconds to create a paused 256 MiB domain, from the second use on, and to destroy one."""
        command = f"{self.tool()} create -k {kernel} -d /data -m {GUEST // MIB} -b {rounds}"
        out = self.console.run(command, 600)
        times = [(float(a) / 1e3, float(b) / 1e3) for a, b in
                 re.findall(r"created in ([\d.]+) ms, destroyed in ([\d.]+)", out)]
        return min(t[0] for t in times[1:]), min(t[1] for t in times[1:])

    def to_userspace(self):
        """Seconds from the request to the demo guest's shell, on the management domain's clock."""
        spec = guest_spec(self.client, "userspace", memory=GUEST)
        began = self._uptime()
        vm = self.client.create_vm(300, **spec)
        self.client.console(vm["id"]).read_until(b"demo guest ready", 300)
        took = self._uptime() - began
        self._remove(vm["id"])
        return took

    def resident(self):
        """MB of memory of each daemon."""
        out = {}
        for name in DAEMONS:
            command = f"for p in $(pidof {name}); do grep VmRSS /proc/$p/status; done"
            kib = [int(line.split()[1]) for line in self.console.run(command).splitlines()]
            out[name] = sum(kib) / 1000
        return out

    # Helpers

    def _uptime(self):
        return float(self.console.run("cat /proc/uptime").split()[0])

    def _upload(self, name, kind, path):
        known = self.client.images()
        if name in known:
            return known[name]["id"]
        with open(path, "rb") as f:
            return self.client.upload(name, kind, f.read())["id"]

    def _remove(self, vm):
        if "destroy" in self.client.get(f"/vms/{vm}")["allowed_actions"]:
            self.client.action(vm, "destroy")
        self.client.delete(f"/vms/{vm}")

    def tool(self):
        """The toolstack's own command inside; it comes in as an image, files are files."""
        path = TOOL.format(
            id=self._upload("tool", "initrd", os.path.join(BUILD, "mgmtd/toolstack/domus-ts"))
        )
        self.console.run(f"chmod 755 {path}")
        return path

    @staticmethod
    def kernel():
        return "/usr/share/domus/images/debian-kernel"

    def bzimage(self):
        """Debian's kernel as it comes, compressed."""
        found = subprocess.run(
            ["find", os.path.join(BUILD, "debs"), "-name", "vmlinuz-*"],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout.split()
        return TOOL.format(id=self._upload("bzimage", "kernel", found[0]))
