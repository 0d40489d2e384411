// SPDX-License-Identifier: Apache-2.0
#include "cert.h"
#include "names.h"

#include <check.h>
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef DOMUS_CERTS
#error "path of domus-certs"
#endif

static char dir[] = "/tmp/certs-test-XXXXXX";
static char pem[64], crt[64];

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(pem, sizeof(pem), "%s/server.pem", dir);
	snprintf(crt, sizeof(crt), "%s/server.crt", dir);
}

static void teardown(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

/* Run domus-certs on our directory. @say collects its output. Return: its exit status. */
static int run(const char *arguments, char say[4096])
{
	char command[512];
	size_t n;
	FILE *out;
	int status;

	snprintf(command, sizeof(command), "%s --dir %s %s 2>&1", DOMUS_CERTS, dir, arguments);
	out = popen(command, "r");
	n = fread(say, 1, 4095, out);
	say[n] = '\0';
	status = pclose(out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int mode_of(const char *path)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	return st.st_mode & 07777;
}

/* The bytes of a file, terminated. */
static char *slurp(const char *path)
{
	static char text[2][16384];
	static int turn;
	FILE *in = fopen(path, "r");
	char *here = text[turn ^= 1];

	ck_assert_ptr_nonnull(in);
	here[fread(here, 1, sizeof(text[0]) - 1, in)] = '\0';
	fclose(in);
	return here;
}

static void spill(const char *path, const char *text)
{
	FILE *out = fopen(path, "w");

	fputs(text, out);
	fclose(out);
}

START_TEST(what_is_made)
{
	const struct name dns = {NAME_DNS, "box.example"}, ip4 = {NAME_ADDRESS, "192.0.2.7"},
			  ip6 = {NAME_ADDRESS, "2001:db8::7"}, no = {NAME_DNS, "other"};
	struct cert c, public;
	char group[32], say[4096];
	int days = 0, seconds = 0;

	ck_assert_int_eq(run("--name box.example --address 192.0.2.7 --address 2001:db8:0::7", say),
			 0);
	ck_assert_ptr_nonnull(strstr(say, "made a certificate: there was none"));
	ck_assert_ptr_nonnull(strstr(say, "SHA-256 fingerprint "));
	ck_assert_int_eq(mode_of(pem), 0640);
	ck_assert_int_eq(mode_of(crt), 0644);
	ck_assert_ptr_null(strstr(slurp(crt), "PRIVATE"));
	ck_assert_int_eq(cert_load(&c, pem), CERT_GOOD);
	ck_assert_int_eq(EVP_PKEY_get_group_name(c.key, group, sizeof(group), NULL), 1);
	ck_assert_str_eq(group, "prime256v1");
	ck_assert(cert_covers(&c, &dns) && cert_covers(&c, &ip4) && cert_covers(&c, &ip6));
	ck_assert(!cert_covers(&c, &no));
	ck_assert_int_eq(X509_get_version(c.x509), X509_VERSION_3);
	ck_assert_int_eq(X509_check_ca(c.x509), 0);
	ck_assert_uint_eq(X509_get_key_usage(c.x509), KU_DIGITAL_SIGNATURE);
	ck_assert_uint_eq(X509_get_extended_key_usage(c.x509), XKU_SSL_SERVER);
	ck_assert_int_eq(X509_check_purpose(c.x509, X509_PURPOSE_SSL_SERVER, 0), 1);
	ck_assert_int_eq(X509_check_purpose(c.x509, X509_PURPOSE_SSL_CLIENT, 0), 0);
	ck_assert_int_eq(X509_verify(c.x509, c.key), 1);
	ck_assert(ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(c.x509)));
	ck_assert_int_ge(days, 824);
	ck_assert_int_le(days, 825);
	ck_assert_int_eq(cert_load(&public, crt), CERT_BROKEN); /* no key in there */
	ck_assert_int_eq(X509_cmp(public.x509, c.x509), 0);
	cert_fini(&public);
	cert_fini(&c);
}
END_TEST

START_TEST(this_host)
{
	const struct name local = {NAME_DNS, "localhost"}, four = {NAME_ADDRESS, "127.0.0.1"},
			  six = {NAME_ADDRESS, "::1"};
	struct name host = {.kind = NAME_DNS};
	struct cert c;
	char say[4096];

	ck_assert_int_eq(run("", say), 0);
	ck_assert_int_eq(cert_load(&c, pem), CERT_GOOD);
	ck_assert(cert_covers(&c, &local) && cert_covers(&c, &four) && cert_covers(&c, &six));
	ck_assert_int_eq(gethostname(host.text, sizeof(host.text) - 1), 0);
	ck_assert(cert_covers(&c, &host));
	cert_fini(&c);
}
END_TEST

START_TEST(is_kept)
{
	char say[4096], before[16384];

	ck_assert_int_eq(run("--name a", say), 0);
	strcpy(before, slurp(pem));
	ck_assert_int_eq(run("--name a", say), 0);
	ck_assert_ptr_null(strstr(say, "made"));
	ck_assert_str_eq(slurp(pem), before);
	/* A name that came later is pointed out, and is no reason to replace it unasked. */
	ck_assert_int_eq(run("--name a --name b", say), 0);
	ck_assert_ptr_nonnull(strstr(say, "b is not in the certificate"));
	ck_assert_str_eq(slurp(pem), before);
	/* Its public half comes back by itself. */
	unlink(crt);
	ck_assert_int_eq(run("--name a", say), 0);
	ck_assert_ptr_nonnull(strstr(slurp(crt), "BEGIN CERTIFICATE"));
	ck_assert_str_eq(slurp(pem), before);
}
END_TEST

START_TEST(renewal_keeps_the_key)
{
	const struct name b = {NAME_DNS, "b"};
	struct cert old, new;
	char say[4096];

	ck_assert_int_eq(run("--name a", say), 0);
	ck_assert_int_eq(cert_load(&old, pem), CERT_GOOD);
	ck_assert_int_eq(run("--name a --name b --renew", say), 0);
	ck_assert_int_eq(cert_load(&new, pem), CERT_GOOD);
	ck_assert(cert_covers(&new, &b));
	ck_assert_int_eq(EVP_PKEY_eq(old.key, new.key), 1);
	ck_assert_int_ne(X509_cmp(old.x509, new.x509), 0);
	cert_fini(&old);
	cert_fini(&new);
}
END_TEST

/* Put a certificate of ours in place that ends in @days (may be negative). */
static void plant(int days)
{
	struct names names = {0};
	struct cert c = {0};

	ck_assert_int_eq(names_add(&names, NAME_DNS, "a"), 0);
	ck_assert_int_eq(cert_make_key(&c), 0);
	ck_assert_int_eq(cert_make(&c, &names, 400), 0);
	X509_time_adj_ex(X509_getm_notBefore(c.x509), days - 400, 0, NULL);
	X509_time_adj_ex(X509_getm_notAfter(c.x509), days, 0, NULL);
	ck_assert_int_gt(X509_sign(c.x509, c.key, EVP_sha256()), 0);
	ck_assert_int_eq(cert_write(&c, pem, 1, (gid_t)-1), 0);
	cert_fini(&c);
}

START_TEST(expired)
{
	static const struct {
		int days;
		enum cert_verdict verdict;
	} table[] = {
		{-1, CERT_ENDING},
		{10, CERT_ENDING},
		{60, CERT_GOOD},
		{401, CERT_ENDING},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct cert c;
		char say[4096];

		plant(table[i].days);
		ck_assert_int_eq(cert_load(&c, pem), table[i].verdict);
		cert_fini(&c);
		ck_assert_int_eq(run("--name a", say), 0);
		ck_assert_int_eq(strstr(say, "expired or soon will") != NULL,
				 table[i].verdict == CERT_ENDING);
		ck_assert_int_eq(cert_load(&c, pem), CERT_GOOD);
		cert_fini(&c);
	}
}
END_TEST

START_TEST(short_lived)
{
	char say[4096], before[16384];

	ck_assert_int_eq(run("--name a --days 5", say), 0);
	strcpy(before, slurp(pem));
	ck_assert_int_eq(run("--name a --days 5", say), 0);
	ck_assert_str_eq(slurp(pem), before);
}
END_TEST

START_TEST(damaged)
{
	char say[4096], half[16384];
	struct cert c;

	ck_assert_int_eq(run("--name a", say), 0);
	strcpy(half, slurp(pem));
	half[strlen(half) / 2] = '\0';
	for (int i = 0; i < 3; i++) {
		const char *const content[] = {"", half, "not a certificate\n"};

		spill(pem, content[i]);
		ck_assert_int_eq(run("--name a", say), 0);
		ck_assert_ptr_nonnull(strstr(say, "damaged"));
		ck_assert_int_eq(cert_load(&c, pem), CERT_GOOD);
		cert_fini(&c);
		ck_assert_int_eq(mode_of(pem), 0640);
		ck_assert_ptr_nonnull(strstr(slurp(pem), slurp(crt)));
	}
}
END_TEST

START_TEST(wrong_key)
{
	struct names names = {0};
	struct cert c = {0};
	char say[4096];

	ck_assert_int_eq(names_add(&names, NAME_DNS, "a"), 0);
	ck_assert_int_eq(cert_make_key(&c), 0);
	ck_assert_int_eq(cert_make(&c, &names, 100), 0);
	ck_assert_int_eq(cert_make_key(&c), 0);
	ck_assert_int_eq(cert_write(&c, pem, 1, (gid_t)-1), 0);
	cert_fini(&c);
	ck_assert_int_eq(run("--name a", say), 0);
	ck_assert_ptr_nonnull(strstr(say, "damaged"));
	ck_assert_int_eq(cert_load(&c, pem), CERT_GOOD);
	cert_fini(&c);
}
END_TEST

/* A certificate the administrator has installed is never replaced unasked. */
START_TEST(foreign)
{
	char command[512], say[4096], before[16384];

	snprintf(command, sizeof(command),
		 "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /O=Acme/CN=a "
		 "-keyout %s/k -out %s/c 2>/dev/null && cat %s/k %s/c > %s",
		 dir, dir, dir, dir, pem);
	ck_assert_int_eq(system(command), 0);
	strcpy(before, slurp(pem));
	ck_assert_int_eq(run("--name a", say), 0);
	ck_assert_ptr_null(strstr(say, "made"));
	ck_assert_str_eq(slurp(pem), before);
	ck_assert_int_eq(run("--name a --renew", say), 0);
	ck_assert_str_ne(slurp(pem), before);
}
END_TEST

START_TEST(bad_arguments)
{
	static const char *const table[] = {
		"--name 'a b'",
		"--name ''",
		"--name a..b",
		"--name -a",
		"--name a,IP:1.2.3.4",
		"--address 1.2.3",
		"--address a",
		"--days 0",
		"--days x",
		"--days 999999999",
		"--frobnicate",
		"stray",
		"--group no-such-group",
	};
	char say[4096];

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		ck_assert_msg(run(table[i], say) == 2, "%s", table[i]);
		ck_assert_int_eq(access(pem, F_OK), -1);
	}
	strcat(strcpy(pem, dir), "/a/b");
	rmdir(dir);
	spill(dir, "a file");
	ck_assert_int_eq(run("--name a", say), 1);
	ck_assert_ptr_nonnull(strstr(say, strerror(ENOTDIR)));
}
END_TEST

