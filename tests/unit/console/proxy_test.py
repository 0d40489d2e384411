#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""console-proxy between real websocket clients and a fake broker and ticket service.

Usage: proxy_test.py CONSOLE_PROXY
"""
import asyncio
import json
import os
import sys
import tempfile
import time
import unittest

import websockets

PROXY = None
VM = "01234567-89ab-4cde-8f01-23456789abcd"
HOST = "127.0.0.1:8443"
PROTOCOL = "domus.console.v1"


class Tickets:
    """Hands out and redeems tickets, each once."""

    def __init__(self):
        self.known = {}
        self.delay = 0
        self.reply = None
        self.alive = True

    def make(self, name="ticket-0123456789abcdef", **change):
        grant = {"vm": VM, "kind": "serial", "read_only": False, "user": "admin",
                 "session_expires": None}
        grant.update(change)
        self.known[name] = grant
        return name

    async def serve(self, reader, writer):
        line = (await reader.readline()).decode()
        await asyncio.sleep(self.delay)
        verb, _, ticket = line.strip().partition(" ")
        if verb == "alive":
            writer.write(b"ok\n" if self.alive else b"error over\n")
            writer.close()
            return
        grant = self.known.pop(ticket, None)
        if self.reply is not None:
            reply = self.reply
        elif verb == "redeem" and grant:
            reply = "ok " + json.dumps(grant)
        else:
            reply = "error unknown ticket"
        writer.write(reply.encode() + b"\n")
        await writer.drain()
        writer.close()


class Broker:
    """Echoes what is typed; what a test puts in `say` is sent to everybody who attaches."""

    def __init__(self):
        self.say = b"hello\r\n"
        self.requests = []
        self.writers = []
        self.typed = b""
        self.reply = b"ok\n"
        self.read = True

    async def serve(self, reader, writer):
        self.requests.append((await reader.readline()).decode().strip())
        self.writers.append(writer)
        writer.write(self.reply + self.say)
        try:
            while self.read and (data := await reader.read(65536)):
                self.typed += data
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        if self.read:
            writer.close()


class ProxyCase(unittest.IsolatedAsyncioTestCase):
    arguments = []

    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)
        self.dir = tempfile.TemporaryDirectory()
        self.tickets, self.broker = Tickets(), Broker()
        self.path = {n: os.path.join(self.dir.name, n) for n in ("console", "tickets", "broker")}
        self.servers = [
            await asyncio.start_unix_server(self.tickets.serve, self.path["tickets"]),
            await asyncio.start_unix_server(self.broker.serve, self.path["broker"]),
        ]
        self.proxy = await asyncio.create_subprocess_exec(
            PROXY, "--socket", self.path["console"], "--tickets", self.path["tickets"],
            "--broker", self.path["broker"], *self.arguments,
            stderr=asyncio.subprocess.PIPE)
        self.log = []
        while b"listening" not in (line := await self.proxy.stderr.readline()):
            self.assertTrue(line, "console-proxy did not start")
        self.reader = asyncio.create_task(self.read_log())

    async def read_log(self):
        async for line in self.proxy.stderr:
            self.log.append(line.decode())

    async def asyncTearDown(self):
        self.proxy.terminate()
        status = await asyncio.wait_for(self.proxy.wait(), 20)
        await self.reader
        for server in self.servers:
            server.close()
        self.dir.cleanup()
        self.assertEqual(status, 0, "".join(self.log))
        for name in self.tickets.known:
            self.assertNotIn(name, "".join(self.log))

    def connect(self, ticket, origin="https://" + HOST, **options):
        options.setdefault("subprotocols", [PROTOCOL, ticket])
        options.setdefault("max_size", None)
        return websockets.unix_connect(self.path["console"], "ws://%s/console" % HOST,
                                       origin=origin, **options)

    async def read_until(self, ws, want):
        data = b""
        while want not in data:
            message = await asyncio.wait_for(ws.recv(), 10)
            if isinstance(message, bytes):
                data += message
        return data

    async def refused(self, status, code, ticket="ticket-0123456789abcdef", **options):
        """Status through a real client; the code from the answer to the same, sent by hand."""
        with self.assertRaises(websockets.exceptions.InvalidStatusCode) as caught:
            async with self.connect(ticket, **options):
                pass
        self.assertEqual(caught.exception.status_code, status)
        for _ in range(100):
            if any("code=" + code in line for line in self.log):
                return
            await asyncio.sleep(0.02)
        self.fail("no code=%s in: %s" % (code, "".join(self.log)))

    async def raw(self, request):
        reader, writer = await asyncio.open_unix_connection(self.path["console"])
        writer.write(request)
        answer = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        return answer


class Talk(ProxyCase):
    async def test_echo_and_buffer(self):
        async with self.connect(self.tickets.make()) as ws:
            self.assertEqual(ws.subprotocol, PROTOCOL)
            await self.read_until(ws, b"hello\r\n")
            for i in range(50):
                await ws.send(b"line %d\n" % i)
                await self.read_until(ws, b"line %d\n" % i)
        self.assertEqual(self.broker.requests, ["attach %s rw" % VM])

    async def test_no_origin_is_a_program(self):
        async with self.connect(self.tickets.make(), origin=None) as ws:
            await self.read_until(ws, b"hello")

    async def test_bytes_are_exact(self):
        self.broker.say = b""
        data = bytes(range(256)) * 1024
        async with self.connect(self.tickets.make()) as ws:
            await ws.send(data)
            got = b""
            while len(got) < len(data):
                got += await asyncio.wait_for(ws.recv(), 10)
            self.assertEqual(got, data)

    async def test_large_output(self):
        self.broker.say = os.urandom(8 << 20)
        async with self.connect(self.tickets.make()) as ws:
            got = bytearray()
            while len(got) < len(self.broker.say):
                got += await asyncio.wait_for(ws.recv(), 20)
            self.assertEqual(bytes(got), self.broker.say)

    async def test_fragmented_message(self):
        async with self.connect(self.tickets.make()) as ws:
            await ws.send([b"one ", b"two ", b"three"])
            await self.read_until(ws, b"one two three")

    async def test_several_viewers(self):
        async with self.connect(self.tickets.make("ticket-aaaaaaaaaaaa")) as one, \
                self.connect(self.tickets.make("ticket-bbbbbbbbbbbb")) as two:
            for ws in one, two:
                await self.read_until(ws, b"hello")
            for writer in self.broker.writers:
                writer.write(b"to all")
            for ws in one, two:
                await self.read_until(ws, b"to all")

    async def test_read_only(self):
        async with self.connect(self.tickets.make(read_only=True)) as ws:
            notice = json.loads(await ws.recv())
            self.assertEqual(notice["type"], "notice")
            self.assertTrue(notice["read_only"])
            await ws.send(b"rm -rf /\n")
            await ws.send(b"again\n")
            while not isinstance(message := await asyncio.wait_for(ws.recv(), 5), str):
                pass
            self.assertIn("ignored", json.loads(message)["text"])
            for writer in self.broker.writers:
                writer.write(b"still here")
            await self.read_until(ws, b"still here")
        self.assertEqual(self.broker.typed, b"")
        self.assertEqual(self.broker.requests, ["attach %s ro" % VM])

    async def test_slow_viewer_stalls_nobody(self):
        self.broker.read = False
        async with self.connect(self.tickets.make("ticket-slow00000000"), max_queue=1,
                                read_limit=1024) as slow, \
                self.connect(self.tickets.make("ticket-fast00000000")) as fast:
            await self.read_until(slow, b"hello")
            await self.read_until(fast, b"hello")
            # Far more than all the buffers on the way, to both; the slow one reads nothing.
            for writer in self.broker.writers:
                writer.write(b"x" * (16 << 20) + b"END")
            await asyncio.wait_for(self.read_until(fast, b"END"), 20)
            # Under the sanitizers the proxy is some 30 MB to begin with.
            self.assertLess(self.memory(), 64 << 20)
            slow.transport.abort()

    def memory(self):
        with open("/proc/%d/statm" % self.proxy.pid) as f:
            return int(f.read().split()[1]) * 4096

    async def test_typing_at_a_stuck_guest_is_bounded(self):
        self.broker.read = False
        async with self.connect(self.tickets.make()) as ws, \
                self.connect(self.tickets.make("ticket-other0000000")) as other:
            await self.read_until(ws, b"hello")
            try:
                await asyncio.wait_for(self.flood(ws), 3)
                self.fail("8 MiB typed at a guest that reads nothing were taken")
            except asyncio.TimeoutError:
                pass  # held back: that is flow control
            for writer in self.broker.writers:
                writer.write(b"alive")
            await self.read_until(other, b"alive")
            await self.read_until(ws, b"alive")
            ws.transport.abort()

    async def flood(self, ws):
        for _ in range(2048):
            await ws.send(b"y" * 4096)

    async def test_control_messages(self):
        async with self.connect(self.tickets.make()) as ws:
            await ws.send('{"type":"resize","columns":80,"rows":25}')
            await ws.send('{"type":"something new"}')
            await ws.send(b"typed")
            await self.read_until(ws, b"typed")
            await ws.send("not json")
            with self.assertRaises(websockets.exceptions.ConnectionClosed):
                await self.read_until(ws, b"never")
            self.assertEqual(ws.close_code, 1007)

    async def test_long_control_message(self):
        async with self.connect(self.tickets.make()) as ws:
            await ws.send('{"type":"%s"}' % ("x" * 5000))
            with self.assertRaises(websockets.exceptions.ConnectionClosed):
                await self.read_until(ws, b"never")
            self.assertEqual(ws.close_code, 1009)

    async def test_broker_restart(self):
        async with self.connect(self.tickets.make()) as ws:
            await self.read_until(ws, b"hello")
            self.broker.writers[0].close()
            with self.assertRaises(websockets.exceptions.ConnectionClosed):
                await self.read_until(ws, b"never")
            self.assertEqual((ws.close_code, ws.close_reason),
                             (1012, "the console was restarted"))

    async def test_last_words(self):
        """What the broker said before it went away arrives, however slowly it is read."""
        self.broker.say = os.urandom(6 << 20)
        self.broker.read = False
        async with self.connect(self.tickets.make(), max_queue=1) as ws:
            while not self.broker.writers:
                await asyncio.sleep(0.05)
            self.broker.writers[0].close()
            await asyncio.sleep(1)
            used = self.cpu()
            await asyncio.sleep(0.5)
            self.assertLess(self.cpu() - used, 0.2)  # waits, and doesn't spin
            got = bytearray()
            with self.assertRaises(websockets.exceptions.ConnectionClosed):
                while True:
                    got += await asyncio.wait_for(ws.recv(), 20)
            self.assertEqual(bytes(got), self.broker.say)
            self.assertEqual(ws.close_code, 1012)

    def cpu(self):
        with open("/proc/%d/stat" % self.proxy.pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def test_session_end(self):
        async with self.connect(self.tickets.make(session_expires=int(time.time()) + 2)) as ws:
            await self.read_until(ws, b"hello")
            with self.assertRaises(websockets.exceptions.ConnectionClosed):
                await self.read_until(ws, b"never")
            self.assertEqual((ws.close_code, ws.close_reason), (1008, "the session has ended"))

    async def test_credential_revoked(self):
        """A console ends with what it was opened with, and only with that."""
        async with self.connect(self.tickets.make("ticket-aaaaaaaaaaaa", credential="token:a")) as ws, \
                self.connect(self.tickets.make("ticket-bbbbbbbbbbbb")) as other:
            await asyncio.sleep(6.5)
            await ws.send(b"still")
            await self.read_until(ws, b"still")
            self.tickets.alive = False
            with self.assertRaises(websockets.exceptions.ConnectionClosed):
                await self.read_until(ws, b"never")
            self.assertEqual((ws.close_code, ws.close_reason), (1008, "the session has ended"))
            await other.send(b"here")
            await self.read_until(other, b"here")

    async def test_ticket_service_away(self):
        """A console outlasts mgmtd."""
        async with self.connect(self.tickets.make(credential="token:a")) as ws:
            self.servers[0].close()
            os.unlink(self.path["tickets"])
            await asyncio.sleep(7)
            await ws.send(b"still")
            await self.read_until(ws, b"still")

    async def test_client_leaves(self):
        for i in range(40):
            async with self.connect(self.tickets.make()) as ws:
                await self.read_until(ws, b"hello")
                if i % 2:
                    ws.transport.abort()
        for _ in range(100):
            if len(os.listdir("/proc/%d/fd" % self.proxy.pid)) < 16:
                return
            await asyncio.sleep(0.05)
        self.fail("descriptors leak")


class Refuse(ProxyCase):
    arguments = ["--max-per-user", "2", "--max-total", "3"]

    async def test_unknown_ticket(self):
        await self.refused(401, "ticket_invalid")

    async def test_replayed_ticket(self):
        ticket = self.tickets.make()
        async with self.connect(ticket) as ws:
            await self.read_until(ws, b"hello")
            await self.refused(401, "ticket_invalid", ticket)

    async def test_wrong_origin(self):
        ticket = self.tickets.make()
        for origin in ("https://evil.example", "https://127.0.0.1", "http://127.0.0.1:8444",
                       "null", "https://127.0.0.1:8443.evil.example"):
            await self.refused(403, "origin_forbidden", ticket, origin=origin)
        # A refused Origin must not have used the ticket up.
        async with self.connect(ticket) as ws:
            await self.read_until(ws, b"hello")

    async def test_subprotocols(self):
        ticket = self.tickets.make()
        await self.refused(400, "subprotocol_required", subprotocols=None)
        await self.refused(400, "subprotocol_required", subprotocols=[ticket])
        await self.refused(401, "ticket_required", subprotocols=[PROTOCOL])
        await self.refused(400, "subprotocol_required", subprotocols=[PROTOCOL, ticket, "more"])

    async def test_limits(self):
        async with self.connect(self.tickets.make("ticket-aaaaaaaaaaaa")), \
                self.connect(self.tickets.make("ticket-bbbbbbbbbbbb")):
            await self.refused(429, "too_many_consoles", self.tickets.make())
            async with self.connect(self.tickets.make("ticket-cccccccccccc", user="b")):
                await self.refused(503, "too_many_connections", self.tickets.make(user="c"))

    async def test_unknown_kind(self):
        await self.refused(501, "console_kind", self.tickets.make(kind="telegraph"))

    async def test_services_down(self):
        self.servers[1].close()
        os.unlink(self.path["broker"])
        await self.refused(503, "console_unavailable", self.tickets.make())
        self.servers[0].close()
        os.unlink(self.path["tickets"])
        await self.refused(503, "tickets_unavailable", self.tickets.make())

    async def test_nonsense_from_services(self):
        for reply in ("ok {}", "ok", "what?", "ok {\"vm\":\"../../etc\"}", ""):
            self.tickets.reply = reply
            await self.refused(503, "tickets_unavailable", self.tickets.make())
        self.tickets.reply = None
        self.broker.reply = b"error no room for another console\n"
        await self.refused(503, "console_refused", self.tickets.make())

    async def test_slow_ticket_service_stalls_nobody(self):
        async with self.connect(self.tickets.make()) as ws:
            await self.read_until(ws, b"hello")
            self.tickets.delay = 2
            waiting = asyncio.create_task(self.late())
            await asyncio.sleep(0.2)
            started = time.monotonic()
            await ws.send(b"quick")
            await self.read_until(ws, b"quick")
            self.assertLess(time.monotonic() - started, 1)
            await waiting

    async def late(self):
        async with self.connect(self.tickets.make("ticket-late00000000")) as ws:
            await self.read_until(ws, b"hello")

    async def test_plain_http(self):
        answers = [
            (b"GET /console HTTP/1.1\r\nHost: a\r\n\r\n", b"426", b"upgrade_required"),
            (b"GET /other HTTP/1.1\r\nHost: a\r\n\r\n", b"404", b"not_found"),
            (b"POST /console HTTP/1.1\r\nHost: a\r\n\r\n", b"405", b"method_not_allowed"),
            (b"GET /console HTTP/1.0\r\n\r\n", b"400", b"malformed_request"),
            (b"\x16\x03\x01\r\n\r\n", b"400", b"malformed_request"),
            (b"GET /console HTTP/1.1\r\nX: " + b"y" * 9000, b"431", b"header_too_large"),
        ]
        for request, status, code in answers:
            answer = await self.raw(request)
            self.assertTrue(answer.startswith(b"HTTP/1.1 " + status), answer)
            head, _, body = answer.partition(b"\r\n\r\n")
            self.assertIn(b"application/problem+json", head)
            self.assertEqual(json.loads(body)["code"].encode(), code)

    async def test_silent_stranger(self):
        started = time.monotonic()
        answer = await self.raw(b"GET /console HT")
        self.assertTrue(answer.startswith(b"HTTP/1.1 408"))
        self.assertLess(time.monotonic() - started, 13)


class Keepalive(ProxyCase):
    arguments = ["--ping", "1"]

    async def test_pings(self):
        async with self.connect(self.tickets.make(), ping_interval=None) as ws:
            await self.read_until(ws, b"hello")
            pinged = asyncio.get_running_loop().create_future()
            plain = ws.pong

            async def pong(data=b""):
                if not pinged.done():
                    pinged.set_result(True)
                await plain(data)
            ws.pong = pong
            reading = asyncio.create_task(ws.recv())
            await asyncio.wait_for(pinged, 5)
            await ws.send(b"still")
            await asyncio.wait_for(reading, 5)


if __name__ == "__main__":
    PROXY = sys.argv.pop(1)
    unittest.main()
