# Steps of the boot, one function each; sourced by /etc/runit/1.

say() {
	echo "domus: $*" >/dev/console
}

# Whether a word stands on the kernel command line.
told() {
	case " $(cat /proc/cmdline) " in
	*" $1 "*) return 0 ;;
	esac
	return 1
}

step() {
	told domus.trace && say "$(cut -d' ' -f1 /proc/uptime) $1"
}

mount_kernel_fs() {
	mount -t sysfs sys /sys
	mkdir -p /dev/pts /dev/shm
	mount -t devpts -o gid=5,mode=620 devpts /dev/pts
	mount -t tmpfs -o mode=755,nosuid,nodev run /run
	mount -t tmpfs -o mode=1777,nosuid,nodev,size=64M tmp /tmp
	hostname "$(cat /etc/hostname)"
}

# Load what the hypervisor interfaces need, then a driver for each device that is there.
load_modules() {
	modprobe -a xen-privcmd xen-evtchn xen-gntdev xen-gntalloc xenfs crc32c_intel crc32c_generic ext4 button evdev 2>/dev/null
	# shellcheck disable=SC2046
	modprobe -qab $(cat /sys/bus/pci/devices/*/modalias /sys/bus/acpi/devices/*/modalias \
		2>/dev/null) 2>/dev/null
	modprobe -qab sd_mod sr_mod 2>/dev/null
}

run_folders() {
	mkdir -p /run/log /run/supervise /run/xenstored /run/xenstored.db
	touch /run/resolv.conf
	# Services: root makes sockets here, console-proxy too; who may connect is each socket's mode.
	mkdir -p /run/domus
	chown root:domus-console /run/domus
	chmod 1771 /run/domus
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
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		dev=$(data_device) && break
		told domus.data=none && break
		sleep 0.2
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
