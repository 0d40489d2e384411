"""Debian's own Xen tools, run in the management domain: they must work, and see the truth.

What of them does not work, and why, is in conformance.md.
"""

import os
import re
import subprocess
import time

from bed import MIB, Alone, Bed
from guests import Guest, disk_spec
from report import BUILD, TOP

# The root is read-only; libxl keeps its domains' files below /var/lib/xen.
PLACES = (
    "mount -t tmpfs xl /var/lib && ln -s /run/xenstored.db /var/lib/xenstored"
    " && mkdir -p /var/lib/xen /run/xen /run/log/xen && xenconsoled --pid-file=/run/xenconsoled.pid"
)
ALIEN = """
name = "alien"
type = "pvh"
memory = 96
vcpus = 2
kernel = "/usr/share/domus/images/debian-kernel"
ramdisk = "/usr/share/domus/images/demo-initrd"
extra = "console=hvc0 quiet"
"""
CONFIG = "/run/alien.cfg"
BOOT = 180
LEAVE = "\x1d"  # what ends xl console: Ctrl-]


def tools_initramfs():
    """The shipped initramfs with one more layer: xl and its friends from Debian's packages."""
    out = os.path.join(BUILD, "image/initramfs-tools.img")
    subprocess.run([os.path.join(TOP, "tests/system/tools-layer"), BUILD, out], check=True)
    return out


