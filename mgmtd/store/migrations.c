/* SPDX-License-Identifier: Apache-2.0 */
#include "migrations.h"

const struct migration migrations[] = {
	{"who may",
	 "CREATE TABLE user (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
	 " password TEXT NOT NULL, role TEXT NOT NULL, created_at TEXT NOT NULL) STRICT;"
	 "CREATE TABLE session (hash TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES user(id)"
	 " ON DELETE CASCADE, address TEXT NOT NULL, created_at TEXT NOT NULL,"
	 " expires_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL) STRICT;"
	 "CREATE TABLE token (id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE,"
	 " user_id TEXT NOT NULL REFERENCES user(id) ON DELETE CASCADE, name TEXT NOT NULL,"
	 " role TEXT NOT NULL, created_at TEXT NOT NULL, expires_at TEXT NOT NULL,"
	 " expires_ms INTEGER NOT NULL, last_used_at TEXT, UNIQUE (user_id, name)) STRICT;"
	 "CREATE TABLE audit (id TEXT PRIMARY KEY, time TEXT NOT NULL, user TEXT NOT NULL,"
	 " address TEXT NOT NULL, action TEXT NOT NULL, target TEXT, result INTEGER NOT NULL,"
	 " request_id TEXT NOT NULL) STRICT;"
	 "CREATE INDEX audit_time ON audit(time, id);"},
	{"what there is",
	 "CREATE TABLE image (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,"
	 " size INTEGER NOT NULL, sha256 TEXT, builtin INTEGER NOT NULL DEFAULT 0,"
	 " path TEXT NOT NULL, stamp TEXT, created_at TEXT NOT NULL) STRICT;"
	 "CREATE TABLE vm (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, mode TEXT NOT NULL,"
	 " vcpus INTEGER NOT NULL, memory INTEGER NOT NULL, kernel TEXT NOT NULL, initrd TEXT,"
	 " cmdline TEXT NOT NULL, state TEXT NOT NULL, reason_code TEXT, reason TEXT,"
	 " domid INTEGER, boot_id TEXT, task_id TEXT, created_at TEXT NOT NULL,"
	 " updated_at TEXT NOT NULL, started_at TEXT, revision INTEGER NOT NULL DEFAULT 1) STRICT;"
	 "CREATE INDEX vm_kernel ON vm(kernel); CREATE INDEX vm_initrd ON vm(initrd);"},
	{"what happens",
	 "CREATE TABLE task (id TEXT PRIMARY KEY, kind TEXT NOT NULL, status TEXT NOT NULL,"
	 " progress INTEGER NOT NULL DEFAULT 0, stage TEXT NOT NULL DEFAULT '',"
	 " target_type TEXT NOT NULL, target TEXT, actor TEXT NOT NULL, params TEXT NOT NULL,"
	 " error TEXT, request_id TEXT NOT NULL, created_at TEXT NOT NULL, started_at TEXT,"
	 " finished_at TEXT, revision INTEGER NOT NULL DEFAULT 1) STRICT;"
	 "CREATE INDEX task_created ON task(created_at, id);"
	 "CREATE INDEX task_open ON task(status) WHERE status IN ('queued', 'running');"
	 "CREATE TABLE event (id INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT NOT NULL,"
	 " time TEXT NOT NULL, vm TEXT, resource TEXT NOT NULL) STRICT;"
	 "CREATE TABLE idempotency (key TEXT PRIMARY KEY, request TEXT NOT NULL,"
	 " status INTEGER NOT NULL, headers TEXT, body TEXT, created_ms INTEGER NOT NULL) STRICT;"},
	{"what happens by itself",
	 "ALTER TABLE vm ADD COLUMN restart_policy TEXT NOT NULL DEFAULT 'never';"
	 "ALTER TABLE vm ADD COLUMN restarts INTEGER NOT NULL DEFAULT 0;"
	 "ALTER TABLE vm ADD COLUMN restart_ms INTEGER;"
	 "ALTER TABLE vm ADD COLUMN crash TEXT;"
	 "ALTER TABLE vm ADD COLUMN autostart INTEGER NOT NULL DEFAULT 0;"
	 "ALTER TABLE vm ADD COLUMN autostart_order INTEGER NOT NULL DEFAULT 0;"
	 "ALTER TABLE vm ADD COLUMN autostart_delay INTEGER NOT NULL DEFAULT 0;"
	 "CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;"},
	{"what can be changed while it runs",
	 "ALTER TABLE vm ADD COLUMN vcpus_max INTEGER NOT NULL DEFAULT 0;"
	 "ALTER TABLE vm ADD COLUMN memory_min INTEGER NOT NULL DEFAULT 0;"
	 "ALTER TABLE vm ADD COLUMN memory_max INTEGER NOT NULL DEFAULT 0;"
	 "ALTER TABLE vm ADD COLUMN weight INTEGER NOT NULL DEFAULT 256;"
	 "ALTER TABLE vm ADD COLUMN cap INTEGER NOT NULL DEFAULT 0;"
	 "ALTER TABLE vm ADD COLUMN affinity TEXT;"
	 "UPDATE vm SET vcpus_max = vcpus, memory_min = memory, memory_max = memory;"},
	{"volumes and disks",
	 "CREATE TABLE volume (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
	 " size INTEGER NOT NULL, format TEXT NOT NULL, created_at TEXT NOT NULL,"
	 " revision INTEGER NOT NULL DEFAULT 1) STRICT;"
	 "CREATE TABLE vm_disk (id TEXT PRIMARY KEY, vm TEXT NOT NULL REFERENCES vm(id)"
	 " ON DELETE CASCADE, slot INTEGER NOT NULL, volume TEXT REFERENCES volume(id),"
	 " image TEXT REFERENCES image(id), read_only INTEGER NOT NULL, UNIQUE (vm, slot)) STRICT;"
	 "CREATE INDEX vm_disk_volume ON vm_disk(volume);"
	 "CREATE INDEX vm_disk_image ON vm_disk(image);"},
	{"networks",
	 "CREATE TABLE network (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,"
	 " interface TEXT NOT NULL UNIQUE, vlan INTEGER UNIQUE, subnet TEXT UNIQUE,"
	 " base INTEGER, prefix INTEGER, dhcp INTEGER NOT NULL DEFAULT 0,"
	 " nat INTEGER NOT NULL DEFAULT 0, builtin INTEGER NOT NULL DEFAULT 0,"
	 " created_at TEXT NOT NULL, revision INTEGER NOT NULL DEFAULT 1) STRICT;"
	 "CREATE TABLE nic (id TEXT PRIMARY KEY,"
	 " vm TEXT NOT NULL REFERENCES vm(id) ON DELETE CASCADE,"
	 " network TEXT NOT NULL REFERENCES network(id), devid INTEGER NOT NULL,"
	 " mac TEXT NOT NULL UNIQUE, address TEXT, rate INTEGER,"
	 " spoof_protection INTEGER NOT NULL DEFAULT 1, link INTEGER NOT NULL DEFAULT 1,"
	 " domid INTEGER, UNIQUE (vm, devid), UNIQUE (network, address)) STRICT;"
	 "INSERT INTO network (id, name, kind, interface, builtin, created_at) VALUES"
	 " ('6e657477-6f72-4000-8000-000000000001', 'default', 'bridge', 'br0', 1,"
	 " strftime('%Y-%m-%dT%H:%M:%fZ'));"},
	{"volumes in the making",
	 "ALTER TABLE volume ADD COLUMN state TEXT NOT NULL DEFAULT 'ready';"
	 "ALTER TABLE volume ADD COLUMN reason_code TEXT; ALTER TABLE volume ADD COLUMN reason TEXT;"
	 "ALTER TABLE volume ADD COLUMN task_id TEXT;"},
	{"disks that fail, and how large they are",
	 "ALTER TABLE vm_disk ADD COLUMN reason_code TEXT;"
	 "ALTER TABLE vm_disk ADD COLUMN reason TEXT;"
	 "ALTER TABLE image ADD COLUMN disk_size INTEGER;"
	 "UPDATE image SET disk_size = size WHERE kind = 'iso';"},
};

const size_t migrations_count = sizeof(migrations) / sizeof(migrations[0]);
