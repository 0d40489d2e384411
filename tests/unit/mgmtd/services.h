/* SPDX-License-Identifier: Apache-2.0 */
/* The services on their own, over the fake toolstack, which a test opens, closes and opens again. */
#ifndef TEST_MGMTD_SERVICES_H
#define TEST_MGMTD_SERVICES_H

#include "svc/svc.h"
#include "svc/vm.h"
#include "svc/volume.h"

extern struct svc svc;

/** Open it on the test's directory, and @start its threads. */
void open_svc(bool start);
/** Close it, if it is open. */
void close_svc(void);
/** Close it and remove the directory. For a fixture's tear-down; test_dir_make() is its set-up. */
void services_end(void);

/** A machine of 64 MiB, which is to @start at once. */
void make_vm(const char *name, const char *cmdline, bool start, char id[UUID_TEXT_LEN]);
enum vm_state state_of(const char *id);
/** See that a machine comes to have @state. */
void wait_state(const char *id, enum vm_state state);
/** How many there are. */
size_t domains(void);

/** An empty volume of 1 MiB, which is ready at once. */
void make_volume(const char *name, struct volume *out);
/** A volume of 1 MiB that begins as a copy of an image, and the task that makes it. */
void copy_volume(const char *name, struct volume *out, char task[UUID_TEXT_LEN]);
/** An executable file in the directory. */
void script(const char *name, const char *text, char path[128]);
/** See that a task comes to have @status. */
void wait_task(const char *id, const char *status);

#endif
