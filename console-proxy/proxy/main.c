// SPDX-License-Identifier: Apache-2.0
/*
 * console-proxy: serves consoles as websockets on a UNIX socket, behind the front door that does
 * TLS. Started as root it makes its socket and then becomes an ordinary user.
 */
#include "proxy.h"

#include "sock.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/timerfd.h>

/* Descriptors: two per viewer and per handshake, and some of our own. */
#define MAX_FDS          2048
#define MAX_TOTAL        900
#define ACCEPTS_PER_TURN 8

struct options {
	const char *socket, *group, *user, *tickets, *broker;
	uint64_t max_total, max_per_user, ping;
};

static const char usage[] =
	"Usage: console-proxy [OPTION]...\n"
	"  --socket PATH      listen here (/run/domus/console.sock)\n"
	"  --group NAME       let this group use the socket\n"
	"  --user NAME        become this user once it listens\n"
	"  --tickets PATH     the ticket service (/run/domus/tickets.sock)\n"
	"  --broker PATH      the console broker (/run/domus/broker.sock)\n"
	"  --max-total N      viewers at once (256)\n"
	"  --max-per-user N   viewers at once of one user (64)\n"
	"  --ping SECONDS     idle time before a viewer is asked for a sign of life (25)\n";

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {
		{"socket", required_argument, NULL, 's'},
		{"group", required_argument, NULL, 'g'},
		{"user", required_argument, NULL, 'u'},
		{"tickets", required_argument, NULL, 't'},
		{"broker", required_argument, NULL, 'b'},
		{"max-total", required_argument, NULL, 'm'},
		{"max-per-user", required_argument, NULL, 'M'},
		{"ping", required_argument, NULL, 'p'},
		{NULL, 0, NULL, 0},
	};
	const struct {
		int letter;
		const char **text;
		uint64_t *number;
		uint64_t max;
	} slots[] = {
		{'s', &o->socket, NULL, 0},
		{'g', &o->group, NULL, 0},
		{'u', &o->user, NULL, 0},
		{'t', &o->tickets, NULL, 0},
		{'b', &o->broker, NULL, 0},
		{'m', NULL, &o->max_total, MAX_TOTAL},
		{'M', NULL, &o->max_per_user, MAX_TOTAL},
		{'p', NULL, &o->ping, 3600},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		size_t i = 0;

		while (i < ARRAY_SIZE(slots) && slots[i].letter != c)
			i++;
		if (i == ARRAY_SIZE(slots))
			return -EINVAL;
		if (slots[i].text)
			*slots[i].text = optarg;
		else if (util_parse_u64(optarg, slots[i].max, slots[i].number) || !*slots[i].number)
			return -EINVAL;
	}
	return optind == argc ? 0 : -EINVAL;
}

/* Become @user, for good. Return: 0 or a negative errno. */
static int drop_privileges(const char *user)
{
	const struct passwd *pw;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	if (!user)
		return 0;
	errno = 0;
	pw = getpwnam(user);
	if (!pw)
		return errno ? -errno : -ENOENT;
	if (initgroups(user, pw->pw_gid) || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid))
		return -errno;
	return 0;
}

static void on_accept(struct loop_source *source, uint32_t events)
{
	struct proxy *p = container_of(source, struct proxy, listener);
	int i, fd;

	(void)events;
	for (i = 0; i < ACCEPTS_PER_TURN; i++) {
		fd = sock_accept(source->fd);
		if (fd < 0)
			return;
		gate_create(p, fd);
	}
}

static void on_tick(struct loop_source *source, uint32_t events)
{
	struct proxy *p = container_of(source, struct proxy, timer);
	uint64_t expired;

	(void)events;
	if (read(source->fd, &expired, sizeof(expired)) < 0)
		return;
	gate_tick(p, util_now_ms());
	viewer_tick(p);
	inquiry_next(&p->inquiry, util_now_ms());
}

void proxy_update_timer(struct proxy *p)
{
	bool needed = p->gate_count || p->viewer_count;
	struct itimerspec when = {0};

	if (needed == p->ticking)
		return;
	when.it_value.tv_sec = when.it_interval.tv_sec = needed ? 1 : 0;
	timerfd_settime(p->timer.fd, 0, &when, NULL);
	p->ticking = needed;
}

