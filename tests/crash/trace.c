/* A preload library that records what a process does to the files whose paths start with PERDURE_TRACE_PREFIX, and to
 * their directory, in the file PERDURE_TRACE_FILE: every write with its data, and every sync, in their order.
 *
 * A record: kind, flags (1: through a descriptor that syncs each write), length of the path (2 bytes), offset (8), size of
 * the data (8), path, data. Kinds:
 *   W write    T truncate, offset is the new size    A allocate, data is the size in 8 bytes
 *   S sync of a file or directory    C create    R rename, data is the new path    L link, data is the new path    U unlink
 *   M shared writable mapping    N note of the traced program (trace_note)
 * Records are made after the call has succeeded. A write that fails leaves no record.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))next_symbol(#name))

static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static int trace_descriptor = -1;
static char prefix[PATH_MAX];
static char directory[PATH_MAX];

static void *next_symbol(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL) {
        fprintf(stderr, "trace: no %s to call\n", name);
        abort();
    }
    return found;
}

__attribute__((constructor)) static void start(void) {
    const char *file = getenv("PERDURE_TRACE_FILE"), *wanted = getenv("PERDURE_TRACE_PREFIX");
    if (file == NULL || wanted == NULL) return;
    snprintf(prefix, sizeof prefix, "%s", wanted);
    snprintf(directory, sizeof directory, "%s", wanted);
    char *slash = strrchr(directory, '/');
    if (slash != NULL) *slash = 0;
    trace_descriptor = NEXT(open)(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

static int is_traced(const char *path) {
    return trace_descriptor >= 0 && (strncmp(path, prefix, strlen(prefix)) == 0 || strcmp(path, directory) == 0);
}

/* The path of a descriptor, if it is traced. */
static int find_path(int descriptor, char *path) {
    char link[64];
    if (trace_descriptor < 0 || descriptor == trace_descriptor) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_traced(path);
}

static int syncs_writes(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    return flags >= 0 && (flags & (O_DSYNC | O_SYNC)) != 0;
}

static void record(char kind, int flags, const char *path, int64_t offset, const struct iovec *parts, int count) {
    struct iovec all[1 + 1 + IOV_MAX];
    uint8_t head[20];
    uint64_t size = 0, left;
    uint16_t length = (uint16_t)strlen(path);
    for (int i = 0; i < count; i++) size += parts[i].iov_len;
    head[0] = (uint8_t)kind;
    head[1] = (uint8_t)flags;
    memcpy(head + 2, &length, 2);
    memcpy(head + 4, &offset, 8);
    memcpy(head + 12, &size, 8);
    all[0] = (struct iovec){head, sizeof head};
    all[1] = (struct iovec){(void *)path, length};
    if (count) memcpy(all + 2, parts, (size_t)count * sizeof *parts);
    left = sizeof head + length + size;
    if (count + 2 > IOV_MAX || (uint64_t)NEXT(writev)(trace_descriptor, all, count + 2) != left) {
        fprintf(stderr, "trace: cannot record\n");
        abort();
    }
}

static void record_bytes(char kind, int flags, const char *path, int64_t offset, const void *data, size_t size) {
    struct iovec part = {(void *)data, size};
    int error = errno;
    record(kind, flags, path, offset, &part, 1);
    errno = error;
}

/* What `iovec` parts of a write that wrote `size` bytes hold, up to there. */
static void record_write(int descriptor, const char *path, int64_t offset, const struct iovec *parts, int count,
                         ssize_t size) {
    struct iovec written[IOV_MAX];
    int used = 0, error = errno;
    size_t left = (size_t)size;
    for (; used < count && left > 0; used++) {
        written[used] = parts[used];
        if (written[used].iov_len > left) written[used].iov_len = left;
        left -= written[used].iov_len;
    }
    record('W', syncs_writes(descriptor), path, offset, written, used);
    errno = error;
}

void trace_note(const char *data, size_t size) {
    if (trace_descriptor >= 0) record_bytes('N', 0, "", 0, data, size);
}

ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t offset) {
    char path[PATH_MAX];
    if (!find_path(descriptor, path)) return NEXT(pwritev)(descriptor, parts, count, offset);
    pthread_mutex_lock(&lock);
    ssize_t size = NEXT(pwritev)(descriptor, parts, count, offset);
    if (size > 0) record_write(descriptor, path, offset, parts, count, size);
    pthread_mutex_unlock(&lock);
    return size;
}

