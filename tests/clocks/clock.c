/* A wall clock that is stepped while the process runs, for one that is started with this library preloaded.

   The step, in nanoseconds, is read from the 8 bytes of CLOCK_STEP_FILE at each look at the clock. Monotonic clocks are
   left alone, as they are by a step of the machine's clock. libfaketime is not used because its clock_nanosleep refuses
   ordinary sleeps (EINVAL) when monotonic clocks are left alone.

   Who waits until a time of the stepped clock asks the kernel, which knows the true one: such times are put back. They
   are told from monotonic ones by their size, the age of an epoch against that of a boot. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL
#define EPOCHS_AGE 1000000000LL /* seconds: 2001, and 31 years of uptime */

static const volatile long long *step;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("CLOCK_STEP_FILE");
    int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    void *found = mmap(NULL, sizeof *step, PROT_READ, MAP_SHARED, file, 0);
    if (found != MAP_FAILED) step = found;
    close(file);
}

static struct timespec shifted(struct timespec at, long long by) {
    long long sum = at.tv_nsec + by % SECOND;
    at.tv_sec += by / SECOND;
    if (sum < 0) sum += SECOND, at.tv_sec--;
    if (sum >= SECOND) sum -= SECOND, at.tv_sec++;
    at.tv_nsec = sum;
    return at;
}

static struct timespec true_time(const struct timespec *until) {
    return step != NULL && until->tv_sec > EPOCHS_AGE ? shifted(*until, -*step) : *until;
}

int clock_gettime(clockid_t id, struct timespec *at) {
    int failed = (int)syscall(SYS_clock_gettime, id, at);
    if (!failed && step != NULL && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) *at = shifted(*at, *step);
    return failed;
}

int gettimeofday(struct timeval *at, void *zone) {
    (void)zone;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at != NULL) *at = now.tv_sec;
    return now.tv_sec;
}

int timespec_get(struct timespec *at, int base) {
    return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, at) == 0 ? base : 0;
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until) {
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    struct timespec at = true_time(until);
    /* x86-64 has two of it, and the plain name finds the old one */
    if (real == NULL) real = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
    if (real == NULL) real = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    return real(condition, mutex, &at);
}

int cnd_timedwait(cnd_t *condition, mtx_t *mutex, const struct timespec *until) {
    static int (*real)(cnd_t *, mtx_t *, const struct timespec *);
    struct timespec at = true_time(until);
    if (real == NULL) real = dlsym(RTLD_NEXT, "cnd_timedwait");
    return real(condition, mutex, &at);
}

int sem_timedwait(sem_t *semaphore, const struct timespec *until) {
    static int (*real)(sem_t *, const struct timespec *);
    struct timespec at = true_time(until);
    if (real == NULL) real = dlsym(RTLD_NEXT, "sem_timedwait");
    return real(semaphore, &at);
}
