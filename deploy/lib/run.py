"""deploy/run: build, boot, say where it is, stay until told to stop."""

import argparse
import os
import signal
import sys
import time

from appliance import Appliance, BootError, Options
from build import BuildError, build_all
from check import CheckError, check


def parse(argv):
    """Turn the command line into Options (and whether to check)."""
    p = argparse.ArgumentParser(
        prog="deploy/run", description="Build and boot the appliance in QEMU."
    )
    d = Options()
    p.add_argument("--port", type=int, default=d.port, help="HTTPS port on 127.0.0.1")
    p.add_argument("--cpus", type=int, default=d.cpus)
    p.add_argument("--memory", type=int, default=d.memory, help="MiB")
    p.add_argument("--data", default=None, help="data disk (made when missing), or none")
    p.add_argument("--accel", choices=("auto", "kvm", "tcg"), default=d.accel)
    p.add_argument("--boot", choices=("direct", "iso", "uefi"), default=d.boot)
    p.add_argument("--hypervisor", metavar="FILE", help="another hypervisor of the same ABI")
    p.add_argument("--admin-password", metavar="PW", help="set the administrator's password")
    p.add_argument("--log", default=d.log, metavar="DIR", help="where the serial log goes")
    p.add_argument("--gdb", action="store_true", help="let gdb look into the hypervisor")
    p.add_argument("--check", action="store_true", help="try the whole product, then shut down")
    args = vars(p.parse_args(argv))
    checking = args.pop("check")
    if args["data"] is None:
        args["data"] = d.data
    elif args["data"] != "none":
        args["data"] = os.path.abspath(args["data"])
    if args["hypervisor"] and not os.path.exists(args["hypervisor"]):
        p.error(f"no such file: {args['hypervisor']}")
    if args["hypervisor"]:
        args["hypervisor"] = os.path.abspath(args["hypervisor"])
    args["log"] = os.path.abspath(args["log"])
    return Options(**args), checking


def say(text):
    print(text, flush=True)


class Stopped(Exception):
    """A signal asked us to stop."""


def _on_signal(_number, _frame):
    raise Stopped


def stay(appliance):
    """Stay until told to stop; the appliance ending by itself ends us too."""
    while appliance.running():
        time.sleep(0.5)
    say("the appliance switched itself off")


def serve(appliance, checking):
    """Boot, then check or stay; return the exit status."""
    say("booting")
    began = time.monotonic()
    appliance.start()
    took = appliance.wait_ready(
        progress=lambda line: say(f"  {time.monotonic() - began:5.1f} s  {line}")
    )
    say(f"  {took:5.1f} s  REST answers")
    say(f"ready https://127.0.0.1:{appliance.o.port}/ user=admin password={appliance.password}")
    if appliance.o.gdb:
        say(f"gdb -x deploy/gdb.py -ex 'domus connect {appliance.gdb_path}'")
    if checking:
        check(appliance, say)
    else:
        stay(appliance)
    return 0


def stop(appliance, checking):
    """Shut down; for a check it counts whether that went in order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if not appliance.running():
        appliance.kill()
        return True
    say("shutting down")
    began = time.monotonic()
    clean = appliance.stop()
    words = "" if clean else ", by force: the appliance did not do it itself"
    say(f"stopped after {time.monotonic() - began:.1f} s{words}")
    return clean or not checking


def main(argv):
    """Run; exit status 0 only if everything asked for held."""
    options, checking = parse(argv)
    signal.signal(signal.SIGTERM, _on_signal)
    signal.signal(signal.SIGINT, _on_signal)
    appliance, status = None, 1
    try:
        appliance = Appliance(options)
        build_all(options, appliance)
        status = serve(appliance, checking)
    except Stopped:
        status = 1 if checking else 0
    except BuildError as error:
        say(f"error: {error}")
    except BootError as error:
        say(f"error: {error}")
    except CheckError as error:
        say(f"check failed: {error}\n{appliance.tail()}")
    finally:
        if appliance and not stop(appliance, checking):
            status = 1
    if checking:
        say("check passed" if status == 0 else "check FAILED")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
