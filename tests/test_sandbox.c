/* test_sandbox.c: what a process in the sandbox can't do, and what it still can. Each check runs in a child. */
#define _GNU_SOURCE /* syscall, unshare */
#include "sandbox.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

static char folder[] = "/tmp/test_sandbox.XXXXXX";
static struct sandbox in_force; /* as a child of this test has found it */

/* A child's exit statuses. */
enum { HELD = 0, NOT_HELD = 1 };

/* Runs a check in a child that has entered the sandbox. */
static int in_sandbox(int (*check)(void))
{
    int status;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (chdir(folder) != 0)
            _exit(99);
        sandbox_enter();
        _exit(check());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int refused(long result, int wanted)
{
    if (result == -1 && errno == wanted)
        return HELD;
    fprintf(stderr, "result %ld, errno %d (%s)\n", result, errno, strerror(errno));
    return NOT_HELD;
}

/* ---- files: Landlock ---- */

static int opens_to_write(void)
{
    return refused(open("there", O_WRONLY), EACCES);
}
static int truncates(void)
{
    return refused(truncate("there", 0), EACCES);
}
static int creates(void)
{
    return refused(open("new", O_CREAT | O_RDWR, 0600), EACCES);
}
static int removes(void)
{
    return refused(unlink("there"), EACCES);
}
static int renames(void)
{
    return refused(rename("there", "elsewhere"), EACCES);
}
static int makes_a_folder(void)
{
    return refused(mkdir("new", 0700), EACCES);
}
static int links(void)
{
    return refused(symlink("there", "new"), EACCES);
}
static int opens_proc_to_write(void)
{
    return refused(open("/proc/self/oom_score_adj", O_WRONLY), EACCES);
}

static void test_files_are_not_written_made_or_removed(void **state)
{
    (void)state;
    static int (*const checks[])(void) = {opens_to_write, truncates,      creates, removes,
                                          renames,        makes_a_folder, links,   opens_proc_to_write};
    if (!in_force.files) {
        fprintf(stderr, "SKIPPED: this kernel has no Landlock\n");
        skip();
    }
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        assert_int_equal(in_sandbox(checks[i]), HELD);
}

/* ---- calls: seccomp ---- */

static int executes(void)
{
    char *const words[] = {"/bin/true", NULL};
    return refused(execv(words[0], words), EPERM);
}
static int traces(void)
{
    return refused(ptrace(PTRACE_TRACEME, 0, NULL, NULL), EPERM);
}
static int mounts(void)
{
    return refused(mount("none", "/tmp", "tmpfs", 0, NULL), EPERM);
}
static int unshares(void)
{
    return refused(unshare(CLONE_NEWUSER), EPERM);
}
static int clones(void)
{
    return refused(syscall(SYS_clone, CLONE_NEWUSER | 17, 0, 0, 0, 0), EPERM);
}
static int clones_by_the_new_call(void)
{
    return refused(syscall(SYS_clone3, NULL, 0), ENOSYS);
}
static int uses_io_uring(void)
{
    return refused(syscall(SYS_io_uring_setup, 1, NULL), EPERM);
}
static int uses_bpf(void)
{
    return refused(syscall(SYS_bpf, 0, NULL, 0), EPERM);
}
static int reads_a_parent(void)
{
    return refused(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0), EPERM);
}
static int runs_a_shell(void)
{
    const int status = system("true");
    return WIFEXITED(status) && WEXITSTATUS(status) == 127 ? HELD : NOT_HELD;
}

/* An allowed call by its number in the table of x32. */
static int calls_by_foreign_numbers(void)
{
    return refused(syscall(0x40000000 | SYS_getppid), EPERM);
}

static void test_calls_that_it_never_needs_are_refused(void **state)
{
    (void)state;
    static int (*const checks[])(void) = {
        executes,      traces,   mounts,         unshares,    clones, clones_by_the_new_call,
        uses_io_uring, uses_bpf, reads_a_parent, runs_a_shell};
    if (!in_force.calls) {
        fprintf(stderr, "SKIPPED: no filter of system calls here\n");
        skip();
    }
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        assert_int_equal(in_sandbox(checks[i]), HELD);
#ifdef __x86_64__
    assert_int_equal(in_sandbox(calls_by_foreign_numbers), HELD);
#else
    (void)calls_by_foreign_numbers;
#endif
}

/* ---- rights ---- */

static int field_is(const char *name, const char *value)
{
    char line[256], wanted[128];
    int found = NOT_HELD;
    FILE *file = fopen("/proc/self/status", "r");
    snprintf(wanted, sizeof wanted, "%s:\t%s\n", name, value);
    while (file && fgets(line, sizeof line, file))
        if (strcmp(line, wanted) == 0)
            found = HELD;
    return found;
}

