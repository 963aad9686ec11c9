/*
 * main() for fuzz targets built without libFuzzer: replays the files named on
 * the command line, or, without any, a number of inputs made from a seed.
 */
#ifndef TESTS_FUZZ_STANDALONE_H
#define TESTS_FUZZ_STANDALONE_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifndef FUZZ_WITH_LIBFUZZER
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Random bytes, mostly small ones, so that lengths and counts are often plausible. */
static void standalone_make(uint8_t *p, size_t size, uint64_t *x)
{
    for (size_t i = 0; i < size; i++) {
        *x = *x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        const uint8_t byte = (uint8_t)(*x >> 33);
        p[i] = *x >> 61 < 5 ? byte % 8 : byte;
    }
}

static int standalone_replay(const char *path)
{
    static uint8_t data[1u << 20];
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        perror(path);
        return 1;
    }
    const size_t n = fread(data, 1, sizeof(data), f);
    fclose(f);
    return LLVMFuzzerTestOneInput(data, n);
}

int main(int argc, char **argv)
{
    static uint8_t data[1u << 16];
    uint64_t x = 1;
    for (int i = 1; i < argc; i++)
        if (standalone_replay(argv[i]))
            return 1;
    for (int i = 0; argc == 1 && i < 20000; i++) {
        standalone_make(data, 8, &x);
        const size_t size = (size_t)(x >> 40) % (i % 100 == 0 ? sizeof(data) : 600);
        standalone_make(data, size, &x);
        (void)LLVMFuzzerTestOneInput(data, size);
    }
    return 0;
}
#endif

#endif
