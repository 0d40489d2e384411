#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the management plane costs: requests, lists and uploads through the front door.

Usage: bench.py BUILD [--seconds N] [--vms N] [--upload MIB]

BUILD is a build folder with tests/unit/mgmtd/mgmtd-fake (mgmtd itself, over a toolstack that only
remembers) and certs/domus-certs. HAProxy is the system's with the product's configuration, wrk and
curl are the clients, everything runs on this machine. CPU is user and system time of the daemons as
/proc tells it, so it depends little on what else the machine does; the times do.
"""
import argparse
import contextlib
import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
CONFIG = os.path.join(TOP, "deploy/image/root/etc/haproxy/haproxy.cfg")
KERNEL = "6d6f6475-7300-4000-8000-000000000001"


def front_door(port, d):
    """The product's configuration, for this machine's paths and an ordinary user."""
    with open(CONFIG, encoding="utf-8") as f:
        text = f.read()
    text = re.sub(r"^\t(user|group|chroot|log) .*\n", "", text, flags=re.M)
    text = re.sub(r"^\tbind :::443 .*\n", "", text, flags=re.M)
    text = text.replace("bind :443", f"bind 127.0.0.1:{port}")
    text = text.replace("/data/tls/server.pem", f"{d}/server.pem")
    return text.replace("unix@/", f"unix@{d}/run/")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid, field="VmRSS"):
    """MB of memory."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(next(line for line in f if line.startswith(field)).split()[1]) / 1000


class Plane:
    """mgmtd and HAProxy, started in a folder of their own."""

    def __init__(self, build, port, stack):
        self.dir = stack.enter_context(tempfile.TemporaryDirectory())
        self.port = port
        for name in ("data", "run", "images"):
            os.mkdir(f"{self.dir}/{name}")
        self._write("images/kernel", "\x7fELF kernel")
        image = {"id": KERNEL, "name": "kernel", "kind": "kernel", "file": "kernel"}
        self._write("images/index.json", json.dumps([image]))
        self._write("password", "bench")
        self._write("haproxy.cfg", front_door(port, self.dir))
        certs = [f"{build}/certs/domus-certs", "--dir", self.dir]
        subprocess.run(certs, check=True, stdout=subprocess.DEVNULL)
        paths = [f"--{name}={self.dir}/{name}" for name in ("data", "run", "images")]
        self.mgmtd = self._start(
            stack,
            f"{build}/tests/unit/mgmtd/mgmtd-fake",
            *paths,
            f"--admin-password-file={self.dir}/password",
            f"--local-console={self.dir}/console",
            "--power-command=/bin/true",
        )
        self.haproxy = self._start(stack, "haproxy", "-db", "-q", "-f", f"{self.dir}/haproxy.cfg")
        self.headers = {"Authorization": f"Bearer {self._token()}"}

    def _write(self, name, text):
        with open(f"{self.dir}/{name}", "w", encoding="utf-8") as f:
            f.write(text)

    @staticmethod
    def _start(stack, *argv):
        # pylint: disable-next=consider-using-with
        process = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
        stack.callback(process.wait)
        stack.callback(process.terminate)
        return process.pid

    def url(self, path):
        return f"https://127.0.0.1:{self.port}/api/v1{path}"

    def connection(self):
        context = ssl.create_default_context(cafile=f"{self.dir}/server.crt")
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=context)

    def ask(self, conn, method, path, body=None, headers=None):
        """One request with a JSON answer."""
        headers = {"Content-Type": "application/json", **(headers or self.headers)}
        conn.request(method, "/api/v1" + path, body and json.dumps(body), headers)
        answer = conn.getresponse()
        data = json.loads(answer.read() or "null")
        if answer.status >= 300:
            sys.exit(f"{method} {path}: {answer.status} {data}")
        return data, answer.headers

    def _token(self):
        for _ in range(200):
            with contextlib.suppress(OSError, http.client.HTTPException):
                conn = self.connection()
                conn.request("GET", "/api/v1/health")
                if conn.getresponse().status == 200:
                    break
            time.sleep(0.05)
        conn, anonymous = self.connection(), {"Accept": "application/json"}
        user = {"username": "admin", "password": "bench"}
        session, headers = self.ask(conn, "POST", "/sessions", user, anonymous)
        cookie = {"Cookie": headers["Set-Cookie"].split(";")[0]}
        cookie["X-CSRF-Token"] = session["csrf_token"]
        return self.ask(conn, "POST", "/tokens", {"name": "bench"}, cookie)[0]["token"]

    def cpu(self):
        return cpu_seconds(self.mgmtd), cpu_seconds(self.haproxy)


