// SPDX-License-Identifier: Apache-2.0
#include "proxy.h"

#include <errno.h>
#include <jansson.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define VIEWER_CHUNK         ((size_t)64 << 10) /* most bytes in one frame to the browser */
#define VIEWER_RX_CHUNK      ((size_t)4 << 10)  /* most bytes in one piece from it */
#define VIEWER_HELD_MAX      ((size_t)64 << 10)
#define VIEWER_TEXT_MAX      1024
#define VIEWER_CLOSE_SECONDS 10 /* for a browser to take our close frame */

struct viewer {
	LIST_ENTRY(viewer) link;
	struct proxy *proxy;
	struct lws *wsi; /* NULL until the websocket is established */
	int client_fd;
	struct loop_source backend;
	struct grant grant;
	int64_t asked;      /* when its credential was last asked about, ms */
	const char *notice; /* text to send when there is room, or NULL */
	uint8_t *held;      /* typed, not yet taken by the backend */
	size_t held_len;
	size_t text_len;
	uint16_t close_code; /* 0: not closing */
	const char *close_reason;
	bool warned; /* about being read-only */
	char text[VIEWER_TEXT_MAX];
};

static void viewer_destroy(struct viewer *v)
{
	struct proxy *p = v->proxy;

	util_log("closed user=%s vm=%s kind=%s reason=\"%s\"", v->grant.user, v->grant.vm,
		 v->grant.kind, v->close_reason ? v->close_reason : "left");
	loop_close(&p->loop, &v->backend);
	LIST_REMOVE(v, link);
	p->viewer_count--;
	free(v->held);
	free(v);
	proxy_update_timer(p);
}

unsigned int viewer_count(const struct proxy *p, const char *user)
{
	const struct viewer *v;
	unsigned int n = 0;

	LIST_FOREACH(v, &p->viewers, link)
	n += !strcmp(v->grant.user, user);
	return n;
}

static void viewer_close(struct viewer *v, uint16_t code, const char *reason)
{
	if (v->close_code)
		return;
	v->close_code = code;
	v->close_reason = reason;
	loop_close(&v->proxy->loop, &v->backend);
	if (!v->wsi)
		return;
	lws_callback_on_writable(v->wsi);
	/* One that has stopped reading never becomes writable. */
	lws_set_timeout(v->wsi, PENDING_TIMEOUT_USER_REASON_BASE, VIEWER_CLOSE_SECONDS);
}

/* Listen to the backend, or stop: what it has to say waits in its socket. */
static void viewer_listen(struct viewer *v, uint32_t events, bool on)
{
	uint32_t now = v->backend.events;

	if (v->backend.fd >= 0)
		loop_set(&v->proxy->loop, &v->backend, on ? now | events : now & ~events);
}

static void viewer_notice(struct viewer *v, const char *text)
{
	v->notice = text;
	lws_callback_on_writable(v->wsi);
}

/* Give the backend what was held for it. */
static void viewer_flush(struct viewer *v)
{
	ssize_t n = send(v->backend.fd, v->held, v->held_len, MSG_NOSIGNAL);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n < 0) {
		viewer_close(v, 1012, "the console was restarted");
		return;
	}
	v->held_len -= (size_t)n;
	memmove(v->held, v->held + n, v->held_len);
	if (!v->held_len) {
		viewer_listen(v, EPOLLOUT, false);
		lws_rx_flow_control(v->wsi, 1);
	}
}

static void viewer_backend_ready(struct loop_source *source, uint32_t events)
{
	struct viewer *v = container_of(source, struct viewer, backend);

	if (events & EPOLLOUT)
		viewer_flush(v);
	if (!(events & ~(uint32_t)EPOLLOUT) || source->fd < 0)
		return;
	viewer_listen(v, EPOLLIN, false);
	if (v->wsi)
		lws_callback_on_writable(v->wsi);
	/*
	 * A hang-up can't be unasked for, and would be reported until the browser has taken what is
	 * still to be read. So the descriptor leaves the loop; its end is found by reading.
	 */
	if (events & EPOLLHUP)
		source->fd = loop_release(&v->proxy->loop, source);
}

