#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""See that the running daemon and api/openapi.yaml agree, and that kill -9 loses nothing.

usage: agree.py MGMTD_FAKE OPENAPI

Every operation of the document is called: it must be there, must refuse strangers unless the document
says it is open to all, and every answer must have a status, a content type and a body that the document
allows. Then the daemon is killed in the middle of work and started anew.
"""
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import yaml

KERNEL = "11111111-1111-4111-8111-111111111111"
INITRD = "22222222-2222-4222-8222-222222222222"
NOTHING = "99999999-9999-4999-8999-999999999999"
TYPES = {"string": str, "integer": int, "boolean": bool, "object": dict, "array": list,
         "null": type(None)}


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self.path)


class Daemon:
    def __init__(self, program):
        self.program = program
        self.dir = tempfile.mkdtemp(prefix="mgmtd-agree-")
        for name in ("data", "run", "images"):
            os.mkdir(f"{self.dir}/{name}")
        self.write("images/kernel", "\x7fELF kernel")
        self.write("images/initrd", "initrd")
        self.write("images/index.json", json.dumps([
            {"id": KERNEL, "name": "kernel", "kind": "kernel", "file": "kernel"},
            {"id": INITRD, "name": "initrd", "kind": "initrd", "file": "initrd"}]))
        self.write("password", "pw")
        self.headers = {}
        self.start()

    def write(self, name, text):
        with open(f"{self.dir}/{name}", "w", encoding="utf-8") as f:
            f.write(text)

    def start(self):
        d = self.dir
        self.log = open(f"{d}/log", "a", encoding="utf-8")
        self.process = subprocess.Popen(
            [self.program, "--data", f"{d}/data", "--run", f"{d}/run", "--images", f"{d}/images",
             "--admin-password-file", f"{d}/password", "--local-console", f"{d}/console",
             "--power-command", "/bin/true"],
            env={**os.environ, "DOMUS_FAKE_STATE": f"{d}/state"}, stderr=self.log,
            stdin=subprocess.DEVNULL)
        for _ in range(500):
            try:
                if self.call("GET", "/api/v1/health", anonymous=True)[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.02)
        raise SystemExit("the daemon does not come up")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.log.close()

    def call(self, method, path, body=None, headers=None, anonymous=False):
        """One request; the answer is (status, content type, headers, body as JSON or bytes)."""
        c = UnixConnection(f"{self.dir}/run/mgmtd.sock")
        h = {} if anonymous else dict(self.headers)
        if isinstance(body, (dict, list)):
            h["Content-Type"] = "application/json"
            body = json.dumps(body)
        c.request(method, path, body, {**h, **(headers or {})})
        r = c.getresponse()
        kind = (r.getheader("Content-Type") or "").split(";")[0]
        data = r.read(200) if kind == "text/event-stream" else r.read()
        c.close()
        if kind.endswith("json"):
            data = json.loads(data)
        return r.status, kind, r.headers, data


class Document:
    def __init__(self, path):
        with open(path, encoding="utf-8") as f:
            self.root = yaml.safe_load(f)
        self.used = set()

    def resolve(self, node):
        while "$ref" in node:
            target = self.root
            for part in node["$ref"][2:].split("/"):
                target = target[part]
            node = {**target, **{k: v for k, v in node.items() if k != "$ref"}}
        return node

    def operations(self):
        for path, item in self.root["paths"].items():
            for method in ("get", "put", "post", "patch", "delete"):
                if method in item:
                    yield method.upper(), path, item[method]

    def validate(self, schema, value, at):
        """Complain about what does not fit, and about members the document does not name."""
        schema = self.resolve(schema)
        if "anyOf" in schema:
            errors = []
            for option in schema["anyOf"]:
                try:
                    return self.validate(option, value, at)
                except AssertionError as e:
                    errors.append(str(e))
            raise AssertionError("; ".join(errors))
        if "allOf" in schema:
            merged = {"type": "object", "required": [], "properties": {}}
            for part in map(self.resolve, schema["allOf"]):
                merged["required"] = merged["required"] + part.get("required", [])
                merged["properties"] = {**merged["properties"], **part.get("properties", {})}
            schema = merged
        if "type" in schema:
            kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
            fits = [k for k in kinds if isinstance(value, TYPES[k])
                    and not (k == "integer" and isinstance(value, bool))]
            assert fits, f"{at}: {value!r} is not {kinds}"
        if value is None:
            return
        if "const" in schema:
            assert value == schema["const"], at
        if "enum" in schema:
            assert value in schema["enum"], f"{at}: {value!r}"
        if "pattern" in schema:
            assert re.search(schema["pattern"], value), f"{at}: {value!r}"
        if schema.get("format") == "uuid":
            assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value), at
        if schema.get("format") == "date-time":
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value), at
        for i, item in enumerate(value if isinstance(value, list) else []):
            self.validate(schema["items"], item, f"{at}[{i}]")
        if isinstance(value, dict):
            for name in schema.get("required", []):
                assert name in value, f"{at}: no {name}"
            for name, sub in value.items():
                known = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
                assert known, f"{at}: {name} is not in the document"
                self.validate(known, sub, f"{at}.{name}")

    def check(self, op, status, kind, data):
        """Is this an answer the document allows?"""
        ident = op["operationId"]
        responses = op["responses"]
        node = responses.get(str(status)) or responses.get(f"{status // 100}XX")
        assert node, f"{ident}: status {status} is not in the document: {data}"
        node = self.resolve(node)
        self.used.add((ident, status))
        if status == 204:
            assert not data, ident
            return
        assert kind in node["content"], f"{ident}: {status} as {kind}"
        if kind.endswith("json"):
            self.validate(node["content"][kind]["schema"], data, ident)


class Tour:
    """A walk through the API in which every answer is held against the document."""

    def __init__(self, daemon, document):
        self.daemon = daemon
        self.document = document
        self.by_id = {op["operationId"]: (method, path, op)
                      for method, path, op in document.operations()}

    def do(self, ident, status, body=None, query="", headers=None, **args):
        method, path, op = self.by_id[ident]
        got, kind, head, data = self.daemon.call(method, path.format(**args) + query, body, headers)
        assert got == status, f"{ident}: {got}, not {status}: {data}"
        self.document.check(op, got, kind, data)
        return head, data

    def wait(self, task):
        return self.do("task_get", 200, query="?wait=30", id=task)[1]

    def everything(self):
        head, session = self.do("session_create", 201, {"username": "admin", "password": "pw"})
        self.daemon.headers = {"Cookie": head["Set-Cookie"].split(";")[0],
                               "X-CSRF-Token": session["csrf_token"]}
        _, token = self.do("token_create", 201, {"name": "t"})
        self.do("session_get", 200)
        self.do("session_delete", 204)
        self.do("session_get", 401)
        self.daemon.headers = {"Authorization": "Bearer " + token["token"]}
        self.do("session_get", 200)
        self.do("session_delete", 409)
        self.do("token_list", 200)
        self.do("token_get", 200, id=token["id"])
        other = self.do("token_create", 201, {"name": "u", "role": "viewer", "expires_in": 60})[1]
        self.do("token_delete", 204, id=other["id"])
        self.do("token_delete", 404, id=other["id"])
        revoked = self.open_revoked()
        self.do("api_versions", 200)
        self.do("health_get", 200)
        self.do("host_get", 200)
        self.images()
        self.machines()
        self.do("audit_list", 200, query="?limit=3")
        self.see_end(revoked)
        task = self.do("host_action", 202, {"timeout": 0}, action="reboot")[1]
        assert self.wait(task["id"])["status"] == "succeeded"

    def images(self):
        stream = {"Content-Type": "application/octet-stream"}
        image = self.do("image_create", 201, b"abc", "?name=abc&kind=initrd", stream)[1]
        self.do("image_create", 409, b"abc", "?name=abc&kind=initrd", stream)
        self.do("image_list", 200, query="?sort=-size&limit=1")
        self.do("image_get", 200, id=image["id"])
        self.do("image_delete", 412, headers={"If-Match": '"x"'}, id=image["id"])
        self.do("image_delete", 204, id=image["id"])
        self.do("image_delete", 404, id=image["id"])

    def machines(self):
        spec = {"name": "one", "mode": "pvh", "vcpus": 1, "memory": 64 << 20,
                "boot": {"kernel": KERNEL, "initrd": INITRD, "cmdline": "x"}, "start": True}
        self.do("vm_create", 507, {**spec, "memory": 1 << 40})
        vm = self.do("vm_create", 201, spec)[1]
        assert self.wait(vm["task_id"])["status"] == "succeeded"
        self.do("vm_create", 409, spec)
        self.do("vm_list", 200, query="?state=running")
        assert self.do("vm_get", 200, id=vm["id"])[1]["state"] == "running"
        self.do("vm_update", 409, {"vcpus": 2}, id=vm["id"])
        self.do("vm_update", 200, {"name": "two"}, id=vm["id"])
        self.do("vm_update", 422, {"affinity": [63]}, id=vm["id"])
        self.do("vm_update", 422, {"affinity": []}, id=vm["id"])
        tuned = self.do("vm_update", 200, {"weight": 512, "cap": 50, "affinity": [1]}, id=vm["id"])[1]
        assert (tuned["weight"], tuned["cap"], tuned["affinity"]) == (512, 50, [1]), tuned
        for bad in ([[63]], [[]], [1, [0]], [[0], None, 1], [[[0]]], [[0]] * 129, ["0"]):
            self.do("vm_update", 422, {"affinity": bad}, id=vm["id"])
        for given, kept in (([[1, 0, 1], None, [1]], [[0, 1], None, [1]]), ([[1], None], [[1]]), ([None], None)):
            tuned = self.do("vm_update", 200, {"affinity": given}, id=vm["id"])[1]
            assert tuned["affinity"] == kept, tuned
        stats = self.do("vm_stats", 200, id=vm["id"])[1]
        assert stats["memory"]["target"] == 64 << 20
        assert stats["vcpus"][0]["times"]["blocked"] == 5000, stats
        debug = self.do("vm_debug", 200, id=vm["id"])[1]
        assert debug["vcpus"][0]["exits"] == {"CPUID": 70, "HLT": 700}, debug
        assert debug["hypercalls"][1] == {"name": "number 40", "calls": 3, "absent": 3}, debug
        assert debug["grants"] == {"used": 5, "mapped": 0}, debug
        assert debug["mappings"] == {"4k": 0, "2m": 32, "1g": 0}, debug
        assert [c["kind"] for c in debug["event_channels"]] == ["interdomain", "virq"], debug
        self.with_nics(spec)
        self.do("hypervisor_log", 200)
        self.do("vm_delete", 409, id=vm["id"])
        for _ in range(256):
            self.do("console_ticket", 201, {}, id=vm["id"])
        self.do("console_ticket", 503, {}, id=vm["id"])
        self.do("console_log", 200, id=vm["id"])
        self.do("event_stream", 200, query="?after=0&types=vm")
        for action in ("pause", "resume", "reboot", "shutdown"):
            task = self.do("vm_action", 202, {}, id=vm["id"], action=action)[1]
            assert self.wait(task["id"])["status"] == "succeeded", action
        self.networks(vm["id"])
        self.do("vm_action", 409, id=vm["id"], action="destroy")
        self.do("task_cancel", 409, id=task["id"])
        self.do("task_list", 200, query="?limit=2")
        self.do("vm_delete", 204, id=vm["id"])

    def with_nics(self, spec):
        """A machine is made with its network interfaces, or not at all."""
        net = self.do("network_create", 201, {"name": "with", "kind": "private"})[1]["id"]
        spec = {**spec, "name": "with", "start": False, "nics": [{"network": net}, {"network": net}]}
        vm = self.do("vm_create", 201, spec)[1]
        assert [nic["network"] for nic in vm["nics"]] == [net, net], vm
        refused = {**spec, "name": "without", "nics": [{"network": net}, {"network": NOTHING}]}
        problem = self.do("vm_create", 422, refused)[1]
        assert problem["errors"][0]["field"] == "nics.1.network", problem
        self.do("vm_create", 422, {**refused, "nics": [{"network": net}] * 9})
        assert not self.do("vm_list", 200, query="?name=without")[1]["items"]
        self.do("vm_delete", 204, id=vm["id"])
        self.do("network_delete", 204, id=net)

    def networks(self, vm):
        """On a stopped machine, and while it runs."""
        net = self.do("network_create", 201, {"name": "n", "kind": "private", "nat": True})[1]
        self.do("network_create", 409, {"name": "n", "kind": "private"})
        self.do("network_create", 422, {"name": "m", "kind": "private", "subnet": net["subnet"]})
        vlan = self.do("network_create", 201, {"name": "v", "kind": "bridge", "vlan": 9})[1]
        self.do("network_update", 422, {"nat": True}, id=vlan["id"])
        self.do("network_update", 200, {"name": "w"}, id=vlan["id"])
        self.do("network_list", 200, query="?kind=private")
        self.do("network_get", 200, id=net["id"])
        for running in (False, True):
            nic = self.do("nic_create", 201, {"network": net["id"], "rate": 1000000}, id=vm)[1]
            self.do("nic_create", 409, {"network": net["id"], "mac": nic["mac"]}, id=vm)
            nic = self.do("nic_update", 200, {"network": vlan["id"], "rate": None}, id=vm,
                          nic=nic["id"])[1]
            assert nic["address"] is None and nic["rate"] is None, nic
            seen = self.do("vm_get", 200, id=vm)[0]["ETag"]
            for status in (200, 412):
                self.do("nic_update", status, {"rate": 1000000}, headers={"If-Match": seen}, id=vm,
                        nic=nic["id"])
            self.do("nic_list", 200, id=vm)
            self.do("network_delete", 409, id=vlan["id"])
            if not running:
                task = self.do("vm_action", 202, id=vm, action="start")[1]
                assert self.wait(task["id"])["status"] == "succeeded"
        self.do("nic_delete", 204, id=vm, nic=nic["id"])
        self.do("nic_delete", 404, id=vm, nic=nic["id"])
        task = self.do("vm_action", 202, id=vm, action="destroy")[1]
        assert self.wait(task["id"])["status"] == "succeeded"
        rest = self.do("vm_get", 200, id=vm)[1]["nics"]
        assert len(rest) == 1, rest
        self.do("nic_delete", 204, id=vm, nic=rest[0]["id"])
        self.do("network_delete", 204, id=vlan["id"])
        self.do("network_delete", 204, id=net["id"])
        self.do("network_delete", 404, id=net["id"])

    def open_revoked(self):
        """An event stream whose token is revoked at once; the thread that ends with it."""
        token = self.do("token_create", 201, {"name": "revoked", "role": "viewer"})[1]
        stream = UnixConnection(f"{self.daemon.dir}/run/mgmtd.sock")
        stream.request("GET", "/api/v1/events", headers={"Authorization": "Bearer " + token["token"]})
        reader = threading.Thread(target=stream.getresponse().read, daemon=True)
        reader.start()
        self.do("token_delete", 204, id=token["id"])
        return reader

    def see_end(self, reader):
        """It ends although there is always something to say."""
        deadline = time.monotonic() + 30
        while reader.is_alive():
            assert time.monotonic() < deadline, "events go on for a token that was revoked"
            net = self.do("network_create", 201, {"name": "news", "kind": "private"})[1]
            self.do("network_delete", 204, id=net["id"])
            time.sleep(1)

    def strangers(self):
        """Nobody gets in without credentials where the document does not say so."""
        for method, path, op in self.document.operations():
            url = re.sub(r"\{(id|nic)\}", NOTHING, path).replace("{action}", "start" if "vms" in path
                                                          else "reboot")
            status, kind, _, data = self.daemon.call(method, url, anonymous=True)
            public = op.get("security") == []
            assert (status == 401) != public, f"{op['operationId']}: {status}"
            self.document.check(op, status, kind, data)

    def killed(self):
        """kill -9 while one machine runs and another is being built."""
        spec = {"name": "runs", "mode": "pvh", "vcpus": 1, "memory": 64 << 20,
                "boot": {"kernel": KERNEL}, "start": True}
        runs = self.do("vm_create", 201, spec)[1]
        assert self.wait(runs["task_id"])["status"] == "succeeded"
        free = self.do("host_get", 200)[1]["memory"]["free"]
        domid = self.do("vm_get", 200, id=runs["id"])[1]["domid"]
        spec["name"], spec["boot"] = "builds", {"kernel": KERNEL, "cmdline": "fake.slow=20000"}
        builds = self.do("vm_create", 201, spec)[1]
        time.sleep(0.5)
        assert self.do("host_get", 200)[1]["memory"]["free"] < free
        self.daemon.kill()
        self.daemon.start()
        task = self.do("task_get", 200, id=builds["task_id"])[1]
        assert task["status"] == "failed" and task["error"]["code"] == "interrupted", task
        assert self.do("vm_get", 200, id=builds["id"])[1]["state"] == "stopped"
        vm = self.do("vm_get", 200, id=runs["id"])[1]
        assert vm["state"] == "running" and vm["domid"] == domid, vm
        assert self.do("host_get", 200)[1]["memory"]["free"] == free


def main():
    daemon = Daemon(sys.argv[1])
    document = Document(sys.argv[2])
    tour = Tour(daemon, document)
    try:
        tour.strangers()
        tour.everything()
        tour.killed()
    finally:
        daemon.kill()
    called = {ident for ident, _ in document.used}
    missing = set(tour.by_id) - called
    assert not missing, f"never called: {missing}"
    print(f"{len(called)} operations, {len(document.used)} answers agree with the document")


main()