def wrk(plane, path, connections, seconds):
    """Run wrk; return requests done and its latency percentiles in milliseconds."""
    argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    argv += ["-H", f"Authorization: {plane.headers['Authorization']}", plane.url(path)]
    out = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout
    if "Non-2xx" in out:
        sys.exit(out)
    unit = {"us": 1e-3, "ms": 1, "s": 1e3}
    found = re.findall(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s)$", out, re.M)
    return int(re.search(r"(\d+) requests in", out)[1]), {
        int(p): float(value) * unit[u] for p, value, u in found
    }


def requests(plane, name, path, connections, seconds):
    """CPU and time of one kind of GET."""
    before = plane.cpu()
    count, latency = wrk(plane, path, connections, seconds)
    mgmtd, haproxy = ((b - a) / count * 1e6 for a, b in zip(before, plane.cpu()))
    print(
        f"{name:<28} {count / seconds:7.0f}/s   CPU {mgmtd + haproxy:6.0f} us"
        f" (mgmtd {mgmtd:.0f}, haproxy {haproxy:.0f})   p50 {latency[50]:.2f} ms"
        f"   p99 {latency[99]:.2f} ms",
        flush=True,
    )


def fill(plane, count):
    conn = plane.connection()
    for number in range(count):
        spec = {"name": f"bench-{number}", "mode": "pvh", "vcpus": 1, "memory": 64 << 20}
        plane.ask(conn, "POST", "/vms", {**spec, "boot": {"kernel": KERNEL}, "start": False})


def upload(plane, mib, version):
    """Rate and CPU of one upload over this version of HTTP."""
    path = f"{plane.dir}/upload"
    with open(path, "wb") as f:
        f.truncate(mib << 20)
    before = plane.cpu()
    argv = ["curl", "-sS", f"--http{version}", "--cacert", f"{plane.dir}/server.crt"]
    argv += ["-X", "POST", "-T", path, "-o", f"{plane.dir}/answer"]
    argv += ["-w", "%{http_code} %{speed_upload}"]
    argv += ["-H", f"Authorization: {plane.headers['Authorization']}"]
    argv += ["-H", "Content-Type: application/octet-stream", "-H", "Expect:"]
    argv.append(plane.url(f"/images?name=big-{version}&kind=initrd"))
    done = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True)
    status, speed = done.stdout.split()
    if status != "201":
        with open(f"{plane.dir}/answer", encoding="utf-8") as f:
            sys.exit(f.read())
    mgmtd, haproxy = (b - a for a, b in zip(before, plane.cpu()))
    print(
        f"{f'upload of {mib} MiB, HTTP/{version}':<28} {float(speed) / 1e6:7.0f} MB/s  CPU {mgmtd + haproxy:.2f} s"
        f" (mgmtd {mgmtd:.2f}, haproxy {haproxy:.2f})"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("build")
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--vms", type=int, default=1000)
    parser.add_argument("--upload", type=int, default=1024, help="MiB")
    parser.add_argument("--only", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=18498)
    o = parser.parse_args()
    with contextlib.ExitStack() as stack:
        plane = Plane(o.build, o.port, stack)
        pids = {"mgmtd": plane.mgmtd, "haproxy": plane.haproxy}
        print(
            "resident at rest: " + ", ".join(f"{n} {resident(p):.1f} MB" for n, p in pids.items())
        )
        requests(plane, "GET /sessions/current", "/sessions/current", 8, o.seconds)
        requests(plane, "GET /host", "/host", 8, o.seconds)
        fill(plane, o.vms)
        requests(plane, f"GET /vms, {o.vms} of them", "/vms?limit=1000", 1, o.seconds)
        upload(plane, o.upload, "1.1")
        upload(plane, o.upload, "2")
        peak = ", ".join(f"{n} {resident(p, 'VmHWM'):.1f} MB" for n, p in pids.items())
        print(f"resident at most: {peak}")


if __name__ == "__main__":
    main()