static int has_no_new_rights(void)
{
    return field_is("NoNewPrivs", "1");
}
static int has_a_filter(void)
{
    return field_is("Seccomp", "2");
}
static int leaves_no_dump(void)
{
    return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? HELD : NOT_HELD;
}

static void test_the_kernel_says_so_too(void **state)
{
    (void)state;
    assert_true(in_force.privileges);
    assert_int_equal(in_sandbox(has_no_new_rights), HELD);
    assert_int_equal(in_sandbox(leaves_no_dump), HELD);
    if (in_force.calls)
        assert_int_equal(in_sandbox(has_a_filter), HELD);
}

static int makes_memory_executable(void)
{
    if (prctl(66, 0, 0, 0, 0) < 0) { /* PR_GET_MDWE; Linux 6.3 */
        fprintf(stderr, "SKIPPED: this kernel lets any memory become executable\n");
        return HELD;
    }
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return refused(mprotect(memory, 4096, PROT_READ | PROT_EXEC), EACCES);
}

static void test_memory_does_not_become_executable(void **state)
{
    (void)state;
    assert_int_equal(in_sandbox(makes_memory_executable), HELD);
}

/* ---- what a service needs ---- */

static void *count(void *to)
{
    ++*(int *)to;
    return NULL;
}

static int serves(void)
{
    char bytes[8];
    int counted = 0;
    pthread_t thread;
    struct addrinfo *addresses = NULL;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n_address = sizeof address;
    const int file = open("there", O_RDONLY), server = socket(AF_INET, SOCK_STREAM, 0);
    const bool reads = file >= 0 && read(file, bytes, sizeof bytes) == 5;
    const bool starts = pthread_create(&thread, NULL, count, &counted) == 0 && pthread_join(thread, NULL) == 0;
    const bool listens = bind(server, (struct sockaddr *)&address, n_address) == 0 && listen(server, 1) == 0 &&
                         getsockname(server, (struct sockaddr *)&address, &n_address) == 0;
    const bool connects = connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&address, n_address) == 0;
    const bool resolves = getaddrinfo("localhost", "9092", NULL, &addresses) == 0;
    const bool loads = dlopen("libz.so.1", RTLD_NOW | RTLD_LOCAL) != NULL; /* as OpenSSL's and SASL's modules are */
    const pid_t child = fork();
    if (child == 0)
        _exit(0);
    const bool forks = child > 0 && waitpid(child, NULL, 0) == child;
    return reads && starts && counted == 1 && listens && connects && resolves && loads && forks ? HELD : NOT_HELD;
}

static void test_what_a_service_needs_goes_on(void **state)
{
    (void)state;
    assert_int_equal(in_sandbox(serves), HELD);
}

static int had_open(void)
{
    return write(STDERR_FILENO, "", 0) == 0 && open("/etc/hosts", O_RDONLY) >= 0 ? HELD : NOT_HELD;
}

static void test_open_files_stay_open(void **state)
{
    (void)state;
    assert_int_equal(in_sandbox(had_open), HELD);
}

/* ---- */

static int enter_all(void)
{
    const struct sandbox sandbox = sandbox_enter(); /* a second time: what holds twice holds */
    return (sandbox.privileges ? 1 : 0) + (sandbox.files ? 2 : 0) + (sandbox.calls ? 4 : 0);
}

static int prepare(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    char path[64];
    snprintf(path, sizeof path, "%s/there", folder);
    FILE *file = fopen(path, "w");
    if (!file || fputs("bytes", file) < 0 || fclose(file) != 0)
        return -1;
    const int bits = in_sandbox(enter_all);
    in_force = (struct sandbox){.privileges = bits & 1, .files = bits & 2, .calls = bits & 4};
    return 0;
}

static int clean_up(void **state)
{
    (void)state;
    char path[64];
    snprintf(path, sizeof path, "%s/there", folder);
    return unlink(path) == 0 && rmdir(folder) == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_are_not_written_made_or_removed),
        cmocka_unit_test(test_calls_that_it_never_needs_are_refused),
        cmocka_unit_test(test_the_kernel_says_so_too),
        cmocka_unit_test(test_memory_does_not_become_executable),
        cmocka_unit_test(test_what_a_service_needs_goes_on),
        cmocka_unit_test(test_open_files_stay_open),
    };
    return cmocka_run_group_tests(tests, prepare, clean_up);
}
