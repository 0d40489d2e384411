"""gdb commands that show the hypervisor's state: gdb -x deploy/gdb.py, then `domus connect SOCKET`.

A CPU may be stopped inside a guest, where the hypervisor's addresses mean nothing. So memory is read by
physical address (QEMU's gdbstub can), and pointers are translated here, as hypervisor/arch/x86/mm/map.h does.
Registers are those of a vCPU's last exit.
"""

import os
import shlex

import gdb

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SYMBOLS = os.path.join(TOP, "build/hypervisor/domus.elf")
REGISTERS = ("rip", "rsp", "rflags", "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp")
# Macros of the hypervisor, which it keeps as numbers in its image (debug_constants in hypervisor/main.c).
MACROS = ("IMAGE_BASE", "DIRECTMAP_START", "PAGE_SIZE", "EVTCHN_BUCKET_PORTS", "PT_LEAF", "PT_TYPE_SHIFT")
macro = {}


def look_up_macros():
    """Read MACROS from the image's file. With a target, gdb would read its memory."""
    for name in MACROS:
        macro[name] = int(gdb.parse_and_eval(f"debug_constants.{name.lower()}"))


def names(enum):
    """The names of an enumeration by value, without what they have in common."""
    fields = gdb.lookup_type(f"enum {enum}").fields()
    return {f.enumval: f.name.split("_", 1)[1].replace("_", " ").lower() for f in fields}


def physical(pa, size):
    """Bytes of physical memory."""
    return bytes(gdb.selected_inferior().read_memory(pa, size))


def to_pa(va):
    """The physical address of one in the direct map or the image."""
    return va - macro["DIRECTMAP_START" if va >= macro["DIRECTMAP_START"] else "IMAGE_BASE"]


def at(va, kind):
    """The object of a type (a name, or a gdb.Type) at @va."""
    kind = gdb.lookup_type(kind) if isinstance(kind, str) else kind
    kind = kind.strip_typedefs()
    return gdb.Value(physical(to_pa(va), kind.sizeof), kind)


def address(symbol):
    """Where a variable is."""
    return int(gdb.parse_and_eval(f"&{symbol}"))


def deref(pointer):
    """What a pointer points to."""
    return at(int(pointer), pointer.type.strip_typedefs().target())


def element(pointer, index):
    """pointer[index]."""
    kind = pointer.type.strip_typedefs().target()
    return at(int(pointer) + index * kind.strip_typedefs().sizeof, kind)


