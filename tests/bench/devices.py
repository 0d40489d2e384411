"""What PV disks and network cards do: the same small program in guests and in the management domain."""

import os
import re
import subprocess
import time

from appliance import LocalConsole
from check import guest_spec
from machine import BUILD, MIB

HERE = os.path.dirname(os.path.abspath(__file__))
IMAGES = os.path.join(BUILD, "image.work/root/usr/share/domus/images")
PROGRAM = "bench-io"


class PatientConsole(LocalConsole):
    """A shell inside, typed to slowly: under Xen the serial line loses what comes at once."""

    def send(self, text):
        for start in range(0, len(text), 8):
            super().send(text[start : start + 8])
            time.sleep(0.05)


def build_program():
    """Compile it and pack it for guests."""
    folder = os.path.join(BUILD, "bench")
    subprocess.run([os.path.join(HERE, "io/build"), folder], check=True)


def initrd():
    """The built-in guests' initial RAM disks, one after another, and our program: drivers of disks and of
    network cards."""
    parts = [os.path.join(IMAGES, name) for name in ("disk-initrd", "demo-initrd")]
    data = b""
    for path in [*parts, os.path.join(BUILD, f"bench/{PROGRAM}.cpio")]:
        with open(path, "rb") as f:
            data += f.read()
    return data


def figures(text):
    """What the program has printed."""
    if "io end" not in text:
        raise RuntimeError(f"{PROGRAM} failed: {text[-300:]}")
    return {name: int(n) for name, n in re.findall(r"(?m)^io (\w+) (\d+)", text)}


class Guest:
    """A running Linux guest and its shell."""

    def __init__(self, machine, name, nics=()):
        self.client = machine.client
        known = self.client.images()
        if PROGRAM not in known:
            known[PROGRAM] = self.client.upload(PROGRAM, "initrd", initrd())
        spec = guest_spec(self.client, name, memory=192 * MIB, start=False)
        spec["boot"]["initrd"] = known[PROGRAM]["id"]
        self.vm = self.client.create_vm(300, **spec)["id"]
        self.nics = [self.client.post(f"/vms/{self.vm}/nics", nic).json for nic in nics]
        self.client.action(self.vm, "start", 300)
        self.shell = self.client.console(self.vm)
        self.shell.read_until(b"demo guest ready", 600)
        self.count = 0

    def run(self, command, timeout=600):
        """Run a command line; return what it printed."""
        self.count += 1
        # The mark is put together by the shell, so that the echo of the line is none.
        self.shell.send(f"{command}; echo end'of'{self.count}\n".encode())
        said = self.shell.read_until(f"endof{self.count}".encode(), timeout)
        return bytes(said).decode(errors="replace")

    def load_disks(self):
        self.run("while read -r m; do insmod /modules/$m; done </modules/order 2>/dev/null")

    def has_address(self, card="eth0"):
        self.run(f"until ip addr show {card} | grep -q 'inet '; do sleep 0.2; done")

    def end(self):
        self.shell.close()
        self.client.action(self.vm, "destroy")
        self.client.delete(f"/vms/{self.vm}")


def disks(machine, size=64 * MIB):
    """Operations a second on a raw volume's file, through a PV disk made of it, and (thin_) of one of format qcow2."""
    console = PatientConsole(machine.appliance)
    try:
        volumes = {
            tag: machine.client.post("/volumes", {"name": name, "size": size, "format": name}).json["id"]
            for tag, name in (("", "raw"), ("thin_", "qcow2"))
        }
        path = f"/data/volumes/{volumes['']}"
        program = machine.bring("program", os.path.join(BUILD, "bench", PROGRAM), console)
        guest = Guest(machine, "disks")
        guest.load_disks()
        best = {}

        def keep(tag, text):
            for name, rate in figures(text).items():
                best[tag + name] = max(rate, best.get(tag + name, 0))

        for turn in range(2):
            for tag, volume in volumes.items():
                disk = machine.client.post(f"/vms/{guest.vm}/disks", {"volume": volume}).json["id"]
                guest.run("until [ -b /dev/xvda ]; do sleep 0.1; done")
                if not turn:
                    guest.run(f"dd if=/dev/urandom of=/dev/xvda bs=1M count={size // MIB} conv=fsync")
                keep(tag, guest.run(f"/{PROGRAM} disk /dev/xvda"))
                machine.client.delete(f"/vms/{guest.vm}/disks/{disk}")
            keep("file_", console.run(f"{program} disk {path}", 600))
        guest.end()
        return best
    finally:
        console.close()


def networks(machine):
    """Streams and packets from one guest to another, and to the management domain."""
    console = PatientConsole(machine.appliance)
    try:
        program = machine.bring("program", os.path.join(BUILD, "bench", PROGRAM), console)
        network = machine.client.post("/networks", {"name": "bench", "kind": "private"}).json["id"]
        giver = Guest(machine, "giver", [{"network": network}])
        taker = Guest(machine, "taker", [{"network": network}])
        giver.has_address()
        taker.has_address()
        giver.run(f"/{PROGRAM} give >/dev/null 2>&1 & sleep 1")
        address = giver.nics[0]["address"]
        to_guest = figures(taker.run(f"/{PROGRAM} take {address}"))
        to_host = figures(console.run(f"{program} take {address}", 600))
        for guest in (giver, taker):
            guest.end()
        found = {f"guest_{name}": rate for name, rate in to_guest.items()}
        return {**found, **{f"host_{name}": rate for name, rate in to_host.items()}}
    finally:
        console.close()
