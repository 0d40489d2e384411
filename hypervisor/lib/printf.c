/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/printf.h"

int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	return format_va(buf, size, fmt, ap);
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = format_va(buf, size, fmt, ap);
	va_end(ap);
	return n;
}
