"""A client of the REST API on the standard library."""

import http.client
import json
import ssl
import time
import urllib.parse

from ws import WebSocket

BASE = "/api/v1"
SUBPROTOCOL = "domus.console.v1"


class ApiError(Exception):
    """An answer that is not a success; carries the problem document."""

    def __init__(self, method, path, answer):
        problem = answer.json if isinstance(answer.json, dict) else {}
        words = problem.get("detail") or problem.get("title") or answer.body[:200]
        super().__init__(f"{method} {path}: HTTP {answer.status}: {words}")
        self.answer = answer
        self.status = answer.status
        self.problem = problem


class Answer:
    """Status, headers and body of one answer."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self):
        try:
            return json.loads(self.body) if self.body else None
        except ValueError:
            return None


IDLE = 30  # seconds after which a kept connection isn't used again: the front door closes it after 60

# The other side ended the connection, and not a byte of an answer came.
CLOSED = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError, ssl.SSLEOFError)


class Client:
    """Talks to one appliance; the certificate is its own, so it is pinned or not checked."""

    def __init__(self, host, port, timeout=60):
        self.address = (host, port)
        self.timeout = timeout
        self.context = ssl.create_default_context()
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        self.headers = {}
        self.connection = None
        self.used = 0.0

    def raw(self, method, path, body=None, headers=None):
        """Send one request and return its Answer, whatever the status.

        A kept connection may have been closed by the other side before it saw the request: what can be
        asked twice is then asked once more.  No answer in time is never that, and an error.
        """
        if time.monotonic() - self.used > IDLE:
            self.close()
        kept = self.connection is not None
        try:
            response = self._ask(method, path, body, headers)
        except CLOSED:
            if not kept or method not in ("GET", "DELETE"):
                raise
            response = self._ask(method, path, body, headers)
        try:
            answer = Answer(response.status, response.headers, response.read())
        except (http.client.HTTPException, OSError):
            self.close()
            raise
        self.used = time.monotonic()
        if response.will_close:
            self.close()
        return answer

    def _ask(self, method, path, body, headers):
        """Send a request and wait for the head of its answer."""
        if self.connection is None:
            self.connection = http.client.HTTPSConnection(
                *self.address, timeout=self.timeout, context=self.context
            )
        try:
            self.connection.request(method, path, body, {**self.headers, **(headers or {})})
            return self.connection.getresponse()
        except (http.client.HTTPException, OSError):
            self.close()
            raise

    def request(self, method, path, data=None, headers=None):
        """Send JSON below the API's base; return the Answer or raise ApiError."""
        body, extra = None, dict(headers or {})
        if data is not None:
            body = data if isinstance(data, bytes) else json.dumps(data).encode()
            kind = "application/octet-stream" if isinstance(data, bytes) else "application/json"
            extra.setdefault("Content-Type", kind)
        answer = self.raw(method, BASE + path, body, extra)
        if answer.status >= 400:
            raise ApiError(method, path, answer)
        return answer

    def get(self, path):
        return self.request("GET", path).json

    def post(self, path, data=None):
        return self.request("POST", path, data if data is not None else {})

    def delete(self, path):
        return self.request("DELETE", path)

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def login(self, username, password):
        """Open a session as a browser does: cookie, and the CSRF token on every request."""
        answer = self.post("/sessions", {"username": username, "password": password})
        cookie = answer.headers["Set-Cookie"].split(";")[0]
        self.headers = {"Cookie": cookie, "X-CSRF-Token": answer.json["csrf_token"]}
        return answer.json

    def use_token(self, token):
        self.headers = {"Authorization": f"Bearer {token}"}

    def wait_task(self, task_id, timeout=120):
        """Wait for a task to end; return it if it succeeded."""
        deadline = time.monotonic() + timeout
        while True:
            task = self.get(f"/tasks/{task_id}?wait=20")
            if task["status"] == "succeeded":
                return task
            if task["status"] in ("failed", "cancelled"):
                raise RuntimeError(f"task {task['status']}: {json.dumps(task.get('error'))}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"task still {task['status']} ({task.get('stage')})")

    def task_of(self, answer):
        """The task id of a 202 (or of a 201 that started one)."""
        body = answer.json if isinstance(answer.json, dict) else {}
        location = answer.headers.get("Location", "")
        return body.get("task_id") or body.get("id") or location.rsplit("/", 1)[-1]

    def action(self, vm, name, timeout=120):
        """Perform an action on a VM and wait until it is done."""
        answer = self.post(f"/vms/{vm}/actions/{name}")
        return self.wait_task(answer.headers["Location"].rsplit("/", 1)[-1], timeout)

    def images(self):
        """Images by name."""
        return {image["name"]: image for image in self.get("/images")["items"]}

    def upload(self, name, kind, data):
        query = urllib.parse.urlencode({"name": name, "kind": kind})
        return self.request("POST", f"/images?{query}", data).json

    def create_vm(self, timeout=120, **spec):
        """Create a VM; when it is to start, wait for that too.  Return the VM."""
        vm = self.post("/vms", spec).json
        if vm.get("task_id"):
            self.wait_task(vm["task_id"], timeout)
        return self.get(f"/vms/{vm['id']}")

    def create_volume(self, timeout=300, **spec):
        """Make a volume and wait until its content is there.  Return the volume."""
        volume = self.post("/volumes", spec).json
        if volume["task_id"]:
            self.wait_task(volume["task_id"], timeout)
        return self.get(f"/volumes/{volume['id']}")

    def wait_state(self, vm, states, timeout=60):
        """Wait until a VM is in one of @states; return it."""
        deadline = time.monotonic() + timeout
        while True:
            now = self.get(f"/vms/{vm}")
            if now["state"] in states:
                return now
            if time.monotonic() > deadline:
                raise TimeoutError(f"VM is {now['state']}, not {' or '.join(states)}")
            time.sleep(0.1)

    def ticket(self, vm):
        return self.post(f"/vms/{vm}/consoles/serial/tickets").json["ticket"]

    def console(self, vm, ticket=None, origin=None):
        """Open the serial console of a VM, with a fresh ticket unless one is given (False: none)."""
        ticket = self.ticket(vm) if ticket is None else ticket
        protocols = [SUBPROTOCOL, *([ticket] if ticket else [])]
        return WebSocket(self.address, self.context, "/console", protocols, origin)
