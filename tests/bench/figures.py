"""tests/bench/run: take the figures on our hypervisor and on Debian's Xen, and print them side by side."""

import argparse
import datetime
import json
import os
import signal
import subprocess
import sys
import tempfile

from http.client import HTTPException

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../deploy/lib"))

import build  # noqa: E402
import devices  # noqa: E402
from appliance import BootError, make_data  # noqa: E402
from machine import BUILD, TOP, XEN, Machine  # noqa: E402

# QEMU 7.2 may deliver an interrupt twice that a hypervisor injects: Linux does not always survive it.
TRIES = 4
PORT = int(os.environ.get("DOMUS_TEST_PORTS", "18440")) + 8

TRIPS = "Cost inside a PVH guest, instructions"
WHOLE = "Whole operations, on the wall's clock, and memory"
DISKS = "4 KiB past the page cache: a guest's PV disk, as a share of its file in the management domain"
NETS = "A private network, at one instruction a nanosecond"
MORE = (DISKS, NETS)  # here more is better
LOST = "Work that a busy guest loses beside a hostile one, of what it does beside another busy one"
# For as long as it takes.
LOUD = (("storms", "rounds=2000000000"), ("hypercalls", "calls=2000000000"))


class Row:
    """One figure: @peer is what the peer's was when it was last taken, where a run does not take it."""

    # pylint: disable-next=too-many-arguments,too-many-positional-arguments
    def __init__(self, table, name, words, goal, peer=None, form="{:,.0f}", why=""):
        self.table = table
        self.name = name
        self.words = words
        self.goal = goal
        self.peer = peer
        self.form = form
        self.why = why


SECONDS, MB, SHARE = "{:.3f} s", "{:.2f} MB", "{:.2f}"
CREATE = "create a paused 256 MiB PVH domain, second use"
KEPT = 6 + 0.003 * 3 * 1073.741824  # 6 MB and 0.3 % of RAM

# Why a goal is missed, as far as it is.
COPY = "512 are the copy itself, 350 the exit and entry, the rest finds and checks two frames"
MAP = "two hypercalls, each with its exit and entry, a change of the nested table and of a handle"
LOAD = "most is the kernel's 34 MB being copied and its nodes written, by an emulated CPU"
BOOT = "19 of 20 samples are in the guest's own kernel"

ROWS = [
    Row(TRIPS, "xen_version", "hypercall `xen_version`", 400, 6619),
    Row(TRIPS, "cpuid", "CPUID exit", 400, 6522),
    Row(TRIPS, "rdmsr", "MSR read exit", 450, 6500),
    Row(TRIPS, "in_0x61", "port I/O handled in the hypervisor (`in 0x61`)", 350, 1200),
    Row(TRIPS, "lapic_read", "local APIC register read (MMIO)", 900, 16084),
    Row(TRIPS, "sched_yield", "`sched_yield`", 900, 8942),
    Row(TRIPS, "event_send", "event channel send, seen pending", 800, 11941),
    Row(TRIPS, "event_send_fifo", "the same with FIFO event channels, as Linux has them", 800),
    Row(TRIPS, "grant_copy", "grant copy, 4 KiB", 1600, 19458, why=COPY),
    Row(TRIPS, "grant_map_unmap", "grant map + unmap", 2500, 34435, why=MAP),
    Row(WHOLE, "userspace", "power-on to management userspace", None, 11.5, SECONDS),
    Row(WHOLE, "rest", "power-on to a REST answer", 9, None, SECONDS),
    Row(WHOLE, "create_bzimage", f"{CREATE}, bzImage", 0.06, 4.13, SECONDS, LOAD),
    Row(WHOLE, "create_raw", f"{CREATE}, raw vmlinux", 0.06, 0.30, SECONDS, LOAD),
    Row(WHOLE, "to_userspace", "create to guest userspace, PVH, raw vmlinux", 2, 2.44, SECONDS, BOOT),
    Row(WHOLE, "destroy", "destroy and free a 256 MiB domain", 0.05, None, SECONDS),
    Row(WHOLE, "kept", "memory kept by the hypervisor, 3 GiB host", KEPT, 33.8, MB),
    Row(WHOLE, "overhead", "overhead of a 256 MiB PVH domain beyond its RAM", 0.7, 2.2, MB),
    Row(WHOLE, "mgmtd", "resident memory of mgmtd, no guests", 12, None, MB),
    Row(WHOLE, "console-proxy", "resident memory of console-proxy", 6, None, MB),
    Row(WHOLE, "haproxy", "resident memory of the front door", 25, None, MB),
    *(Row(LOST, f"beside_{name}", f"`{name}` of tests/guest", 0.2, form="{:.1%}") for name, _ in LOUD),
    *(
        Row(DISKS, f"{thin}{what}_{order}{deep}", f"{what}s, {words}, {depth}{kind}", None, form=SHARE)
        for thin, kind in (("", ""), ("thin_", ", qcow2"))
        for deep, depth in (("", "one at a time"), ("_deep", "16 at once"))
        for order, words in (("sequential", "in order"), ("random", "at random"))
        for what in ("read", "write")
    ),
    *(
        row
        for end, words in (("guest", "to another guest"), ("host", "to the management domain"))
        for row in (
            Row(NETS, f"{end}_stream", f"one TCP stream {words}", None, form="{:,.1f} MB/s"),
            Row(NETS, f"{end}_packets", f"UDP of 64 bytes {words}", None, form="{:,.0f} packets/s"),
        )
    ),
]


