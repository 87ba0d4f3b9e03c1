/* LD_PRELOAD shim: a slow disk. Delays fsync, fdatasync, sync_file_range and msync by APUS_FSYNC_DELAY_MS before the real call,
 * so that a 202 that does not wait for the disk shows itself, and a fast disk can be measured as if it were slow.
 *
 * APUS_FSYNC_LOG names a file to which each return is appended as one line: CLOCK_MONOTONIC nanoseconds, the call, its result.
 *
 * Build: cc -O2 -fPIC -shared -o fsyncdelay.so fsyncdelay.c -ldl */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static long delay_milliseconds;
static int log_file = -1;

__attribute__((constructor)) static void read_settings(void) {
    const char *delay = getenv("APUS_FSYNC_DELAY_MS");
    const char *path = getenv("APUS_FSYNC_LOG");
    delay_milliseconds = delay ? strtol(delay, NULL, 10) : 0;
    if (path && *path) log_file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

static void wait_for_the_disk(void) {
    struct timespec left = {delay_milliseconds / 1000, delay_milliseconds % 1000 * 1000000};
    while (delay_milliseconds > 0 && nanosleep(&left, &left) < 0 && errno == EINTR) {}
}

/* O_APPEND and one write: lines of several threads do not mix. */
static int returned(const char *call, int result) {
    int failure = errno;
    if (log_file >= 0) {
        struct timespec now;
        char line[96];
        clock_gettime(CLOCK_MONOTONIC, &now);
        int length = snprintf(line, sizeof line, "%lld %s %d\n", now.tv_sec * 1000000000LL + now.tv_nsec, call, result);
        if (write(log_file, line, (size_t)length) < 0) {}
    }
    errno = failure;
    return result;
}

int fsync(int file) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    wait_for_the_disk();
    return returned("fsync", real(file));
}

int fdatasync(int file) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    wait_for_the_disk();
    return returned("fdatasync", real(file));
}

int sync_file_range(int file, off64_t offset, off64_t count, unsigned int flags) {
    int (*real)(int, off64_t, off64_t, unsigned int) =
        (int (*)(int, off64_t, off64_t, unsigned int))dlsym(RTLD_NEXT, "sync_file_range");
    wait_for_the_disk();
    return returned("sync_file_range", real(file, offset, count, flags));
}

int msync(void *start, size_t length, int flags) {
    int (*real)(void *, size_t, int) = (int (*)(void *, size_t, int))dlsym(RTLD_NEXT, "msync");
    if (flags & MS_SYNC) wait_for_the_disk();
    return returned("msync", real(start, length, flags));
}
