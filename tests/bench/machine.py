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

    def __init__(self, name, hypervisor, port, counted=False, data="none"):
        options = Options(
            log=os.path.join(BUILD, "log", name),
            hypervisor=hypervisor,
            port=port,
            cpus=1,
            data=data,
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
        except BaseException:
            self.appliance.kill()
            raise
        self._console = None

    @property
    def console(self):
        """A shell inside; opened when first used (under Xen the serial line loses some of its input)."""
        if self._console is None:
            self._console = LocalConsole(self.appliance)
        return self._console

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._console:
            self._console.close()
        self.client.close()
        self.appliance.kill()

    def _note(self, line):
        """The first word of the management domain's own programs."""
        if self.userspace is None and line.startswith("domus:"):
            self.userspace = time.monotonic() - self.appliance.started

    # Single figures

    def bench_guest(self):
        """What the bench guest says, by name, beside a second one that grants it a page."""
        granter, console = self._start_bench("granter", "serve")
        console.read_until(b"bench serving", 120)
        vm, console = self._start_bench("bench", "")
        text = console.read_until(b"bench end", 120).decode(errors="replace")
        for each in (vm, granter):
            self._remove(each)
        failed = re.search(r"bench failed (.*)", text)
        if failed:
            raise RuntimeError(f"the bench guest failed at: {failed.group(1)}")
        return {name: int(n) for name, n in re.findall(r"bench (\w+) (\d+)", text)}

    def _start_bench(self, name, cmdline, memory=64 * MIB):
        return self._start(name, "bench-guest", "bench/bench-guest", cmdline, memory)

    # pylint: disable-next=too-many-arguments,too-many-positional-arguments
    def _start(self, name, image, path, cmdline, memory):
        """A guest of one vCPU whose kernel is a file below the build folder; it and its console."""
        kernel = self._upload(image, "kernel", os.path.join(BUILD, path))
        boot = {"kernel": kernel, "cmdline": cmdline}
        spec = {"name": name, "mode": "pvh", "vcpus": 1, "memory": memory, "boot": boot}
        vm = self.client.create_vm(300, **spec, start=True)["id"]
        return vm, self.client.console(vm)

    def neighbours(self, loud):
        """Share of its work that a busy guest no longer gets done beside each of @loud (names and command
        lines), of what it does beside another busy one; all of one vCPU, on one CPU."""
        console = self._start("busy", "small-busy", "guests/busy", "", 32 * MIB)[1]
        rates = {}
        for n, (name, cmdline) in enumerate([("busy", ""), *loud], 1):
            vm, other = self._start(f"{name}-{n}", f"small-{name}", f"guests/{name}", cmdline, 32 * MIB)
            self._rates(console, 2)  # of which one began before
            rates[name] = sum(self._rates(console, 8))
            if self.client.get(f"/vms/{vm}")["state"] != "running":
                raise RuntimeError(f"{name} has ended before its time")
            other.close()
            self._remove(vm)
        return {f"beside_{name}": 1 - rates[name] / rates["busy"] for name, _ in loud}

    @staticmethod
    def _rates(console, wanted):
        """The next @wanted reports of the guest "busy"."""
        found = []
        while len(found) < wanted:
            found += [int(n) for n in re.findall(rb"rate=(\d+)\r?\n", console.read_until(b"\n", 120))]
        return found

    def kept(self):
        """Bytes of RAM that are neither free nor the management domain's."""
        memory = self.client.get("/host")["memory"]
        return memory["total"] - (1024 * MIB) - steady_free(self.client)

    def overhead(self):
        """Bytes that a 256 MiB domain takes beyond its memory."""
        for _ in range(2):  # the first time the management domain's own tables may grow
            before = steady_free(self.client)
            vm, console = self._start_bench("overhead", "serve", GUEST)
            console.read_until(b"bench serving", 60)
            taken = before - steady_free(self.client)
            self._remove(vm)
        return taken - GUEST

    def create_and_destroy(self, kernel, rounds=5):
        """Seconds to create a paused 256 MiB domain, from the second use on, and to destroy one.

        A second apart: an idle hypervisor scrubs what the last one left.
        """
        command = f"{self.tool()} create -k {kernel} -d /data -m {GUEST // MIB} -b {rounds} -w 1000"
        out = self.console.run(command, 600)
        times = [(float(a) / 1e3, float(b) / 1e3) for a, b in
                 re.findall(r"created in ([\d.]+) ms, destroyed in ([\d.]+)", out)]
        return min(t[0] for t in times[1:]), min(t[1] for t in times[1:])

    def to_userspace(self):
        """Seconds from the request to the demo guest's shell."""
        spec = guest_spec(self.client, "userspace", memory=GUEST)
        began = time.monotonic()
        vm = self.client.create_vm(300, **spec)
        self.client.console(vm["id"]).read_until(b"demo guest ready", 300)
        took = time.monotonic() - began
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
        return self.bring("tool", os.path.join(BUILD, "mgmtd/toolstack/domus-ts"), self.console)

    def bring(self, name, path, console):
        """Bring a program inside; return where it is there."""
        inside = TOOL.format(id=self._upload(name, "initrd", path))
        console.run(f"chmod 755 {inside}")
        return inside

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
