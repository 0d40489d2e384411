# Steps of the boot, one function each; sourced by /etc/runit/1.

say() {
	echo "domus: $*" >/dev/console
}

# Whether a word stands on the kernel command line.
told() {
	[ -n "$cmdline" ] || read -r cmdline </proc/cmdline
	case " $cmdline " in
	*" $1 "*) return 0 ;;
	esac
	return 1
}

# What stands behind NAME= on the kernel command line, or nothing.
value_of() {
	read -r words </proc/cmdline
	for word in $words; do
		case $word in
		"$1="*) echo "${word#*=}" ;;
		esac
	done
}

step() {
	told domus.trace || return 0
	read -r up _ </proc/uptime
	say "$up $1"
}

# Sleep for a fraction of a second without starting a program, which costs more than the wait.
nap() {
	# shellcheck disable=SC3045
	read -r -t "$1" _ <>/run/domus/nap
}

# Wait until a file is there.
wait_for() {
	until [ -e "$1" ]; do nap 0.05; done
}

mount_kernel_fs() {
	mount -t sysfs sys /sys
	mkdir -p /dev/pts /dev/shm
	mount -t devpts -o gid=5,mode=620 devpts /dev/pts
	mount -t tmpfs -o mode=755,nosuid,nodev run /run
	mount -t tmpfs -o mode=1777,nosuid,nodev,size=64M tmp /tmp
	hostname -F /etc/hostname
}

# The names a driver goes by for the PCI devices whose class matches.
pci_aliases() {
	for dev in /sys/bus/pci/devices/*; do
		read -r class <"$dev/class"
		# shellcheck disable=SC2254
		case $class in
		$1)
			read -r alias <"$dev/modalias"
			echo "$alias"
			;;
		esac
	done
}

# Quiet about what is built in or has no driver here.
load() {
	[ $# = 0 ] || modprobe -qab "$@" 2>/dev/null
}

# What can wait: a network card's link takes longest, so that is begun before all else.
load_later() {
	chpst -n 19 modprobe -qab "$@" 2>/dev/null
}

load_hypervisor_modules() {
	load xen-privcmd xen-evtchn xen-gntdev xen-gntalloc xenfs
	mount -t xenfs xenfs /proc/xen
}

# A bridge takes the address of the lowest port unless told: it is to stay the card's.
join_uplink() {
	read -r mac </sys/class/net/eth0/address
	ip link set br0 address "$mac"
	[ -e /sys/class/net/eth0/master ] || brctl addif br0 eth0
	ip link set eth0 up
	ip link set br0 up
}

# shellcheck disable=SC2046
start_network() {
	load $(pci_aliases '0x02*')
	# First of all: until a link is up takes seconds.
	for dev in /sys/class/net/*; do
		ip link set "${dev##*/}" up
	done
	step network
	load bridge
	# The host's own address is on a bridge with the first card, where guests can join it.
	brctl addbr br0
	echo 1 >/sys/class/net/br0/bridge/vlan_filtering
	step bridge
}

# shellcheck disable=SC2046
start_storage() {
	load crc32c_intel crc32c_generic ext4 &
	load $(pci_aliases '0x01*') sd_mod
	wait
	step storage
	mount_data
	: >/run/domus/data.ready
	step data
}

# shellcheck disable=SC2046
start_platform() {
	[ ! -e /sys/bus/acpi/devices/QEMU0002:00 ] || load qemu_fw_cfg
	local_password
	: >/run/domus/platform.ready
	load_later xen-blkback xen-netback button evdev sr_mod $(pci_aliases '0x0[3-9c]*')
	step platform
}

run_folders() {
	# Services have their sockets in /run/domus; who may connect is each socket's mode. Root alone makes files
	# there: some are orders to it, as admin-password.
	mkdir -p /run/log /run/supervise /run/xenstored /run/xenstored.db /run/domus
	: >/run/resolv.conf
	mkfifo -m 600 /run/domus/nap
	chmod 711 /run/domus
}

# A password handed over by the machine's owner (firmware configuration) ends up in a file for mgmtd.
local_password() {
	src=/sys/firmware/qemu_fw_cfg/by_name/opt/domus/admin-password/raw
	[ -r $src ] || return 0
	(umask 077; cat $src >/run/domus/admin-password)
}

# The disk for our data: a partition or disk labelled domus-data, or an empty one if formatting is allowed.
data_device() {
	findfs LABEL=domus-data 2>/dev/null && return
	told domus.format || return 1
	for disk in /dev/sd? /dev/nvme?n? /dev/vd?; do
		[ -b "$disk" ] || continue
		[ "$(head -c 1048576 "$disk" | tr -d '\0' | wc -c)" = 0 ] || continue
		say "formatting $disk for data"
		mke2fs -q -t ext4 -L domus-data "$disk" && echo "$disk" && return
	done
	return 1
}

mount_data() {
	for _ in 1 2 3 4 5 6; do
		told domus.data=none && break
		dev=$(data_device) && break
		sleep 0.3
	done
	if [ -n "$dev" ] && mount -t ext4 -o noatime,nosuid,nodev "$dev" /data; then
		say "data on $dev"
	else
		mount -t tmpfs -o mode=755,nosuid,nodev data /data
		say "no data disk (label domus-data): running from memory, nothing will be kept"
	fi
	mkdir -p /data/images /data/cache /data/tls
	chmod 700 /data/images /data/cache /data/tls
}
