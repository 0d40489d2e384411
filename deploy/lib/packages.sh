# Install Debian packages that are missing; sourced by deploy/run and tests/run.

# need LIST...: install what the list files name and is not there yet.
need() {
	local missing=() name command
	while read -r name command; do
		[ -n "$command" ] && [ -n "$(command -v "$command")" ] && continue
		dpkg-query -W -f '${Status}\n' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
	done < <(sed 's/#.*//' "$@" | awk 'NF' | sort -u)
	[ ${#missing[@]} -gt 0 ] || return 0
	if [ "$(id -u)" != 0 ]; then
		echo "these packages are missing, and only root can install them: ${missing[*]}" >&2
		return 1
	fi
	echo "installing: ${missing[*]}"
	apt_install "${missing[@]}" 2>/dev/null && return
	# The lists may be missing, or old.
	DEBIAN_FRONTEND=noninteractive apt-get -q update >/dev/null && apt_install "${missing[@]}"
}

apt_install() {
	local log
	log=$(mktemp)
	if DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 install \
		--no-install-recommends "$@" >"$log" 2>&1; then
		rm -f "$log"
		return 0
	fi
	tail -20 "$log" >&2
	rm -f "$log"
	return 1
}
