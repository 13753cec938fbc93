/* health.c: `alertrond health`: asks a running alertrond whether it is well, for who has no HTTP client at hand, such
 * as the health check of a container. */
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "clock.h"
#include "command.h"
#include "kafka_flags.h"
#include "options.h"
#include "print.h"
#include "value.h"
#include "why.h"

#define ANSWER_BYTES_MAX 8192u
#define WHY_BYTES 256

struct health_flags {
    const char *host;
    int64_t port;
    double seconds;
    bool ready;
};

static const struct options_usage usage = {
    .command = "health",
    .operands = "",
    .summary = "Asks a running alertrond whether it lives, or whether readings flow.",
    .details = "Exit status: 0 yes, 1 no or no answer, and why. It speaks plain HTTP.\n"
               "\n"
               "Examples:\n"
               "  alertrond health\n"
               "  alertrond health --ready --port 9000\n"};

/* Bounds connecting, and each piece that is sent or received. */
static void bound(int connection, double seconds)
{
    const time_t whole = (time_t)seconds;
    const struct timeval most = {.tv_sec = whole, .tv_usec = (suseconds_t)((seconds - (double)whole) * 1e6)};
    setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
}

/* A connection to the first of the host's addresses that takes one, or -1. */
static int connect_to(const struct health_flags *flags, char *why, size_t why_size)
{
    char port[8];
    snprintf(port, sizeof port, "%d", (int)flags->port);
    struct addrinfo *addresses = NULL;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    const int outcome = getaddrinfo(flags->host, port, &hints, &addresses);
    int connection = -1;
    if (outcome != 0)
        why_say(why, why_size, "%s", gai_strerror(outcome));
    else
        why_say(why, why_size, "nobody takes connections there");
    for (const struct addrinfo *at = addresses; at && connection < 0; at = at->ai_next) {
        connection = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connection < 0)
            continue;
        bound(connection, flags->seconds);
        if (connect(connection, at->ai_addr, at->ai_addrlen) != 0) {
            close(connection);
            connection = -1;
        }
    }
    if (addresses)
        freeaddrinfo(addresses);
    return connection;
}

/* The whole answer as a string; false where it did not come in time. */
static bool ask(int connection, const struct health_flags *flags, char answer[ANSWER_BYTES_MAX])
{
    const char *request = flags->ready ? "GET /readyz HTTP/1.0\r\n\r\n" : "GET /healthz HTTP/1.0\r\n\r\n";
    const double end = clock_seconds() + flags->seconds;
    size_t n = 0;
    ssize_t got = send(connection, request, strlen(request), MSG_NOSIGNAL) < 0 ? -1 : 1;
    while (got > 0 && n < ANSWER_BYTES_MAX - 1 && clock_seconds() < end) {
        got = recv(connection, answer + n, ANSWER_BYTES_MAX - 1 - n, 0);
        n += got > 0 ? (size_t)got : 0;
    }
    answer[n] = 0;
    return got == 0;
}

/* Whether the answer is 200; says the first line of its body. */
static bool tell(const char *answer, const struct health_flags *flags)
{
    const bool http = strncmp(answer, "HTTP/1.", 7) == 0 && strlen(answer) > 12;
    const char *head_end = http ? strstr(answer, "\r\n\r\n") : NULL;
    const bool good = head_end && strncmp(answer + 9, "200 ", 4) == 0;
    const char *body = head_end ? head_end + 4 : "this is no answer of alertrond's";
    FILE *out = good ? stdout : stderr;
    if (!good)
        fprintf(out, "alertrond health: %s port %d: ", flags->host, (int)flags->port);
    print_shown(out, body, strcspn(body, "\r\n"));
    fputc('\n', out);
    return good;
}

static int run(const struct health_flags *flags)
{
    char why[WHY_BYTES], answer[ANSWER_BYTES_MAX];
    const int connection = connect_to(flags, why, sizeof why);
    bool answered = connection >= 0;
    if (answered && !(answered = ask(connection, flags, answer)))
        why_say(why, sizeof why, "no answer within %g s", flags->seconds);
    if (connection >= 0)
        close(connection);
    if (answered)
        return tell(answer, flags) ? 0 : 1;
    fprintf(stderr, "alertrond health: %s port %d: %s\n", flags->host, (int)flags->port, why);
    return 1;
}

/* The port that the service in the same environment would listen on, but for its file and flags. */
static enum options_outcome default_port(int64_t *port)
{
    static const struct value_range range = {.what = "a port", .least = 1, .most = 65535};
    char why[WHY_BYTES];
    if (value_integer(kafka_flags_environment("ALERTROND_HTTP_PORT", "8000"), &range, port, why, sizeof why))
        return OPTIONS_RUN;
    return options_wrong(&usage, "ALERTROND_HTTP_PORT: %s", why);
}

int command_health(int argc, char **argv)
{
    struct health_flags flags = {.host = "127.0.0.1", .seconds = 3};
    const struct option options[] = {
        {.name = "ready",
         .kind = OPTION_FLAG,
         .target = &flags.ready,
         .help = "whether readings flow (/readyz), not only whether it lives"},
        {.name = "host",
         .kind = OPTION_TEXT,
         .target = &flags.host,
         .argument = "HOST",
         .help = "where it listens (default 127.0.0.1)"},
        {.name = "port",
         .kind = OPTION_INTEGER,
         .target = &flags.port,
         .argument = "PORT",
         .help = "its port (default: ALERTROND_HTTP_PORT, or 8000)",
         .least = 1,
         .most = 65535},
        {.name = "seconds",
         .kind = OPTION_NUMBER,
         .target = &flags.seconds,
         .argument = "S",
         .help = "how long it may take to answer (default 3)",
         .least = 0.1,
         .most = 3600},
    };
    enum options_outcome outcome = default_port(&flags.port);
    if (outcome == OPTIONS_RUN)
        outcome = options_parse(&usage, options, sizeof options / sizeof *options, argc, argv, NULL, NULL);
    return outcome == OPTIONS_RUN ? run(&flags) : options_status(outcome);
}
