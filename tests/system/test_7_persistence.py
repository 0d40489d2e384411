"""What must outlive a restart of the machine, on a data disk."""

from bed import MIB, Alone, boot, scratch


class Persistence(Alone):
    """Two boots from one data disk."""

    def test_restart(self):
        """VMs, tokens, images, password and certificate are there again after a clean restart"""
        data = scratch("data.img")
        machine = boot("persistence-1", data=data, cpus=1)
        try:
            client = machine.client()
            client.login("admin", machine.password)
            token = client.post("/tokens", {"name": "kept"}).json["token"]
            image = client.upload("kept", "initrd", b"\0" * MIB)
            spec = {"name": "kept", "mode": "pvh", "vcpus": 1, "memory": 64 * MIB}
            kernel = client.images()["debian-kernel"]["id"]
            vm = client.post("/vms", {**spec, "boot": {"kernel": kernel}, "start": False}).json
            certificate = _certificate(client)
        finally:
            clean = machine.stop(limit=120)
        self.assertTrue(clean, "no clean shutdown\n" + machine.tail())
        again = boot("persistence-2", data=data, cpus=1)
        try:
            self.assertEqual(again.password, machine.password)
            client = again.client()
            client.use_token(token)
            self.assertEqual(client.get(f"/vms/{vm['id']}")["name"], "kept")
            self.assertEqual(client.images()["kept"]["sha256"], image["sha256"])
            self.assertEqual(_certificate(client), certificate)
            client.login("admin", machine.password)
            client.post("/host/actions/shutdown", {})
            self.assertTrue(again.gone(40), "POST /host/actions/shutdown did not switch it off")
        finally:
            again.kill()


def _certificate(client):
    client.get("/host")
    return client.connection.sock.getpeercert(binary_form=True) if client.connection else None
