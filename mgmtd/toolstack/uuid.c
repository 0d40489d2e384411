/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "toolstack.h"

/* Bytes after which the text form has a dash. */
static bool dash_after(unsigned int byte)
{
	return byte == 3 || byte == 5 || byte == 7 || byte == 9;
}

void ts_uuid_format(const uint8_t uuid[TS_UUID_LEN], char out[TS_UUID_STR_LEN])
{
	static const char digits[] = "0123456789abcdef";

	for (unsigned int i = 0; i < TS_UUID_LEN; i++) {
		*out++ = digits[uuid[i] >> 4];
		*out++ = digits[uuid[i] & 15];
		if (dash_after(i))
			*out++ = '-';
	}
	*out = '\0';
}

static int digit(char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *p = c ? strchr(digits, c) : NULL;

	return p ? (int)(p - digits) & 15 : -1;
}

bool ts_uuid_parse(const char *text, uint8_t uuid[TS_UUID_LEN])
{
	uint8_t u[TS_UUID_LEN];

	if (strlen(text) != TS_UUID_STR_LEN - 1)
		return false;
	for (unsigned int i = 0; i < TS_UUID_LEN; i++) {
		int high = digit(*text++);
		int low = digit(*text++);

		if (high < 0 || low < 0)
			return false;
		u[i] = (uint8_t)(high << 4 | low);
		if (dash_after(i) && *text++ != '-')
			return false;
	}
	memcpy(uuid, u, sizeof(u));
	return true;
}