static void viewer_hold(struct viewer *v, const uint8_t *data, size_t len)
{
	uint8_t *held;

	if (len > VIEWER_HELD_MAX - v->held_len) {
		viewer_close(v, 1008, "typed faster than the console takes it");
		return;
	}
	held = realloc(v->held, v->held_len + len);
	if (!held) {
		viewer_close(v, 1011, "out of memory");
		return;
	}
	memcpy(held + v->held_len, data, len);
	v->held = held;
	v->held_len += len;
	viewer_listen(v, EPOLLOUT, true);
	lws_rx_flow_control(v->wsi, 0);
}

static void viewer_type(struct viewer *v, const uint8_t *data, size_t len)
{
	ssize_t n = 0;

	if (v->grant.read_only) {
		if (!v->warned)
			viewer_notice(v, "this console is read-only; what you type is ignored");
		v->warned = true;
		return;
	}
	if (!v->held_len)
		n = send(v->backend.fd, data, len, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN) {
		viewer_close(v, 1012, "the console was restarted");
		return;
	}
	n = n < 0 ? 0 : n;
	if ((size_t)n < len)
		viewer_hold(v, data + n, len - (size_t)n);
}

/*
 * A whole text message. Only its form matters as yet: a serial line has no size that a resize
 * could change, and types unknown today must not break clients of tomorrow.
 */
static void viewer_control(struct viewer *v)
{
	json_t *json = json_loadb(v->text, v->text_len, JSON_REJECT_DUPLICATES, NULL);

	if (!json_is_object(json) || !json_is_string(json_object_get(json, "type")))
		viewer_close(v, 1007, "not a control message");
	json_decref(json);
	v->text_len = 0;
}

static void viewer_text(struct viewer *v, const void *data, size_t len, bool last)
{
	if (len > sizeof(v->text) - v->text_len) {
		viewer_close(v, 1009, "control message too long");
		return;
	}
	memcpy(v->text + v->text_len, data, len);
	v->text_len += len;
	if (last)
		viewer_control(v);
}

static void viewer_received(struct viewer *v, const void *data, size_t len)
{
	bool last = lws_is_final_fragment(v->wsi) && !lws_remaining_packet_payload(v->wsi);

	if (v->close_code)
		return;
	if (!lws_frame_is_binary(v->wsi))
		viewer_text(v, data, len, last);
	else if (len)
		viewer_type(v, data, len);
}

static int viewer_send_notice(struct viewer *v)
{
	unsigned char frame[LWS_PRE + 256];
	int len = snprintf((char *)frame + LWS_PRE, sizeof(frame) - LWS_PRE,
			   "{\"type\":\"notice\",\"text\":\"%s\",\"read_only\":%s}", v->notice,
			   v->grant.read_only ? "true" : "false");

	v->notice = NULL;
	lws_callback_on_writable(v->wsi);
	return lws_write(v->wsi, frame + LWS_PRE, (size_t)len, LWS_WRITE_TEXT) < 0 ? -1 : 0;
}

/* There is room for one frame. Return: -1 to end the connection. */
static int viewer_writable(struct viewer *v)
{
	static unsigned char frame[LWS_PRE + VIEWER_CHUNK];
	ssize_t n;

	if (!v->close_code && v->notice)
		return viewer_send_notice(v);
	n = v->close_code ? 0 : recv(v->backend.fd, frame + LWS_PRE, VIEWER_CHUNK, 0);
	if (n < 0 && errno == EAGAIN) {
		viewer_listen(v, EPOLLIN, true);
		return 0;
	}
	if (n <= 0) {
		viewer_close(v, 1012, "the console was restarted");
		lws_close_reason(v->wsi, v->close_code, (unsigned char *)(uintptr_t)v->close_reason,
				 strlen(v->close_reason));
		return -1;
	}
	if (lws_write(v->wsi, frame + LWS_PRE, (size_t)n, LWS_WRITE_BINARY) < 0)
		return -1;
	/* libwebsockets keeps what the socket didn't take and calls again when it is gone. */
	lws_callback_on_writable(v->wsi);
	return 0;
}

static struct viewer *viewer_find(struct proxy *p, int fd)
{
	struct viewer *v;

	LIST_FOREACH(v, &p->viewers, link)
	{
		if (!v->wsi && v->client_fd == fd)
			return v;
	}
	return NULL;
}

