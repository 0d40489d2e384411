#!/usr/bin/env python3
"""seeds.py FOLDER: write the inputs that fuzzing starts from, FOLDER/TARGET/*; the formats are told in fuzz_*.c."""

import gzip
import lzma
import os
import struct
import sys
import zlib

ELF_ENTRY = 0x100010


def mb2_tag(kind, data):
    """One tag of Multiboot 2, padded to eight bytes."""
    tag = struct.pack("<II", kind, 8 + len(data)) + data
    return tag + bytes(-len(tag) % 8)


def boot():
    """Both protocols, with all that is read."""
    ranges = [(0, 0x9FC00, 1), (0x9FC00, 0x400, 2), (1 << 20, 63 << 20, 1), (0x3F00000, 0x200000, 3)]
    tags = mb2_tag(1, b"loglevel=3\0") + mb2_tag(2, b"GRUB 2.06\0")
    tags += mb2_tag(3, struct.pack("<II", 0x200000, 0x200801) + b"kernel root=/dev/sda\0")
    tags += mb2_tag(6, struct.pack("<II", 24, 0) + b"".join(struct.pack("<QQII", *r, 0) for r in ranges))
    tags += mb2_tag(14, b"RSD PTR " + bytes(12)) + mb2_tag(15, b"RSD PTR " + bytes(28)) + mb2_tag(0, b"")
    mb2 = struct.pack("<II", 8 + len(tags), 0) + tags
    # Multiboot 1: the 68-byte structure, then what it points to, at 0x10000.
    strings = b"reboot=0\0qemu\0".ljust(16, b"\0")
    mmap = b"".join(struct.pack("<IQQI", 20, *r) for r in ranges)
    modules_at = 68 + 16 + len(mmap)
    modules = struct.pack("<IIII", 0x150000, 0x150010, 0x10000 + modules_at + 16, 0) + b"initrd\0"
    mbi = [0] * 17
    mbi[0], mbi[4], mbi[16] = 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9, 0x10044, 0x1004D
    mbi[5], mbi[6], mbi[11], mbi[12] = 1, 0x10000 + modules_at, len(mmap), 0x10054
    mb1 = struct.pack("<17I", *mbi) + strings + mmap + modules
    return [b"\0" + mb2, b"\1" + mb1, b"\1" + struct.pack("<3I", 1, 640, 65536) + bytes(56)]


def acpi_table(at, signature, body):
    """A record of fuzz_acpi.c; length and checksum are the target's to make."""
    data = signature + bytes(32) + body
    return struct.pack("<BHH", 1, (at - 0xE0000) >> 4, len(data)) + data


def acpi():
    """An RSDP, either root table, MADT, FADT, SSDT."""
    madt = struct.pack("<II", 0xFEE00000, 1) + bytes([0, 8, 0, 0, 1, 0, 0, 0, 0, 8, 1, 2, 1, 0, 0, 0])
    madt += bytes([1, 12, 5, 0, 0, 0, 0xC0, 0xFE, 0, 0, 0, 0, 2, 10, 0, 9, 9, 0, 0, 0, 0x0D, 0])
    madt += bytes([9, 16, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 5, 12, 0, 0]) + struct.pack("<Q", 0xFEE00000)
    fadt = bytearray(208)
    struct.pack_into("<I", fadt, 40, 0x608)
    struct.pack_into("<I", fadt, 76, 1 << 10)
    fadt[55], fadt[72], fadt[80], fadt[84:88] = 4, 0x32, 1, struct.pack("<I", 0xCF9)
    seeds = []
    for search, revision in ((0, 2), (0, 0), (1, 2)):
        at = 0xF5A40 if search else 0xE0000
        rsdp = bytearray(36)
        rsdp[15] = revision
        struct.pack_into("<IIQ", rsdp, 16, 0xE2000, 36, 0xE1000)
        data = bytes([search, 2]) + struct.pack("<HH", (at - 0xE0000) >> 4, 36) + rsdp
        data += acpi_table(0xE3000, b"APIC", madt) + acpi_table(0xE4000, b"FACP", bytes(fadt))
        data += acpi_table(0xE5000, b"SSDT", bytes(16))
        data += acpi_table(0xE1000, b"XSDT", struct.pack("<3Q", 0xE3000, 0xE4000, 0xE5000))
        data += acpi_table(0xE2000, b"RSDT", struct.pack("<3I", 0xE3000, 0xE4000, 0xE5000))
        seeds.append(data)
    return seeds


