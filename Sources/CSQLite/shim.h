#pragma once
#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__linux__)
#include <sys/prctl.h>
#else
#include <pthread.h>
#endif

// Names the thread that calls, for ps and debuggers; Linux keeps 15 bytes. Variadic, or GNU's own, on Linux.
static inline void apus_name_thread(const char *name) {
#if defined(__linux__)
    prctl(PR_SET_NAME, name, 0, 0, 0);
#else
    pthread_setname_np(name);
#endif
}

// CRC-32C by the processor's own instruction. Swift has no way to say "this one function for SSE4.2", so it stands here.
#if defined(__x86_64__)
static inline int apus_crc32c_in_hardware(void) { return __builtin_cpu_supports("sse4.2") != 0; }

__attribute__((target("sse4.2"))) static inline uint32_t apus_crc32c_hardware(uint32_t state, const void *bytes, size_t count) {
    const unsigned char *next = (const unsigned char *)bytes;
    uint64_t wide = state;
    for (; count >= 8; count -= 8, next += 8) {
        uint64_t word;
        memcpy(&word, next, 8);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    state = (uint32_t)wide;
    for (; count > 0; count -= 1, next += 1) state = __builtin_ia32_crc32qi(state, *next);
    return state;
}
#else
static inline int apus_crc32c_in_hardware(void) { return 0; }
static inline uint32_t apus_crc32c_hardware(uint32_t state, const void *bytes, size_t count) { return state; }
#endif
