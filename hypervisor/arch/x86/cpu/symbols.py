#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Turn the functions of a linked image into the table that backtraces look names up in."""
import subprocess
import sys


def functions(image):
    start, found = None, []
    for line in subprocess.run(['nm', image], check=True, capture_output=True,
                               text=True).stdout.splitlines():
        fields = line.split()
        if len(fields) != 3:
            continue
        address, kind, name = int(fields[0], 16), fields[1], fields[2]
        if name == 'image_start':
            start = address
        if kind in 'tT' and not name.startswith('.') and name not in ('image_start', 'text_end'):
            found.append((address, name))
    return start, sorted(found)


def main():
    image, output = sys.argv[1:]
    start, found = functions(image)
    section = '__attribute__((section(".symbol_table")))'
    rows, names, at, last = [], [], 0, None
    for address, name in found:
        if address == last or address < start:
            continue
        last = address
        rows.append(f'\t{{0x{address - start:x}, {at}}},')
        names.append(f'\t"{name}\\0"')
        at += len(name) + 1
    with open(output, 'w', encoding='utf-8') as f:
        f.write('/* Made by arch/x86/cpu/symbols.py. */\n#include "arch/x86/cpu/symbols.h"\n\n')
        f.write(f'const uint32_t symbol_count {section} = {len(rows)};\n')
        f.write(f'const struct symbol symbol_table[] {section} = {{\n' + '\n'.join(rows) + '\n};\n')
        f.write(f'const char symbol_names[] {section} =\n' + '\n'.join(names) + ';\n')


main()
