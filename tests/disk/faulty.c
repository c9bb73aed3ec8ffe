/* A disk that fails when told: preloaded (LD_PRELOAD), it stands before the calls by which a process writes files.

   NRM_FAULTY_CONTROL names a file of 64-bit numbers, shared with whoever gives the orders (tests/disk/faults.py);
   NRM_FAULTY_MATCH is what the path of a file must contain to be meant, up to three of them, with ":" between.
   NRM_FAULTY_TRACE, if set, names a file that every such call is added to, with its bytes. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE = 1, SYNC = 2, CUT = 4 };
enum { FAIL = 0, KILL = 1, LIE = 2 };

struct control {
    int64_t kinds;   /* which calls are counted */
    int64_t at;      /* the number of the call that is struck; 0: none */
    int64_t lasting; /* all after it too */
    int64_t how;     /* FAIL, KILL, or LIE: a sync that does nothing and says it did */
    int64_t error;   /* errno of FAIL */
    int64_t half;    /* of a write that is struck half the bytes get there */
    int64_t seen;    /* calls counted */
    int64_t struck;  /* calls struck */
    int64_t parts;   /* of which parts of NRM_FAULTY_MATCH, as bits; 0: of all */
};

static struct control none;
static volatile struct control *control = &none;
static char match[512];
static int trace = -1;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off64_t);
static ssize_t (*real_pwritev)(int, const struct iovec *, int, off64_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off64_t);

__attribute__((constructor)) static void begin(void)
{
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_pwritev = dlsym(RTLD_NEXT, "pwritev64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    /* Copied: a server writes over its environment. */
    const char *said = getenv("NRM_FAULTY_MATCH");
    if (said != NULL)
        snprintf(match, sizeof match, "%s", said);
    const char *path = getenv("NRM_FAULTY_CONTROL");
    int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
    if (fd >= 0) {
        void *found = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (found != MAP_FAILED)
            control = found;
        close(fd);
    }
    path = getenv("NRM_FAULTY_TRACE");
    if (path != NULL)
        trace = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* Of which part of NRM_FAULTY_MATCH a descriptor's file is, as a bit; 0 of none. Its path is put into 'path'. */
static int is_meant(int fd, char *path, size_t room)
{
    char link[64], wanted[sizeof match];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t got = readlink(link, path, room - 1);
    if (got < 0 || match[0] == 0)
        return 0;
    path[got] = 0;
    snprintf(wanted, sizeof wanted, "%s", match);
    size_t length = strlen(path);
    if (length > 4 && strcmp(path + length - 4, "-shm") == 0)
        return 0;
    char *rest = NULL;
    int bit = 1;
    for (char *part = strtok_r(wanted, ":", &rest); part != NULL; part = strtok_r(NULL, ":", &rest), bit <<= 1)
        if (strstr(path, part) != NULL)
            return bit;
    return 0;
}

/* Count a call; return 1 where it is struck. */
static int is_struck(int kind, int part)
{
    if (!(control->kinds & kind) || (control->parts != 0 && !(control->parts & part)))
        return 0;
    int64_t number = __atomic_add_fetch(&control->seen, 1, __ATOMIC_SEQ_CST);
    int64_t at = control->at;
    if (at == 0 || number < at || (number > at && !control->lasting))
        return 0;
    __atomic_add_fetch(&control->struck, 1, __ATOMIC_SEQ_CST);
    return 1;
}

/* Add a call to the trace: kind, result, offset, length, path, bytes. Called with 'turn' held. */
static void note(int kind, int64_t result, int64_t offset, const char *path, const void *bytes, int64_t length)
{
    if (trace < 0)
        return;
    int64_t head[5] = {kind, result, offset, (int64_t)strlen(path), length};
    real_write(trace, head, sizeof head);
    real_write(trace, path, (size_t)head[3]);
    if (length > 0)
        real_write(trace, bytes, (size_t)length);
}

static int fail(void)
{
    if (control->how == KILL)
        kill(getpid(), SIGKILL);
    errno = (int)control->error;
    return -1;
}

static ssize_t put(int fd, const void *bytes, size_t count, off64_t offset, int is_placed)
{
    char path[4096];
    int part = is_meant(fd, path, sizeof path);
    if (!part)
        return is_placed ? real_pwrite(fd, bytes, count, offset) : real_write(fd, bytes, count);
    pthread_mutex_lock(&turn);
    int struck = is_struck(WRITE, part);
    size_t some = !struck ? count : control->half ? count / 2 : 0;
    if (!is_placed)
        offset = lseek64(fd, 0, SEEK_CUR);
    ssize_t done = some == 0 ? 0 : is_placed ? real_pwrite(fd, bytes, some, offset) : real_write(fd, bytes, some);
    int kept = errno;
    if (done > 0)
        note(WRITE, done, offset, path, bytes, done);
    pthread_mutex_unlock(&turn);
    errno = kept;
    return struck ? fail() : done;
}

ssize_t write(int fd, const void *bytes, size_t count) { return put(fd, bytes, count, 0, 0); }
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) { return put(fd, bytes, count, offset, 1); }
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) { return put(fd, bytes, count, offset, 1); }

static ssize_t put_many(int fd, const struct iovec *parts, int count, off64_t offset)
{
    char path[4096];
    int part = is_meant(fd, path, sizeof path);
    if (part && is_struck(WRITE, part))
        return fail();
    return real_pwritev(fd, parts, count, offset);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) { return put_many(fd, parts, count, offset); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) { return put_many(fd, parts, count, offset); }

static int settle(int fd, int (*real)(int))
{
    char path[4096];
    int part = is_meant(fd, path, sizeof path);
    if (!part)
        return real(fd);
    pthread_mutex_lock(&turn);
    int struck = is_struck(SYNC, part);
    int is_lie = struck && control->how == LIE;
    int done = struck ? -1 : real(fd);
    note(SYNC, done, 0, path, NULL, 0);
    pthread_mutex_unlock(&turn);
    return is_lie ? 0 : struck ? fail() : done;
}

int fsync(int fd) { return settle(fd, real_fsync); }
int fdatasync(int fd) { return settle(fd, real_fdatasync); }

static int cut(int fd, off64_t size)
{
    char path[4096];
    int part = is_meant(fd, path, sizeof path);
    if (!part)
        return real_ftruncate(fd, size);
    pthread_mutex_lock(&turn);
    int struck = is_struck(CUT, part);
    int done = struck ? -1 : real_ftruncate(fd, size);
    note(CUT, done, size, path, NULL, 0);
    pthread_mutex_unlock(&turn);
    return struck ? fail() : done;
}

int ftruncate(int fd, off_t size) { return cut(fd, size); }
int ftruncate64(int fd, off64_t size) { return cut(fd, size); }
