/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef static_assert
#define static_assert _Static_assert
#endif

#define must_check        __attribute__((warn_unused_result))
#define __noreturn        __attribute__((noreturn))
#define __packed          __attribute__((packed))
#define __aligned(n)      __attribute__((aligned(n)))
#define __printf(fmt, va) __attribute__((format(printf, fmt, va)))
#define __noinline        __attribute__((noinline))
#define __inlined         inline __attribute__((always_inline))
#define __unused          __attribute__((unused))
#define __cleanup(fn)     __attribute__((cleanup(fn), unused))
#define likely(x)         __builtin_expect(!!(x), 1)
#define unlikely(x)       __builtin_expect(!!(x), 0)
#define barrier()         __asm__ volatile("" ::: "memory")

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096UL
#define PAGE_MASK  (~(PAGE_SIZE - 1))
#define MIB(n)     ((uint64_t)(n) << 20)
#define GIB(n)     ((uint64_t)(n) << 30)

/* Orders of the page sizes of x86, in 4 KiB frames. */
#define ORDER_4K 0u
#define ORDER_2M 9u
#define ORDER_1G 18u

#define ARRAY_SIZE(a)    (sizeof(a) / sizeof((a)[0]))
#define ALIGN_UP(x, a)   (((x) + ((a)-1)) & ~((__typeof__(x))(a)-1))
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a)-1))
#define BIT(n)           (1UL << (n))

/* A name of its own for each use, for the hidden variables of macros. */
#define UNIQUE_NAME(x)      UNIQUE_NAME_(x, __COUNTER__)
#define UNIQUE_NAME_(x, n)  UNIQUE_NAME__(x, n)
#define UNIQUE_NAME__(x, n) x##_##n

#define min(a, b)                                  \
	({                                         \
		__typeof__(a) min_a_ = (a);        \
		__typeof__(b) min_b_ = (b);        \
		min_a_ < min_b_ ? min_a_ : min_b_; \
	})
#define max(a, b)                                  \
	({                                         \
		__typeof__(a) max_a_ = (a);        \
		__typeof__(b) max_b_ = (b);        \
		max_a_ > max_b_ ? max_a_ : max_b_; \
	})
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* One access, exactly once, whatever the optimiser would like. */
#define READ_ONCE(x)     (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

/*
 * Frame numbers of 4 KiB, a type for each kind so that none is taken for another: KIND_t, KIND_of(n),
 * KIND_add(a, n) and KIND_eq(a, b).
 */
#define FRAME_NUMBER(kind)                                        \
	typedef struct {                                          \
		uint64_t n;                                       \
	} kind##_t;                                               \
                                                                  \
	static inline kind##_t kind##_of(uint64_t n)              \
	{                                                         \
		return (kind##_t){n};                             \
	}                                                         \
                                                                  \
	static inline kind##_t kind##_add(kind##_t a, uint64_t n) \
	{                                                         \
		return (kind##_t){a.n + n};                       \
	}                                                         \
                                                                  \
	static inline bool kind##_eq(kind##_t a, kind##_t b)      \
	{                                                         \
		return a.n == b.n;                                \
	}
/** A machine's (host physical) frame. */
FRAME_NUMBER(mfn)
/** What a guest calls a physical frame. */
FRAME_NUMBER(gfn)

#define INVALID_MFN ((mfn_t){~0ULL})

/** A host physical address. */
typedef uint64_t paddr_t;

static inline paddr_t mfn_to_paddr(mfn_t m)
{
	return m.n << PAGE_SHIFT;
}

static inline mfn_t paddr_to_mfn(paddr_t pa)
{
	return (mfn_t){pa >> PAGE_SHIFT};
}

/** Report a broken invariant of ours and stop the host. Context: any. */
void __noreturn bug_at(const char *file, int line, const char *what);

/** State an invariant of the hypervisor itself; never used on guest input. */
#define BUG_ON(cond)                                       \
	do {                                               \
		if (unlikely(cond))                        \
			bug_at(__FILE__, __LINE__, #cond); \
	} while (0)
#define BUG() bug_at(__FILE__, __LINE__, "BUG")
