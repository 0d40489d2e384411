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

# The root is read-only; libxl keeps its domains' files below /var/lib/xen. Debian's hotplug scripts read /dev/stdin.
PLACES = (
    "ln -sf /proc/self/fd/0 /dev/stdin && mount -t tmpfs xl /var/lib && ln -s /run/xenstored.db /var/lib/xenstored"
    " && mkdir -p /var/lib/xen /run/xen /run/log/xen && xenconsoled --pid-file=/run/xenconsoled.pid"
)
ALIEN = """
name = "alien"
type = "pvh"
memory = 128
vcpus = 2
kernel = "/usr/share/domus/images/debian-kernel"
ramdisk = "/usr/share/domus/images/disk-initrd"
extra = "console=hvc0 quiet"
disk = [ "/run/file.raw,raw,xvda,rw", "/dev/loop6,raw,xvdb,ro" ]
vif = [ "bridge=br0" ]
"""
# The disks: a file, and block devices of two more.
DISKS = (
    "for name in file device more; do dd if=/dev/urandom of=/run/$name.raw bs=1M count=1; done"
    "; losetup -r /dev/loop6 /run/device.raw && losetup /dev/loop7 /run/more.raw"
)
# A console to type on from here, kept apart from the local one; its end would end the other.
ATTACH = """
rm -f /run/typed; mkfifo /run/typed; : >/run/seen
(sleep 1000 >/run/typed &)
xenconsole $(xl domid alien) --num 0 --interactive </run/typed >/run/seen 2>&1 &
true"""
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
        cls.tool(DISKS)

    @classmethod
    def tearDownClass(cls):
        cls.bed.stop()

    def setUp(self):
        self.typed = 0
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
        self.assertEqual(info["nr_cpus"], str(host["cpus"]["online"]))
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
        cpus = str(self.bed.client.get("/host")["cpus"]["online"])
        pool = ["Pool-0", cpus, "credit2", "y", "1"]  # and one domain
        self.assertEqual(self.rows("xl cpupool-list")[1], {"Pool-0": pool})
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

    def until(self, what, check, seconds=120):
        """Wait for it; asking costs the management domain time that it needs itself."""
        deadline = time.monotonic() + seconds
        while not check():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(2 if seconds == BOOT else 0.5)

    def wait_gone(self):
        self.until("the domain does not go away", lambda: "alien" not in self.domains())

    def in_guest(self, command, limit=120):
        """What a command, typed on the guest's console, prints; it must not fail."""
        self.typed += 1
        mark = f"end{self.typed}="
        self.tool(f"echo '{command}; echo {mark}$?' >/run/typed")
        seen = ""

        def ended():
            nonlocal seen
            seen = self.tool("cat /run/seen").replace("\r", "")
            return re.search(rf"^{mark}\d", seen, re.M)

        self.until(f"{command} does not end", ended, limit)
        self.assertIn(f"\n{mark}0", seen)
        return seen.split(f"\n{mark}0")[0].split(f"{mark}$?\n")[-1]

    def attach(self):
        """Have what is typed by in_guest() go to the guest."""
        self.tool(ATTACH)

    def test_create(self):
        """xl create builds a PVH guest with devices; it boots, is handled, and all it had returns"""
        self.addCleanup(self.tool, "xl destroy alien 2>/dev/null || true")
        self.tool(f"xl create -p {CONFIG} 'disk=[]' 'vif=[]'")
        row = self.domains()["alien"]
        self.assertEqual((row[2], row[4]), ("128", "--p---"))
        self.assertEqual(self.bed.client.get("/vms")["items"], [])  # it is none of ours
        self.tool("xl destroy alien")
        self.wait_gone()
        # From here on, since domain 0 keeps page tables for where it maps the memory of others.
        free = self.bed.free()
        self.tool(f"xl create {CONFIG}")
        self.console()
        self.attach()
        self.disks()
        self.network()
        self.names()
        self.tune()
        self.hotplug()
        self.trigger()
        self.pause()
        self.reboot()
        # It switches itself off, and the xl that created it, still waiting for that, cleans up.
        self.tool("xl shutdown -w alien")
        self.wait_gone()
        # To the page but for tables that domain 0 keeps for where it maps the memory of others.
        self.assertAlmostEqual(self.bed.free(), free, delta=MIB)
        self.assertNotIn("alien", self.tool("xenstore-ls /local/domain; xenstore-ls /vm"))
        self.assertNotIn("vif", self.tool("ls /sys/class/net"))
        self.assertNotIn("file.raw", self.tool("losetup -a"))

    def console(self):
        """xl console shows the boot, and takes what is typed."""
        console = self.bed.console
        console.send("/usr/lib/xen-4.17/bin/xl console alien; echo left\n")
        console.expect("disk guest ready", BOOT)
        console.send("echo it=$((6*7)) cpus=$(nproc)\r")
        console.expect("it=42 cpus=2", 60)
        console.send(LEAVE)  # taken as such only when nothing comes with it
        console.expect("left", 60)

    def states(self, kind):
        """The states of a domain's devices, as xl block-list or network-list has them."""
        heading, rows = self.rows(f"xl {kind}-list alien", first="Vdev" if kind == "block" else "Idx")
        return {name: words[4 if kind == "network" else 3] for name, words in rows.items()}

    def disks(self):
        """What the guest writes is in the file, what it reads is the device's; one comes and goes."""
        self.assertEqual(set(self.states("block").values()), {"4"})
        self.in_guest("dd if=/dev/urandom of=/dev/xvda bs=64k count=4 && sync")
        sums = self.in_guest("cat /dev/xvda /dev/xvdb | md5sum").split()[0]
        self.assertEqual(sums, self.tool("cat /run/file.raw /dev/loop6 | md5sum").split()[0])
        self.assertEqual(self.in_guest("cat /sys/block/xvdb/ro").strip(), "1")
        self.tool("xl block-attach alien phy:/dev/loop7,xvdc,w")
        self.until("xvdc is not connected", lambda: self.states("block").get("51744") == "4")
        sums = self.in_guest("md5sum </dev/xvdc").split()[0]
        self.assertEqual(sums, self.tool("md5sum </run/more.raw").split()[0])
        heading, rows = self.rows("xentop -b -i 1", first="NAME")
        row = dict(zip(heading, rows["alien"]))
        self.assertEqual((row["VBDS"], row["NETS"]), ("3", "1"))
        self.assertGreaterEqual(int(row["VBD_WSECT"]), 4 * 128)
        self.assertGreaterEqual(int(row["VBD_RSECT"]), 2 * 2048)
        self.tool("xl block-detach alien xvdc")
        self.assertEqual(list(self.states("block")), ["51712", "51728"])

    def network(self):
        """The guest reaches the host over the bridge; a card comes and goes."""
        host = self.tool("ip -4 -o addr show br0").split()[3]
        ours = re.sub(r"\d+/", "77/", host)
        self.in_guest(f"ip link set eth0 up && ip addr add {ours} dev eth0")
        self.in_guest(f"until ping -c 1 -W 1 {host.split('/')[0]}; do sleep 1; done")
        self.tool("xl network-attach alien bridge=br0 mac=00:16:3e:11:22:33")
        self.until("no second card", lambda: self.states("network") == {"0": "4", "1": "4"})
        self.assertIn("00:16:3e:11:22:33", self.in_guest("cat /sys/class/net/eth1/address"))
        self.tool("xl network-detach alien 1")
        self.assertEqual(self.states("network"), {"0": "4"})

    def names(self):
        """xl rename, domid, domname, uptime, vm-list and config-update know it by its name."""
        domid = self.domains()["alien"][1]
        self.tool("xl rename alien other")
        self.assertEqual(self.tool("xl domid other").strip(), domid)
        self.assertEqual(self.tool(f"xl domname {domid}").strip(), "other")
        self.assertRegex(self.tool("xl uptime"), rf"other +{domid} +0:0\d:\d\d")
        self.assertRegex(self.tool("xl vm-list"), rf"{domid} +other")
        self.tool(f"xl rename other alien; xl config-update alien {CONFIG}")

    def hotplug(self):
        """xl vcpu-set takes a virtual CPU from the guest, and gives it back."""
        self.tool("xl vcpu-set alien 1")
        self.until("vCPU 1 stays", lambda: self.vcpus("alien")[1][4] == "--p")
        self.tool("xl vcpu-set alien 2")
        # Linux takes it when it is told to: what udev does elsewhere.
        self.in_guest("until echo 1 >/sys/devices/system/cpu/cpu1/online; do sleep 1; done")
        self.assertNotEqual(self.vcpus("alien")[1][4], "--p")

    def trigger(self):
        """xl trigger nmi and xl sysrq reach the guest."""
        self.tool("xl trigger alien nmi && xl sysrq alien h")
        self.in_guest("until dmesg | grep NMI: && dmesg | grep sysrq:; do sleep 1; done")

    def reboot(self):
        """xl reboot: the xl that created it builds it anew, with its devices."""
        before = self.domains()["alien"][1]
        self.tool("xl reboot -w alien")

        def again():
            row = self.domains().get("alien")
            return row and row[1] != before and "p" not in row[4]  # it has its console by then

        self.until("it is not built anew", again, BOOT)
        self.attach()
        self.until("not ready", lambda: "disk guest ready" in self.tool("cat /run/seen"), BOOT)
        self.assertEqual(self.in_guest("nproc").strip(), "2")
        self.assertEqual(set(self.states("block").values()), {"4"})

    def tune(self):
        """xl vcpu-list shows both vCPUs; pins, weights and another size are taken."""
        self.assertEqual([words[2] for words in self.vcpus("alien").values()], ["0", "1"])
        self.tool("xl vcpu-pin alien 1 1; xl sched-credit2 -d alien -w 512 -c 150")
        self.assertEqual([words[-3] for words in self.vcpus("alien").values()], ["all", "1"])
        # One that sleeps moves when it next wakes.
        self.until("vCPU 1 is not on CPU 1", lambda: self.vcpus("alien")[1][3] == "1")
        self.assertEqual(self.rows("xl sched-credit2")[1]["alien"][2:], ["512", "150"])
        for size in ("120", "128"):
            self.tool(f"xl mem-set alien {size}")
            self.until(f"not {size} MiB", lambda: self.domains()["alien"][2] == size)
        # What it may have can grow, what it was made with does not: no more than that is taken.
        self.tool("xl mem-max alien 160; xl mem-set alien 144; sleep 2")
        heading, rows = self.rows("xentop -b -i 1", first="NAME")
        row = dict(zip(heading, rows["alien"]))
        self.assertAlmostEqual(int(row["MAXMEM(k)"]) >> 10, 145, delta=1)
        self.assertEqual(self.domains()["alien"][2], "128")
        self.tool("xl mem-max alien 128; xl mem-set alien 128")

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
