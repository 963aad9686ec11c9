/*
 * Memory that must be there, panic, and the switches of mutation builds.
 */
#include "base/base.h"

#include <execinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void panic(const char *fmt, ...)
{
    char text[2048];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    fflush(stdout);
    fprintf(stderr, "panic: %s\n", text);
    fflush(stderr);

    void *frames[48];
    const int n = backtrace(frames, (int)ARRAY_LEN(frames));
    backtrace_symbols_fd(frames, n, STDERR_FILENO);
    abort();
}

static void *must(void *p, size_t bytes)
{
    if (p == NULL)
        panic("out of memory (allocation of %zu bytes)", bytes);
    return p;
}

void *xmalloc(size_t bytes)
{
    return must(malloc(bytes > 0 ? bytes : 1), bytes);
}

void *xcalloc(size_t n, size_t bytes)
{
    const bool empty = n == 0 || bytes == 0;
    return must(empty ? calloc(1, 1) : calloc(n, bytes), n * bytes);
}

void *xrealloc(void *p, size_t bytes)
{
    return must(realloc(p, bytes > 0 ? bytes : 1), bytes);
}

char *xstrdup(const char *s)
{
    const size_t size = strlen(s) + 1;
    return memcpy(xmalloc(size), s, size);
}

#ifdef RUSTYDB_MUTATIONS
#include "base/mutate.h"

#include <pthread.h>

static const char *const mutate_names[] = {
#define X(name, what) #name,
    MUTATIONS(X)
#undef X
};

/* Set once from the environment, constant afterwards: the one exception to R1, in test builds alone. */
static bool mutate_on[ARRAY_LEN(mutate_names)];
static bool mutate_any;
static pthread_once_t mutate_once = PTHREAD_ONCE_INIT;

static size_t mutate_find(const char *name, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(mutate_names); i++)
        if (strlen(mutate_names[i]) == len && memcmp(mutate_names[i], name, len) == 0)
            return i;
    panic("RUSTYDB_MUTATE: no switch is called \"%.*s\" (base/mutate.h lists them)", (int)len, name);
}

static void mutate_parse(void)
{
    const char *s = getenv("RUSTYDB_MUTATE");
    while (s != NULL && *s != '\0') {
        const size_t len = strcspn(s, ",");
        if (len > 0) {
            mutate_on[mutate_find(s, len)] = true;
            mutate_any = true;
        }
        s += len + (s[len] == ',');
    }
}

bool mutate_is_on(const char *rule)
{
    pthread_once(&mutate_once, mutate_parse);
    const size_t i = mutate_any ? mutate_find(rule, strlen(rule)) : 0;
    return mutate_any && mutate_on[i];
}
#endif
