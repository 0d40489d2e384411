"""A Debian 12 root, made with mmdebstrap, on a PV disk: systemd, a login, and a power loss."""

import hashlib
import os
import signal
import subprocess

from bed import BUILD, MIB, TOP, Alone, boot_for, remove, scratch
from check import guest_spec
from guests import Guest


def debian_root():
    """The bytes of an image of the root file system; kept between runs."""
    path = os.path.join(BUILD, "debian-root.qcow2")
    script = os.path.join(TOP, "tests/system/debian-root")
    subprocess.run([script, path], check=True, stdin=subprocess.DEVNULL, timeout=900)
    with open(path, "rb") as f:
        return f.read()


def log_in(client, vm):
    """A root shell of the guest, reached through its login prompt."""
    guest = Guest(client, vm, b"debian login: ")
    guest.log_in(b"root", b"domus", b"root@debian:~#")
    return guest


class Debian(Alone):
    """On an appliance with a data disk."""

    def make(self, client):
        """A running machine whose only disk is a copy of the uploaded root."""
        image = client.upload("debian", "disk", debian_root())["id"]
        volume = client.create_volume(name="debian", size=512 * MIB, image=image)
        images = client.images()
        start_from = {
            "kernel": images["debian-kernel"]["id"],
            "initrd": images["disk-initrd"]["id"],
            "cmdline": "console=hvc0 root=/dev/xvda rw quiet",
        }
        spec = {"memory": 256 * MIB, "boot": start_from, "disks": [{"volume": volume["id"]}]}
        return client.create_vm(**{**guest_spec(client, "debian"), **spec})["id"]

    def test_debian(self):
        """it boots to its login prompt, its disk grows, and what it had synced outlives QEMU's end"""
        debian_root()
        data = scratch("data.img")
        machine, client = boot_for(self, "debian-1", data)
        vm = self.make(client)
        volume = client.get(f"/vms/{vm}")["disks"][0]["volume"]
        shell = log_in(client, vm)
        self.assertIn("pid1=systemd", shell.must("echo pid''1=$(cat /proc/1/comm)"))
        self.assertIn("/dev/xvda / ext4 rw", shell.must("grep xvda /proc/mounts"))
        shell.must("head -c 4000000 /dev/urandom >/root/kept && sync /root/kept /root")
        digest = shell.must("echo digest'='$(sha256sum </root/kept)").split("digest=")[1].split()[0]
        self.assertEqual(len(digest), len(hashlib.sha256().hexdigest()))
        client.request("PATCH", f"/volumes/{volume}", {"size": 640 * MIB})
        shell.must(f"until [ $(cat /sys/block/xvda/size) = {640 * MIB // 512} ]; do sleep 0.2; done")
        # Written, but never synced: this may be lost, and the file system must bear it.
        shell.must("head -c 4000000 /dev/urandom >/root/loose")
        machine.process.send_signal(signal.SIGKILL)
        machine.process.wait()
        shell.close()
        machine.kill()

        machine, client = boot_for(self, "debian-2", data)
        client.wait_state(vm, ("stopped",), 60)
        client.action(vm, "start")
        shell = log_in(client, vm)
        self.assertIn(digest, shell.must("sha256sum /root/kept"))
        self.assertIn("ext4 rw", shell.must("touch /root/more && sync && grep xvda /proc/mounts"))
        shell.close()
        remove(client, vm)
        self.assertTrue(machine.stop(limit=120))
