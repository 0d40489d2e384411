#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The REST client's connections: what is asked again, and what never is.

usage: test_client.py DOMUS_CERTS
"""
import http.client
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../deploy/lib"))

from client import Client  # noqa: E402

FULL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
PART = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}"
CLOSE, SILENCE = b"", None


class Server:
    """Takes connections one after the other; each has the answers it gives, and what it was asked."""

    def __init__(self, certificate, *connections):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.asked = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.serve, args=connections, daemon=True)
        self.thread.start()

    def serve(self, *connections):
        for answers in connections:
            raw, _ = self.listener.accept()
            with self.context.wrap_socket(raw, server_side=True) as sock:
                for answer in answers:
                    self.answer(sock, answer)

    def answer(self, sock, answer):
        request = b""
        while b"\r\n\r\n" not in request:
            request += sock.recv(4096)
        self.asked.append(request.split()[0].decode())
        if answer is SILENCE:
            self.over.wait(30)
        elif answer:
            sock.sendall(answer)

    def stop(self):
        self.over.set()
        self.thread.join(10)
        self.listener.close()


class Connections(unittest.TestCase):
    def talk(self, *connections):
        server = Server(CERTIFICATE, *connections)
        self.addCleanup(server.stop)
        client = Client("127.0.0.1", server.port, timeout=10)
        self.addCleanup(client.close)
        return server, client

    def test_kept_connection_closed(self):
        """GET and DELETE are asked once more when a kept connection turns out to be closed"""
        for method in ("GET", "DELETE"):
            server, client = self.talk([FULL, CLOSE], [FULL])
            client.raw("GET", "/one")
            self.assertEqual(client.raw(method, "/two").status, 200)
            self.assertEqual(server.asked, ["GET", method, method])

    def test_only_once(self):
        """and never a third time"""
        server, client = self.talk([FULL, CLOSE], [CLOSE])
        client.raw("GET", "/one")
        with self.assertRaises(http.client.RemoteDisconnected):
            client.raw("DELETE", "/two")
        self.assertEqual(server.asked, ["GET", "DELETE", "DELETE"])

    def test_post(self):
        """a POST is not asked again: it may have been done"""
        server, client = self.talk([FULL, CLOSE])
        client.raw("GET", "/one")
        with self.assertRaises(http.client.RemoteDisconnected):
            client.raw("POST", "/two", b"")
        self.assertEqual(server.asked, ["GET", "POST"])

    def test_fresh_connection(self):
        """nor is anything on a connection that was just made"""
        server, client = self.talk([CLOSE])
        with self.assertRaises(http.client.RemoteDisconnected):
            client.raw("DELETE", "/one")
        self.assertEqual(server.asked, ["DELETE"])

    def test_no_answer(self):
        """a request that gets no answer in time is an error, kept connection or not"""
        server, client = self.talk([FULL, SILENCE])
        client.raw("GET", "/one")
        client.connection.sock.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            client.raw("DELETE", "/two")
        self.assertEqual(server.asked, ["GET", "DELETE"])

    def test_half_an_answer(self):
        """nor is one asked again whose answer broke off"""
        server, client = self.talk([FULL, PART])
        client.raw("GET", "/one")
        with self.assertRaises(http.client.IncompleteRead):
            client.raw("GET", "/two")
        self.assertEqual(server.asked, ["GET", "GET"])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.argv.pop(), "--dir", folder], check=True, stderr=subprocess.DEVNULL)
        CERTIFICATE = os.path.join(folder, "server.pem")
        unittest.main()