def elf64():
    """Text, bss, and notes with a PVH entry."""
    note = struct.pack("<III4sI", 4, 5, 1, b"GNU", 0) + bytes(4)
    note += struct.pack("<III4sI", 4, 4, 18, b"Xen", ELF_ENTRY)
    header = b"\x7fELF\2\1".ljust(16, b"\0") + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, 3, 0, 0, 0)
    text_at = 64 + 3 * 56
    note_at = text_at + 64
    segments = struct.pack("<IIQQQQQQ", 1, 0, text_at, 0, 0x100000, 64, 64, 0)
    segments += struct.pack("<IIQQQQQQ", 1, 0, text_at, 0, 0x400000, 8, 4096, 0)
    segments += struct.pack("<IIQQQQQQ", 4, 0, note_at, 0, 0, len(note), len(note), 0)
    return header + segments + bytes(range(64)) + note


def elf32():
    """The same for a 32-bit kernel."""
    note = struct.pack("<III4sI", 4, 4, 18, b"Xen", ELF_ENTRY)
    header = b"\x7fELF\1\1".ljust(16, b"\0") + struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, 0, 52, 0, 0, 52, 32, 2, 0, 0, 0)
    text_at = 52 + 2 * 32
    segments = struct.pack("<8I", 1, text_at, 0, 0x100000, 64, 64, 0, 0)
    segments += struct.pack("<8I", 4, text_at + 64, 0, 0, len(note), len(note), 0, 0)
    return header + segments + bytes(range(64)) + note


