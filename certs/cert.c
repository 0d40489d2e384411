// SPDX-License-Identifier: Apache-2.0
#include "cert.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CERT_ORGANIZATION "Domus"
#define DAY_SECONDS       (24L * 60 * 60)
#define CERT_FILE_MAX     (256 * 1024)

static void cert_freep(BIO **bio)
{
	BIO_free(*bio);
}

void cert_fini(struct cert *c)
{
	EVP_PKEY_free(c->key);
	X509_free(c->x509);
	memset(c, 0, sizeof(*c));
}

int cert_is_ours(const struct cert *c)
{
	X509_NAME *subject = X509_get_subject_name(c->x509);
	char organization[64];

	if (X509_NAME_cmp(subject, X509_get_issuer_name(c->x509)))
		return 0;
	return X509_NAME_get_text_by_NID(subject, NID_organizationName, organization,
					 sizeof(organization)) > 0 &&
	       !strcmp(organization, CERT_ORGANIZATION);
}

/* How long before its end @c is to be renewed: one of a short life in its last third. */
static long cert_renew_seconds(const struct cert *c)
{
	int days = 0, seconds = 0;

	if (!ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(c->x509),
			    X509_get0_notAfter(c->x509)))
		return 0;
	return days / 3 < CERT_RENEW_DAYS ? days * DAY_SECONDS / 3 : CERT_RENEW_DAYS * DAY_SECONDS;
}

static enum cert_verdict cert_judge(const struct cert *c)
{
	time_t soon;

	if (!c->key || !c->x509 || X509_check_private_key(c->x509, c->key) != 1)
		return CERT_BROKEN;
	if (!cert_is_ours(c)) {
		return X509_cmp_current_time(X509_get0_notAfter(c->x509)) < 0 ?
			       CERT_FOREIGN_EXPIRED :
			       CERT_GOOD;
	}
	soon = time(NULL) + cert_renew_seconds(c);
	if (X509_cmp_time(X509_get0_notAfter(c->x509), &soon) <= 0 ||
	    X509_cmp_current_time(X509_get0_notBefore(c->x509)) > 0)
		return CERT_ENDING;
	return CERT_GOOD;
}

enum cert_verdict cert_load(struct cert *c, const char *path)
{
	__attribute__((cleanup(cert_freep))) BIO *bio = NULL;
	struct stat st;

	memset(c, 0, sizeof(*c));
	if (stat(path, &st))
		return errno == ENOENT ? CERT_MISSING : CERT_BROKEN;
	if (!S_ISREG(st.st_mode) || st.st_size > CERT_FILE_MAX)
		return CERT_BROKEN;
	bio = BIO_new_file(path, "r");
	if (!bio)
		return CERT_BROKEN;
	/* The two may stand in either order. The empty password keeps it from asking for one. */
	c->x509 = PEM_read_bio_X509(bio, NULL, NULL, (void *)"");
	BIO_reset(bio);
	c->key = PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"");
	return cert_judge(c);
}

int cert_make_key(struct cert *c)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	if (!key)
		return -EIO;
	EVP_PKEY_free(c->key);
	c->key = key;
	return 0;
}

static int cert_add_extension(X509 *x509, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;
	int ok;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, x509, x509, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = ext && X509_add_ext(x509, ext, -1);
	X509_EXTENSION_free(ext);
	return ok;
}

static int cert_add_name(GENERAL_NAMES *list, const struct name *name)
{
	int type = name->kind == NAME_DNS ? GEN_DNS : GEN_IPADD;
	GENERAL_NAME *entry = a2i_GENERAL_NAME(NULL, NULL, NULL, type, name->text, 0);

	if (entry && sk_GENERAL_NAME_push(list, entry))
		return 1;
	GENERAL_NAME_free(entry);
	return 0;
}

/* Names go in as values, not as text for OpenSSL's configuration parser. */
static int cert_add_names(X509 *x509, const struct names *names)
{
	GENERAL_NAMES *list = sk_GENERAL_NAME_new_null();
	int ok = list != NULL;
	size_t i;

	for (i = 0; ok && i < names->count; i++)
		ok = cert_add_name(list, &names->name[i]);
	ok = ok && X509_add1_ext_i2d(x509, NID_subject_alt_name, list, 0, X509V3_ADD_DEFAULT);
	GENERAL_NAMES_free(list);
	return ok;
}

