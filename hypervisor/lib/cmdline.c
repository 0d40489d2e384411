/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/cmdline.h"

#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool cmdline_get(const char *cmdline, const char *name, char *buf, size_t size)
{
	size_t nlen = strlen(name);
	bool found = false;
	const char *p = cmdline;

	while (*p) {
		const char *word, *value;

		while (is_blank(*p))
			p++;
		word = p;
		while (*p && !is_blank(*p))
			p++;
		if ((size_t)(p - word) < nlen || strncmp(word, name, nlen))
			continue;
		value = word + nlen;
		if (value < p && *value != '=')
			continue;
		if (value < p)
			value++;
		str_from_bytes(buf, size, value, (size_t)(p - value));
		found = true;
	}
	return found;
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= ' '; /* a letter's lower case */
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

/* Digits from *@s on, decimal or after 0x; *@s ends behind them. */
static int parse_digits(const char **s, uint64_t *value)
{
	unsigned int base = 10;
	const char *p = *s, *first;
	uint64_t v = 0;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		base = 16;
		p += 2;
	}
	for (first = p; digit_value(*p) < (int)base; p++)
		if (__builtin_mul_overflow(v, base, &v) ||
		    __builtin_add_overflow(v, (uint64_t)digit_value(*p), &v))
			return -EINVAL;
	if (p == first)
		return -EINVAL;
	*s = p;
	*value = v;
	return 0;
}

int parse_size(const char *s, uint64_t *bytes)
{
	static const char suffixes[] = "kmgt";
	unsigned int shift = 0;
	uint64_t v;

	if (parse_digits(&s, &v))
		return -EINVAL;
	for (unsigned int i = 0; i < strlen(suffixes); i++)
		if ((*s | ' ') == suffixes[i])
			shift = 10 * (i + 1);
	if ((*s && !shift) || (shift && s[1]) || v > ~0ULL >> shift)
		return -EINVAL;
	*bytes = v << shift;
	return 0;
}

uint64_t cmdline_size(const char *cmdline, const char *name, uint64_t fallback)
{
	uint64_t v;
	char buf[32];

	return cmdline_get(cmdline, name, buf, sizeof(buf)) && !parse_size(buf, &v) ? v : fallback;
}

uint64_t cmdline_number(const char *cmdline, const char *name, uint64_t fallback)
{
	char buf[32];
	const char *p = buf;
	uint64_t v;

	if (!cmdline_get(cmdline, name, buf, sizeof(buf)) || parse_digits(&p, &v) || *p)
		return fallback;
	return v;
}

bool cmdline_bool(const char *cmdline, const char *name, bool fallback)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {
		{"", true},   {"1", true},   {"on", true},   {"yes", true},    {"true", true},
		{"0", false}, {"no", false}, {"off", false}, {"false", false},
	};
	char buf[32], no[64];

	if (cmdline_get(cmdline, name, buf, sizeof(buf)))
		for (size_t i = 0; i < ARRAY_SIZE(words); i++)
			if (!strcmp(buf, words[i].word))
				return words[i].value;
	snprintf(no, sizeof(no), "no-%s", name);
	return cmdline_get(cmdline, no, buf, sizeof(buf)) ? false : fallback;
}
