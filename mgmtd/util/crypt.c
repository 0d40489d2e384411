/* SPDX-License-Identifier: Apache-2.0 */
#include "crypt.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void crypt_random(void *out, size_t len)
{
	uint8_t *p = out;

	while (len) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0)
			abort();
		p += n;
		len -= (size_t)n;
	}
}

void crypt_hex(const uint8_t *data, size_t len, char *out)
{
	for (size_t i = 0; i < len; i++)
		snprintf(out + 2 * i, 3, "%02x", data[i]);
	out[2 * len] = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool crypt_unhex(const char *text, uint8_t *out, size_t len)
{
	if (strlen(text) != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++) {
		int hi = hex_digit(text[2 * i]), lo = hex_digit(text[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

void crypt_uuid(char out[UUID_TEXT_LEN])
{
	char hex[33];
	uint8_t b[16];

	crypt_random(b, sizeof(b));
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40); /* RFC 9562, 5.4: version 4, variant 10b */
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	crypt_hex(b, sizeof(b), hex);
	snprintf(out, UUID_TEXT_LEN, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
		 hex + 20);
}

bool crypt_is_uuid(const char *text)
{
	if (strlen(text) != UUID_TEXT_LEN - 1)
		return false;
	for (int i = 0; i < UUID_TEXT_LEN - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : hex_digit(text[i]) < 0)
			return false;
	}
	return true;
}

char *crypt_base64(const void *data, size_t len)
{
	const uint8_t *p = data;
	char *out = malloc(len / 3 * 4 + 5), *o = out;
	uint32_t acc = 0;
	int bits = 0;

	if (!out)
		return NULL;
	for (size_t i = 0; i < len; i++) {
		acc = acc << 8 | p[i];
		for (bits += 8; bits >= 6; bits -= 6)
			*o++ = base64_digits[acc >> (bits - 6) & 63];
	}
	if (bits)
		*o++ = base64_digits[acc << (6 - bits) & 63];
	*o = '\0';
	return out;
}

char *crypt_unbase64(const char *text, size_t *len)
{
	char *out = malloc(strlen(text) + 1);
	uint32_t acc = 0;
	size_t n = 0;
	int bits = 0;

	if (!out)
		return NULL;
	for (; *text; text++) {
		const char *digit = strchr(base64_digits, *text);

		if (!digit) {
			free(out);
			return NULL;
		}
		acc = acc << 6 | (uint32_t)(digit - base64_digits);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[n++] = (char)(acc >> bits);
		}
	}
	out[n] = '\0';
	*len = n;
	return out;
}

void crypt_secret(char out[SECRET_TEXT_LEN])
{
	uint8_t bytes[32];
	char *text;

	crypt_random(bytes, sizeof(bytes));
	text = crypt_base64(bytes, sizeof(bytes));
	if (!text)
		abort();
	memcpy(out, text, SECRET_TEXT_LEN);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	free(text);
}

void crypt_sha256(const void *data, size_t len, char out[SHA256_HEX_LEN])
{
	uint8_t digest[32];

	if (!EVP_Digest(data, len, digest, NULL, EVP_sha256(), NULL))
		abort();
	crypt_hex(digest, sizeof(digest), out);
}

void crypt_sha256_text(const char *text, char out[SHA256_HEX_LEN])
{
	crypt_sha256(text, strlen(text), out);
}

bool crypt_equal(const char *a, const char *b)
{
	size_t len = strlen(a);

	return len == strlen(b) && CRYPTO_memcmp(a, b, len) == 0;
}
