/* SPDX-License-Identifier: Apache-2.0 */
/* A console broker without consoles: every machine says it is ready, and echoes what is typed. */
#ifndef DOMUS_FAKE_BROKER_H
#define DOMUS_FAKE_BROKER_H

/** Serve at @path on threads of its own, for as long as the process lives. Return: 0 or -errno. */
int fake_broker_start(const char *path);

#endif
