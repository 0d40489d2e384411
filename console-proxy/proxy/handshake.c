// SPDX-License-Identifier: Apache-2.0
#include "handshake.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* A piece of the head. at == NULL: not there. */
struct text {
	const char *at;
	size_t len;
};

struct fields {
	struct text host, origin, key, version, upgrade, length, encoding;
	int connection_upgrade;
	int protocols;      /* how many were named */
	int spoken;         /* ours is the first of them */
	struct text ticket; /* the second */
};

#define BASE64       "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
#define TICKET_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."

static int text_is(struct text t, const char *word)
{
	return t.len == strlen(word) && !strncasecmp(t.at, word, t.len);
}

static int text_is_exactly(struct text t, const char *word)
{
	return t.len == strlen(word) && !memcmp(t.at, word, t.len);
}

static int text_consists_of(struct text t, const char *chars)
{
	for (size_t i = 0; i < t.len; i++) {
		if (!t.at[i] || !strchr(chars, t.at[i]))
			return 0;
	}
	return 1;
}

static struct text text_trim(struct text t)
{
	while (t.len && (*t.at == ' ' || *t.at == '\t')) {
		t.at++;
		t.len--;
	}
	while (t.len && (t.at[t.len - 1] == ' ' || t.at[t.len - 1] == '\t'))
		t.len--;
	return t;
}

/* Cut @from at the first @mark; @rest is what follows it. Return: the part before. */
static struct text text_cut(struct text from, char mark, struct text *rest)
{
	const char *at = from.len ? memchr(from.at, mark, from.len) : NULL;
	size_t len = at ? (size_t)(at - from.at) : from.len;

	*rest = (struct text){at ? at + 1 : NULL, at ? from.len - len - 1 : 0};
	return (struct text){from.at, len};
}

size_t handshake_head_length(const char *data, size_t len)
{
	const char *end = memmem(data, len, "\r\n\r\n", 4);

	return end ? (size_t)(end - data) + 4 : 0;
}

static void fields_connection(struct fields *f, struct text value)
{
	while (value.at) {
		struct text rest, item = text_trim(text_cut(value, ',', &rest));

		f->connection_upgrade |= text_is(item, "upgrade");
		value = rest;
	}
}

static void fields_protocols(struct fields *f, struct text value)
{
	while (value.at) {
		struct text rest, item = text_trim(text_cut(value, ',', &rest));

		if (f->protocols == 0)
			f->spoken = text_is_exactly(item, HANDSHAKE_PROTOCOL);
		else if (f->protocols == 1)
			f->ticket = item;
		f->protocols++;
		value = rest;
	}
}

/* Header fields of which there can be one only. */
static struct text *fields_single(struct fields *f, struct text name)
{
	const struct {
		const char *name;
		struct text *slot;
	} table[] = {
		{"host", &f->host},
		{"origin", &f->origin},
		{"upgrade", &f->upgrade},
		{"sec-websocket-key", &f->key},
		{"sec-websocket-version", &f->version},
		{"content-length", &f->length},
		{"transfer-encoding", &f->encoding},
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (text_is(name, table[i].name))
			return table[i].slot;
	}
	return NULL;
}

