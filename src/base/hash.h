/*
 * Hashes and checksums. None of them depends on a pointer value.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/base.h"

uint64_t hash_bytes(const void *p, size_t len, uint64_t seed); /* XXH3 */
uint32_t crc32c(uint32_t crc, const void *p, size_t len); /* start with 0 */

static inline uint64_t hash_u64(uint64_t x) /* splitmix64's finaliser */
{
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* Open-addressing map from uint64_t keys to pointers. Not thread-safe. Iteration order follows the keys' hashes alone. */
struct u64map;
struct u64map *u64map_new(size_t expected);
void u64map_free(struct u64map *m);
void *u64map_get(const struct u64map *m, uint64_t key);
void *u64map_put(struct u64map *m, uint64_t key, void *value); /* returns the old value or NULL */
void *u64map_del(struct u64map *m, uint64_t key); /* returns the old value or NULL */
size_t u64map_count(const struct u64map *m);
/* *pos = 0 to begin; false at the end. Deleting the entry just returned is allowed, other changes are not. */
bool u64map_next(const struct u64map *m, size_t *pos, uint64_t *ret_key, void **ret_value);

#endif
