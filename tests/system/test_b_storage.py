"""Volumes, and the disks that guests make of them."""

import errno
import hashlib
import os
import shutil
import signal
import subprocess
import unittest

from bed import BUILD, MIB, TOP, Alone, bed, boot_for, remove, scratch
from client import ApiError
from guests import Guest, disk_spec

UP = b"root disk up"
NODE = "/local/domain/0/backend/vbd"


class Storage(unittest.TestCase):
    """On the shared appliance, whose data is in memory."""

    def setUp(self):
        self.bed = bed()
        self.client = self.bed.client
        self.addCleanup(self.sweep)

    def sweep(self):
        self.bed.remove_all()
        for volume in self.client.get("/volumes")["items"]:
            self.client.delete(f"/volumes/{volume['id']}")

    def refused(self, status, code, call, *args):
        """Do what must be refused."""
        with self.assertRaises(ApiError) as caught:
            call(*args)
        self.assertEqual(
            (caught.exception.status, caught.exception.problem.get("code")), (status, code)
        )

    def volume(self, name, size=32 * MIB, **more):
        return self.client.create_volume(name=name, size=size, **more)["id"]

    def attach(self, vm, **disk):
        return self.client.post(f"/vms/{vm}/disks", disk).json

    def loops(self):
        """Loop devices that have a volume or an image open."""
        return int(self.bed.console.run("cat /sys/block/loop*/loop/backing_file | grep -c /data/ || true"))

    def start(self, name):
        """A running guest and its shell."""
        vm = self.client.create_vm(**disk_spec(self.client, name, start=True))["id"]
        guest = Guest(self.client, vm)
        self.addCleanup(guest.close)
        return vm, guest

    def test_volumes(self):
        """volumes are made, renamed, enlarged and deleted; what can't be is refused"""
        room = self.client.get("/storage")
        self.assertGreater(room["total"], room["free"])
        volume = self.volume("one")
        path = f"/volumes/{volume}"
        self.refused(409, "name_taken", self.volume, "one")
        self.refused(507, "insufficient_storage", self.volume, "huge", 1 << 45)
        self.client.request("PATCH", path, {"name": "uno", "size": 48 * MIB})
        now = self.client.get(path)
        self.assertEqual((now["name"], now["size"], now["vms"]), ("uno", 48 * MIB, []))
        self.refused(
            422, "invalid", self.client.request, "PATCH", path, {"size": 32 * MIB}
        )
        first = self.client.create_vm(**disk_spec(self.client, "first"))["id"]
        second = self.client.create_vm(**disk_spec(self.client, "second"))["id"]
        disk = self.attach(first, volume=volume)
        self.assertEqual(disk["target"], "xvda")
        self.assertEqual(self.client.get(f"/vms/{first}")["disks"], [disk])
        self.refused(409, "in_use", lambda: self.attach(second, volume=volume))
        self.refused(409, "in_use", lambda: self.attach(second, volume=volume, read_only=True))
        self.refused(409, "in_use", self.client.delete, path)
        self.client.delete(f"/vms/{first}/disks/{disk['id']}")
        self.assertEqual(self.client.get(f"/vms/{first}")["disks"], [])
        self.client.delete(path)

    def test_hostile_images(self):
        """what is no disk image is refused, and leaves nothing"""
        qcow2 = b"QFI\xfb\0\0\0\3" + bytes(1 << 16)
        for name, kind, data, code in (
            ("text", "disk", b"no disk at all\n", "invalid_disk"),
            ("qcow2", "disk", qcow2, "invalid_disk"),
            ("backed", "disk", backed_image(), "invalid_disk"),
            ("qcow2-cd", "iso", backed_image(), "invalid_iso"),
            ("vmdk", "disk", b"KDMV" + bytes(65532), "unsupported_format"),
            ("iso", "iso", bytes(1 << 16), "invalid_iso"),
            ("short", "iso", bytes(512), "invalid_iso"),
        ):
            self.refused(422, code, self.client.upload, name, kind, data)
        left = self.bed.console.run("ls -A /data/images | wc -l")
        self.assertEqual(int(left), len([i for i in self.client.images().values() if not i["builtin"]]))

    def test_disks(self):
        """live: written and read back, read-only is enforced, discard frees, nothing is left"""
        before = self.loops()
        vm, guest = self.start("disks")
        domid = self.client.get(f"/vms/{vm}")["domid"]
        data = self.attach(vm, volume=self.volume("data"))
        guest.run("until [ -b /dev/xvda ]; do sleep 0.1; done")
        guest.run("dd if=/dev/urandom of=/random bs=1M count=8")
        guest.run("dd if=/random of=/dev/xvda bs=1M conv=fsync")
        written = f"head -c 8388608 /data/volumes/{data['volume']} | sha256sum"
        digest = self.bed.console.run(written).split()[0]
        self.assertIn(digest, guest.run("sha256sum /random"))
        guest.run("echo 3 >/proc/sys/vm/drop_caches")
        self.assertIn(digest, guest.run("head -c 8388608 /dev/xvda | sha256sum"))

        content = os.urandom(MIB)
        image = self.client.upload("noise", "disk", content)
        self.addCleanup(self.client.delete, f"/images/{image['id']}")
        copy = self.volume("copy", image=image["id"])
        self.attach(vm, volume=copy, read_only=True, target="xvdc")
        guest.run("until [ -b /dev/xvdc ]; do sleep 0.1; done")
        seen = guest.run("head -c 1048576 /dev/xvdc | sha256sum")
        self.assertIn(hashlib.sha256(content).hexdigest(), seen)
        said = guest.run("cat /sys/block/xvdc/ro; dd if=/dev/zero of=/dev/xvdc count=1 && echo wr''ote")
        self.assertNotIn("wrote", said)
        self.assertGreaterEqual(self.loops(), before + 2)

        kept = f"du -k /data/volumes/{data['volume']} | cut -f1"
        full = int(self.bed.console.run(kept))
        guest.run("blkdiscard /dev/xvda")
        self.assertGreaterEqual(full, 8192)
        self.assertLess(int(self.bed.console.run(kept)), 4096)

        self.thin_disk(vm, guest)
        self.cd(vm, guest)
        self.refused(409, "in_use", self.client.get, f"/volumes/{data['volume']}/content")
        self.client.request("PATCH", f"/volumes/{data['volume']}", {"size": 48 * MIB})
        guest.run(f"until [ $(cat /sys/block/xvda/size) = {48 * MIB // 512} ]; do sleep 0.1; done")

        self.client.delete(f"/vms/{vm}/disks/{data['id']}")
        guest.run("while [ -b /dev/xvda ]; do sleep 0.1; done")
        self.client.action(vm, "destroy")
        self.assertEqual(self.loops(), before)
        nodes = self.bed.console.run(f"xenstore ls {NODE}/{domid} 2>/dev/null || true")
        self.assertNotIn("frontend", nodes)

    def thin_disk(self, vm, guest):
        """A qcow2 volume takes room as it is written to, and gives it back when that is discarded."""
        thin = self.volume("thin", format="qcow2")

        def taken():
            return self.client.get(f"/volumes/{thin}")["allocated"]

        self.attach(vm, volume=thin, target="xvdd")
        guest.run("until [ -b /dev/xvdd ]; do sleep 0.1; done")
        guest.must("dd if=/random of=/dev/xvdd bs=1M conv=fsync")
        self.assertGreaterEqual(taken(), 8 * MIB)
        guest.must("blkdiscard /dev/xvdd; sync")
        self.assertLess(taken(), 2 * MIB)

    def cd(self, vm, guest):
        """A CD is there as it was uploaded, and can't be written to; its image stays meanwhile."""
        content = bytes(1 << 15) + b"\x01CD001\x01" + os.urandom(MIB - (1 << 15) - 7)
        image = self.client.upload("cd", "iso", content)["id"]
        disk = self.attach(vm, image=image, target="xvde")
        self.assertTrue(disk["read_only"])
        guest.run("until [ -b /dev/xvde ]; do sleep 0.1; done")
        self.assertIn(hashlib.sha256(content).hexdigest(), guest.must("sha256sum /dev/xvde"))
        self.assertNotIn("wrote", guest.run("dd if=/dev/zero of=/dev/xvde count=1 && echo wr''ote"))
        self.refused(409, "in_use", self.client.delete, f"/images/{image}")
        self.client.delete(f"/vms/{vm}/disks/{disk['id']}")
        self.client.delete(f"/images/{image}")

    def test_copies(self):
        """an image is copied by a confined process, and again after mgmtd was killed meanwhile"""
        content = b"".join(i.to_bytes(4, "big") * 256 for i in range(65536))
        image = self.client.upload("packed", "disk", packed_image(content))["id"]
        self.addCleanup(self.client.delete, f"/images/{image}")
        volume, reader = self.caught(name="copy", size=80 * MIB, image=image)
        self.confined(reader, "902")
        path = f"/volumes/{volume['id']}"
        self.refused(409, "not_ready", self.client.delete, path)
        self.refused(409, "in_use", self.client.delete, f"/images/{image}")
        vm = self.client.create_vm(**disk_spec(self.client, "early"))["id"]
        self.refused(409, "not_ready", lambda: self.attach(vm, volume=volume["id"]))

        self.kill_mgmtd()
        self.bed.console.run(f"while [ -d /proc/{reader} ]; do sleep 0.1; done")
        self.client.wait_task(volume["task_id"])
        made = self.client.get(path)
        self.assertEqual((made["state"], made["task_id"]), ("ready", None))
        digest = self.bed.console.run(f"head -c {len(content)} /data{path} | md5sum").split()[0]
        self.assertEqual(digest, hashlib.md5(content).hexdigest())
        self.attach(vm, volume=volume["id"])
        self.downloads(path, content)
        self.no_room(image)

    def no_room(self, image):
        """A thin volume for whose copy there is no room after all: its task says so, and it is gone."""
        run = self.bed.console.run
        volume, reader = self.caught(name="thin", size=80 * MIB, format="qcow2", image=image)
        path = f"/volumes/{volume['id']}"
        self.addCleanup(run, "rm -f /data/full; mount -o remount,size=50% /data")
        run("mount -o remount,size=$(( $(du -sk /data | cut -f1) + 16384 ))k /data")
        run(f"kill -CONT {reader}")
        with self.assertRaisesRegex(RuntimeError, "insufficient_storage"):
            self.client.wait_task(volume["task_id"])
        made = self.client.get(path)
        self.assertEqual((made["state"], made["reason"]["code"]), ("failed", "insufficient_storage"))
        run(f"[ ! -e /data{path} ]; while pidof qemu-nbd disk-reader; do sleep 0.1; done")
        # Full to the last byte: one can still tidy up.
        run("dd if=/dev/zero of=/data/full bs=4k || [ $(df -k /data | awk 'END { print $4 }') = 0 ]")
        self.client.delete(path)
        self.assertNotIn(volume["id"], [one["id"] for one in self.client.get("/volumes")["items"]])

    def caught(self, **spec):
        """Have a volume made of an image; stop the reader once it unpacks and has confined itself."""
        catch = "until p=$(pidof disk-reader) && grep -q unpack /proc/$p/cmdline"
        catch += " && grep -q '^Seccomp:.*2' /proc/$p/status; do :; done"
        self.addCleanup(self.bed.console.run, "killall -9 disk-reader || true")
        self.bed.console.run(f"({catch}; kill -STOP $p; echo $p >/run/caught) >/dev/null 2>&1 & true")
        volume = self.client.post("/volumes", spec).json
        self.assertEqual(volume["state"], "creating")
        self.bed.console.run("until [ -s /run/caught ]; do sleep 0.1; done")
        return volume, self.bed.console.run("cat /run/caught; rm /run/caught").strip()

    def confined(self, pid, user):
        """The process has a user of its own, no privileges, and few calls."""
        status = dict(
            line.split(":", 1)
            for line in self.bed.console.run(f"cat /proc/{pid}/status").splitlines()
            if ":" in line
        )
        seen = [status[key].split()[0] for key in ("Uid", "Gid", "CapEff", "NoNewPrivs", "Seccomp")]
        self.assertEqual(seen, [user, user, "0" * 16, "1", "2"])

    def kill_mgmtd(self):
        self.bed.console.run("kill -9 $(pidof mgmtd)")
        self.bed.wait_healthy()

    def test_confinement(self):
        """who takes over a disk's server can open no other file, and neither connect nor signal"""
        program = self.client.upload("trespasser", "initrd", trespasser())["id"]
        self.addCleanup(self.client.delete, f"/images/{program}")
        run = self.bed.console.run
        run(f"chmod 755 /data/images/{program}; echo >/run/anybodys; chmod 666 /run/anybodys; : >/run/disk")
        run(f"cp /data/images/{program} /tmp/free; chpst -u domus-nbd /tmp/free 0<>/run/disk")
        self.assertEqual(set(self.told().values()), {"0"}, "what the user may")
        run("rm /tmp/free /tmp/trespasser*; : >/run/disk")
        run(f"mount --bind /data/images/{program} /usr/bin/qemu-nbd")
        try:
            run("/usr/lib/domus/disk-server rw 0<>/run/disk 3</dev/null")
            run("for n in $(seq 300); do grep -q end /run/disk && break; sleep 0.1; done")
        finally:
            run("umount /usr/bin/qemu-nbd")
        files = self.told()
        calls = [files.pop(what) for what in ("socket", "kill", "rename", "ptrace")]
        self.assertEqual(calls, [str(errno.ENOSYS)] * 4)
        self.assertEqual(list(files.values()), [str(errno.EACCES)] * 6, files)

    def told(self):
        """What came of whatever the trespasser tried."""
        *lines, end = self.bed.console.run("cat /run/disk").splitlines()
        self.assertEqual(end, "end")
        return dict(line.split() for line in lines)

    def test_qcow2(self):
        """qcow2: outlives mgmtd, ends with its machine, keeps what was written; its server may be killed"""
        image = self.client.upload("root", "disk", root_image())["id"]
        self.addCleanup(self.client.delete, f"/images/{image}")
        volume, _ = self.caught(name="thin", size=1 << 40, format="qcow2", image=image)
        self.kill_mgmtd()
        self.client.wait_task(volume["task_id"])
        path = f"/volumes/{volume['id']}"
        self.assertLess(self.client.get(path)["allocated"], 16 * MIB)

        spec = disk_spec(self.client, "thin", disks=[{"volume": volume["id"]}])
        spec["boot"]["cmdline"] = "console=hvc0 root=LABEL=tiny-root rw"
        vm = self.client.create_vm(**{**spec, "start": True})["id"]
        guest = Guest(self.client, vm, UP)
        guest.must("echo be''fore >/word; sync")
        (server,) = self.bed.pids("qemu-nbd")
        self.confined(server, "903")
        self.kill_mgmtd()
        guest.must("echo af''ter >>/word; sync")
        self.assertEqual(self.bed.pids("qemu-nbd"), [server])
        self.refused(409, "in_use", self.client.request, "PATCH", path, {"size": 2 << 40})
        guest.close()
        self.client.action(vm, "destroy")
        self.bed.console.run("while pidof qemu-nbd; do sleep 0.1; done")

        self.client.action(vm, "start")
        guest = Guest(self.client, vm, UP)
        self.addCleanup(guest.close)
        self.assertRegex(guest.must("cat /word"), "before\\s+after")
        self.bed.console.run("kill -9 $(pidof qemu-nbd)")
        status, said = guest.status("dd if=/dev/zero of=/dev/xvda bs=4k count=1 seek=4000 conv=fsync")
        self.assertNotEqual(status, 0, said)
        (disk,) = self.client.get(f"/vms/{vm}")["disks"]
        self.assertEqual((disk["state"], disk["reason"]["code"]), ("failed", "server_ended"))
        self.client.action(vm, "destroy")
        self.client.request("PATCH", path, {"size": 2 << 40})
        checked(self.client.request("GET", path + "/content").body)

    def downloads(self, path, content):
        """A volume can be downloaded, and from where an earlier try broke off."""
        head = self.client.raw("HEAD", f"/api/v1{path}/content")
        self.assertEqual((head.status, int(head.headers["Content-Length"])), (200, 80 * MIB))
        begin = len(content) - MIB
        resume = {"Range": f"bytes={begin}-{begin + MIB + 999}", "If-Range": head.headers["ETag"]}
        rest = self.client.request("GET", path + "/content", headers=resume)
        self.assertEqual((rest.status, len(rest.body)), (206, MIB + 1000))
        self.assertTrue(rest.body == content[-MIB:] + bytes(1000), "the volume is not as its image")

    def test_root(self):
        """an uploaded root file system is booted from its PV disk, whose name is a label"""
        image = self.client.upload("root", "disk", root_image())
        self.addCleanup(self.client.delete, f"/images/{image['id']}")
        spec = disk_spec(self.client, "root")
        spec["boot"]["cmdline"] = "console=hvc0 root=LABEL=tiny-root rw"
        spec["disks"] = [{"volume": self.volume("root", image=image["id"])}]
        vm = self.client.create_vm(**{**spec, "start": True})["id"]
        guest = Guest(self.client, vm, UP)
        self.addCleanup(guest.close)
        self.assertIn("/dev/xvda / ext4 rw", guest.run("mount -t proc proc /proc; cat /proc/mounts"))


