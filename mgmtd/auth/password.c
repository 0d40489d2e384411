/* SPDX-License-Identifier: Apache-2.0 */
#include "password.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "../util/crypt.h"

#define SALT_LEN    16
#define KEY_LEN     32
#define COST_N      4096 /* about 0.2 s where the CPU is emulated */
#define COST_R      8
#define COST_P      1
#define COST_MEMORY (64u << 20)

static bool derive(const char *password, const uint8_t *salt, uint64_t n, uint64_t r, uint64_t p,
		   uint8_t key[KEY_LEN])
{
	return EVP_PBE_scrypt(password, strlen(password), salt, SALT_LEN, n, r, p, COST_MEMORY, key,
			      KEY_LEN) == 1;
}

int password_hash(const char *password, char out[PASSWORD_HASH_LEN])
{
	char salt_hex[2 * SALT_LEN + 1], key_hex[2 * KEY_LEN + 1];
	uint8_t salt[SALT_LEN], key[KEY_LEN];

	crypt_random(salt, sizeof(salt));
	if (!derive(password, salt, COST_N, COST_R, COST_P, key))
		return -ENOMEM;
	crypt_hex(salt, sizeof(salt), salt_hex);
	crypt_hex(key, sizeof(key), key_hex);
	snprintf(out, PASSWORD_HASH_LEN, "scrypt$%d$%d$%d$%s$%s", COST_N, COST_R, COST_P, salt_hex,
		 key_hex);
	OPENSSL_cleanse(key, sizeof(key));
	return 0;
}

bool password_verify(const char *password, const char *stored)
{
	char salt_hex[2 * SALT_LEN + 1] = "", key_hex[2 * KEY_LEN + 1] = "";
	uint8_t salt[SALT_LEN] = {0}, wanted[KEY_LEN] = {0}, key[KEY_LEN];
	uint64_t n = COST_N, r = COST_R, p = COST_P;
	bool known;

	known = stored &&
		sscanf(stored, "scrypt$%" SCNu64 "$%" SCNu64 "$%" SCNu64 "$%32[0-9a-f]$%64[0-9a-f]",
		       &n, &r, &p, salt_hex, key_hex) == 5 &&
		crypt_unhex(salt_hex, salt, sizeof(salt)) &&
		crypt_unhex(key_hex, wanted, sizeof(wanted));
	if (!derive(password, salt, n, r, p, key))
		return false;
	return CRYPTO_memcmp(key, wanted, sizeof(key)) == 0 && known;
}

void password_make(char out[PASSWORD_MADE_LEN])
{
	static const char letters[] = "abcdefghjkmnpqrstuvwxyz23456789";
	uint8_t byte;

	for (int i = 0; i < PASSWORD_MADE_LEN - 1; i++) {
		if (i % 6 == 5) {
			out[i] = '-';
			continue;
		}
		do /* no bias: take only what divides evenly */
			crypt_random(&byte, 1);
		while (byte >= 256 / (sizeof(letters) - 1) * (sizeof(letters) - 1));
		out[i] = letters[byte % (sizeof(letters) - 1)];
	}
	out[PASSWORD_MADE_LEN - 1] = '\0';
}
