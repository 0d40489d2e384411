/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/printf.h"

#include "lib/string.h"

#define MAX_ZEROS 32u /* that '0' fills a number up to */

struct out {
	char *buf;
	size_t size, len; /* len counts what did not fit, too */
};

/* One conversion as written: %[flags][width][.precision][length]letter. */
struct spec {
	bool left, zero, alt;
	bool wide; /* an integer of 64 bits */
	unsigned int width, precision;
};

/* va_list is an array type here, and passing it on to another function needs a pointer. */
struct args {
	va_list ap;
};

static void put(struct out *o, char c)
{
	if (o->len < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void put_padded(struct out *o, const struct spec *s, const char *text, size_t len)
{
	size_t pad = s->width > len ? s->width - len : 0;

	for (; !s->left && pad; pad--)
		put(o, ' ');
	while (len--)
		put(o, *text++);
	while (pad--)
		put(o, ' ');
}

static void put_number(struct out *o, const struct spec *s, uint64_t v, unsigned int base,
		       const char *sign)
{
	char text[MAX_ZEROS + 8], *end = text + sizeof(text), *p = end;
	size_t width = s->zero && !s->left ? min(s->width, MAX_ZEROS) : 0;

	do {
		*--p = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	width -= min(width, strlen(sign));
	while ((size_t)(end - p) < width)
		*--p = '0';
	p -= strlen(sign);
	memcpy(p, sign, strlen(sign));
	put_padded(o, s, p, (size_t)(end - p));
}

static const char *parse_count(const char *f, unsigned int *n)
{
	for (*n = 0; *f >= '0' && *f <= '9'; f++)
		*n = min(*n * 10 + (unsigned int)(*f - '0'), 4096u);
	return f;
}

static const char *parse_spec(const char *f, struct spec *s, struct args *a)
{
	*s = (struct spec){.precision = ~0u};
	for (; *f == '-' || *f == '0' || *f == '#'; f++) {
		s->left |= *f == '-';
		s->zero |= *f == '0';
		s->alt |= *f == '#';
	}
	f = parse_count(f, &s->width);
	if (f[0] == '.' && f[1] == '*') {
		s->precision = va_arg(a->ap, unsigned int); /* a negative one is none */
		f += 2;
	} else if (*f == '.') {
		f = parse_count(f + 1, &s->precision);
	}
	for (; *f == 'l' || *f == 'z'; f++)
		s->wide = true;
	return f;
}

static void convert(struct out *o, const struct spec *s, char letter, struct args *a)
{
	const char *text;
	int64_t i;
	uint64_t u;
	char c;

	switch (letter) {
	case 'd':
		i = s->wide ? va_arg(a->ap, int64_t) : va_arg(a->ap, int);
		put_number(o, s, i < 0 ? -(uint64_t)i : (uint64_t)i, 10, i < 0 ? "-" : "");
		break;
	case 'u':
	case 'x':
		u = s->wide ? va_arg(a->ap, uint64_t) : va_arg(a->ap, unsigned int);
		put_number(o, s, u, letter == 'x' ? 16 : 10, s->alt && u ? "0x" : "");
		break;
	case 'c':
		c = (char)va_arg(a->ap, int);
		put_padded(o, s, &c, 1);
		break;
	case 's':
		text = va_arg(a->ap, const char *);
		text = text ? text : "(null)";
		put_padded(o, s, text, strnlen(text, s->precision));
		break;
	default:
		put(o, '%');
		if (letter != '%')
			put(o, letter);
		break;
	}
}

int format_va(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = {.buf = buf, .size = size};
	struct spec s;
	struct args a;

	va_copy(a.ap, ap);
	while (*fmt) {
		if (*fmt != '%') {
			put(&o, *fmt++);
			continue;
		}
		fmt = parse_spec(fmt + 1, &s, &a);
		if (*fmt)
			convert(&o, &s, *fmt++, &a);
	}
	va_end(a.ap);
	if (size)
		buf[min(o.len, size - 1)] = '\0';
	return (int)o.len;
}
