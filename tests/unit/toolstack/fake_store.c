/* SPDX-License-Identifier: Apache-2.0 */
/* xenstored's half: a flat list of paths. A transaction that is given up restores a copy. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <xenstore.h>

#include "fake_step.h"
#include "fake_xen.h"

#define NODES 256

struct node {
	char path[160];
	char value[160];
	char perms[32];
};

static struct node nodes[NODES], saved[NODES];
static unsigned int nr_nodes, nr_saved;
static int pending;
static int watch_fd = -1;

struct xs_handle {
	bool watching;
};

void fake_store_reset(void)
{
	nr_nodes = 0;
	pending = 0;
}

static struct node *find(const char *path)
{
	for (unsigned int i = 0; i < nr_nodes; i++)
		if (strcmp(nodes[i].path, path) == 0)
			return &nodes[i];
	return NULL;
}

static bool under(const char *path, const char *parent)
{
	size_t len = strlen(parent);

	return strncmp(path, parent, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

/* New nodes get the permissions of their parent, which is made when it is missing. */
static struct node *make(const char *path)
{
	struct node *n = find(path), *parent = NULL;
	char up[160];
	char *slash;

	if (n)
		return n;
	snprintf(up, sizeof(up), "%s", path);
	slash = strrchr(up, '/');
	if (slash && slash != up) {
		*slash = '\0';
		parent = make(up);
	}
	if (nr_nodes == NODES)
		abort();
	n = &nodes[nr_nodes++];
	snprintf(n->path, sizeof(n->path), "%s", path);
	n->value[0] = '\0';
	snprintf(n->perms, sizeof(n->perms), "%s", parent ? parent->perms : "n0");
	return n;
}

const char *fake_node(const char *path)
{
	const struct node *n = find(path);

	return n ? n->value : NULL;
}

const char *fake_node_perms(const char *path)
{
	const struct node *n = find(path);

	return n ? n->perms : NULL;
}

void fake_node_set(const char *path, const char *value)
{
	struct node *n = make(path);

	snprintf(n->value, sizeof(n->value), "%s", value);
}

unsigned int fake_nodes_under(const char *path)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < nr_nodes; i++)
		n += under(nodes[i].path, path);
	return n;
}

void fake_fire_watch(void)
{
	eventfd_write(watch_fd, 1);
	pending++;
}

struct xs_handle *xs_open(unsigned long flags)
{
	(void)flags;
	if (!fake_step())
		return NULL;
	fake.handles++;
	return calloc(1, sizeof(struct xs_handle));
}

void xs_close(struct xs_handle *h)
{
	if (h->watching && watch_fd >= 0) {
		close(watch_fd);
		watch_fd = -1;
	}
	fake.handles--;
	free(h);
}

void *xs_read(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *len)
{
	const struct node *n = find(path);

	(void)h;
	(void)t;
	if (!fake_step())
		return NULL;
	if (!n && strcmp(path, "/") != 0) {
		errno = ENOENT;
		return NULL;
	}
	if (len)
		*len = (unsigned int)strlen(n ? n->value : "");
	return strdup(n ? n->value : "");
}

bool xs_write(struct xs_handle *h, xs_transaction_t t, const char *path, const void *data,
	      unsigned int len)
{
	(void)h;
	(void)t;
	if (!fake_step())
		return false;
	snprintf(make(path)->value, sizeof(nodes[0].value), "%.*s", (int)len, (const char *)data);
	return true;
}

bool xs_rm(struct xs_handle *h, xs_transaction_t t, const char *path)
{
	unsigned int kept = 0;

	(void)h;
	(void)t;
	if (!fake_step())
		return false;
	for (unsigned int i = 0; i < nr_nodes; i++)
		if (!under(nodes[i].path, path))
			nodes[kept++] = nodes[i];
	nr_nodes = kept;
	return true;
}

bool xs_set_permissions(struct xs_handle *h, xs_transaction_t t, const char *path,
			struct xs_permissions *perms, unsigned int count)
{
	struct node *n = find(path);
	size_t at = 0;

	(void)h;
	(void)t;
	if (!fake_step())
		return false;
	if (!n) {
		errno = ENOENT;
		return false;
	}
	for (unsigned int i = 0; i < count; i++)
		at += (size_t)snprintf(n->perms + at, sizeof(n->perms) - at, "%s%c%u", i ? "," : "",
				       perms[i].perms == XS_PERM_READ ? 'r' : 'n', perms[i].id);
	return true;
}

char **xs_directory(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *num)
{
	size_t prefix = strlen(path) + 1;
	char **list = NULL;
	char *text;

	(void)h;
	(void)t;
	if (!fake_step())
		return NULL;
	*num = 0;
	/* As the real one: one allocation, the strings behind the array. */
	list = calloc(NODES, sizeof(*list) + sizeof(nodes[0].path));
	text = (char *)(list + NODES);
	for (unsigned int i = 0; i < nr_nodes; i++) {
		if (!under(nodes[i].path, path) || strlen(nodes[i].path) < prefix ||
		    strchr(nodes[i].path + prefix, '/'))
			continue;
		list[(*num)++] = text;
		text += sprintf(text, "%s", nodes[i].path + prefix) + 1;
	}
	return list;
}

xs_transaction_t xs_transaction_start(struct xs_handle *h)
{
	(void)h;
	if (!fake_step())
		return XBT_NULL;
	memcpy(saved, nodes, sizeof(nodes));
	nr_saved = nr_nodes;
	return 1;
}

bool xs_transaction_end(struct xs_handle *h, xs_transaction_t t, bool give_up)
{
	bool ok = give_up || fake_step();

	(void)h;
	(void)t;
	if (give_up || !ok) {
		memcpy(nodes, saved, sizeof(nodes));
		nr_nodes = nr_saved;
	}
	return ok;
}

bool xs_introduce_domain(struct xs_handle *h, unsigned int domid, unsigned long gfn,
			 unsigned int port)
{
	struct fake_domain *d = fake_domain(domid);

	(void)h;
	if (!fake_step())
		return false;
	if (!d || !gfn || !port) {
		errno = EINVAL;
		return false;
	}
	d->introduced = true;
	return true;
}

bool xs_watch(struct xs_handle *h, const char *path, const char *token)
{
	(void)path;
	(void)token;
	if (!fake_step())
		return false;
	h->watching = true;
	if (watch_fd < 0)
		watch_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return true;
}

int xs_fileno(struct xs_handle *h)
{
	(void)h;
	return watch_fd;
}

char **xs_check_watch(struct xs_handle *h)
{
	eventfd_t value;

	(void)h;
	if (!pending) {
		errno = EAGAIN;
		return NULL;
	}
	if (--pending == 0)
		eventfd_read(watch_fd, &value);
	return calloc(1, sizeof(char *));
}
