"""Boots the appliance in QEMU and shuts it down again."""

import base64
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from http.client import HTTPException

from client import ApiError, Client

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Domain 0's kernel: what it says goes to the hypervisor's console; its DMA bounces through its own
# memory, since grant-mapped frames are not where its frame numbers say (no IOMMU assumed).
# Self-tests of ciphers that nothing here uses, and a timer that is not there, cost half a second.
DOM0_CMDLINE = (
    "console=hvc0 quiet loglevel=4 swiotlb=force random.trust_cpu=on "
    "cryptomgr.notests initcall_blacklist=crypto_kdf108_init nowatchdog pmtmr=0"
    # Whoever stops QEMU waits 20 s.
    " domus.shutdown_timeout=8"
)
# MWAIT faults under TCG; so, now and then, does AVX in a domain ("Illegal instruction"), whichever
# hypervisor runs it.
TCG_CPU = "EPYC,-rdtscp,-monitor,-avx,-avx2,-f16c,-fma"
DOM0_MEMORY = "1024M"

BASE64 = r"A-Za-z0-9+/=\n"
ADMIN_LINE = re.compile(r"domus: administrator user=(\S+) password=(\S+)")


class BootError(Exception):
    """The appliance did not come up, or died; the text holds what the serial console said last."""


def kvm_usable():
    """Whether KVM can run the appliance: the hypervisor inside needs the host's SVM handed through."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
            svm = re.search(r"^flags\s*:.*\bsvm\b", f.read(), re.M)
        with open("/sys/module/kvm_amd/parameters/nested", encoding="ascii") as f:
            return bool(svm) and f.read().strip() in ("1", "Y")
    except OSError:
        return False


def make_data(path, size="8G"):
    """Make a data disk: sparse, ext4, with the label the appliance looks for."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    part = path + ".new"
    subprocess.run(["truncate", "-s", size, part], check=True)
    subprocess.run(
        ["mkfs.ext4", "-q", "-F", "-L", "domus-data", "-E", "lazy_itable_init=1,nodiscard", part],
        check=True,
    )
    os.rename(part, path)


def unpack_hypervisor(path, folder):
    """QEMU wants the hypervisor's ELF itself; Debian ships it gzipped."""
    with open(path, "rb") as f:
        gzipped = f.read(2) == b"\x1f\x8b"
    if not gzipped:
        return path
    out = os.path.join(folder, "hypervisor")
    with open(out, "wb") as f:
        subprocess.run(["gzip", "-dc", path], stdout=f, check=True)
    return out


class Options:
    """What deploy/run and the tests may choose."""

    def __init__(self, **given):
        self.port = 8443
        self.cpus = 2
        self.memory = 3072
        self.data = os.path.join(TOP, "build/data.img")
        self.accel = "auto"
        self.boot = "direct"
        self.hypervisor = None
        self.admin_password = None
        self.log = os.path.join(TOP, "build/log")
        self.build = os.path.join(TOP, "build")
        self.dom0_extra = ""
        self.hypervisor_extra = ""
        self.dom0_vcpus = None
        self.initramfs = None
        self.gdb = False
        for name, value in given.items():
            if not hasattr(self, name):
                raise TypeError(f"no option {name}")
            setattr(self, name, value)


