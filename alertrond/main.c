/* main.c: alertrond COMMAND: finds the subcommand and gives it its arguments. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <alertron.h>

#include "command.h"
#include "suggest.h"
#include "value.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    bool serves; /* a peer that hangs up must not end it */
    const char *summary;
};

static const struct command commands[] = {
    {"run", command_run, true, "the service: score what comes from Kafka, write anomalies, serve metrics"},
    {"health", command_health, false, "whether a running alertrond lives, or whether readings flow"},
    {"check-config", command_check_config, false, "every mistake in a configuration at once; connects to nothing"},
    {"train", command_train, false, "fit a model to a file of readings"},
    {"score", command_score, false, "score a file of readings"},
    {"inspect", command_inspect, false, "what a model is, where it came from, what it would call an anomaly"},
    {"convert", command_convert, false, "a model to alertron's own file, with other cuts, names or tests"},
    {"diff", command_diff, false, "how two models differ: what they are, and what they make of readings"},
    {"test", command_test, false, "run a model's unit tests: what its next version must still do"},
    {"generate", command_generate, true, "readings like a fleet's, to Kafka or to standard output"},
    {"replay", command_replay, true, "put dead letters back, once their cause is mended"},
    {"demo", command_demo, true, "everything in one process, with a broker in memory"},
    {"broker", command_broker, true, "a Kafka broker in memory, for trying things out"},
};

#define N_COMMANDS (sizeof commands / sizeof *commands)

static void print_usage(FILE *out)
{
    fprintf(out, "Usage: alertrond COMMAND [FLAG]...\n\n"
                 "Anomaly detection on streams of readings.\n\n"
                 "Commands:\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(out, "  %-12s  %s\n", commands[i].name, commands[i].summary);
    fprintf(out, "\n"
                 "`alertrond COMMAND --help` tells what a command takes. `alertrond --version` tells the version.\n"
                 "Exit status: 0 done, 1 the work failed, 2 used wrongly.\n");
}

static int unknown_command(const char *name)
{
    char shown[VALUE_SHOWN_BYTES_MAX];
    struct suggestion near = suggest_for(name);
    for (size_t i = 0; i < N_COMMANDS; i++)
        suggest_consider(&near, commands[i].name);
    suggest_consider(&near, "--help");
    suggest_consider(&near, "--version");
    const char *kind = name[0] == '-' ? "flag" : "command";
    fprintf(stderr, "alertrond: unknown %s %s", kind, value_shown(name, shown));
    if (near.best)
        fprintf(stderr, " (did you mean %s?)", near.best);
    fprintf(stderr, "; see alertrond --help\n");
    return 2;
}

/* Where standard input, output or error is closed, the next file that is opened would take its number, and messages
 * would be written into it. */
static void fill_standard_files(void)
{
    for (int file = 0; file <= 2; file++)
        if (fcntl(file, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
            return;
}

/* A filter whose reader has gone ends quietly by the signal, whatever was inherited; a service gets EPIPE. */
static void set_pipe_signal(bool serves)
{
    struct sigaction action = {.sa_handler = serves ? SIG_IGN : SIG_DFL};
    sigemptyset(&action.sa_mask);
    sigaction(SIGPIPE, &action, NULL);
}

/* Output that could not be written is work that failed, e.g. on a disk that is full. */
static int finish(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    if (errno != EPIPE)
        fprintf(stderr, "alertrond: standard output: %s\n", strerror(errno));
    return status ? status : 1;
}

int main(int argc, char **argv)
{
    fill_standard_files();
    set_pipe_signal(false);
    if (argc < 2) {
        print_usage(stderr);
        return 2;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_usage(stdout);
        return finish(0);
    }
    if (strcmp(name, "--version") == 0) {
        printf("alertrond %s\n", alertron_version());
        return finish(0);
    }
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(name, commands[i].name) == 0) {
            set_pipe_signal(commands[i].serves);
            return finish(commands[i].run(argc - 1, argv + 1));
        }
    return unknown_command(name);
}
