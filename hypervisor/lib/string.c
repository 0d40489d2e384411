/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/string.h"

size_t strlcpy(char *dst, const char *src, size_t size)
{
	size_t len = strlen(src);

	if (size)
		str_from_bytes(dst, size, src, len);
	return len;
}

void str_from_bytes(char *dst, size_t size, const char *src, size_t len)
{
	if (!size)
		return;
	if (len > size - 1)
		len = size - 1;
	memcpy(dst, src, len);
	dst[len] = '\0';
}
