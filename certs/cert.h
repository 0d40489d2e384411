/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's key and certificate. It is self-signed rather than issued by a local authority: an
 * administrator who trusts it trusts this one server, while an authority's key kept here could sign
 * for any site in the eyes of whoever imported it. A renewal keeps the key, so a pinned key stays.
 */
#ifndef CERTS_CERT_H
#define CERTS_CERT_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "names.h"

/* Days before its end at which a certificate of ours is renewed, unless its life is short. */
#define CERT_RENEW_DAYS 30

struct cert {
	EVP_PKEY *key;
	X509 *x509;
};

enum cert_verdict {
	CERT_GOOD,
	CERT_MISSING,         /* no file */
	CERT_BROKEN,          /* unreadable, or key and certificate do not belong together */
	CERT_ENDING,          /* ours, and expired or nearly so, or not valid yet */
	CERT_FOREIGN_EXPIRED, /* installed by the administrator, and expired: not ours to replace */
};

void cert_fini(struct cert *c);

/**
 * Read key and certificate from @path. What could be read is in @c, even of a broken file:
 * the caller ends it with cert_fini in any case.
 */
enum cert_verdict cert_load(struct cert *c, const char *path);

/** Make an ECDSA P-256 key. Return: 0 or -EIO. */
must_check int cert_make_key(struct cert *c);

/** Make a certificate of @c->key for @names, valid for @days. Return: 0 or -EIO. */
must_check int cert_make(struct cert *c, const struct names *names, int days);

/** True when @c was made here: self-signed, with our organization. */
int cert_is_ours(const struct cert *c);

/** True when @c is valid for @name. */
int cert_covers(const struct cert *c, const struct name *name);

/** SHA-256 of the certificate as colon-separated hex. Return: 0 or -EIO. */
must_check int cert_fingerprint(const struct cert *c, char out[96]);

/**
 * Write @c to @path, with its key when @with_key, by way of a temporary file next to it.
 * @group owns it when it is not (gid_t)-1.
 * Return: 0 or a negative errno; @path is the old or the new file, never half of one.
 */
must_check int cert_write(const struct cert *c, const char *path, int with_key, gid_t group);

#endif
