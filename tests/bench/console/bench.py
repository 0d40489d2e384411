#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a console costs on its way: echo time and stream rate, with and without the front door.

Usage: bench.py BUILD [--seconds N]

BUILD is a build folder with console-proxy and domus-certs. The guest's side and the ticket service
are played by this program, HAProxy is the system's, everything runs on this machine.
"""
import argparse
import base64
import contextlib
import json
import os
import socket
import ssl
import statistics
import subprocess
import tempfile
import threading
import time

VM = "01234567-89ab-4cde-8f01-23456789abcd"
TICKET = "bench-ticket-0123456789"
HAPROXY = """
global
	maxconn 64
defaults
	mode http
	timeout connect 5s
	timeout client 30s
	timeout server 30s
	timeout tunnel 1h
frontend front
	bind 127.0.0.1:{port} ssl crt {pem} alpn http/1.1
	default_backend console
backend console
	server console unix@{console}
"""


def serve(path, handler):
    """Run @handler in a thread for each connection to UNIX socket @path."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(16)

    def accept():
        while True:
            conn, _ = listener.accept()
            threading.Thread(target=guarded, args=(handler, conn), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()


def guarded(handler, conn):
    with contextlib.suppress(OSError), conn:
        handler(conn)


def tickets(conn):
    conn.recv(256)
    grant = {"vm": VM, "kind": "serial", "read_only": False, "user": "bench",
             "session_expires": None}
    conn.sendall(b"ok " + json.dumps(grant).encode() + b"\n")


def guest(conn):
    """Echo; a "!" is answered by a stream that ends with the viewer."""
    conn.recv(256)
    conn.sendall(b"ok\n")
    block = b"x" * 65536
    while data := conn.recv(65536):
        if data == b"!":
            while True:
                conn.sendall(block)
        conn.sendall(data)


def masked(data):
    """A final binary frame as clients send it; a mask of zeros is a mask."""
    return bytes([0x82, 0x80 | len(data)]) + bytes(4) + data


def upgrade(sock):
    key = base64.b64encode(os.urandom(16)).decode()
    sock.sendall(("GET /console HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\n"
                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                  f"Sec-WebSocket-Key: {key}\r\n"
                  f"Sec-WebSocket-Protocol: domus.console.v1, {TICKET}\r\n\r\n").encode())
    head = sock.recv(4096)
    if b" 101 " not in head:
        raise SystemExit(head)
    return sock


def echo_times(sock, seconds):
    times, end = [], time.monotonic() + seconds
    frame = masked(b"k")
    while time.monotonic() < end:
        start = time.perf_counter()
        sock.sendall(frame)
        got = b""
        while len(got) < 3:
            got += sock.recv(64)
        times.append((time.perf_counter() - start) * 1e6)
    return times


def stream_rate(sock, seconds):
    buffer = bytearray(1 << 18)
    sock.sendall(masked(b"!"))
    total, start = 0, time.monotonic()
    while (now := time.monotonic()) < start + seconds:
        total += sock.recv_into(buffer)
    return total / (now - start) / 1e6


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(next(line for line in f if line.startswith("VmRSS")).split()[1])


def wait_for(path):
    while not os.path.exists(path):
        time.sleep(0.01)


def direct(path):
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(path)
    return upgrade(sock)


def through_front_door(port, crt):
    context = ssl.create_default_context(cafile=crt)
    for _ in range(100):
        with contextlib.suppress(ConnectionRefusedError):
            raw = socket.create_connection(("127.0.0.1", port))
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return upgrade(context.wrap_socket(raw, server_hostname="127.0.0.1"))
        time.sleep(0.05)
    raise SystemExit("haproxy does not listen")


def measure(name, connect, seconds, proxy):
    times = sorted(echo_times(connect(), seconds))
    before = cpu_seconds(proxy)
    rate = stream_rate(connect(), seconds)
    cpu = (cpu_seconds(proxy) - before) / seconds
    print(f"{name:<12} echo p50 {statistics.median(times):7.0f} us   "
          f"p99 {times[len(times) * 99 // 100]:7.0f} us   stream {rate:6.0f} MB/s   "
          f"proxy CPU {cpu * 100:3.0f} %")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--port", type=int, default=18499)
    o = parser.parse_args()
    with tempfile.TemporaryDirectory() as d, contextlib.ExitStack() as stack:
        path = {n: os.path.join(d, n) for n in ("console", "tickets", "broker", "cfg")}
        serve(path["tickets"], tickets)
        serve(path["broker"], guest)
        subprocess.run([f"{o.build}/certs/domus-certs", "--dir", d], check=True,
                       stdout=subprocess.DEVNULL)
        with open(path["cfg"], "w", encoding="ascii") as f:
            f.write(HAPROXY.format(port=o.port, pem=f"{d}/server.pem", console=path["console"]))

        def start(*argv):
            process = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.terminate)
            return process
        proxy = start(f"{o.build}/console-proxy/console-proxy", "--socket", path["console"],
                      "--tickets", path["tickets"], "--broker", path["broker"])
        wait_for(path["console"])
        print(f"console-proxy resident {resident_kb(proxy.pid)} kB at rest")
        measure("proxy alone", lambda: direct(path["console"]), o.seconds, proxy.pid)
        start("haproxy", "-db", "-q", "-f", path["cfg"])
        measure("front door", lambda: through_front_door(o.port, f"{d}/server.crt"), o.seconds,
                proxy.pid)
        print(f"console-proxy resident {resident_kb(proxy.pid)} kB after it")


if __name__ == "__main__":
    main()
