/* config_support.c: what the tests of the configuration share. */
#include "config_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture.h"
#include "command.h"
#include "config_table.h"
#include "kafka.h"
#include "service.h"
#include "support.h"

/* What librdkafka would say; the room that knows it is not part of this test. */
bool kafka_property_check(const char *name, const char *value, char *why, size_t why_size)
{
    static const char *const known[] = {"security.protocol",  "sasl.password", "sasl.mechanism", "sasl.username",
                                        "ssl.ca.location",    "partitioner",   "debug",          "fetch.wait.max.ms",
                                        "enable.idempotence", "acks"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i]) == 0) {
            snprintf(why, why_size, "Invalid value \"%s\" for configuration property \"%s\"", value, name);
            return strcmp(value, "bad") != 0;
        }
    snprintf(why, why_size, "No such configuration property: \"%s\"", name);
    return false;
}

bool kafka_property_known(const char *name)
{
    char unused[512];
    return kafka_property_check(name, "", unused, sizeof unused);
}

/* Nor is what the files hold: test_http.py has run and check-config read them. */
bool service_check(const struct config *config, char *why, size_t why_size)
{
    (void)config;
    (void)why;
    (void)why_size;
    return true;
}

/* ---- a folder of our own, an environment of our own ---- */

static char folder[] = "/tmp/test_config.XXXXXX";

void clear_environment(void)
{
    char name[CONFIG_NAME_BYTES_MAX];
    for (size_t i = 0; i < config_n_keys; i++)
        unsetenv(config_variable(&config_keys[i], name));
    unsetenv("ALERTROND_HTTP_PROT");
    unsetenv("ALERTROND_SERVICE_HOST");
    unsetenv("KAFKA_SASL_PASSWORD");
    unsetenv("KAFKA_SASL_PASSWORD_FILE");
}

void write_file(const char *name, const char *bytes, size_t n)
{
    FILE *file = fopen(name, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

int enter_folder(void **state)
{
    (void)state;
    umask(077);
    if (!mkdtemp(folder) || chdir(folder) != 0)
        return -1;
    write_file(MODEL_NAME, "model", 5);
    return mkdir("folder", 0700);
}

int leave_folder(void **state)
{
    (void)state;
    unlink(FILE_NAME);
    unlink(MODEL_NAME);
    return rmdir("folder") == 0 && chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

int begin_test(void **state)
{
    (void)state;
    clear_environment();
    unlink(FILE_NAME);
    return 0;
}

static const struct options_usage usage = {"run", "", "Scores.", NULL};

static int make_argv(char *argv[ARGUMENTS_MAX + 1], const char *const *arguments)
{
    int argc = 1;
    argv[0] = (char *)"run";
    for (; arguments[argc - 1]; argc++)
        argv[argc] = (char *)arguments[argc - 1];
    argv[argc] = NULL;
    return argc;
}

/* Reads a configuration; what was said about it goes to *said, malloced. */
enum options_outcome read_config(struct config *config, const char *const *arguments, char **said)
{
    char *argv[ARGUMENTS_MAX + 1];
    size_t n_said = 0;
    FILE *errors = open_memstream(said, &n_said);
    assert_non_null(errors);
    int argc = make_argv(argv, arguments);
    enum options_outcome outcome = config_read(config, &usage, argc, argv, errors);
    assert_int_equal(fclose(errors), 0);
    return outcome;
}

struct config good_config(const char *const *arguments)
{
    struct config config = {0};
    char *said = NULL;
    enum options_outcome outcome = read_config(&config, arguments, &said);
    assert_string_equal(said, "");
    assert_int_equal(outcome, OPTIONS_RUN);
    free(said);
    return config;
}

int check_config(const char *const *arguments, char **out, char **errors)
{
    char *argv[ARGUMENTS_MAX + 1];
    int argc = make_argv(argv, arguments);
    struct capture to_out = capture_begin(stdout), to_errors = capture_begin(stderr);
    int status = command_check_config(argc, argv);
    *errors = capture_end(&to_errors);
    *out = capture_end(&to_out);
    return status;
}
