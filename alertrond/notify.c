/* notify.c: tells systemd, or who else set NOTIFY_SOCKET, how the service is doing. */
#include "notify.h"

#include <float.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "utf8.h"

#define STATUS_BYTES_MAX 256u

static struct {
    int socket; /* one more than its number, so that 0 is none */
    bool told_ready;
    enum notify_state state;
    char status[STATUS_BYTES_MAX];
    double alive_every, alive_told; /* seconds */
} notify;

/* The address of a path, or of an abstract name, which begins with '@'. 0 where it is neither. */
static socklen_t read_address(const char *name, struct sockaddr_un *address)
{
    const size_t n = strlen(name);
    if ((*name != '/' && *name != '@') || n >= sizeof address->sun_path)
        return 0;
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, name, n);
    if (*name == '@')
        address->sun_path[0] = 0;
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
}

/* False where it was not taken: the service does not wait for who listens, nor end with it. */
static bool tell(const char *text)
{
    return !notify.socket || send(notify.socket - 1, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
}

void notify_open(void)
{
    struct sockaddr_un address;
    const char *name = getenv("NOTIFY_SOCKET"), *microseconds = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    const socklen_t n_address = name ? read_address(name, &address) : 0;
    const bool watched = microseconds && (!pid || strtoll(pid, NULL, 10) == (long long)getpid());
    const int file = n_address ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
    memset(&notify, 0, sizeof notify);
    if (file >= 0 && connect(file, (struct sockaddr *)&address, n_address) == 0)
        notify.socket = file + 1;
    else if (file >= 0)
        close(file);
    notify.alive_told = -DBL_MAX;
    notify.alive_every = watched ? strtod(microseconds, NULL) / 1e6 / 3 : 0;
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

void notify_close(void)
{
    if (notify.socket)
        close(notify.socket - 1);
    notify.socket = 0;
}

static long long monotonic_microseconds(void)
{
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void notify_state(enum notify_state state, const char *status)
{
    char shown[STATUS_BYTES_MAX], text[STATUS_BYTES_MAX + 80], what[64] = "";
    const size_t n = strlen(status);
    utf8_shown(shown, status, n < sizeof shown ? n : utf8_cut(status, sizeof shown - 1));
    const bool changed = state != notify.state, ready = state == NOTIFY_READY && (changed || !notify.told_ready);
    if (ready)
        snprintf(what, sizeof what, "READY=1\n");
    else if (changed && state == NOTIFY_RELOADING)
        snprintf(what, sizeof what, "RELOADING=1\nMONOTONIC_USEC=%lld\n", monotonic_microseconds());
    else if (changed && state == NOTIFY_STOPPING)
        snprintf(what, sizeof what, "STOPPING=1\n");
    else if (strcmp(shown, notify.status) == 0)
        return;
    snprintf(text, sizeof text, "%sSTATUS=%s", what, shown);
    if (!tell(text))
        return; /* it is told at the next turn */
    notify.told_ready |= ready;
    notify.state = state;
    memcpy(notify.status, shown, sizeof shown);
}

void notify_alive(void)
{
    const double now = clock_seconds();
    if (notify.alive_every <= 0 || now - notify.alive_told < notify.alive_every)
        return;
    if (tell("WATCHDOG=1"))
        notify.alive_told = now;
}