static int viewer_established(struct proxy *p, struct lws *wsi, struct viewer **slot)
{
	struct viewer *v = viewer_find(p, lws_get_socket_fd(wsi));

	if (!v)
		return -1;
	*slot = v;
	v->wsi = wsi;
	if (v->grant.read_only)
		v->notice = "this console is read-only";
	lws_callback_on_writable(wsi);
	util_log("opened user=%s vm=%s kind=%s mode=%s", v->grant.user, v->grant.vm, v->grant.kind,
		 v->grant.read_only ? "ro" : "rw");
	return 0;
}

static int viewer_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
			   size_t len)
{
	struct viewer **slot = user;

	switch (reason) {
	case LWS_CALLBACK_HTTP: return -1;
	case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
		/* Nobody gets here but by viewer_create. */
		return viewer_find(lws_context_user(lws_get_context(wsi)), lws_get_socket_fd(wsi)) ?
			       0 :
			       -1;
	case LWS_CALLBACK_ESTABLISHED:
		return viewer_established(lws_context_user(lws_get_context(wsi)), wsi, slot);
	case LWS_CALLBACK_RECEIVE: viewer_received(*slot, in, len); return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE: return viewer_writable(*slot);
	case LWS_CALLBACK_CLOSED:
		if (*slot)
			viewer_destroy(*slot);
		*slot = NULL;
		return 0;
	default: return 0;
	}
}

const struct lws_protocols viewer_protocol = {
	.name = HANDSHAKE_PROTOCOL,
	.callback = viewer_callback,
	.per_session_data_size = sizeof(struct viewer *),
	.rx_buffer_size = VIEWER_RX_CHUNK,
	.tx_packet_size = VIEWER_CHUNK,
};

static struct viewer *viewer_alloc(struct proxy *p, int fd, const struct grant *grant,
				   int backend_fd)
{
	struct viewer *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->proxy = p;
	v->client_fd = fd;
	v->grant = *grant;
	v->asked = util_now_ms();
	v->backend.fd = backend_fd;
	v->backend.ready = viewer_backend_ready;
	if (loop_add(&p->loop, &v->backend, 0)) {
		free(v);
		return NULL;
	}
	LIST_INSERT_HEAD(&p->viewers, v, link);
	p->viewer_count++;
	proxy_update_timer(p);
	return v;
}

void viewer_create(struct proxy *p, int fd, const struct handshake *h, const char *rest,
		   size_t rest_len, const struct grant *grant, int backend_fd)
{
	static char request[1024 + HANDSHAKE_HEAD_MAX];
	size_t len = handshake_canonical(h, request, 1024);
	struct viewer *v = viewer_alloc(p, fd, grant, backend_fd);

	if (!v) {
		close(fd);
		close(backend_fd);
		return;
	}
	memcpy(request + len, rest, rest_len);
	/* Closes fd itself when it fails. */
	if (!lws_adopt_socket_vhost_readbuf(p->vhost, fd, request, len + rest_len)) {
		v = viewer_find(p, fd);
		if (v)
			viewer_destroy(v);
	}
}

void viewer_tick(struct proxy *p)
{
	time_t now = time(NULL);
	struct viewer *v;

	LIST_FOREACH(v, &p->viewers, link)
	{
		if (v->grant.expires <= now)
			viewer_close(v, 1008, "the session has ended");
	}
}

const char *viewer_due(struct proxy *p, int64_t now_ms, int64_t every_ms)
{
	struct viewer *v, *due = NULL;

	LIST_FOREACH(v, &p->viewers, link)
	{
		if (*v->grant.credential && !v->close_code && now_ms - v->asked >= every_ms &&
		    (!due || v->asked < due->asked))
			due = v;
	}
	if (!due)
		return NULL;
	LIST_FOREACH(v, &p->viewers, link)
	{
		if (!strcmp(v->grant.credential, due->grant.credential))
			v->asked = now_ms;
	}
	return due->grant.credential;
}

void viewer_end(struct proxy *p, const char *credential)
{
	struct viewer *v;

	LIST_FOREACH(v, &p->viewers, link)
	{
		if (!strcmp(v->grant.credential, credential))
			viewer_close(v, 1008, "the session has ended");
	}
}

void viewer_destroy_all(struct proxy *p)
{
	while (!LIST_EMPTY(&p->viewers))
		viewer_destroy(LIST_FIRST(&p->viewers));
}
