"""Guests with disks, and the shells on their consoles."""

from bed import MIB
from check import guest_spec

READY = b"disk guest ready"
BOOT = 300


def disk_spec(client, name, **more):
    """A small guest with the drivers of PV disks, not started."""
    images = client.images()
    boot_from = {
        "kernel": images["debian-kernel"]["id"],
        "initrd": images["disk-initrd"]["id"],
        "cmdline": "console=hvc0",
    }
    return {**guest_spec(client, name), "memory": 128 * MIB, "start": False, "boot": boot_from, **more}


class Guest:
    """A shell on a guest's serial console, which is there once the guest says @ready."""

    def __init__(self, client, vm, ready=READY):
        self.console = client.console(vm)
        self.console.read_until(ready, BOOT)
        self.count = 0

    def log_in(self, user, password, prompt):
        """Answer the login prompt that @ready was."""
        self.console.send(user + b"\n")
        self.console.read_until(b"Password: ", 60)
        self.console.send(password + b"\n")
        self.console.read_until(prompt, 60)

    def run(self, command, timeout=120):
        """Run a command line; return what the console showed, its echo included."""
        return self.status(command, timeout)[1]

    def must(self, command, timeout=120):
        """The same of a command line that must not fail."""
        status, text = self.status(command, timeout)
        if status:
            raise RuntimeError(f"{command!r} failed ({status}): {text[-400:]}")
        return text

    def status(self, command, timeout=120):
        """Run a command line; return its exit status and what the console showed."""
        self.count += 1
        # The marker is put together by the shell, so that the echo of the line is none.
        self.console.send(f"{command}; echo end'of'{self.count}=$?.\n".encode())
        mark = f"endof{self.count}="
        text = bytes(self.console.read_until(mark.encode(), timeout)).decode(errors="replace")
        while "." not in text.split(mark)[1]:
            text += bytes(self.console.read_until(b".", 60)).decode(errors="replace")
        text, rest = text.split(mark)
        return int(rest.split(".")[0]), text

    def close(self):
        self.console.close()