def say(text):
    print(text, flush=True)


def persist(what, name, wanted):
    """Call @what until it has succeeded @wanted times, or failed TRIES times; return the successes."""
    done, failed = [], 0
    while len(done) < wanted and failed < TRIES:
        try:
            done.append(what())
        except (OSError, TimeoutError, EOFError, HTTPException, BootError) as error:
            failed += 1
            say(f"{name}: again, for {type(error).__name__}: {str(error)[:100]}")
    if wanted and not done:
        raise RuntimeError(f"{name}: nothing could be taken")
    return done


def take_counted(hypervisor, name, port):
    """What is counted in instructions, so on any machine and under any load the same."""
    say(f"{name}: one instruction a nanosecond")
    with Machine(f"bench-{name}", hypervisor, port, counted=True) as m:
        found = m.bench_guest()
        found.update(m.neighbours(LOUD))
        networks = devices.networks(m)
    if abs(found.pop("thousand") - 1000) > 3:
        raise RuntimeError(f"the TSC does not count instructions: {found}")
    for name, rate in networks.items():
        found[name] = rate / 1e6 if name.endswith("_stream") else rate
    return found


def take_disks(hypervisor, name, port):
    """Operations a second on the data disk: the file's, and the guest's as a share of them."""
    say(f"{name}: disks")
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "data.img")
        make_data(data, "1G")
        with Machine(f"bench-{name}-disks", hypervisor, port, data=data) as m:
            rates = devices.disks(m)
    files = {n: f"file_{n.removeprefix('thin_')}" for n in rates}
    shares = {n: rate / rates[files[n]] for n, rate in rates.items() if files[n] in rates}
    return {**rates, **shares}


def take_boot(hypervisor, name, port):
    """What takes time on the clock, and memory, in one boot."""
    say(f"{name}: power-on, creation, memory")
    with Machine(f"bench-{name}-wall", hypervisor, port) as m:
        found = {"userspace": m.userspace, "rest": m.ready, "kept": m.kept() / 1e6}
        if not hypervisor:
            found.update(m.resident())
            found["create_raw"], found["destroy"] = m.create_and_destroy(m.kernel())
            found["create_bzimage"], _ = m.create_and_destroy(m.bzimage())
        found["overhead"] = m.overhead() / 1e6
        found["to_userspace"] = min(m.to_userspace() for _ in range(2))
    return found


