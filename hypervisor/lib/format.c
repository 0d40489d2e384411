/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/printf.h"

#include "lib/string.h"

struct out {
	char *buf;
	size_t size, len; /* len counts what did not fit, too */
};

/* One conversion as written: %[flags][width][.precision][length]letter. */
struct spec {
	bool left, zero, alt, plus, space;
	bool has_precision;
	unsigned int width, precision;
	unsigned int bytes; /* of the integer argument */
	char letter;
};

static void put(struct out *o, char c)
{
	if (o->len < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void put_repeat(struct out *o, char c, size_t n)
{
	while (n--)
		put(o, c);
}

static void put_padded(struct out *o, const struct spec *s, const char *text, size_t len)
{
	size_t pad = s->width > len ? s->width - len : 0;

	if (!s->left)
		put_repeat(o, ' ', pad);
	while (len--)
		put(o, *text++);
	if (s->left)
		put_repeat(o, ' ', pad);
}

static unsigned int base_of(char letter)
{
	if (letter == 'x' || letter == 'X' || letter == 'p')
		return 16;
	return letter == 'o' ? 8 : 10;
}

static void put_number(struct out *o, const struct spec *s, uint64_t v, const char *sign)
{
	const char *digits = s->letter == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
	unsigned int base = base_of(s->letter), n = 0;
	const char *prefix = "";
	char text[24];
	size_t len, zeros;

	if (base == 16 && s->alt && (v || s->letter == 'p'))
		prefix = s->letter == 'X' ? "0X" : "0x";
	for (; v; v /= base)
		text[n++] = digits[v % base];
	if (!n && !(s->has_precision && !s->precision))
		text[n++] = '0';
	zeros = s->has_precision && s->precision > n ? s->precision - n : 0;
	len = strlen(sign) + strlen(prefix) + zeros + n;
	if (s->zero && !s->left && !s->has_precision && s->width > len) {
		zeros = s->width - len;
		len = s->width;
	}
	if (!s->left && s->width > len)
		put_repeat(o, ' ', s->width - len);
	while (*sign)
		put(o, *sign++);
	while (*prefix)
		put(o, *prefix++);
	put_repeat(o, '0', zeros);
	while (n)
		put(o, text[--n]);
	if (s->left && s->width > len)
		put_repeat(o, ' ', s->width - len);
}

static const char *parse_count(const char *f, unsigned int *n)
{
	for (*n = 0; *f >= '0' && *f <= '9'; f++)
		*n = min(*n * 10 + (unsigned int)(*f - '0'), 4096u);
	return f;
}

static const char *parse_flags(const char *f, struct spec *s)
{
	for (;; f++) {
		switch (*f) {
		case '-': s->left = true; break;
		case '0': s->zero = true; break;
		case '#': s->alt = true; break;
		case '+': s->plus = true; break;
		case ' ': s->space = true; break;
		default: return f;
		}
	}
}

static const char *parse_length(const char *f, struct spec *s)
{
	s->bytes = 4;
	switch (*f) {
	case 'h': s->bytes = f[1] == 'h' ? 1 : 2; return f + (f[1] == 'h' ? 2 : 1);
	case 'l': s->bytes = 8; return f + (f[1] == 'l' ? 2 : 1);
	case 'z':
	case 'j':
	case 't': s->bytes = 8; return f + 1;
	default: return f;
	}
}

static uint64_t narrow(uint64_t v, unsigned int bytes)
{
	return bytes == 8 ? v : v & ((1ULL << (bytes * 8)) - 1);
}

static void put_signed(struct out *o, const struct spec *s, int64_t v)
{
	if (s->bytes == 1)
		v = (int8_t)v;
	else if (s->bytes == 2)
		v = (int16_t)v;
	if (v < 0)
		put_number(o, s, -(uint64_t)v, "-");
	else
		put_number(o, s, (uint64_t)v, s->plus ? "+" : s->space ? " " : "");
}

static void put_string(struct out *o, const struct spec *s, const char *text)
{
	if (!text)
		text = "(null)";
	put_padded(o, s, text, s->has_precision ? strnlen(text, s->precision) : strlen(text));
}

/* va_list is an array type here, and passing it on to another function needs a pointer. */
struct args {
	va_list ap;
};

static void convert(struct out *o, struct spec *s, struct args *a)
{
	char c;

	switch (s->letter) {
	case 'd':
	case 'i':
		put_signed(o, s, s->bytes == 8 ? va_arg(a->ap, int64_t) : va_arg(a->ap, int));
		break;
	case 'u':
	case 'x':
	case 'X':
	case 'o':
		put_number(o, s,
			   narrow(s->bytes == 8 ? va_arg(a->ap, uint64_t) :
						  va_arg(a->ap, unsigned int),
				  s->bytes),
			   "");
		break;
	case 'p':
		s->alt = true;
		put_number(o, s, (uint64_t)(uintptr_t)va_arg(a->ap, void *), "");
		break;
	case 'c':
		c = (char)va_arg(a->ap, int);
		put_padded(o, s, &c, 1);
		break;
	case 's': put_string(o, s, va_arg(a->ap, const char *)); break;
	default:
		put(o, '%');
		if (s->letter != '%')
			put(o, s->letter);
		break;
	}
}

static const char *parse_spec(const char *f, struct spec *s, struct args *a)
{
	*s = (struct spec){0};
	f = parse_flags(f, s);
	if (*f == '*') {
		int w = va_arg(a->ap, int);

		s->left |= w < 0;
		s->width = (unsigned int)(w < 0 ? -(int64_t)w : w);
		f++;
	} else {
		f = parse_count(f, &s->width);
	}
	if (*f == '.') {
		s->has_precision = true;
		if (*++f == '*') {
			int p = va_arg(a->ap, int);

			s->has_precision = p >= 0;
			s->precision = p >= 0 ? (unsigned int)p : 0;
			f++;
		} else {
			f = parse_count(f, &s->precision);
		}
	}
	f = parse_length(f, s);
	s->letter = *f;
	return *f ? f + 1 : f;
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
		if (s.letter)
			convert(&o, &s, &a);
	}
	va_end(a.ap);
	if (size)
		buf[min(o.len, size - 1)] = '\0';
	return (int)o.len;
}