ssize_t pwritev2(int descriptor, const struct iovec *parts, int count, off_t offset, int flags) {
    char path[PATH_MAX];
    if (!find_path(descriptor, path)) return NEXT(pwritev2)(descriptor, parts, count, offset, flags);
    if (flags != 0 || offset < 0) {
        fprintf(stderr, "trace: pwritev2 with flags or without an offset is not recorded\n");
        abort();
    }
    return pwritev(descriptor, parts, count, offset);
}

ssize_t pwrite(int descriptor, const void *data, size_t length, off_t offset) {
    struct iovec part = {(void *)data, length};
    char path[PATH_MAX];
    if (!find_path(descriptor, path)) return NEXT(pwrite)(descriptor, data, length, offset);
    pthread_mutex_lock(&lock);
    ssize_t size = NEXT(pwrite)(descriptor, data, length, offset);
    if (size > 0) record_write(descriptor, path, offset, &part, 1, size);
    pthread_mutex_unlock(&lock);
    return size;
}

static int64_t write_position(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    return lseek(descriptor, 0, flags >= 0 && (flags & O_APPEND) ? SEEK_END : SEEK_CUR);
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    char path[PATH_MAX];
    if (!find_path(descriptor, path)) return NEXT(writev)(descriptor, parts, count);
    pthread_mutex_lock(&lock);
    int64_t offset = write_position(descriptor);
    ssize_t size = NEXT(writev)(descriptor, parts, count);
    if (size > 0) record_write(descriptor, path, offset, parts, count, size);
    pthread_mutex_unlock(&lock);
    return size;
}

ssize_t write(int descriptor, const void *data, size_t length) {
    struct iovec part = {(void *)data, length};
    char path[PATH_MAX];
    if (!find_path(descriptor, path)) return NEXT(write)(descriptor, data, length);
    pthread_mutex_lock(&lock);
    int64_t offset = write_position(descriptor);
    ssize_t size = NEXT(write)(descriptor, data, length);
    if (size > 0) record_write(descriptor, path, offset, &part, 1, size);
    pthread_mutex_unlock(&lock);
    return size;
}

static int finish(int result, char kind, int descriptor, int64_t offset, const void *data, size_t size) {
    char path[PATH_MAX];
    if (result == 0 && find_path(descriptor, path)) record_bytes(kind, 0, path, offset, data, size);
    return result;
}

int ftruncate(int descriptor, off_t size) {
    pthread_mutex_lock(&lock);
    int result = finish(NEXT(ftruncate)(descriptor, size), 'T', descriptor, size, "", 0);
    pthread_mutex_unlock(&lock);
    return result;
}

int fallocate(int descriptor, int mode, off_t offset, off_t length) {
    int64_t size = length;
    pthread_mutex_lock(&lock);
    int result = finish(NEXT(fallocate)(descriptor, mode, offset, length), 'A', descriptor, offset, &size, 8);
    pthread_mutex_unlock(&lock);
    return result;
}

int posix_fallocate(int descriptor, off_t offset, off_t length) {
    int64_t size = length;
    pthread_mutex_lock(&lock);
    int result = finish(NEXT(posix_fallocate)(descriptor, offset, length), 'A', descriptor, offset, &size, 8);
    pthread_mutex_unlock(&lock);
    return result;
}

int fsync(int descriptor) { return finish(NEXT(fsync)(descriptor), 'S', descriptor, 0, "", 0); }

int fdatasync(int descriptor) { return finish(NEXT(fdatasync)(descriptor), 'S', descriptor, 0, "", 0); }

void *mmap(void *address, size_t length, int protection, int flags, int descriptor, off_t offset) {
    char path[PATH_MAX];
    void *result = NEXT(mmap)(address, length, protection, flags, descriptor, offset);
    int is_shared = (flags & MAP_TYPE) != MAP_PRIVATE && (protection & PROT_WRITE) && descriptor >= 0;
    if (result != MAP_FAILED && is_shared && find_path(descriptor, path)) record_bytes('M', 0, path, offset, "", 0);
    return result;
}