def backed_image():
    """A qcow2 image that would show the host's users to its guest."""
    path = scratch("backed.qcow2")
    make = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", "/etc/passwd", path]
    subprocess.run(make, check=True)
    with open(path, "rb") as f:
        return f.read()


def checked(data):
    """A qcow2 file whose tables others find sound; what is lost of it is room at most."""
    path = scratch("volume.qcow2")
    with open(path, "wb") as f:
        f.write(data)
    # 3: clusters that nobody uses, as a server that was killed leaves them.
    status = subprocess.run(["qemu-img", "check", "-q", path], check=False).returncode
    if status not in (0, 3):
        raise AssertionError(f"qemu-img check: {status}")


def trespasser():
    """The bytes of the program of that name."""
    path = scratch("trespasser")
    source = os.path.join(TOP, "tests/system/trespasser.c")
    subprocess.run(["gcc", "-Os", "-Wall", "-Wextra", "-Werror", "-static", "-o", path, source], check=True)
    with open(path, "rb") as f:
        return f.read()


def packed_image(content):
    """A compressed qcow2 image of @content."""
    path = scratch("packed.raw")
    with open(path, "wb") as f:
        f.write(content)
    subprocess.run(["qemu-img", "convert", "-c", "-O", "qcow2", path, path + ".qcow2"], check=True)
    with open(path + ".qcow2", "rb") as f:
        return f.read()