class Appliance:
    """One running QEMU with the appliance in it."""

    def __init__(self, options):
        self.o = options
        self.process = None
        self.qmp = None
        self.started = 0.0
        self.health = "never asked"
        self.password = options.admin_password
        os.makedirs(options.log, exist_ok=True)
        self.serial = os.path.join(options.log, "serial.log")
        self.scratch = tempfile.mkdtemp(prefix="domus-")
        self.console_path = os.path.join(self.scratch, "console.sock")
        self.gdb_path = os.path.join(self.scratch, "gdb.sock")

    # Command line

    def _kvm(self):
        return self.o.accel == "kvm" or (self.o.accel == "auto" and kvm_usable())

    def _accel(self):
        if self._kvm():
            return ["-accel", "kvm", "-cpu", "host"]
        return ["-accel", "tcg,thread=multi", "-cpu", TCG_CPU]

    def _machine(self):
        if self.o.hypervisor:
            return ["-M", "q35,kernel-irqchip=off", "-device", "amd-iommu"]
        return ["-M", "q35"]

    def _spare_cpu(self):
        """Whether one CPU more is emulated than was asked for, and runs no guests.

        QEMU's TCG lets every CPU's thread write the flag word of the first CPU (whenever x87 state is
        loaded) without a lock, and so undo what a VMRUN or VMEXIT there has just done to it.
        """
        return self.o.cpus > 1 and not self._kvm() and not self.o.hypervisor

    def hypervisor_args(self):
        """The hypervisor's command line."""
        args = f"dom0_mem={DOM0_MEMORY} console=com1 com1=115200"
        # Emulated, a second virtual CPU triples what the boot costs: spinning and IPIs.
        vcpus = self.o.dom0_vcpus or (None if self._kvm() else 1)
        if vcpus:
            args += f" dom0_max_vcpus={vcpus}"
        if self._spare_cpu():
            args += " spare_boot_cpu"
        if self.o.hypervisor:
            args += " dom0=pvh"
        return f"{args} {self.o.hypervisor_extra}".strip()

    def dom0_args(self):
        """The management kernel's command line."""
        disk = "domus.data=none" if self.o.data == "none" else ""
        return " ".join(f"{DOM0_CMDLINE} {disk} {self.o.dom0_extra}".split())

    def _initramfs(self):
        return self.o.initramfs or os.path.join(self.o.build, "image/initramfs.img")

    def _boot(self):
        image = os.path.join(self.o.build, "image")
        if self.o.boot == "direct":
            kernel = os.path.join(self.o.build, "hypervisor/domus.elf")
            if self.o.hypervisor:
                kernel = unpack_hypervisor(self.o.hypervisor, self.scratch)
            modules = f"{image}/vmlinux {self.dom0_args()}".replace(",", ",,")
            return [
                *("-kernel", kernel, "-append", self.hypervisor_args()),
                *("-initrd", f"{modules},{self._initramfs()}"),
            ]
        iso = ["-drive", f"id=cd,file={image}/domus.iso,format=raw,if=none,readonly=on"]
        iso += ["-device", "ide-cd,drive=cd,bus=ide.1,bootindex=0"]
        if self.o.boot == "uefi":
            iso += ["-bios", "/usr/share/ovmf/OVMF.fd"]
        return iso

    def _devices(self):
        forward = f"hostfwd=tcp:127.0.0.1:{self.o.port}-:443"
        argv = ["-netdev", f"user,id=net0,restrict=on,{forward}", "-device", "e1000e,netdev=net0"]
        if self.o.data != "none":
            drive = f"id=data,file={self.o.data},format=raw,if=none,cache=writeback,discard=unmap"
            argv += ["-drive", drive, "-device", "ide-hd,drive=data,bus=ide.0"]
        if self.o.admin_password:
            path = os.path.join(self.scratch, "password")
            with open(path, "w", encoding="utf-8", opener=_private) as f:
                f.write(self.o.admin_password)
            argv += ["-fw_cfg", f"name=opt/domus/admin-password,file={path}"]
        return argv

    def _serial(self):
        chardev = f"socket,id=serial,path={self.console_path},server=on,wait=off"
        return ["-chardev", f"{chardev},logfile={self.serial}", "-serial", "chardev:serial"]

    def _gdb(self):
        if not self.o.gdb:
            return []
        chardev = f"socket,id=gdb,path={self.gdb_path},server=on,wait=off"
        return ["-chardev", chardev, "-gdb", "chardev:gdb"]

    def command(self):
        """The whole QEMU command line."""
        return [
            *("qemu-system-x86_64", "-name", "domus", "-nodefaults", "-vga", "none"),
            *("-display", "none", "-no-reboot", "-smp", str(self.o.cpus + self._spare_cpu())),
            *("-m", str(self.o.memory)),
            *self._machine(),
            *self._accel(),
            *self._boot(),
            *self._devices(),
            *self._serial(),
            *self._gdb(),
            *("-qmp", f"unix:{self.scratch}/qmp.sock,server=on,wait=off"),
        ]

    # Life

    def start(self):
        """Start QEMU; returns at once."""
        if self.o.data != "none" and not os.path.exists(self.o.data):
            make_data(self.o.data)
        self._recall_password()
        open(self.serial, "wb").close()
        self.started = time.monotonic()
        with open(os.path.join(self.o.log, "qemu.log"), "wb") as log:
            # Its own session: Ctrl-C is for us, who then shut the appliance down in order.
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def running(self):
        return self.process is not None and self.process.poll() is None

    def serial_text(self):
        with open(self.serial, "rb") as f:
            return f.read().decode(errors="replace")

    def tail(self, lines=25):
        """The end of the serial log, and what QEMU itself had to say."""
        with open(os.path.join(self.o.log, "qemu.log"), encoding="utf-8", errors="replace") as f:
            qemu = [line for line in f.read().splitlines() if "TCG doesn't support" not in line]
        text = self.serial_text().replace("\r", "").splitlines()[-lines:]
        return "\n".join([*qemu, f"--- end of {self.serial}:", *text])

    def client(self):
        return Client("127.0.0.1", self.o.port)

    def wait_ready(self, timeout=180, progress=lambda text: None):
        """Wait until REST answers and the password is known; return the seconds it took."""
        deadline, shown = time.monotonic() + timeout, 0
        while True:
            if not self.running():
                raise BootError(f"QEMU ended with status {self.process.poll()}\n{self.tail()}")
            if time.monotonic() > deadline:
                raise BootError(f"not ready after {timeout} s; health: {self.health}\n{self.tail()}")
            text = self.serial_text()
            shown = _show_new(text, shown, progress)
            # Before it has an address the forwarded port takes connections and never answers.
            if "has address" in text and self._healthy():
                took = time.monotonic() - self.started
                self._learn_password(deadline)
                return took
            time.sleep(0.1)

    def _healthy(self):
        client = self.client()
        client.timeout = 10
        try:
            answer = client.raw("GET", "/api/v1/health")
            self.health = f"HTTP {answer.status} {answer.body[:300].decode(errors='replace')}"
            return answer.status == 200
        except (OSError, ValueError, HTTPException) as error:
            self.health = f"{type(error).__name__}: {error}"
            return False
        finally:
            client.close()

    # The password: given, remembered beside the data file, or read from the local console.

    def _password_file(self):
        return None if self.o.data == "none" else self.o.data + ".password"

    def _recall_password(self):
        path = self._password_file()
        if self.password is None and path and os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                self.password = f.read().strip()

    def _learn_password(self, deadline):
        while True:
            found = ADMIN_LINE.search(self.serial_text())
            if found:
                self.password = found.group(2)
            if self.password or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        if not self.password:
            raise BootError(
                "the administrator's password is not known: it was made on another run and is not"
                f" in {self._password_file()}; start with --admin-password to set a new one"
            )
        path = self._password_file()
        if path:
            with open(path, "w", encoding="utf-8", opener=_private) as f:
                f.write(self.password + "\n")

    # Shutdown

    def monitor(self, command, timeout=5):
        """One QMP command; True if QEMU took it."""
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(timeout)
                s.connect(os.path.join(self.scratch, "qmp.sock"))
                lines = s.makefile("rw")
                lines.readline()
                for name in ("qmp_capabilities", command):
                    lines.write(json.dumps({"execute": name}) + "\n")
                    lines.flush()
                    while "return" not in (answer := json.loads(lines.readline() or "{}")):
                        if not answer or "error" in answer:
                            return False
                return True
        except (OSError, ValueError):
            return False

    def ask_shutdown(self):
        """Ask for an orderly shutdown over REST; True if the appliance agreed."""
        client = self.client()
        client.timeout = 5
        try:
            client.login("admin", self.password)
            client.post("/host/actions/shutdown")
            return True
        except (OSError, ApiError, KeyError, TypeError):
            return False
        finally:
            client.close()

    def gone(self, seconds):
        """Whether QEMU has ended, waiting that long for it."""
        try:
            self.process.wait(seconds)
            return True
        except subprocess.TimeoutExpired:
            return False

    def stop(self, limit=19):
        """Shut down within @limit seconds; True if the appliance itself did it, in order."""
        if not self.process:
            return True
        end = time.monotonic() + limit
        clean = not self.running()
        if not clean:
            self.monitor("system_powerdown")
            clean = self.gone(limit / 3)
        if not clean:
            self.ask_shutdown()
            clean = self.gone(max(0.1, end - time.monotonic() - 2))
        self.kill()
        return clean

    def kill(self):
        """End QEMU, whatever the appliance does, and tidy up."""
        if self.running():
            self.monitor("quit", 1)
            if not self.gone(1):
                self.process.send_signal(signal.SIGKILL)
                self.process.wait()
        shutil.rmtree(self.scratch, ignore_errors=True)


