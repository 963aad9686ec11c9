/*
 * Stacks: mappings with a guard below, kept for reuse by size class.
 */
#include "rt/rt_int.h"

#include <sys/mman.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION((p), (n))
#else
#define UNPOISON(p, n) ((void)0)
#endif

#define GUARD_BYTES (64u * 1024u) /* more than any frame: one that begins above it cannot end below, in another fiber's stack */
#define POOL_MAX 256u /* stacks of the default size that are kept; a few of the big ones */
#define POOL_BIG_MAX 4u

void rt__stacks_init(struct stack_pool *p, size_t default_bytes)
{
    *p = (struct stack_pool){ .sizes = { ALIGN_UP(default_bytes, (size_t)GUARD_BYTES), RT_STACK_BIG } };
}

static void stack_unmap(struct stack *s)
{
    char *map = s->low - GUARD_BYTES;
    const size_t bytes = GUARD_BYTES + s->bytes + sizeof(*s);
    UNPOISON(s->low, s->bytes);
    munmap(map, bytes);
}

void rt__stacks_fini(struct stack_pool *p)
{
    for (size_t i = 0; i < ARRAY_LEN(p->free); i++)
        while (p->free[i] != NULL) {
            struct stack *s = p->free[i];
            p->free[i] = s->next;
            stack_unmap(s);
        }
}

static struct stack *stack_map(size_t bytes)
{
    char *map = mmap(NULL, GUARD_BYTES + bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (map == MAP_FAILED)
        return NULL;
    if (mprotect(map, GUARD_BYTES, PROT_NONE) != 0) {
        munmap(map, GUARD_BYTES + bytes);
        return NULL;
    }
    static_assert(sizeof(struct stack) % 8 == 0, "at the top of the mapping");
    struct stack *s = (struct stack *)(map + GUARD_BYTES + bytes - sizeof(*s));
    s->low = map + GUARD_BYTES;
    s->bytes = bytes - sizeof(*s);
    return s;
}

static int size_class(const struct stack_pool *p, size_t bytes)
{
    return bytes == p->sizes[0] ? 0 : bytes == p->sizes[1] ? 1 : -1;
}

struct stack *rt__stack_get(struct stack_pool *p, size_t bytes)
{
    bytes = bytes == 0 ? p->sizes[0] : ALIGN_UP(bytes, (size_t)GUARD_BYTES);
    const int class = size_class(p, bytes);
    struct stack *s = NULL;
    if (class >= 0) {
        rt__lock(&p->spin);
        s = p->free[class];
        if (s != NULL) {
            p->free[class] = s->next;
            p->count[class]--;
        }
        rt__unlock(&p->spin);
    }
    if (s == NULL)
        s = stack_map(bytes);
    if (s != NULL)
        UNPOISON(s->low, s->bytes); /* frames of a fiber that never returned */
    return s;
}

void rt__stack_put(struct stack_pool *p, struct stack *s)
{
    const int class = size_class(p, s->bytes + sizeof(*s));
    const uint32_t max = class == 0 ? POOL_MAX : POOL_BIG_MAX;
    if (class >= 0) {
        rt__lock(&p->spin);
        if (p->count[class] < max) {
            s->next = p->free[class];
            p->free[class] = s;
            p->count[class]++;
            s = NULL;
        }
        rt__unlock(&p->spin);
    }
    if (s != NULL)
        stack_unmap(s);
}
