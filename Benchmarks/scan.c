// The ceiling of reading a log: every row of its events, by SQLite's own loop, each byte touched once.
// Usage: scan FILE; prints `events microseconds`.
#include <sqlite3.h>
#include <stdio.h>
#include <time.h>

int main(int count, char **arguments) {
    sqlite3 *file;
    sqlite3_stmt *rows;
    if (count != 2 || sqlite3_open_v2(arguments[1], &file, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK
        || sqlite3_prepare_v2(file, "SELECT count, bytes FROM events ORDER BY first", -1, &rows, NULL) != SQLITE_OK) {
        fprintf(stderr, "usage: scan FILE, a broker's log\n");
        return 1;
    }
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    long long events = 0;
    unsigned sum = 0;
    while (sqlite3_step(rows) == SQLITE_ROW) {
        events += sqlite3_column_int64(rows, 0);
        const unsigned char *bytes = sqlite3_column_blob(rows, 1);
        for (int i = 0, size = sqlite3_column_bytes(rows, 1); i < size; i++) sum += bytes[i];
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    // The sum is printed aside, so that no compiler leaves the bytes alone.
    fprintf(stderr, "%u\n", sum);
    printf("%lld %lld\n", events, (end.tv_sec - begin.tv_sec) * 1000000LL + (end.tv_nsec - begin.tv_nsec) / 1000);
    return 0;
}
