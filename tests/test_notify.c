/* test_notify.c: what systemd is told, on a datagram socket of the test's own. */
#include "notify.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "support.h"

static char folder[] = "/tmp/test_notify.XXXXXX";

/* A socket that listens, and NOTIFY_SOCKET naming it: a path, or an abstract name. */
static int listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const size_t n = strlen(name);
    memcpy(address.sun_path, name, n);
    if (*name == '@')
        address.sun_path[0] = 0;
    const int file = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_true(file >= 0);
    assert_int_equal(bind(file, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)),
                     0);
    assert_int_equal(fcntl(file, F_SETFL, O_NONBLOCK), 0);
    setenv("NOTIFY_SOCKET", name, 1);
    return file;
}

/* The next message, or "" where there is none. */
static const char *heard(int file)
{
    static char text[1000];
    const ssize_t n = recv(file, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = 0;
    return text;
}

static void check_life(const char *name)
{
    const int file = listen_at(name);
    notify_open();
    assert_null(getenv("NOTIFY_SOCKET"));
    notify_state(NOTIFY_WAITING, "waiting for a broker");
    assert_string_equal(heard(file), "STATUS=waiting for a broker");
    notify_state(NOTIFY_WAITING, "waiting for a broker");
    assert_string_equal(heard(file), "");
    notify_state(NOTIFY_READY, "scoring");
    assert_string_equal(heard(file), "READY=1\nSTATUS=scoring");
    notify_state(NOTIFY_READY, "scoring");
    assert_string_equal(heard(file), "");
    notify_state(NOTIFY_RELOADING, "loading pump.alertron");
    const char *reloading = heard(file);
    assert_int_equal(strncmp(reloading, "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
    assert_true(strtoll(reloading + 27, NULL, 10) > 0);
    assert_non_null(strstr(reloading, "\nSTATUS=loading pump.alertron"));
    notify_state(NOTIFY_READY, "scoring");
    assert_string_equal(heard(file), "READY=1\nSTATUS=scoring");
    notify_state(NOTIFY_WAITING, "outputs are not acknowledged");
    assert_string_equal(heard(file), "STATUS=outputs are not acknowledged");
    notify_state(NOTIFY_STOPPING, "ending");
    assert_string_equal(heard(file), "STOPPING=1\nSTATUS=ending");
    notify_close();
    notify_state(NOTIFY_READY, "after the end");
    assert_string_equal(heard(file), "");
    close(file);
}

static void test_a_life_is_told_on_a_path(void **state)
{
    (void)state;
    char name[64];
    snprintf(name, sizeof name, "%s/notify", folder);
    check_life(name);
    unlink(name);
}

static void test_a_life_is_told_on_an_abstract_socket(void **state)
{
    (void)state;
    char name[64];
    snprintf(name, sizeof name, "@alertron-test-notify-%ld", (long)getpid());
    check_life(name);
}

/* A status is one line, or it could say READY=1 in a broker's name. */
static void test_a_status_can_say_nothing_else(void **state)
{
    (void)state;
    char name[64], long_one[2000];
    snprintf(name, sizeof name, "@alertron-test-notify-%ld", (long)getpid());
    const int file = listen_at(name);
    notify_open();
    notify_state(NOTIFY_WAITING, "no broker\nREADY=1\x1b[0m");
    assert_string_equal(heard(file), "STATUS=no broker?READY=1?[0m");
    memset(long_one, 'x', sizeof long_one - 1);
    long_one[sizeof long_one - 1] = 0;
    notify_state(NOTIFY_WAITING, long_one);
    assert_in_range(strlen(heard(file)), 100, 300);
    notify_close();
    close(file);
}

static void test_the_watchdog_is_told_where_one_watches(void **state)
{
    (void)state;
    char name[64], self[32];
    snprintf(name, sizeof name, "@alertron-test-notify-%ld", (long)getpid());
    snprintf(self, sizeof self, "%ld", (long)getpid());
    const int file = listen_at(name);
    notify_open();
    notify_alive();
    assert_string_equal(heard(file), "");
    notify_close();

    setenv("NOTIFY_SOCKET", name, 1);
    setenv("WATCHDOG_USEC", "30", 1);
    setenv("WATCHDOG_PID", "1", 1); /* another process is watched */
    notify_open();
    notify_alive();
    assert_string_equal(heard(file), "");
    notify_close();

    setenv("NOTIFY_SOCKET", name, 1);
    setenv("WATCHDOG_USEC", "30000000000", 1);
    setenv("WATCHDOG_PID", self, 1);
    notify_open();
    assert_null(getenv("WATCHDOG_USEC"));
    notify_alive();
    notify_alive(); /* hours too early */
    assert_string_equal(heard(file), "WATCHDOG=1");
    assert_string_equal(heard(file), "");
    notify_close();
    close(file);
}

static void test_who_does_not_listen_is_let_be(void **state)
{
    (void)state;
    static const char *const names[] = {"", "relative", "@alertron-test-nobody", "/nowhere/notify"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        setenv("NOTIFY_SOCKET", names[i], 1);
        notify_open();
        notify_state(NOTIFY_READY, "scoring");
        notify_alive();
        notify_close();
    }
    char name[64];
    snprintf(name, sizeof name, "@alertron-test-notify-%ld", (long)getpid());
    const int file = listen_at(name);
    notify_open();
    for (int i = 0; i < 10000; i++) /* more than the socket holds: nobody reads, and nobody waits */
        notify_state(NOTIFY_WAITING, i % 2 ? "a" : "b");
    while (*heard(file))
        ;
    notify_state(NOTIFY_READY, "scoring");
    assert_string_equal(heard(file), "READY=1\nSTATUS=scoring");
    for (int i = 0; i < 10000; i++)
        notify_state(NOTIFY_WAITING, i % 2 ? "a" : "b");
    notify_state(NOTIFY_STOPPING, "ending"); /* is not taken, so it is said again */
    while (*heard(file))
        ;
    notify_state(NOTIFY_STOPPING, "ending");
    assert_string_equal(heard(file), "STOPPING=1\nSTATUS=ending");
    close(file);
    notify_state(NOTIFY_STOPPING, "ended"); /* and who has gone is no reason to end by a signal */
    notify_close();
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_life_is_told_on_a_path),
        cmocka_unit_test(test_a_life_is_told_on_an_abstract_socket),
        cmocka_unit_test(test_a_status_can_say_nothing_else),
        cmocka_unit_test(test_the_watchdog_is_told_where_one_watches),
        cmocka_unit_test(test_who_does_not_listen_is_let_be),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