/* RFC 9110 5.6.2: what a field's name is made of. */
static int fields_valid_name(struct text name)
{
	return name.len &&
	       text_consists_of(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789!#$%&'*+-.^_`|~");
}

static int fields_valid_value(struct text value)
{
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.at[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return 0;
	}
	return 1;
}

/* One field line. Return: 0 when it is not allowed. */
static int fields_add(struct fields *f, struct text line)
{
	struct text value, name = text_cut(line, ':', &value);
	struct text *slot;

	if (!value.at || !fields_valid_name(name) || !fields_valid_value(value))
		return 0;
	value = text_trim(value);
	if (text_is(name, "connection"))
		fields_connection(f, value);
	else if (text_is(name, "sec-websocket-protocol"))
		fields_protocols(f, value);
	slot = fields_single(f, name);
	if (slot && slot->at)
		return 0;
	if (slot)
		*slot = value;
	return 1;
}

/* The next line of @head without its CR LF. Return: 0 at the empty line or a bare CR or LF. */
static int head_line(struct text *head, struct text *line)
{
	struct text rest, found = text_cut(*head, '\n', &rest);

	if (!rest.at || !found.len || found.at[found.len - 1] != '\r')
		return 0;
	found.len--;
	*head = rest;
	*line = found;
	return 1;
}

static enum refusal head_request(struct text line)
{
	struct text target, version, query;
	struct text method = text_cut(line, ' ', &target);

	target = text_cut(target, ' ', &version);
	if (!method.len || !target.len || !version.at || !text_is_exactly(version, "HTTP/1.1"))
		return REFUSAL_MALFORMED;
	target = text_cut(target, '?', &query);
	if (!text_is_exactly(target, "/console"))
		return REFUSAL_NOT_FOUND;
	return text_is_exactly(method, "GET") ? REFUSAL_NONE : REFUSAL_METHOD;
}

static int valid_key(struct text key)
{
	struct text digits = {key.at, 22};

	return key.len == 24 && text_consists_of(digits, BASE64) && key.at[22] == '=' &&
	       key.at[23] == '=';
}

static enum refusal fields_judge(const struct fields *f)
{
	if (!f->host.at || !f->host.len || f->encoding.at ||
	    (f->length.at && !text_is_exactly(f->length, "0")))
		return REFUSAL_MALFORMED;
	if (!f->upgrade.at || !text_is(f->upgrade, "websocket") || !f->connection_upgrade)
		return REFUSAL_NOT_WEBSOCKET;
	if (!f->version.at || !text_is_exactly(f->version, "13"))
		return REFUSAL_VERSION;
	if (!f->key.at || !valid_key(f->key))
		return REFUSAL_MALFORMED;
	/* Programs send no Origin; a browser always does, and can't be made to lie. */
	if (f->origin.at &&
	    !handshake_same_origin(f->origin.at, f->origin.len, f->host.at, f->host.len))
		return REFUSAL_ORIGIN;
	if (!f->spoken)
		return REFUSAL_SUBPROTOCOL;
	if (f->protocols < 2)
		return REFUSAL_NO_TICKET;
	if (f->protocols > 2)
		return REFUSAL_SUBPROTOCOL;
	if (f->ticket.len < HANDSHAKE_TICKET_MIN || f->ticket.len > HANDSHAKE_TICKET_MAX ||
	    !text_consists_of(f->ticket, TICKET_CHARS))
		return REFUSAL_TICKET;
	return REFUSAL_NONE;
}

enum refusal handshake_parse(const char *data, size_t len, struct handshake *out)
{
	struct text head = {data, len}, line;
	struct fields f = {0};
	enum refusal why;

	if (len < 4 || handshake_head_length(data, len) != len || !head_line(&head, &line))
		return REFUSAL_MALFORMED;
	why = head_request(line);
	if (why)
		return why;
	while (head_line(&head, &line) && line.len) {
		if (!fields_add(&f, line))
			return REFUSAL_MALFORMED;
	}
	/* Only the empty line may end it, and nothing may be left behind that. */
	if (line.len || head.len)
		return REFUSAL_MALFORMED;
	why = fields_judge(&f);
	if (why)
		return why;
	memset(out, 0, sizeof(*out));
	memcpy(out->key, f.key.at, f.key.len);
	memcpy(out->ticket, f.ticket.at, f.ticket.len);
	return REFUSAL_NONE;
}

/* Split "host:port", "[v6]:port" or the same without a port. Return: 0 when it is neither. */
static int split_authority(struct text all, struct text *host, struct text *port)
{
	size_t name = 0;

	if (all.len && all.at[0] == '[') {
		const char *end = memchr(all.at, ']', all.len);

		if (!end)
			return 0;
		name = (size_t)(end - all.at) + 1;
	} else {
		while (name < all.len && all.at[name] != ':')
			name++;
	}
	*host = (struct text){all.at, name};
	*port = (struct text){all.at + name, 0};
	if (name == all.len)
		return name != 0;
	port->at++;
	port->len = all.len - name - 1;
	return name && all.at[name] == ':' && port->len && text_consists_of(*port, "0123456789");
}

int handshake_same_origin(const char *origin, size_t origin_len, const char *host, size_t host_len)
{
	static const struct {
		const char *scheme;
		const char *port;
	} schemes[] = {
		{"https://", "443"},
		{"http://", "80"},
	};
	struct text from = {origin, origin_len}, to = {host, host_len};
	struct text name[2], port[2];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(schemes); i++) {
		size_t n = strlen(schemes[i].scheme);

		if (from.len > n && !strncasecmp(from.at, schemes[i].scheme, n)) {
			from.at += n;
			from.len -= n;
			break;
		}
	}
	if (i == ARRAY_SIZE(schemes) || !split_authority(from, &name[0], &port[0]) ||
	    !split_authority(to, &name[1], &port[1]))
		return 0;
	for (size_t k = 0; k < 2; k++) {
		if (!port[k].len)
			port[k] = (struct text){schemes[i].port, strlen(schemes[i].port)};
	}
	return name[0].len == name[1].len && !strncasecmp(name[0].at, name[1].at, name[0].len) &&
	       port[0].len == port[1].len && !memcmp(port[0].at, port[1].at, port[0].len);
}

size_t handshake_canonical(const struct handshake *h, char *out, size_t size)
{
	int n = snprintf(out, size,
			 "GET /console HTTP/1.1\r\nHost: console\r\nConnection: Upgrade\r\n"
			 "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
			 "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: " HANDSHAKE_PROTOCOL
			 "\r\n\r\n",
			 h->key);

	return (size_t)n < size ? (size_t)n : 0;
}