class Tools(Alone):
    """One appliance with Debian's tools in its management domain."""

    @classmethod
    def setUpClass(cls):
        cls.bed = Bed("tools", initramfs=tools_initramfs())
        cls.tool(PLACES)
        cls.tool(f"cat >{CONFIG} <<END{ALIEN}END\n true")

    @classmethod
    def tearDownClass(cls):
        cls.bed.stop()

    def setUp(self):
        self.addCleanup(self.bed.remove_all)

    @classmethod
    def tool(cls, command):
        """What a command of the tools prints; raises if it fails."""
        return cls.bed.console.run(f"export PATH=$PATH:/usr/lib/xen-4.17/bin; {command}", 120)

    def rows(self, command, first="Name"):
        """The table that @command prints: its heading, and its lines by the first word."""
        lines = [line.split() for line in self.tool(command).splitlines()]
        at = next(i for i, words in enumerate(lines) if words[:1] == [first])
        return lines[at], {words[0]: words for words in lines[at + 1 :] if words}

    def domains(self):
        return self.rows("xl list")[1]

    def vcpus(self, name):
        """Rows of xl vcpu-list for one domain, by vCPU."""
        lines = [line.split() for line in self.tool(f"xl vcpu-list {name}").splitlines()]
        return {int(words[2]): words for words in lines if words[0] == name}

    def test_info(self):
        """xl info agrees with GET /host"""
        info = dict(re.findall(r"^(\S+)\s*: (.*)$", self.tool("xl info"), re.M))
        host = self.bed.client.get("/host")
        self.assertEqual(info["nr_cpus"], "2")
        self.assertEqual((info["xen_major"], info["xen_minor"]), ("4", "17"))
        self.assertAlmostEqual(int(info["total_memory"]), host["memory"]["total"] / MIB, delta=2)
        self.assertAlmostEqual(int(info["free_memory"]), host["memory"]["free"] / MIB, delta=4)
        self.assertIn("hvm", info["virt_caps"])
        self.assertEqual(info["xen_scheduler"], "credit2")

    def test_dmesg(self):
        """xl debug-keys asks, and xl dmesg shows what the hypervisor logs"""
        # All of the log is more than the console passes undisturbed: it is on there, too.
        text = self.tool("xl debug-keys m && xl dmesg | tail -n 12")
        self.assertRegex(text, r"\d+ of \d+ pages free")

    def test_scheduler(self):
        """xl cpupool-list and sched-credit2 show one pool, and domain 0 in it"""
        self.assertEqual(
            self.rows("xl cpupool-list")[1], {"Pool-0": ["Pool-0", "2", "credit2", "y", "1"]}
        )
        # It weighs four guests: SCHED_HWDOM_WEIGHT.
        self.assertIn(["Domain-0", "0", "1024", "0"], self.rows("xl sched-credit2")[1].values())

    def test_cpuid(self):
        """xen-cpuid shows the host's features, and to guests none that the host lacks"""
        text = self.tool("xen-cpuid; xen-cpuid -p")
        sets = {
            name: [int(word, 16) for word in words.split(":")]
            for name, words in re.findall(r"^(Host|HVM [DM]\w+) +([0-9a-f:]{80,})$", text, re.M)
        }
        # Ours to give, in leaf 1: x2APIC, and that there is a hypervisor; OSXSAVE is the asker's.
        own = [0, 1 << 21 | 1 << 27 | 1 << 31, *[0] * 17]
        for name in ("HVM Default", "HVM Max"):
            extra = [have & ~host & ~o for have, host, o in zip(sets[name], sets["Host"], own)]
            self.assertFalse(any(extra), f"{name}: {sets}")
        for policy in ("Raw", "Host", "HVM Max", "HVM Default"):
            self.assertRegex(text, rf"{policy} policy: \d+ leaves, 2 MSRs")

    def test_small_programs(self):
        """test-resource, test-paging-mempool, test-cpu-policy and test-xenstore pass"""
        free = self.bed.free()
        resource = self.tool("test-resource")
        self.assertIn("Test grant table", resource)
        self.assertNotRegex(resource, "(?i)fail")
        pool = self.tool("test-paging-mempool")
        self.assertIn("Test set continuation", pool)
        self.assertNotRegex(pool, "(?i)fail")
        self.assertIn("Done: all ok", self.tool("test-cpu-policy"))
        self.assertIn("ta err", self.tool("test-xenstore"))
        self.assertEqual(self.bed.free(), free)

    def test_guest(self):
        """xl list, vcpu-list, xentop and xenstore-ls show a guest with its devices as it is"""
        client = self.bed.client
        volume = client.post("/volumes", {"name": "seen", "size": 8 * MIB}).json["id"]
        network = client.post("/networks", {"name": "seen", "kind": "private"}).json["id"]
        spec = disk_spec(client, "seen", vcpus=2, memory=128 * MIB)
        vm = client.create_vm(**spec)["id"]
        client.post(f"/vms/{vm}/disks", {"volume": volume})
        nic = client.post(f"/vms/{vm}/nics", {"network": network}).json
        client.action(vm, "start")
        guest = Guest(client, vm)  # xenconsoled, which runs here as well, leaves it to us
        self.use_devices(guest, nic["address"])
        _, rows = self.rows("xl list -v")
        self.assertEqual(rows["Domain-0"][1], "0")
        seen = rows["seen"]
        self.assertAlmostEqual(int(seen[2]), 128, delta=2)
        self.assertEqual(seen[3], "2")
        self.assertEqual(seen[6], vm)
        vcpus = self.vcpus("seen")
        self.assertEqual(list(vcpus), [0, 1])
        for words in vcpus.values():
            self.assertEqual(words[-3:], ["all", "/", "all"])
        # Pinned one by one while it runs, and still so after a new start.
        client.request("PATCH", f"/vms/{vm}", {"affinity": [[1], [0]]})
        self.assertEqual([words[-3] for words in self.vcpus("seen").values()], ["1", "0"])
        self.top(vm)
        tree = self.tool("xenstore-ls")
        self.assertIn(vm, tree)
        self.assertIn(f"{seen[1]} = ", tree)
        guest.close()
        client.action(vm, "destroy")
        client.action(vm, "start")
        self.assertEqual([words[-3] for words in self.vcpus("seen").values()], ["1", "0"])
        client.request("PATCH", f"/vms/{vm}", {"affinity": None})
        self.assertEqual([words[-3] for words in self.vcpus("seen").values()], ["all", "all"])
        self.bed.remove_all()
        client.delete(f"/volumes/{volume}")
        client.delete(f"/networks/{network}")
        self.assertEqual(list(self.domains()), ["Domain-0"])
        self.assertNotIn(vm, self.tool("xenstore-ls /local/domain"))

    def use_devices(self, guest, address):
        """Write 8 MiB to the disk and read them back, and 40 pings of 10 KB to the host."""
        guest.must("dd if=/dev/urandom of=/got bs=1M count=8 && dd if=/got of=/dev/xvda bs=1M && sync")
        guest.must("echo 3 >/proc/sys/vm/drop_caches && cmp /got /dev/xvda")
        host = address.rsplit(".", 1)[0] + ".1"
        guest.must(f"ip link set eth0 up && ip addr add {address}/24 dev eth0")
        guest.must(f"until ping -c 1 -W 1 {host}; do sleep 1; done")
        guest.must(f"ping -q -c 40 -i 0.2 -s 10000 {host}")

    def top(self, vm):
        """Compare a row of xentop with what REST says of the same guest."""
        heading, rows = self.rows("xentop -b -i 1", first="NAME")
        row = dict(zip(heading, rows["seen"]))
        stats = self.bed.client.get(f"/vms/{vm}/stats")
        self.assertEqual(row["VCPUS"], "2")
        self.assertAlmostEqual(int(row["MEM(k)"]) >> 10, 128, delta=2)
        total = self.bed.client.get("/host")["memory"]["total"]
        self.assertAlmostEqual(float(row["MEM(%)"]), (128 << 20) / total * 100, delta=0.2)
        self.assertEqual((row["VBDS"], row["NETS"]), ("1", "1"))
        counters = stats["nics"][0]["counters"]
        for column, way in (("NETTX(k)", "tx_bytes"), ("NETRX(k)", "rx_bytes")):
            self.assertGreaterEqual(int(row[column]), 30 * 10000 >> 10)  # some may be lost
            self.assertAlmostEqual(int(row[column]), counters[way] >> 10, delta=20)
        self.assertGreaterEqual(int(row["VBD_RSECT"]), 8 * MIB // 512)
        self.assertGreater(int(row["VBD_RD"]), 0)
        self.assertAlmostEqual(int(row["CPU(sec)"]), stats["cpu_time"] / 1e9, delta=3)

    def test_large_pages(self):
        """1 GiB for a guest is of large pages, and all is back when it has gone"""
        client, free = self.bed.client, self.bed.free()
        vm = client.create_vm(**self.bed.spec("large", memory=1024 * MIB, start=True))["id"]
        mappings = client.get(f"/vms/{vm}/debug")["mappings"]
        # Whether one of 1 GiB is among them depends on what was free and scrubbed.
        self.assertGreaterEqual((mappings["1g"] << 9) + mappings["2m"], 500, mappings)
        # The kernel, if it is that far, has split some for pages that are not RAM.
        in_all = (mappings["1g"] << 10) + (mappings["2m"] << 1) + mappings["4k"] / 256
        self.assertAlmostEqual(in_all, 1024, delta=3)
        self.bed.remove_all()
        # To the page but for tables that domain 0 keeps for where it maps the memory of others.
        self.assertAlmostEqual(self.bed.free(), free, delta=MIB)

    def wait_gone(self, seconds=60):
        deadline = time.monotonic() + seconds
        while "alien" in self.domains():
            self.assertLess(time.monotonic(), deadline, "the domain does not go away")
            time.sleep(0.5)

    def test_create(self):
        """xl create builds a PVH guest that boots; it is handled, and all memory returns"""
        self.tool(f"xl create -p {CONFIG}")
        row = self.domains()["alien"]
        self.assertEqual((row[2], row[4]), ("96", "--p---"))
        self.assertEqual(self.bed.client.get("/vms")["items"], [])  # it is none of ours
        self.tool("xl destroy alien")
        self.wait_gone()
        # From here on, since domain 0 keeps page tables for where it maps the memory of others.
        free = self.bed.free()
        self.tool(f"xl create {CONFIG}")
        self.console()
        self.tune()
        self.pause()
        # It switches itself off, and the xl that created it, still waiting for that, cleans up.
        self.tool("xl shutdown alien")
        self.wait_gone()
        self.assertEqual(self.bed.free(), free)
        self.assertNotIn("alien", self.tool("xenstore-ls /local/domain; xenstore-ls /vm"))

    def console(self):
        """xl console shows the boot, and takes what is typed."""
        console = self.bed.console
        console.send("/usr/lib/xen-4.17/bin/xl console alien; echo left\n")
        console.expect("demo guest ready", BOOT)
        console.send("echo it=$((6*7)) cpus=$(nproc)\r")
        console.expect("it=42 cpus=2", 60)
        console.send(LEAVE)  # taken as such only when nothing comes with it
        console.expect("left", 60)

    def tune(self):
        """xl vcpu-list shows both vCPUs; pins, weights and another size are taken."""
        self.assertEqual([words[2] for words in self.vcpus("alien").values()], ["0", "1"])
        self.tool("xl vcpu-pin alien 1 1; xl sched-credit2 -d alien -w 512 -c 150")
        vcpus = self.vcpus("alien")
        self.assertEqual([words[-3] for words in vcpus.values()], ["all", "1"])
        self.assertEqual(vcpus[1][3], "1")
        self.assertEqual(self.rows("xl sched-credit2")[1]["alien"][2:], ["512", "150"])
        for size in ("88", "96"):
            self.tool(f"xl mem-set alien {size}")
            deadline = time.monotonic() + 60
            while self.domains()["alien"][2] != size:
                self.assertLess(time.monotonic(), deadline, f"it does not have {size} MiB")
                time.sleep(0.5)

    def pause(self):
        """A paused guest is shown so, and takes no time."""
        self.tool("xl pause alien")
        before = self.domains()["alien"]
        time.sleep(1)
        after = self.domains()["alien"]
        self.assertEqual(after[4][2], "p")
        self.assertEqual(before[5], after[5])
        self.assertGreater(float(after[5]), 0)
        self.tool("xl unpause alien")
        self.assertEqual(self.domains()["alien"][4][2], "-")
