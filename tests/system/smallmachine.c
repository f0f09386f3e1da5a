/* A slow card and a clock that is set, for one process: preloaded (ld.so(8), LD_PRELOAD).
 *
 * fsync and fdatasync take LEAST to MOST milliseconds longer (environment: SMALL_FSYNC_MS="50 200"). The time of day is off by
 * as many seconds as the first eight bytes of the file SMALL_CLOCK say at that moment; the monotonic clock is nobody's to set.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static unsigned least_ms, most_ms;
static volatile int64_t none, *offset_s = &none;
static int (*real_gettime)(clockid_t, struct timespec *);
static int (*real_fsync)(int), (*real_fdatasync)(int);

__attribute__((constructor)) static void begin(void)
{
    real_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    real_fsync = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    const char *ms = getenv("SMALL_FSYNC_MS"), *path = getenv("SMALL_CLOCK");
    if (ms)
        sscanf(ms, "%u %u", &least_ms, &most_ms);
    int fd = path ? open(path, O_RDONLY) : -1;
    if (fd >= 0) {
        void *page = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
        if (page != MAP_FAILED)
            offset_s = page;
        close(fd);
    }
}

static void card(void)
{
    if (most_ms) {
        unsigned ms = least_ms + (unsigned)random() % (most_ms - least_ms + 1);
        struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
        nanosleep(&t, NULL);
    }
}

int fsync(int fd) { card(); return real_fsync(fd); }
int fdatasync(int fd) { card(); return real_fdatasync(fd); }

int clock_gettime(clockid_t which, struct timespec *t)
{
    int done = real_gettime(which, t);
    if (!done && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE))
        t->tv_sec += *offset_s;
    return done;
}

time_t time(time_t *out)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (out)
        *out = t.tv_sec;
    return t.tv_sec;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    t->tv_sec = now.tv_sec;
    t->tv_usec = now.tv_nsec / 1000;
    return 0;
}