def bzimage(payload):
    """A boot image of protocol 2.8 with one set-up sector."""
    image = bytearray(1024)
    image[0x1F1] = 1
    struct.pack_into("<H", image, 0x1FE, 0xAA55)
    image[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", image, 0x206, 0x20F)
    struct.pack_into("<II", image, 0x248, 0, len(payload) + 4)
    return bytes(image) + payload + struct.pack("<I", len(elf64()))


def literals_lz4(data):
    """A legacy LZ4 frame with one block of literals."""
    block = bytes([0xF0, len(data) - 15]) if len(data) < 270 else b"\xf0\xff" + bytes([len(data) - 270])
    return struct.pack("<II", 0x184C2102, len(block) + len(data)) + block + data


def stored_zstd(data):
    """A zstd frame with one raw block."""
    return struct.pack("<IBH", 0xFD2FB528, 0x60, len(data) - 256) + struct.pack("<I", len(data) << 3 | 1)[:3] + data


def kernel():
    """Bare, gzipped, and as the payload of boot images of every kind."""
    elf = elf64()
    packed = zlib.compressobj(9, zlib.DEFLATED, 31)
    payloads = [
        packed.compress(elf) + packed.flush(),
        lzma.compress(elf, check=lzma.CHECK_CRC32),
        literals_lz4(elf),
        stored_zstd(elf),
    ]
    return [elf, elf32(), gzip.compress(elf, mtime=0)] + [bzimage(p) for p in payloads]


def qcow2():
    """Clusters of 512 bytes: one as it is, zeros, both kinds of packed ones; both versions, and an odd size."""
    data = bytes(range(256)) * 2
    deflate = zlib.compressobj(9, zlib.DEFLATED, -12)
    seeds = []
    for version, kind, packed in ((3, 0, deflate.compress(data) + deflate.flush()), (3, 1, stored_zstd(data)), (2, 0, b"")):
        entries = [0x600, 1, 0, 1 << 62 | (len(packed) - 1) // 512 << 61 | 0x800] if packed else [0x600]
        size = 64 * 512 - (0 if packed else 512)
        header = b"QFI\xfb" + struct.pack(">IQIIQIIQQIIQ", version, 0, 0, 9, size, 0, 1, 0x200, 0, 0, 0, 0)
        header += struct.pack(">QQQII8B", kind << 3, 0, 0, 4, 112, kind, 0, 0, 0, 0, 0, 0, 0) if version == 3 else b""
        tables = struct.pack(">Q", 1 << 63 | 0x400).ljust(512, b"\0")
        tables += b"".join(struct.pack(">Q", entry) for entry in entries).ljust(512, b"\0")
        seeds.append(header.ljust(512, b"\0") + tables + data + packed)
    return seeds


def insn():
    """Each opcode the emulator knows, with memory operands of all shapes, in every code segment."""
    codes = ["0001", "8b05", "8b4424", "a1", "a3", "f3a4", "f36c", "f26e", "aa", "ac", "8003", "8183", "c700", "c600",
             "f600", "f718", "fe00", "ff08", "0fba2c2505", "0fb600", "0fbf00", "0fab08", "8700", "6348", "488b84c8",
             "f0480fb108", "6567668b04", "66a5", "f048ff00", "448b0d", "64a0"]  # fmt: skip
    registers = bytes(range(66))
    tail = bytes([4, 0, 0, 0, 1, 2, 3, 4])
    return [bytes([bits]) + registers + bytes.fromhex(code) + tail for code in codes for bits in (0, 1, 0x86, 0x0A)]


def pointer(offset):
    """What fuzz_hypercall.c makes a pointer of."""
    return 0xF00000 | offset


def call(number, *args, body=b"", who=0):
    """A hypercall's record."""
    args = [a & 0xFFFFFFFF for a in (*args, 0, 0, 0)[:3]]
    return struct.pack("<BB3IB", who, number, *args, len(body)) + body


def poke(offset, body, who=0):
    """Bytes for what guests can name."""
    return struct.pack("<BHB", 5 << 2 | who, offset, len(body)) + body


def frame(number, offset, body, who):
    """Bytes for a frame of the caller's."""
    return struct.pack("<BHHB", 6 << 2 | who, number, offset, len(body)) + body


def after(microseconds, preempt=0):
    """Time passes."""
    return struct.pack("<BHB", 7 << 2, microseconds, preempt)


def domctl(command, *words, dom=1):
    """A domctl with the first words of its union."""
    body = struct.pack("<IIHxxxxxx", command, 0x15, dom) + b"".join(struct.pack("<Q", w) for w in words)
    return call(36, pointer(0), body=body)


def domctls():
    """Every domctl, on a guest, with unions of several kinds."""
    p, seeds = pointer(0x1000), []
    create = struct.pack("<I16sIIIIIiiIIIIQ", 0, bytes(16), 0x3, 0, 2, 1023, 0, 32, 512, 1, 0, 0, 1, 0)
    create = call(36, pointer(0), body=struct.pack("<IIHxxxxxx", 1, 0x15, 0xFFFF) + create)
    for command in (*range(2, 90), 1000, 1001, 1002):
        for words in ((0, 0, 0), (2, p, 8), (p, 64, p), (1 << 32, 1 << 32 | 1, p, 64), (0x100, 0x8, p, p)):
            seeds.append(poke(0x1000, bytes([0x5A, 0, 0, 0] * 16)) + domctl(command, *words))
    seeds.append(create + domctl(15, 2, dom=3) + domctl(11, 1 << 30, dom=3) + domctl(2, dom=3) + after(5, 2))
    seeds.append(domctl(2) + domctl(2, dom=2) + after(5))
    return seeds


def memory():
    """Reservations, physmap, resources, memory maps."""
    p = pointer(0x100)
    gfns = poke(0x100, b"".join(struct.pack("<Q", n) for n in (0x40000, 0x200, 3, 0x40001)))
    seeds = []
    for op in (0, 1, 6):
        for who in (0, 1):
            for order in (0, 9):
                body = struct.pack("<QQIIHxxxxxx", p, 2, order, 0, 1 if who == 0 else 0x7FF0)
                seeds.append(gfns + after(0, 2) + call(12, op, pointer(0), body=body, who=who))
    for op in range(29):
        seeds.append(gfns + call(12, op, pointer(0), body=struct.pack("<HHI4Q", 1, 2, 1, p, p, 0x100, 3), who=0))
        seeds.append(gfns + call(12, op, pointer(0), body=struct.pack("<HHI4Q", 0x7FF0, 0, 1, 3, 0x40000, p, p), who=1))
    for space in range(6):
        seeds.append(call(12, 7, pointer(0), body=struct.pack("<HHIQQ", 0x7FF0, 1, space, 0, 0x40000), who=1))
        batch = struct.pack("<HHHxxQQQQ", 0x7FF0, space, 2, 1, p, p, pointer(0x200))
        seeds.append(gfns + call(12, 23, pointer(0), body=batch))
    for kind in range(3):
        body = struct.pack("<HHIIIQQ", 1, kind, 0, 3, 0, 0, p)
        seeds.append(gfns + call(12, 28, pointer(0), body=body))
    return seeds


def grants():
    """Two guests that grant, map, copy and swap, over tables they write themselves."""
    table = struct.pack("<HHI", 1, 0, 3) * 16
    seeds, setup = [], frame(0x8000, 0, table, 1) + frame(0x8000, 0, table, 2)
    v2 = call(20, 8, pointer(0), 1, body=struct.pack("<I", 2), who=1)
    copy = struct.pack("<QHHQHHHHhxx", 8, 1, 0, 9, 0, 0, 64, 3, 0) + bytes(4)
    for op in range(13):
        for body in (
            struct.pack("<QIIHhIQ", 0x40000000, 6, 8, 1, 0, 0, 0),
            struct.pack("<QQIh", 0x40000000, 0, 0, 0),
            struct.pack("<HHIQ", 0x7FF0, 0, 2, pointer(0x100)),
            copy,
            struct.pack("<IHH", 8, 9, 0),
        ):
            seeds.append(setup + call(20, op, pointer(0), 1, body=body, who=0))
            seeds.append(setup + v2 + call(20, op, pointer(0), 1, body=body, who=1))
    mapped = setup + call(20, 0, pointer(0), 1, body=struct.pack("<QIIHhIQ", 0x40000000, 2, 8, 1, 0, 0, 0), who=2)
    seeds.append(mapped + call(20, 1, pointer(0), 1, body=struct.pack("<QQIhxx", 0x40000000, 0, 0, 0), who=2))
    seeds.append(mapped + domctl(2) + after(5))
    return seeds


def events():
    """Ports of all kinds, both layouts."""
    seeds = []
    pair = call(32, 6, pointer(0), body=struct.pack("<HHI", 0x7FF0, 2, 0), who=1)
    pair += call(32, 0, pointer(0), body=struct.pack("<HHII", 1, 0, 1, 0), who=2)
    fifo = call(32, 11, pointer(0), body=struct.pack("<QII", 2, 0, 0), who=1)
    fifo += call(32, 12, pointer(0), body=struct.pack("<Q", 3), who=1)
    for op in range(14):
        for words in ((1, 0, 0), (1, 1, 1), (0x7FF0, 1, 0)):
            body = struct.pack("<III", *words)
            seeds.append(pair + call(32, op, pointer(0), body=body, who=1))
            seeds.append(fifo + pair + call(32, op, pointer(0), body=body, who=1) + after(9))
    seeds.append(fifo + pair + call(32, 4, pointer(0), body=struct.pack("<I", 1), who=2) + domctl(2) + after(1))
    return seeds


def others():
    """All other calls, from both sides; several in one go by multicall."""
    seeds, p = [], pointer(0x100)
    for number, operations in ((7, 66), (17, 12), (18, 5), (21, 4), (24, 16), (29, 8), (33, 40), (34, 26)):
        for op in range(operations):
            for who in (0, 1):
                body = struct.pack("<IIHHIQQ", 0, 0, 1, 1, 3, p, p)
                seeds.append(after(0, 3) + call(number, op, pointer(0), pointer(0), body=body, who=who))
    for op in range(34):
        for words in ((0, 0, 0), (p, 64, 1), (8, p, p)):
            body = struct.pack("<II3Q", op, 0x15, *words)
            seeds.append(call(35, pointer(0), body=body))
            seeds.append(call(7, pointer(0), body=struct.pack("<II3Q", op, 0x03000000, *words)))
    for op in range(20):
        data = poke(0x100, struct.pack("<QQ", pointer(0x200), 64)) + poke(0x200, struct.pack("<II4Q", op, 0, 1, 2, 3, 4))
        seeds.append(data + call(41, 1, 1, p))
    for index in range(38):
        param = struct.pack("<HHIQ", 1, 0, index, 4)
        seeds.append(call(34, 0, pointer(0), body=param) + call(34, 1, pointer(0), body=param))
    entries = b"".join(struct.pack("<8Q", n, 0, a, b, 0, 0, 0, 0) for n, a, b in ((17, 0, 0), (29, 0, 0), (18, 0, 9)))
    seeds.append(after(0, 2) + call(13, pointer(0), 3, body=entries, who=1))
    seeds.append(call(15, 0x1000, who=1) + call(24, 0, 1, who=1) + after(9999) + call(29, 2, pointer(0), who=0))
    return seeds


def hypercall():
    """All the above."""
    return domctls() + memory() + grants() + events() + others()


TARGETS = {"boot": boot, "acpi": acpi, "kernel": kernel, "qcow2": qcow2, "insn": insn, "hypercall": hypercall}


def main(folder):
    """Write them all."""
    for name, make in TARGETS.items():
        os.makedirs(os.path.join(folder, name), exist_ok=True)
        for nr, data in enumerate(make()):
            with open(os.path.join(folder, name, f"seed-{nr:04}"), "wb") as f:
                f.write(data)


if __name__ == "__main__":
    main(sys.argv[1])