/* The absolute path of a name whose directory exists. */
static int resolve(const char *path, char *resolved) {
    char parent[PATH_MAX];
    const char *name = strrchr(path, '/');
    snprintf(parent, sizeof parent, "%.*s", name ? (int)(name - path) : 1, name ? path : ".");
    if (realpath(*parent ? parent : "/", resolved) == NULL) return 0;
    strncat(resolved, "/", PATH_MAX - strlen(resolved) - 1);
    strncat(resolved, name ? name + 1 : path, PATH_MAX - strlen(resolved) - 1);
    return 1;
}

static int record_path(int result, char kind, const char *path, const char *to) {
    char resolved[PATH_MAX], second[PATH_MAX] = "";
    if (result < 0 || trace_descriptor < 0 || !resolve(path, resolved)) return result;
    if (to != NULL && !resolve(to, second)) return result;
    if (is_traced(resolved) || (to != NULL && is_traced(second)))
        record_bytes(kind, 0, resolved, 0, second, strlen(second));
    return result;
}

int rename(const char *from, const char *to) { return record_path(NEXT(rename)(from, to), 'R', from, to); }

int renameat(int from_directory, const char *from, int to_directory, const char *to) {
    return record_path(NEXT(renameat)(from_directory, from, to_directory, to), 'R', from, to);
}

int link(const char *from, const char *to) { return record_path(NEXT(link)(from, to), 'L', from, to); }

int linkat(int from_directory, const char *from, int to_directory, const char *to, int flags) {
    return record_path(NEXT(linkat)(from_directory, from, to_directory, to, flags), 'L', from, to);
}

int unlink(const char *path) { return record_path(NEXT(unlink)(path), 'U', path, NULL); }

int unlinkat(int parent, const char *path, int flags) {
    return record_path(NEXT(unlinkat)(parent, path, flags), 'U', path, NULL);
}

/* Opens, and records a file that was made or cut to nothing by that. */
static int open_with(int parent, const char *path, int flags, mode_t mode) {
    struct stat before;
    int was_there = fstatat(parent, path, &before, 0) == 0;
    int descriptor = NEXT(openat)(parent, path, flags, mode);
    if (descriptor < 0) return descriptor;
    if ((flags & O_CREAT) && !was_there) record_path(0, 'C', path, NULL);
    if ((flags & O_TRUNC) && was_there && before.st_size > 0) finish(0, 'T', descriptor, 0, "", 0);
    return descriptor;
}

#define MODE_OF(flags, mode)                       \
    mode_t mode = 0;                               \
    if ((flags) & (O_CREAT | O_TMPFILE)) {         \
        va_list rest;                              \
        va_start(rest, flags);                     \
        mode = (mode_t)va_arg(rest, unsigned int); \
        va_end(rest);                              \
    }

int open(const char *path, int flags, ...) {
    MODE_OF(flags, mode)
    return open_with(AT_FDCWD, path, flags, mode);
}

int openat(int parent, const char *path, int flags, ...) {
    MODE_OF(flags, mode)
    return open_with(parent, path, flags, mode);
}

/* The names that programs built for large files use; the same functions on 64-bit machines. */
int open64(const char *path, int flags, ...) {
    MODE_OF(flags, mode)
    return open_with(AT_FDCWD, path, flags, mode);
}

int openat64(int parent, const char *path, int flags, ...) {
    MODE_OF(flags, mode)
    return open_with(parent, path, flags, mode);
}

ssize_t pwrite64(int descriptor, const void *data, size_t length, off64_t offset) {
    return pwrite(descriptor, data, length, offset);
}

ssize_t pwritev64v2(int descriptor, const struct iovec *parts, int count, off64_t offset, int flags) {
    return pwritev2(descriptor, parts, count, offset, flags);
}

ssize_t pwritev64(int descriptor, const struct iovec *parts, int count, off64_t offset) {
    return pwritev(descriptor, parts, count, offset);
}

int ftruncate64(int descriptor, off64_t size) { return ftruncate(descriptor, size); }

int fallocate64(int descriptor, int mode, off64_t offset, off64_t length) {
    return fallocate(descriptor, mode, offset, length);
}

int posix_fallocate64(int descriptor, off64_t offset, off64_t length) {
    return posix_fallocate(descriptor, offset, length);
}

void *mmap64(void *address, size_t length, int protection, int flags, int descriptor, off64_t offset) {
    return mmap(address, length, protection, flags, descriptor, offset);
}
