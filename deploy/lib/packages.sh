# Install Debian packages that are missing; sourced by deploy/run and tests/run.

# need LIST...: install what the list files name and is not there yet.
need() {
	local missing
	missing=$(sed 's/#.*//' "$@" | awk 'NF { print $1 }' | sort -u | while read -r name; do
		dpkg-query -W -f '${Status}\n' "$name" 2>/dev/null | grep -q 'ok installed' || echo "$name"
	done)
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" != 0 ]; then
		echo "missing packages, and only root can install them:" $missing >&2
		return 1
	fi
	echo "installing:" $missing
	export DEBIAN_FRONTEND=noninteractive
	if ! apt_install $missing; then
		apt-get -q update && apt_install $missing
	fi
}

apt_install() {
	apt-get -q -y -o Dpkg::Use-Pty=0 install --no-install-recommends "$@" >/tmp/domus-apt.$$ 2>&1 || {
		tail -20 /tmp/domus-apt.$$ >&2
		rm -f /tmp/domus-apt.$$
		return 1
	}
	rm -f /tmp/domus-apt.$$
}
