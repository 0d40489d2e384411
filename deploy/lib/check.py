"""deploy/run --check: the whole product once, from login to free memory coming back to the byte."""

import json
import time

from client import ApiError
from ws import HandshakeError


class CheckError(Exception):
    """Something did not hold; the text says what."""


def _settled_free(client, wanted, timeout=15):
    """Free memory once it stops short of @wanted no longer (frames are scrubbed first), or at the end."""
    deadline = time.monotonic() + timeout
    while True:
        free = client.get("/host")["memory"]["free"]
        if free == wanted or time.monotonic() > deadline:
            return free
        time.sleep(0.2)


def steady_free(client, timeout=30):
    """Free memory after it has stopped changing (start-up work frees and scrubs for a while)."""
    deadline, last, same = time.monotonic() + timeout, None, 0
    while same < 3 and time.monotonic() < deadline:
        free = client.get("/host")["memory"]["free"]
        same = same + 1 if free == last else 0
        last = free
        time.sleep(0.2)
    return last


def guest_spec(client, name, **more):
    """The demo guest: Debian's kernel and the built-in initramfs, nothing uploaded."""
    images = client.images()
    return {
        "name": name,
        "mode": "pvh",
        "vcpus": 1,
        "memory": 128 << 20,
        "boot": {
            "kernel": images["debian-kernel"]["id"],
            "initrd": images["demo-initrd"]["id"],
            "cmdline": "console=hvc0 quiet",
        },
        "start": True,
        **more,
    }


def talk(console, timeout):
    """See the guest's boot, ask it who it is, check the answer."""
    boot = console.read_until(b"demo guest ready", timeout)
    command = (
        "echo type=$(cat /sys/hypervisor/type) mode=$(cat /sys/hypervisor/guest_type) $((6*7))"
    )
    console.send(command.encode() + b"\n")
    console.read_until(b"type=xen mode=PVH 42", timeout)
    return boot


def check(appliance, say):
    """Raise CheckError unless everything the issue lists for --check holds."""
    client = appliance.client()
    try:
        _check(client, appliance, say)
    except CheckError:
        raise
    except (
        ApiError,
        HandshakeError,
        OSError,
        EOFError,
        RuntimeError,
        KeyError,
        TypeError,
    ) as error:
        raise CheckError(f"{type(error).__name__}: {error}") from error
    finally:
        client.close()


def _warm_up(client):
    """One guest that does not count: a hypervisor that keeps domain 0's page tables once they have
    grown (Debian's does, for the windows that guests are built through) grows them here."""
    vm = client.create_vm(**guest_spec(client, "first"))
    talk(client.console(vm["id"]), 120)
    client.action(vm["id"], "destroy")
    client.delete(f"/vms/{vm['id']}")


def _check(client, appliance, say):
    client.login("admin", appliance.password)
    say("check: logged in")
    host = client.get("/host")
    say("check: GET /host " + json.dumps(host, indent=2))
    if appliance.o.hypervisor:
        _warm_up(client)
    free = steady_free(client)

    began = time.monotonic()
    vm = client.create_vm(**guest_spec(client, "check"))
    say(f"check: guest {vm['id']} created and started in {time.monotonic() - began:.1f} s")
    console = client.console(vm["id"])
    talk(console, 120)
    console.close()
    say(f"check: guest booted and answered on its console after {time.monotonic() - began:.1f} s")
    while_up = client.get("/host")["memory"]["free"]
    if free - while_up < vm["memory"]:
        raise CheckError(
            f"the guest has {vm['memory']} bytes, but only {free - while_up} were taken"
        )

    client.action(vm["id"], "destroy")
    client.delete(f"/vms/{vm['id']}")
    after = _settled_free(client, free)
    if after != free:
        raise CheckError(
            f"free memory was {free} bytes and is {after}: {free - after} did not come back"
        )
    say(f"check: guest destroyed, free memory back to {after} bytes")
