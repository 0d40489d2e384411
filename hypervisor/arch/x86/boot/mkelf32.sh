#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Wrap the 64-bit image into a 32-bit ELF file of one segment at its physical address.
# usage: mkelf32.sh domus.elf domus.elf32 scratch-dir
set -eu
image=$1 out=$2 scratch=$3
here=$(dirname "$0")
base=0x200000

mkdir -p "$scratch"
objcopy -O binary "$image" "$scratch/image.bin"
# The lower halves suffice, and more than them the shell can't count.
start=$(nm "$image" | awk '$3 == "image_start" {print substr($1, 9)}')
end=$(nm "$image" | awk '$3 == "image_end" {print substr($1, 9)}')
size=$(stat -c %s "$scratch/image.bin")
bss=$((0x$end - 0x$start - size))

gcc -m32 -c -DIMAGE_FILE="\"$scratch/image.bin\"" -DIMAGE_BSS="$bss" \
	-o "$scratch/wrap32.o" "$here/wrap32.S"
ld -m elf_i386 -z noexecstack --no-warn-rwx-segments -z max-page-size=4096 -N -e image_entry \
	--section-start=.image=$base -Tbss=$(printf '0x%x' $(((base + size + 15) / 16 * 16))) \
	-o "$out" "$scratch/wrap32.o"