class LocalConsole:
    """The appliance's own serial console, for tests that boot it with a shell there."""

    def __init__(self, appliance):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(appliance.console_path)
        self.seen = ""
        self.count = 0
        # Read all the time: a console nobody drains soon holds back whoever writes to it.
        self.news = threading.Condition()
        threading.Thread(target=self._drain, daemon=True).start()
        # No prompt, no line editor, no echo: what comes back is what commands print.
        self.sock.sendall(b"\nstty -echo; exec sh 2>/dev/null\n")
        self.run("true")

    def _drain(self):
        try:
            while data := self.sock.recv(65536):
                with self.news:
                    self.seen += data.decode(errors="replace").replace("\r", "")
                    self.news.notify_all()
        except OSError:
            pass

    def send(self, text):
        """Type @text, as it is."""
        self.sock.sendall(text.encode())

    def expect(self, pattern, timeout):
        """Read up to what matches @pattern; return the match."""

        def found():
            return re.search(pattern, self.seen, re.S)

        with self.news:
            if not self.news.wait_for(found, timeout):
                raise TimeoutError(f"the local console does not answer: {self.seen[-400:]!r}")
            match = found()
            self.seen = self.seen[match.end() :]
        return match

    def run(self, command, timeout=120):
        """Run a shell command in the management domain; return its output, raise if it failed."""
        self.count += 1
        mark = f"{os.getpid()}-{self.count}"
        report = f'echo "[{mark}:$rc:$(wc -c </tmp/.out):$(base64 -w0 /tmp/.out)]"\n'
        self.send(f"{{ {command}; }} >/tmp/.out 2>&1 </dev/null; rc=$?; {report}")
        for _ in range(4):
            # Service messages may come between; base64 has none of their characters but letters.
            found = self.expect(rf"\[{mark}:(\d+):(\d+):([{BASE64}]*)([^{BASE64}])", timeout)
            # Every four letters are three bytes; what is over comes of an answer cut short.
            text = found.group(3).replace("\n", "")
            output = base64.b64decode(text[: len(text) // 4 * 4])
            if found.group(4) == "]" and len(output) == int(found.group(2)):
                break
            self.send(report)  # something did come between: ask once more
        output = output.decode(errors="replace")
        if found.group(1) != "0":
            raise RuntimeError(f"{command!r} failed ({found.group(1)}): {output[-400:]}")
        return output

    def close(self):
        # Ends the reader as well; closing alone would leave it waiting.
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


def _private(path, flags):
    return os.open(path, flags, 0o600)


def _show_new(text, shown, progress):
    """Report complete new lines of the appliance's own messages."""
    end = text.rfind("\n") + 1
    for line in text[shown:end].splitlines():
        if line.startswith(("domus:", "(XEN) ***")) and "password=" not in line:
            progress(line.strip())
    return max(end, shown)
