"""A small websocket client (RFC 6455) on the standard library: enough for consoles and their tests."""

import base64
import os
import socket
import struct
import time

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class HandshakeError(Exception):
    """The server answered the upgrade with something other than 101."""

    def __init__(self, status, body):
        super().__init__(f"websocket refused: HTTP {status} {body[:200]!r}")
        self.status = status
        self.body = body


class WebSocket:
    """One connection; frames come out whole, pings are answered."""

    def __init__(self, address, context, path, protocols, origin=None, timeout=30):
        raw = socket.create_connection(address, timeout)
        self.sock = context.wrap_socket(raw, server_hostname=address[0])
        self.pending = b""
        self.deadline = None
        self.kind, self.message = 0, b""
        try:
            self.protocol = self._handshake(address, path, protocols, origin)
        except BaseException:
            self.sock.close()
            raise

    def _handshake(self, address, path, protocols, origin):
        host = f"{address[0]}:{address[1]}"
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: {host}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
            "Sec-WebSocket-Version: 13",
            f"Origin: {origin or 'https://' + host}",
        ]
        if protocols:
            lines.append(f"Sec-WebSocket-Protocol: {', '.join(protocols)}")
        self.sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        head = b""
        while b"\r\n\r\n" not in head:
            piece = self.sock.recv(4096)
            if not piece:
                raise HandshakeError(0, head)
            head += piece
        head, _, self.pending = head.partition(b"\r\n\r\n")
        first, *fields = head.decode("latin-1").split("\r\n")
        status = int(first.split()[1])
        if status != 101:
            raise HandshakeError(status, self.pending)
        named = dict(f.lower().split(": ", 1) for f in fields if ": " in f)
        return named.get("sec-websocket-protocol")

    def _read(self, count):
        """The first @count bytes of what came, left in place: a frame cut off in time is read again."""
        while len(self.pending) < count:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("nothing whole came over the websocket in time")
            self.sock.settimeout(left)
            piece = self.sock.recv(65536)
            if not piece:
                raise EOFError("websocket closed without a close frame")
            self.pending += piece
        return self.pending[:count]

    def send(self, data, opcode=BINARY):
        """Send one frame, masked as clients must."""
        size = len(data)
        if size < 126:
            head = struct.pack("!BB", 0x80 | opcode, 0x80 | size)
        elif size < 65536:
            head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, size)
        else:
            head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, size)
        mask = os.urandom(4)
        body = bytes(b ^ mask[i & 3] for i, b in enumerate(data))
        self.sock.settimeout(30)
        self.sock.sendall(head + mask + body)

    def _frame(self):
        first, second = self._read(2)
        size, head = second & 0x7F, 2
        if size == 126:
            (size,), head = struct.unpack("!2xH", self._read(4)), 4
        elif size == 127:
            (size,), head = struct.unpack("!2xQ", self._read(10)), 10
        data = self._read(head + size)[head:]
        self.pending = self.pending[head + size :]
        return first, data

    def receive(self, timeout=30):
        """Return (opcode, bytes) of the next message; EOFError when the server closes.

        TimeoutError once @timeout seconds have passed in all, whatever pings came meanwhile;
        what came of a message by then is kept for the next call.
        """
        self.deadline = time.monotonic() + timeout
        while True:
            first, data = self._frame()
            opcode = first & 0x0F
            if opcode == CLOSE:
                raise EOFError(
                    f"websocket closed: {data[:2].hex()} {data[2:].decode(errors='replace')}"
                )
            if opcode == PING:
                self.send(data, PONG)
                continue
            if opcode == PONG:
                continue
            self.kind, self.message = self.kind or opcode, self.message + data
            if first & 0x80:
                whole = self.kind, self.message
                self.kind, self.message = 0, b""
                return whole

    def read_until(self, marker, timeout):
        """Collect binary messages until @marker (bytes) appears; return all that was read."""
        deadline, seen = time.monotonic() + timeout, b""
        while marker not in seen:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"{marker!r} not seen on the console; last: {seen[-600:]!r}")
            try:
                kind, data = self.receive(left)
            except TimeoutError:
                continue
            if kind == BINARY:
                seen += data
        return seen

    def close(self):
        try:
            self.send(struct.pack("!H", 1000), CLOSE)
        except OSError:
            pass
        self.sock.close()
