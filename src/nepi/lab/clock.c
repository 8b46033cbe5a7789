/*
 * A wall clock that is wrong by as many seconds as /etc/nepi-lab-clock says, for every program that asks the C library.
 * Loaded by /etc/ld.so.preload. The kernel has no wall clock per namespace: times of files, and programs that are linked statically
 * or ask the kernel by themselves, have the machine's time.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long long offset_ns;

__attribute__((constructor)) static void read_offset(void)
{
    char text[64];
    int fd = open("/etc/nepi-lab-clock", O_RDONLY | O_CLOEXEC);
    ssize_t got;

    if (fd < 0)
        return;
    got = read(fd, text, sizeof text - 1);
    close(fd);
    if (got > 0) {
        text[got] = 0;
        offset_ns = atoll(text);
    }
}

static int is_wall(clockid_t which)
{
    return which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE || which == CLOCK_TAI;
}

static void shift(struct timespec *at, long long by_ns)
{
    long long ns = at->tv_nsec + by_ns % 1000000000LL;

    at->tv_sec += by_ns / 1000000000LL;
    if (ns >= 1000000000LL) {
        ns -= 1000000000LL;
        at->tv_sec++;
    } else if (ns < 0) {
        ns += 1000000000LL;
        at->tv_sec--;
    }
    at->tv_nsec = ns;
}

int clock_gettime(clockid_t which, struct timespec *at)
{
    int failed = syscall(SYS_clock_gettime, which, at);

    if (!failed && is_wall(which))
        shift(at, offset_ns);
    return failed;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    if (!at || clock_gettime(CLOCK_REALTIME, &now))
        return -1;
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *at)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (at)
        *at = now.tv_sec;
    return now.tv_sec;
}

int timespec_get(struct timespec *at, int base)
{
    return base == TIME_UTC && !clock_gettime(CLOCK_REALTIME, at) ? base : 0;
}
