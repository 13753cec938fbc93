/* sandbox.c: gives up what the service never needs.
 *
 * What is denied is a list, and all else is allowed: which calls the C library, librdkafka and OpenSSL make differs
 * between their versions, and a list of what is allowed would one day end a service that does nothing wrong. Reading is
 * not restricted for a like reason: a model may be a symbolic link that is moved to another folder. Which files can be
 * read is for the unit of systemd or the container to say.
 */
#define _GNU_SOURCE /* syscall */
#include "sandbox.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- rights ---- */

/* Of later headers: memory that was not executable does not become so. */
#define SET_MDWE 65
#define MDWE_REFUSE_EXEC_GAIN 1UL

static bool drop_privileges(void)
{
    prctl(PR_SET_DUMPABLE, 0UL, 0UL, 0UL, 0UL);
    prctl(SET_MDWE, MDWE_REFUSE_EXEC_GAIN, 0UL, 0UL, 0UL); /* Linux 6.3 */
    return prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) == 0;
}

/* ---- files ---- */

#define ACCESS_FS_TRUNCATE (1ULL << 14) /* of later headers */

/* Everything but reading, as far as this version of Landlock knows it. No path is excepted. */
static bool drop_files(void)
{
    const long version = syscall(SYS_landlock_create_ruleset, NULL, 0UL, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1)
        return false;
    struct landlock_ruleset_attr attributes = {
        .handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                             LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                             LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                             LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                             LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM};
    if (version >= 3)
        attributes.handled_access_fs |= ACCESS_FS_TRUNCATE;
    const long rules =
        syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes.handled_access_fs, (uint32_t)0);
    if (rules < 0)
        return false;
    const bool good = syscall(SYS_landlock_restrict_self, (int)rules, (uint32_t)0) == 0;
    close((int)rules);
    return good;
}

/* ---- calls ---- */

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#define CALLS_MAX 0x3FFFFFFFu /* above are those of x32 */
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#define CALLS_MAX UINT32_MAX
#elif defined(__riscv) && __riscv_xlen == 64
#define NATIVE AUDIT_ARCH_RISCV64
#define CALLS_MAX UINT32_MAX
#else
#define NATIVE 0u /* not tried there: no filter */
#define CALLS_MAX UINT32_MAX
#endif

static const uint32_t denied[] = {
    /* other programs, other processes */
    SYS_execve, SYS_execveat, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_process_madvise,
    SYS_pidfd_getfd, SYS_kcmp,
    /* another view of the system */
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_move_mount, SYS_open_tree, SYS_fsopen, SYS_fsconfig,
    SYS_fsmount, SYS_fspick, SYS_mount_setattr, SYS_unshare, SYS_setns, SYS_personality,
    /* ways into the kernel, and around this filter */
    SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register,
    SYS_add_key, SYS_request_key, SYS_keyctl, SYS_fanotify_init, SYS_open_by_handle_at, SYS_name_to_handle_at,
    /* the machine */
    SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_reboot, SYS_swapon, SYS_swapoff,
    SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex, SYS_settimeofday, SYS_sethostname, SYS_setdomainname,
    SYS_syslog, SYS_acct, SYS_quotactl, SYS_mknodat};

#define N_DENIED (sizeof denied / sizeof *denied)
#define NAMESPACES \
    (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

static struct sock_filter load(size_t offset)
{
    return (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset);
}

static struct sock_filter answer(uint32_t value)
{
    return (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, value);
}

/* Goes on with the next instruction where it holds, else leaves so many out. */
static struct sock_filter unless_skip(uint16_t test, uint32_t value, uint8_t skipped)
{
    return (struct sock_filter)BPF_JUMP((uint16_t)(BPF_JMP | test | BPF_K), value, 0, skipped);
}

static bool drop_calls(void)
{
    struct sock_filter filter[2 * N_DENIED + 20];
    size_t n = 0;
    const uint32_t no = SECCOMP_RET_ERRNO | EPERM;
    filter[n++] = load(offsetof(struct seccomp_data, arch));
    filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0);
    filter[n++] = answer(no); /* by another machine's numbers */
    filter[n++] = load(offsetof(struct seccomp_data, nr));
    filter[n++] = unless_skip(BPF_JGT, CALLS_MAX, 1);
    filter[n++] = answer(no);
    for (size_t i = 0; i < N_DENIED; i++) {
        filter[n++] = unless_skip(BPF_JEQ, denied[i], 1);
        filter[n++] = answer(no);
    }
    /* clone3 hides its flags from filters. Where it is missing, the C library takes clone. */
    filter[n++] = unless_skip(BPF_JEQ, SYS_clone3, 1);
    filter[n++] = answer(SECCOMP_RET_ERRNO | ENOSYS);
    filter[n++] = unless_skip(BPF_JEQ, SYS_clone, 3);
    filter[n++] = load(offsetof(struct seccomp_data, args)); /* its lower half: these machines are little-endian */
    filter[n++] = unless_skip(BPF_JSET, NAMESPACES, 1);
    filter[n++] = answer(no);
    filter[n++] = answer(SECCOMP_RET_ALLOW);
    const struct sock_fprog program = {.len = (unsigned short)n, .filter = filter};
    return NATIVE != 0 && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0;
}

struct sandbox sandbox_enter(void)
{
    struct sandbox sandbox = {0};
    sandbox.privileges = drop_privileges();
    sandbox.files = drop_files();
    sandbox.calls = drop_calls();
    return sandbox;
}