def root_image():
    """The bytes of an ext4 file system that holds a busybox and an init."""
    folder = scratch("root")
    for name in ("bin", "sbin", "dev", "proc"):
        os.makedirs(os.path.join(folder, name))
    busybox = os.path.join(BUILD, "debs/busybox-static/bin/busybox")
    shutil.copy(busybox, os.path.join(folder, "bin/busybox"))
    init = os.path.join(folder, "sbin/init")
    with open(init, "w", encoding="utf-8") as f:
        f.write("#!/bin/busybox sh\n/bin/busybox --install -s /bin\nexport PATH=/bin\n")
        f.write("echo root disk up\nexec setsid cttyhack sh\n")
    os.chmod(init, 0o755)
    path = folder + ".img"
    tool = shutil.which("mke2fs", path="/usr/sbin:/sbin")
    subprocess.run([tool, "-q", "-t", "ext4", "-L", "tiny-root", "-d", folder, path, "16M"], check=True)
    with open(path, "rb") as f:
        return f.read()


class PowerLoss(Alone):
    """On an appliance with a data disk."""

    def test_power_loss(self):
        """what a guest had synced is there after QEMU was killed"""
        data = scratch("data.img")
        machine, client = boot_for(self, "power-1", data)
        image = client.upload("root", "disk", root_image())["id"]
        spec = disk_spec(client, "lossy")
        spec["boot"]["cmdline"] = "console=hvc0 root=/dev/xvda rw"
        vm = client.create_vm(**spec)["id"]
        volume = client.create_volume(name="disk", size=64 * MIB, image=image)
        client.post(f"/vms/{vm}/disks", {"volume": volume["id"]})
        thin = client.create_volume(name="thin", size=64 * MIB, format="qcow2")
        client.post(f"/vms/{vm}/disks", {"volume": thin["id"]})
        client.action(vm, "start")
        guest = Guest(client, vm, UP)
        guest.must("echo sur''vived >/word; sync")
        guest.must("dd if=/word of=/dev/xvdb bs=4k seek=9 conv=fsync")
        machine.process.send_signal(signal.SIGKILL)
        machine.process.wait()
        machine.kill()

        machine, client = boot_for(self, "power-2", data)
        client.wait_state(vm, ("stopped",), 60)
        client.action(vm, "start")
        guest = Guest(client, vm, UP)
        self.assertIn("survived", guest.run("cat /word"))
        self.assertIn("survived", guest.run("dd if=/dev/xvdb bs=4k skip=9 count=1"))
        guest.close()
        remove(client, vm)
        self.assertTrue(machine.stop(limit=120))