/* Our loop is one file in libwebsockets' loop. */
static int loop_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
			 size_t len)
{
	struct proxy *p = lws_context_user(lws_get_context(wsi));

	(void)user;
	(void)in;
	(void)len;
	if (reason == LWS_CALLBACK_RAW_RX_FILE)
		return loop_turn(&p->loop, 0) < 0 ? -1 : 0;
	return 0;
}

static void lws_logged(int level, const char *line)
{
	(void)level;
	util_log("libwebsockets: %.*s", (int)strcspn(line, "\n"), line);
}

static int open_lws(struct proxy *p, unsigned int ping)
{
	static struct lws_protocols protocols[3];
	static lws_retry_bo_t keepalive;
	struct lws_context_creation_info info = {0};
	lws_sock_file_fd_type fd = {.filefd = p->loop.fd};

	protocols[0] = viewer_protocol;
	protocols[1] = (struct lws_protocols){.name = "loop", .callback = loop_callback};
	keepalive.secs_since_valid_ping = (uint16_t)ping;
	keepalive.secs_since_valid_hangup = (uint16_t)(ping + 20);
	info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
	info.protocols = protocols;
	info.options = LWS_SERVER_OPTION_UNIX_SOCK | LWS_SERVER_OPTION_DISABLE_IPV6;
	info.retry_and_idle_policy = &keepalive;
	info.user = p;
	info.gid = info.uid = -1;
	lws_set_log_level(LLL_ERR | LLL_WARN, lws_logged);
	p->lws = lws_create_context(&info);
	if (!p->lws)
		return -ENOMEM;
	p->vhost = lws_get_vhost_by_name(p->lws, "default");
	if (!p->vhost ||
	    !lws_adopt_descriptor_vhost(p->vhost, LWS_ADOPT_RAW_FILE_DESC, fd, "loop", NULL))
		return -ENOMEM;
	return 0;
}

static int open_sources(struct proxy *p, const struct options *o)
{
	int rc;

	p->listener.fd = sock_listen(o->socket, o->group);
	if (p->listener.fd < 0)
		return p->listener.fd;
	p->listener.ready = on_accept;
	p->timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (p->timer.fd < 0)
		return -errno;
	p->timer.ready = on_tick;
	rc = loop_add(&p->loop, &p->listener, EPOLLIN);
	return rc ? rc : loop_add(&p->loop, &p->timer, EPOLLIN);
}

static int proxy_open(struct proxy *p, const struct options *o)
{
	/* libwebsockets sizes its tables by this. */
	const struct rlimit fds = {MAX_FDS, MAX_FDS};
	int rc;

	p->max_total = (unsigned int)o->max_total;
	p->max_per_user = (unsigned int)o->max_per_user;
	p->tickets = o->tickets;
	p->backend.broker = o->broker;
	inquiry_init(&p->inquiry, p);
	if (setrlimit(RLIMIT_NOFILE, &fds))
		return -errno;
	rc = loop_init(&p->loop);
	if (!rc)
		rc = open_sources(p, o);
	if (!rc)
		rc = drop_privileges(o->user);
	return rc ? rc : open_lws(p, (unsigned int)o->ping);
}

static volatile sig_atomic_t stopping;
static struct proxy proxy;

static void on_stop(int signal_number)
{
	(void)signal_number;
	stopping = 1;
	if (proxy.lws)
		lws_cancel_service(proxy.lws);
}

int main(int argc, char **argv)
{
	struct options o = {
		.socket = "/run/domus/console.sock",
		.tickets = "/run/domus/tickets.sock",
		.broker = "/run/domus/broker.sock",
		.max_total = 256,
		.max_per_user = 64,
		.ping = 25,
	};
	int rc;

	if (parse_options(argc, argv, &o)) {
		fputs(usage, stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, on_stop);
	signal(SIGINT, on_stop);
	rc = proxy_open(&proxy, &o);
	if (rc) {
		util_log("cannot start: %s", strerror(-rc));
		return 1;
	}
	util_log("listening on %s", o.socket);
	while (!stopping && rc >= 0)
		rc = lws_service(proxy.lws, 0);
	gate_destroy_all(&proxy);
	lws_context_destroy(proxy.lws);
	viewer_destroy_all(&proxy);
	loop_close(&proxy.loop, &proxy.listener);
	loop_close(&proxy.loop, &proxy.timer);
	loop_close(&proxy.loop, &proxy.inquiry.service);
	return stopping ? 0 : 1;
}
