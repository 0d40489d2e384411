/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

/** A circular doubly linked list: the head is a node of the same type that carries no entry. */
struct list {
	struct list *next, *prev;
};

#define LIST_INIT(name)          \
	{                        \
		&(name), &(name) \
	}

static inline void list_init(struct list *head)
{
	head->next = head;
	head->prev = head;
}

static inline bool list_empty(const struct list *head)
{
	return head->next == head;
}

static inline void list_insert_(struct list *node, struct list *prev, struct list *next)
{
	node->next = next;
	node->prev = prev;
	prev->next = node;
	next->prev = node;
}

/** Put @node first. */
static inline void list_add(struct list *head, struct list *node)
{
	list_insert_(node, head, head->next);
}

/** Put @node last (or, with an entry's node as @head, just before that entry). */
static inline void list_add_tail(struct list *head, struct list *node)
{
	list_insert_(node, head->prev, head);
}

/** Take @node out; it is left as an empty list, so that a second list_del() is harmless. */
static inline void list_del(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

#define list_entry(ptr, type, member)        container_of(ptr, type, member)
#define list_first_entry(head, type, member) list_entry((head)->next, type, member)

#define list_for_each_entry(pos, head, member)                             \
	for ((pos) = list_entry((head)->next, __typeof__(*(pos)), member); \
	     &(pos)->member != (head);                                     \
	     (pos) = list_entry((pos)->member.next, __typeof__(*(pos)), member))
