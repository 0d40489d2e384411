/* SPDX-License-Identifier: Apache-2.0 */
/* The log: one line per event on stderr. Nothing secret is ever passed to it. */
#ifndef MGMTD_LOG_H
#define MGMTD_LOG_H

/** Write one line. Context: any thread. */
void log_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
