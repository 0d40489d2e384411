/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness, digests and their text forms. */
#ifndef MGMTD_CRYPT_H
#define MGMTD_CRYPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UUID_TEXT_LEN   37 /* with the NUL */
#define SHA256_HEX_LEN  65 /* with the NUL */
#define SECRET_TEXT_LEN 44 /* 32 random bytes in base64url, with the NUL */

/** Fill @out from the kernel's generator; aborts when there is none. */
void crypt_random(void *out, size_t len);
/** A random (version 4) UUID. */
void crypt_uuid(char out[UUID_TEXT_LEN]);
/** Is @text a UUID in lower-case canonical form? */
bool crypt_is_uuid(const char *text);
/** 32 random bytes in base64url. */
void crypt_secret(char out[SECRET_TEXT_LEN]);

/** SHA-256 of @text in hex. */
void crypt_sha256_text(const char *text, char out[SHA256_HEX_LEN]);
/** SHA-256 of @len bytes in hex. */
void crypt_sha256(const void *data, size_t len, char out[SHA256_HEX_LEN]);
/** Lower-case hex of @len bytes; @out holds 2 * @len + 1. */
void crypt_hex(const uint8_t *data, size_t len, char *out);
/** Bytes of the hex string @text; false when it isn't exactly @len bytes of hex. */
bool crypt_unhex(const char *text, uint8_t *out, size_t len);
/** Base64url without padding. Return: heap string or NULL. */
char *crypt_base64(const void *data, size_t len);
/** The opposite. Return: heap bytes with a NUL after them, or NULL; *@len is their number. */
char *crypt_unbase64(const char *text, size_t *len);
/** Compare in constant time. */
bool crypt_equal(const char *a, const char *b);

#endif
