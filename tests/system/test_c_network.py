"""Networks: guests reach each other and the outside, and nothing they should not."""

import re
import unittest

from bed import bed
from client import ApiError

BOOT = 240
OUTSIDE = "10.0.2.2"


class Network(unittest.TestCase):
    """On the shared appliance; QEMU's user network is the outside."""

    def setUp(self):
        self.bed = bed()
        self.client = self.bed.client
        self.addCleanup(self.clean)

    def clean(self):
        self.bed.remove_all()
        for network in self.client.get("/networks")["items"]:
            if not network["builtin"]:
                self.client.delete(f"/networks/{network['id']}")

    def network(self, name, **more):
        return self.client.post("/networks", {"name": name, "kind": "private", **more}).json["id"]

    def attach(self, vm, network, **more):
        return self.client.post(f"/vms/{vm}/nics", {"network": network, **more}).json

    def guest(self, name, *networks, **more):
        """A running guest with an interface on each network: its id, console and interfaces."""
        vm = self.client.create_vm(**self.bed.spec(name, start=False))["id"]
        nics = [self.attach(vm, network, **more) for network in networks]
        self.client.action(vm, "start")
        console = self.client.console(vm)
        self.addCleanup(console.close)
        console.read_until(b"demo guest ready", BOOT)
        for number in range(len(networks)):
            self.has_address(console, f"eth{number}")
        return vm, console, nics

    def run_in(self, console, command):
        """The exit status of a command in the guest."""
        console.send(f"( {command} ) >/dev/null 2>&1; echo status=$?=$((6*7))\n".encode())
        return int(re.findall(rb"status=(\d+)=42", console.read_until(b"=42", BOOT))[-1])

    def has_address(self, console, card):
        wait = f"for n in $(seq 90); do ip addr show {card} | grep 'inet ' && exit; sleep 1; done; false"
        self.assertEqual(self.run_in(console, wait), 0, f"{card} has no address")

    def pings(self, console, address, times=3):
        return self.run_in(console, f"ping -c {times} -W 2 {address}") == 0

    def default(self):
        return self.client.get("/networks?name=default")["items"][0]["id"]

    def left_behind(self):
        """What the management domain has of guests' networks."""
        return self.bed.console.run(
            "ls /sys/class/net | grep -E '^(vif|dn|dv)'; nft list ruleset | grep -o 'vif[0-9.]*'; "
            "pidof udhcpd; xenstore ls /local/domain/0/backend/vif 2>/dev/null; ls /run/networks"
        ).split()

    def update(self, vm, nic, **patch):
        return self.client.request("PATCH", f"/vms/{vm}/nics/{nic['id']}", patch).json

    def check_spoofing(self, vm, guest, nic, peer):
        """A guest can't send as another, unless it may."""
        as_other = "killall udhcpc; ip addr flush dev eth0; ip addr add {}/24 dev eth0"
        self.run_in(guest, as_other.format(nic["address"].rsplit(".", 1)[0] + ".77"))
        self.assertFalse(self.pings(guest, peer), "a spoofed address passes")
        self.update(vm, nic, spoof_protection=False)
        self.assertTrue(self.pings(guest, peer))
        self.run_in(guest, as_other.format(nic["address"]))
        card = "ip link set eth0 down; ip link set eth0 address {}; ip link set eth0 up"
        self.assertEqual(self.run_in(guest, card.format("02:00:00:00:00:01")), 0)
        self.assertTrue(self.pings(guest, peer))
        self.update(vm, nic, spoof_protection=True)
        self.assertFalse(self.pings(guest, peer), "a spoofed MAC address passes")
        self.assertEqual(self.run_in(guest, card.format(nic["mac"])), 0)
        self.assertTrue(self.pings(guest, peer))

    def seconds(self, sender, receiver, address):
        """What 512 KiB from one guest to the other take, by the sender's clock."""
        self.run_in(receiver, "sleep 300 | nc -l -p 5000 >/got & sleep 1")
        sender.send(
            b"a=$(cut -d. -f1 /proc/uptime); dd if=/dev/zero bs=64k count=8 2>/dev/null | "
            b"nc -w 60 %s 5000; b=$(cut -d. -f1 /proc/uptime); echo took=$((b-a))=$((6*7))\n"
            % address.encode()
        )
        took = int(re.findall(rb"took=(\d+)=42", sender.read_until(b"=42", BOOT))[-1])
        self.assertEqual(self.run_in(receiver, "test $(wc -c </got) = 524288"), 0)
        return took

    def check_rate(self, vm, guest, nic, peer, address):
        """Both ways are held to the rate: they can't be quicker, however slow the host."""
        self.update(vm, nic, rate=64 << 10)
        self.assertGreaterEqual(self.seconds(guest, peer, address), 3)
        self.assertGreaterEqual(self.seconds(peer, guest, nic["address"]), 3)
        self.update(vm, nic, rate=None)

    def check_counters(self, vm, guest):
        before = self.client.get(f"/vms/{vm}/nics")["items"][0]["counters"]
        self.assertTrue(self.pings(guest, OUTSIDE, 5))
        after = self.client.get(f"/vms/{vm}/nics")["items"][0]["counters"]
        for name in ("rx_packets", "tx_packets"):
            self.assertGreaterEqual(after[name] - before[name], 5)

    def check_vlan(self, *guests):
        """Guests of one VLAN reach each other, and not those of another; the tag is on the uplink."""
        seven, eight = (self.network(f"v{n}", kind="bridge", vlan=n) for n in (7, 8))
        nics = []
        for number, (vm, console) in enumerate(guests, 1):
            nics.append(self.attach(vm, seven))
            self.run_in(
                console, f"until ip addr add 172.30.0.{number}/24 dev eth1; do sleep 1; done"
            )
        (_, a), (vm_b, _) = guests
        sent = "grep -o 'frames transmitted.*' /proc/net/vlan/eth0.7"
        self.assertTrue(self.pings(a, "172.30.0.2"))
        before = self.bed.console.run(sent)
        self.update(vm_b, nics[1], network=eight)
        self.assertFalse(self.pings(a, "172.30.0.2"), "one VLAN reaches another")
        # Who asks for the other is heard on the uplink, with the tag.
        self.assertNotEqual(self.bed.console.run(sent), before)
        self.assertIn("eth0.7 | 7 | eth0", re.sub(r" +", " ", self.bed.console.run(
            "cat /proc/net/vlan/config")))

    def test_private(self):
        """private networks, NAT, forged senders, rates and VLANs, between two guests"""
        one, two = self.network("one"), self.network("two", nat=True)
        vm_a, a, (nic_a,) = self.guest("a", one)
        vm_b, b, (nic_b,) = self.guest("b", one)
        self.assertTrue(self.pings(a, nic_b["address"]))
        self.assertTrue(self.pings(b, nic_a["address"]))
        self.assertFalse(self.pings(a, OUTSIDE), "a private network reaches the outside")
        self.check_spoofing(vm_a, a, nic_a, nic_b["address"])
        self.check_rate(vm_a, a, nic_a, b, nic_b["address"])
        # Moved to the other network while it runs: NAT leads outside, the first one is gone.
        moved = self.update(vm_b, nic_b, network=two)
        self.run_in(b, "killall udhcpc; ip addr flush dev eth0; udhcpc -q -n -i eth0 -s /dhcp -t 20")
        self.assertNotEqual(moved["address"], nic_b["address"])
        self.assertTrue(self.pings(b, OUTSIDE), "NAT does not lead outside")
        self.assertFalse(self.pings(b, nic_a["address"]), "two private networks reach each other")
        self.assertNotEqual(self.run_in(b, "nc -w 3 10.0.2.15 443 </dev/null"), 0)
        self.check_counters(vm_b, b)
        with self.assertRaises(ApiError) as refused:
            self.client.delete(f"/networks/{one}")
        self.assertEqual(refused.exception.status, 409)
        self.check_vlan((vm_a, a), (vm_b, b))
        self.clean()
        self.assertEqual(self.left_behind(), [])

    def test_bridge(self):
        """the default network leads outside; interfaces come and go while the guest runs"""
        vm, guest, _ = self.guest("bridged", self.default())
        self.assertTrue(self.pings(guest, OUTSIDE))
        nic = self.attach(vm, self.network("more"))
        self.has_address(guest, "eth1")
        self.client.delete(f"/vms/{vm}/nics/{nic['id']}")
        gone = "for n in $(seq 60); do test -e /sys/class/net/eth1 || exit 0; sleep 1; done; false"
        self.assertEqual(self.run_in(guest, gone), 0)
        self.assertTrue(self.pings(guest, OUTSIDE))
        self.bed.console.run("kill -9 $(pidof mgmtd)")
        self.assertTrue(self.pings(guest, OUTSIDE, 5))
        self.bed.machine.wait_ready(120)
        self.assertTrue(self.pings(guest, OUTSIDE))

    def test_refused(self):
        """what can't be is refused with the field that is wrong"""
        self.network("there", subnet="192.168.50.0/24")
        for spec, status, field in (
            ({"kind": "private", "subnet": "192.168.0.0/16"}, 422, "subnet"),
            ({"kind": "private", "subnet": "10.0.2.0/24"}, 422, "subnet"),
            ({"kind": "private", "subnet": "8.8.8.0/24"}, 422, "subnet"),
            ({"kind": "private", "subnet": "10.1.0.1/24"}, 422, "subnet"),
            ({"kind": "private", "vlan": 5}, 422, "vlan"),
            ({"kind": "bridge", "nat": True, "vlan": 5}, 422, "nat"),
            ({"kind": "bridge"}, 422, "vlan"),
        ):
            with self.assertRaises(ApiError) as refused:
                self.client.post("/networks", {"name": "x", **spec})
            self.assertEqual(refused.exception.status, status)
            self.assertEqual(refused.exception.problem["errors"][0]["field"], field, spec)