def domains():
    """(address, struct domain) of each, by id."""
    kind = gdb.lookup_type("struct domain")
    offset = next(f.bitpos // 8 for f in kind.fields() if f.name == "link")
    head = address("domains")
    link = int(at(head, "struct list")["next"])
    while link != head:
        yield link - offset, at(link - offset, kind)
        link = int(at(link, "struct list")["next"])


def domain(number):
    """The domain with that id."""
    for _, d in domains():
        if int(d["id"]) == number:
            return d
    raise gdb.GdbError(f"no domain {number}")


def vcpus(d):
    """Those that were made."""
    for i in range(int(d["max_vcpus"])):
        pointer = element(d["vcpus"], i)
        if int(pointer):
            yield deref(pointer)


def show_domains():
    """domains: every domain, its vCPUs and their registers."""
    for where, d in domains():
        words = [w for w in ("controller_paused", "shutting_down", "shut_down", "dying") if d[w]]
        print(
            f"domain {int(d['id'])} at {where:#x}: vcpus {len(list(vcpus(d)))}"
            f" pages {int(d['tot_pages'])} of {int(d['max_pages'])} pauses {int(d['pause_count'])}"
            f" {' '.join(words)}".rstrip()
        )
        for v in vcpus(d):
            print(
                f"  vcpu {int(v['id'])}: {v['state']} cpu {int(v['cpu'])}"
                f" ran {int(v['cpu_time'])} ns exits {int(v['exits'])}"
            )
            print("    " + " ".join(f"{r}={int(v['regs'][r]):#x}" for r in REGISTERS))


def show_p2m(number, gfn):
    """p2m DOMAIN GFN: walk its nested page table for a guest frame."""
    number, gfn = int(number, 0), int(gfn, 0)
    table = domain(number)["p2m"]["table"]
    mfn = int(table["root"]["n"])
    for level in (3, 2, 1, 0):
        index = gfn >> 9 * level & 511
        entry = int.from_bytes(physical(mfn * macro["PAGE_SIZE"] + index * 8, 8), "little")
        print(f"  level {level} table {mfn:#x} [{index}] = {entry:#018x}")
        mfn = entry >> 12 & 0xFFFFFFFFFF
        if not entry:
            print(f"gfn {gfn:#x}: nothing")
            return
        if entry & macro["PT_LEAF"]:
            kind = entry >> macro["PT_TYPE_SHIFT"] & 0xFF
            mfn += gfn & (1 << 9 * level) - 1
            name = names("p2m_type").get(kind, kind)
            print(f"gfn {gfn:#x}: mfn {mfn:#x} {name}, a leaf of {1 << 9 * level} pages")
            return


def show_events(number):
    """events DOMAIN: the event channels it has in use."""
    d = domain(int(number, 0))
    e = deref(d["evtchn"])
    print(f"domain {int(d['id'])}: {int(e['active'])} ports in use{', FIFO' if int(e['fifo']) else ''}")
    low, high = e["bucket"].type.range()
    states, per_bucket = names("evtchn_state"), macro["EVTCHN_BUCKET_PORTS"]
    for b in range(low, high + 1):
        bucket = e["bucket"][b]
        if not int(bucket):
            break
        for i in range(per_bucket):
            channel = element(bucket, i)
            state = states[int(channel["state"])]
            if state == "free":
                continue
            u, to = channel["u"], ""
            if state == "unbound":
                to = f" for domain {int(u['remote'])}"
            elif state == "interdomain":
                to = f" to port {int(u['port'])} of domain {int(deref(channel['peer'])['id'])}"
            elif state == "virq":
                to = f" {int(u['virq'])}"
            print(f"  port {b * per_bucket + i}: {state}{to} vcpu {int(channel['vcpu'])}")


def show_grants(number):
    """grants DOMAIN: its frames that others use, and those of others that it maps."""
    d = domain(int(number, 0))
    g = deref(d["gnttab"])
    print(f"domain {int(d['id'])}: {int(g['nr_frames'])} of {int(g['max_frames'])} grant frames")
    per_frame = macro["PAGE_SIZE"] // gdb.lookup_type("struct grant_entry_v1").sizeof
    for f in range(int(g["nr_frames"])):
        active = element(g["active"], f)
        for i in range(per_frame):
            a = element(active, i)
            if int(a["readers"]) or int(a["writers"]):
                print(
                    f"  grant {f * per_frame + i}: mfn {int(a['mfn']['n']):#x} used by domain"
                    f" {int(a['domid'])}, {int(a['readers'])} readers {int(a['writers'])} writers"
                )
    per_page = macro["PAGE_SIZE"] // gdb.lookup_type("struct maptrack").sizeof
    for p in range(int(g["nr_maptrack"])):
        page = element(g["maptrack"], p)
        for i in range(per_page):
            m = element(page, i)
            if int(m["state"]):
                use, gfn = m["use"], int(m["gfn"])
                owner = int(deref(use["granter"])["id"]) if int(use["granter"]) else "?"
                print(f"  handle {p * per_page + i}: grant {int(use['ref'])} of domain {owner} at gfn {gfn:#x}")


def show_log():
    """log: what the hypervisor's log ring holds."""
    ring = at(address("ring"), gdb.lookup_type("struct log_ring"))
    kept, size = int(ring["buf"].type.sizeof), int(ring["head"]) - int(ring["tail"])
    start = address("ring") + next(f.bitpos // 8 for f in ring.type.fields() if f.name == "buf")
    text = physical(to_pa(start), kept)
    first = int(ring["tail"]) % kept
    print((text + text)[first : first + size].decode(errors="replace"))


def connect(socket):
    """connect SOCKET: attach to what deploy/run --gdb started; the machine stands still until detached."""
    gdb.execute(f"file {SYMBOLS}", to_string=True)
    look_up_macros()
    gdb.execute(f"target remote {socket}", to_string=True)
    gdb.execute("maintenance packet Qqemu.PhyMemMode:1", to_string=True)


COMMANDS = {
    "connect": connect,
    "domains": show_domains,
    "p2m": show_p2m,
    "events": show_events,
    "grants": show_grants,
    "log": show_log,
}


class Domus(gdb.Command):
    """What the hypervisor knows: domus connect|domains|p2m|events|grants|log."""

    def __init__(self):
        super().__init__("domus", gdb.COMMAND_DATA)

    def invoke(self, argument, _from_tty):
        """Run one of COMMANDS."""
        name, *args = shlex.split(argument) or [""]
        if name not in COMMANDS:
            raise gdb.GdbError("\n".join(f"domus {f.__doc__}" for f in COMMANDS.values()))
        try:
            COMMANDS[name](*args)
        except (TypeError, ValueError) as error:
            raise gdb.GdbError(f"domus {COMMANDS[name].__doc__} ({error})") from error

    def complete(self, text, _word):
        """The commands' names."""
        return [name for name in COMMANDS if name.startswith(text)]


gdb.execute("set max-value-size unlimited")
Domus()