def take(hypervisor, name, o):
    """All figures of one hypervisor; of those on the clock the best of several boots."""
    (found,) = persist(lambda: take_counted(hypervisor, name, o.port), name, 1)
    (disks,) = persist(lambda: take_disks(hypervisor, name, o.port), name, 1)
    found.update(disks)
    boots = persist(lambda: take_boot(hypervisor, name, o.port), name, o.boots)
    for key in boots[0] if boots else ():
        found[key] = min(boot[key] for boot in boots)
    return found


def verdict(row, ours):
    """Whether the goal is met, and if not by how much and why."""
    if row.goal is None or ours is None:
        return ""
    if ours <= row.goal:
        return "met"
    words = f"missed by {(ours / row.goal - 1) * 100:.0f} %"
    return f"{words}: {row.why}" if row.why else words


def cell(row, value, found):
    """A figure as words; a share says of what."""
    if value is None:
        return "-"
    whole = found.get(f"file_{row.name.removeprefix('thin_')}")
    return row.form.format(value) + (f" of {whole:,}/s" if whole else "")


def line(row, ours, peers):
    """One row of the table, as cells."""
    mine, peer, note = ours.get(row.name), peers.get(row.name), ""
    if peer is None:
        peer, note = row.peer, " (recorded)"
    return [
        row.words,
        cell(row, mine, ours),
        "-" if peer is None else cell(row, peer, peers) + note,
        "-" if mine is None or not peer or row.table == LOST else f"{mine / peer:.3f}",
        "-" if row.goal is None else row.form.format(row.goal),
        verdict(row, mine),
    ]


def markdown(ours, peers):
    """All tables."""
    out = []
    for table in (TRIPS, WHOLE, LOST, *MORE):
        out += [f"| {table} | ours | peer | ratio | goal | |", "|---|---|---|---|---|---|"]
        out += [f"| {' | '.join(line(r, ours, peers))} |" for r in ROWS if r.table == table]
        out.append("")
    return "\n".join(out)


def management(build_folder, port):
    """The benches of the management plane print their own words."""
    for name in ("console", "management"):
        say(f"\n{name}:")
        script = os.path.join(HERE, name, "bench.py")
        subprocess.run([sys.executable, script, build_folder, "--port", str(port)], check=True)


def parse(argv):
    p = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__)
    p.add_argument("--port", type=int, default=PORT, help="HTTPS port on 127.0.0.1")
    p.add_argument("--boots", type=int, default=3, help="of which the best counts, on the clock")
    p.add_argument("--no-peer", action="store_true", help="ours only")
    p.add_argument("--management", action="store_true", help="the management plane's benches too")
    return p.parse_args(argv)


def commit():
    argv = ["git", "-C", TOP, "describe", "--always", "--dirty"]
    return subprocess.run(argv, check=False, capture_output=True, text=True).stdout.strip()


def keep(ours, peers, text):
    """Leave the outcome in build/bench, for machines and for people."""
    folder = os.path.join(BUILD, "bench")
    date = datetime.date.today().isoformat()
    record = {"date": date, "commit": commit(), "ours": ours, "peer": peers}
    with open(os.path.join(folder, "figures.json"), "w", encoding="utf-8") as f:
        json.dump(record, f, indent=2)
    with open(os.path.join(folder, "figures.md"), "w", encoding="utf-8") as f:
        f.write(f"{date}, {record['commit']}\n\n{text}")


def main(argv):
    """Run; exit status 0 when everything could be taken, whatever the figures say."""
    o = parse(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    build.compile_everything(BUILD)
    build.make_image(BUILD)
    for source, folder in (("bench", "bench"), ("", "guests")):
        script = os.path.join(TOP, "tests", source, "guest/build")
        subprocess.run([script, os.path.join(BUILD, folder)], check=True)
    devices.build_program()
    ours = take(None, "ours", o)
    peers = {}
    if not o.no_peer and os.path.exists(XEN):
        peers = take(XEN, "peer", o)
    text = markdown(ours, peers)
    keep(ours, peers, text)
    say("\n" + text)
    if o.management:
        management(BUILD, o.port)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