static int cert_set_serial(X509 *x509)
{
	BIGNUM *bn = BN_new();
	int ok;

	/* CA/Browser Forum 7.1: at least 64 random bits; RFC 5280: positive, 20 bytes at most. */
	ok = bn && BN_rand(bn, 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
	     BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x509));
	BN_free(bn);
	return ok;
}

static int cert_set_subject(X509 *x509, const struct names *names)
{
	X509_NAME *subject = X509_get_subject_name(x509);
	const char *first = names_first(names);
	char cn[65]; /* RFC 5280: ub-common-name is 64 */

	snprintf(cn, sizeof(cn), "%s", first ? first : "domus");
	return X509_NAME_add_entry_by_NID(subject, NID_organizationName, MBSTRING_UTF8,
					  (const unsigned char *)CERT_ORGANIZATION, -1, -1, 0) &&
	       X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
					  (const unsigned char *)cn, -1, -1, 0) &&
	       X509_set_issuer_name(x509, subject);
}

static int cert_add_extensions(X509 *x509, const struct names *names)
{
	static const struct {
		int nid;
		const char *value;
	} table[] = {
		{NID_basic_constraints, "critical,CA:FALSE"},
		{NID_key_usage, "critical,digitalSignature"},
		{NID_ext_key_usage, "serverAuth"},
		{NID_subject_key_identifier, "hash"},
	};
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (!cert_add_extension(x509, table[i].nid, table[i].value))
			return 0;
	}
	return cert_add_names(x509, names);
}

int cert_make(struct cert *c, const struct names *names, int days)
{
	X509 *x509 = X509_new();
	int ok;

	/* From yesterday on: clocks of clients, and this one's before it is set, may be behind. */
	ok = x509 && X509_set_version(x509, X509_VERSION_3) && cert_set_serial(x509) &&
	     X509_gmtime_adj(X509_getm_notBefore(x509), -DAY_SECONDS) &&
	     X509_time_adj_ex(X509_getm_notAfter(x509), days, 0, NULL) &&
	     X509_set_pubkey(x509, c->key) && cert_set_subject(x509, names) &&
	     cert_add_extensions(x509, names) && X509_sign(x509, c->key, EVP_sha256()) > 0;
	if (!ok) {
		X509_free(x509);
		return -EIO;
	}
	X509_free(c->x509);
	c->x509 = x509;
	return 0;
}

int cert_covers(const struct cert *c, const struct name *name)
{
	if (name->kind == NAME_ADDRESS)
		return X509_check_ip_asc(c->x509, name->text, 0) == 1;
	return X509_check_host(c->x509, name->text, 0, 0, NULL) == 1;
}

int cert_fingerprint(const struct cert *c, char out[96])
{
	unsigned char digest[32];
	unsigned int i, len = 0;

	if (X509_digest(c->x509, EVP_sha256(), digest, &len) != 1 || len != sizeof(digest))
		return -EIO;
	for (i = 0; i < len; i++)
		snprintf(out + (size_t)i * 3, 4, "%02X%s", digest[i], i + 1 < len ? ":" : "");
	return 0;
}

static int cert_sync_directory(const char *path)
{
	char copy[PATH_MAX];
	int fd, rc;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = fsync(fd) ? -errno : 0;
	close(fd);
	return rc;
}

static int cert_write_fd(const struct cert *c, int fd, int with_key)
{
	__attribute__((cleanup(cert_freep))) BIO *bio = BIO_new_fd(fd, BIO_NOCLOSE);

	if (!bio || PEM_write_bio_X509(bio, c->x509) != 1)
		return -EIO;
	if (with_key && PEM_write_bio_PrivateKey(bio, c->key, NULL, NULL, 0, NULL, NULL) != 1)
		return -EIO;
	return fsync(fd) ? -errno : 0;
}

int cert_write(const struct cert *c, const char *path, int with_key, gid_t group)
{
	char temp[PATH_MAX];
	int fd, rc;

	if (snprintf(temp, sizeof(temp), "%s.new", path) >= (int)sizeof(temp))
		return -ENAMETOOLONG;
	unlink(temp);
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	rc = cert_write_fd(c, fd, with_key);
	if (!rc && group != (gid_t)-1 && fchown(fd, (uid_t)-1, group))
		rc = -errno;
	if (!rc && fchmod(fd, with_key ? 0640 : 0644))
		rc = -errno;
	close(fd);
	if (!rc && rename(temp, path))
		rc = -errno;
	if (rc)
		unlink(temp);
	return rc ? rc : cert_sync_directory(path);
}