START_TEST(name_list)
{
	struct names names = {0};
	char text[32];

	ck_assert_ptr_null(names_first(&names));
	ck_assert_int_eq(names_add(&names, NAME_ADDRESS, "::ffff"), 0);
	ck_assert_str_eq(names_first(&names), "::ffff");
	ck_assert_int_eq(names_add(&names, NAME_DNS, "*.example"), 0);
	ck_assert_int_eq(names_add(&names, NAME_DNS, "*.EXAMPLE"), 0);
	ck_assert_int_eq(names_add(&names, NAME_ADDRESS, "0:0:0::ffff"), 0);
	ck_assert_uint_eq(names.count, 2);
	ck_assert_str_eq(names_first(&names), "*.example");
	for (int i = 2; i < NAMES_MAX; i++) {
		snprintf(text, sizeof(text), "n%d", i);
		ck_assert_int_eq(names_add(&names, NAME_DNS, text), 0);
	}
	ck_assert_int_eq(names_add(&names, NAME_DNS, "more"), -ENOSPC);
	ck_assert_int_eq(names_add(&names, NAME_DNS, "n5"), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("certs");
	TCase *tc = tcase_create("certs");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, what_is_made);
	tcase_add_test(tc, this_host);
	tcase_add_test(tc, is_kept);
	tcase_add_test(tc, renewal_keeps_the_key);
	tcase_add_test(tc, expired);
	tcase_add_test(tc, short_lived);
	tcase_add_test(tc, damaged);
	tcase_add_test(tc, wrong_key);
	tcase_add_test(tc, foreign);
	tcase_add_test(tc, bad_arguments);
	tcase_add_test(tc, name_list);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
