#pragma once
#include <nats/nats.h>
#include <stdlib.h>
#if defined(__linux__)
#include <sys/prctl.h>
#else
#include <pthread.h>
#endif

// Names the thread that calls, for ps and debuggers; Linux keeps 15 bytes. Variadic, or GNU's own, on Linux.
static inline void cnats_name_thread(const char *name) {
#if defined(__linux__)
    prctl(PR_SET_NAME, name, 0, 0, 0);
#else
    pthread_setname_np(name);
#endif
}
