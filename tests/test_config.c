/* test_config.c: where values of the configuration come from, and pages that agree with the program. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_support.h"
#include "config_table.h"
#include "support.h"

/* ---- where values come from ---- */

static void test_defaults_are_those_of_the_table(void **state)
{
    (void)state;
    struct config config = good_config(ARGUMENTS("-m", MODEL_NAME)), defaults;
    assert_true(config_defaults(&defaults));
    assert_null(defaults.model.path);
    assert_string_equal(config.model.path, MODEL_NAME);
    assert_int_equal(config.model.input, ALERTRON_INPUT_DEFAULT);
    assert_true(config.severity.medium_quantile == 0.80 && config.severity.high_quantile == 0.95);
    assert_string_equal(config.severity.calibration_file, "");
    assert_int_equal(config.severity.calibration_anomalies, 200);
    assert_string_equal(config.kafka.bootstrap, "127.0.0.1:9092");
    assert_string_equal(config.kafka.readings_topic, "readings");
    assert_string_equal(config.kafka.anomalies_topic, "anomalies");
    assert_string_equal(config.kafka.dead_letters_topic, "readings.dlq");
    assert_string_equal(config.kafka.group_id, "alertrond");
    assert_int_equal(config.kafka.offset_reset, 0);
    assert_false(config.kafka.create_topics);
    assert_int_equal(config.kafka.partitions, 4);
    assert_int_equal(config.kafka.replication, -1);
    assert_int_equal(config.kafka.n_properties, 0);
    assert_string_equal(config.http.address, "0.0.0.0");
    assert_int_equal(config.http.port, 8000);
    assert_int_equal(config.http.threads, 64);
    assert_int_equal(config.limits.message_bytes, 65536);
    assert_int_equal(config.limits.devices, 10000);
    assert_int_equal(config.limits.device_seconds, 86400);
    assert_int_equal(config.limits.outputs, 16384);
    assert_int_equal(config.limits.shutdown_seconds, 20);
    assert_int_equal(config.log.level, 1);
    assert_int_equal(config.log.format, 0);
    assert_int_equal(config.log.rate, 10);
    assert_true(config.process.sandbox);
    for (size_t i = 0; i < config_n_keys; i++) {
        char a[CONFIG_NUMBER_BYTES_MAX], b[CONFIG_NUMBER_BYTES_MAX];
        if (config_keys[i].initial)
            assert_string_equal(config_value(&config, &config_keys[i], a), config_value(&defaults, &config_keys[i], b));
    }
    config_free(&config);
    config_free(&defaults);
}

static void test_flags_win_over_environment_over_file_over_defaults(void **state)
{
    (void)state;
    static const char file[] = "[http]\nport = 1\n[model]\npath = " MODEL_NAME "\n";
    struct config config = good_config(ARGUMENTS("-m", MODEL_NAME));
    assert_int_equal(config.http.port, 8000);
    config_free(&config);
    write_file(FILE_NAME, file, sizeof file - 1);
    config = good_config(ARGUMENTS("-c", FILE_NAME));
    assert_int_equal(config.http.port, 1);
    config_free(&config);
    setenv("ALERTROND_HTTP_PORT", "", 1); /* counts as not given */
    config = good_config(ARGUMENTS("-c", FILE_NAME));
    assert_int_equal(config.http.port, 1);
    config_free(&config);
    setenv("ALERTROND_HTTP_PORT", "2", 1);
    config = good_config(ARGUMENTS("-c", FILE_NAME));
    assert_int_equal(config.http.port, 2);
    config_free(&config);
    config = good_config(ARGUMENTS("--port", "3", "-c", FILE_NAME));
    assert_int_equal(config.http.port, 3);
    config_free(&config);
}

static void test_every_key_has_a_variable_and_a_flag_that_work(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_n_keys; i++) {
        const struct config_key *key = &config_keys[i];
        char variable[CONFIG_NAME_BYTES_MAX], flag[CONFIG_NAME_BYTES_MAX + 16], name[CONFIG_NAME_BYTES_MAX];
        const char *value = key->initial && *key->initial ? key->initial : MODEL_NAME;
        clear_environment();
        setenv("ALERTROND_MODEL_PATH", MODEL_NAME, 1);
        setenv(config_variable(key, variable), value, 1);
        struct config config = good_config(ARGUMENTS(NULL));
        config_free(&config);
        setenv(variable, "\n", 1); /* no kind takes this */
        char *said = NULL, expected[200];
        snprintf(expected, sizeof expected, "environment variable %s: ", variable);
        if (key->kind != CONFIG_TEXT || key->check) {
            assert_int_equal(read_config(&config, ARGUMENTS(NULL), &said), OPTIONS_MISTAKES);
            assert_int_equal(strncmp(said, expected, strlen(expected)), 0);
            free(said);
        }
        unsetenv(variable);
        snprintf(flag, sizeof flag, "--%s=%s", config_flag(key, name), value);
        config = good_config(ARGUMENTS(flag, "-m", MODEL_NAME));
        config_free(&config);
    }
}

static void test_names_of_the_system_it_replaces_work(void **state)
{
    (void)state;
    setenv("KAFKA_BOOTSTRAP", "redpanda:9092", 1);
    setenv("KAFKA_READINGS_TOPIC", "r", 1);
    setenv("KAFKA_ANOMALIES_TOPIC", "a", 1);
    setenv("KAFKA_GROUP_ID", "g", 1);
    struct config config = good_config(ARGUMENTS("--model", MODEL_NAME));
    assert_string_equal(config.kafka.bootstrap, "redpanda:9092");
    assert_string_equal(config.kafka.readings_topic, "r");
    assert_string_equal(config.kafka.anomalies_topic, "a");
    assert_string_equal(config.kafka.group_id, "g");
    config_free(&config);
}

/* Kerberos runs a program; the other mechanisms need none. */
static void test_the_sandbox_lets_every_mechanism_but_kerberos(void **state)
{
    (void)state;
    static const char *const good[] = {"sasl.mechanism=SCRAM-SHA-512", "sasl.mechanism=PLAIN"};
    for (size_t i = 0; i < 2; i++) {
        struct config config =
            good_config(ARGUMENTS("-m", MODEL_NAME, "-X", "security.protocol=sasl_ssl", "-X", good[i]));
        assert_true(config.process.sandbox);
        config_free(&config);
    }
    struct config config =
        good_config(ARGUMENTS("-m", MODEL_NAME, "-X", "security.protocol=sasl_ssl", "--process-sandbox=false"));
    assert_false(config.process.sandbox);
    config_free(&config);
}

static void test_a_file_is_read_as_people_write_it(void **state)
{
    (void)state;
    static const char file[] = "\xEF\xBB\xBF# comment\r\n; another\r\n\r\n  [ http ]  \r\n\tport=  9000  \r\n"
                               "[kafka]\r\ngroup_id = a group ; of # words = here\r\ncreate_topics = Yes\r\n"
                               "security.protocol=SSL\r\nsasl.password = p = #;w\r\nssl.ca.location =\r\n"
                               "[http]\r\nthreads = +3\r\n[log]\r\nlevel = error\r\nformat=json";
    write_file(FILE_NAME, file, sizeof file - 1);
    struct config config = good_config(ARGUMENTS("-m", MODEL_NAME, "-c" FILE_NAME));
    assert_int_equal(config.http.port, 9000);
    assert_int_equal(config.http.threads, 3);
    assert_string_equal(config.kafka.group_id, "a group ; of # words = here");
    assert_true(config.kafka.create_topics);
    assert_int_equal(config.log.level, 3);
    assert_int_equal(config.log.format, 3);
    assert_int_equal(config.kafka.n_properties, 3);
    assert_string_equal(config.kafka.properties[1].name, "sasl.password");
    assert_string_equal(config.kafka.properties[1].value, "p = #;w");
    assert_string_equal(config.kafka.properties[1].where, FILE_NAME ":10");
    assert_string_equal(config.kafka.properties[2].value, "");
    config_free(&config);
}

static void test_a_property_on_the_command_line_wins_over_the_file(void **state)
{
    (void)state;
    static const char file[] = "[kafka]\nsecurity.protocol = ssl\ndebug = all\n";
    write_file(FILE_NAME, file, sizeof file - 1);
    struct config config = good_config(ARGUMENTS("-m", MODEL_NAME, "-X", "security.protocol=plaintext", "-c", FILE_NAME,
                                                 "-Xsasl.username=a=b", "-Xsasl.username=c"));
    assert_int_equal(config.kafka.n_properties, 3);
    assert_string_equal(config.kafka.properties[0].value, "plaintext");
    assert_string_equal(config.kafka.properties[0].where, "flag -X");
    assert_string_equal(config.kafka.properties[1].where, FILE_NAME ":3");
    assert_string_equal(config.kafka.properties[2].value, "c");
    config_free(&config);
}

static void test_a_property_may_come_from_a_file_or_the_environment(void **state)
{
    (void)state;
    static const char file[] = "[kafka]\nsasl.password = in-the-file\n";
    write_file(FILE_NAME, file, sizeof file - 1);
    write_file("secret", "in-its-own\n", 11);
    setenv("KAFKA_SASL_PASSWORD_FILE", "secret", 1);
    setenv("KAFKA_SASL_PASSWORT", "of-somebody-else", 1);
    struct config config = good_config(ARGUMENTS("-m", MODEL_NAME, "-c", FILE_NAME));
    assert_int_equal(config.kafka.n_properties, 1);
    assert_string_equal(config.kafka.properties[0].name, "sasl.password_file");
    assert_string_equal(config.kafka.properties[0].value, "secret");
    assert_string_equal(config.kafka.properties[0].where, "environment variable KAFKA_SASL_PASSWORD_FILE");
    config_free(&config);
    config = good_config(ARGUMENTS("-m", MODEL_NAME, "-X", "sasl.password_file=" MODEL_NAME));
    assert_int_equal(config.kafka.n_properties, 1);
    assert_string_equal(config.kafka.properties[0].value, MODEL_NAME);
    config_free(&config);
    unsetenv("KAFKA_SASL_PASSWORT");
    remove("secret");
}

static void test_a_bool_flag_can_be_undone(void **state)
{
    (void)state;
    setenv("KAFKA_CREATE_TOPICS", "on", 1);
    struct config config = good_config(ARGUMENTS("-m", MODEL_NAME, "--create-topics=off"));
    assert_false(config.kafka.create_topics);
    config_free(&config);
    config = good_config(ARGUMENTS("-m", MODEL_NAME, "--create-topics"));
    assert_true(config.kafka.create_topics);
    config_free(&config);
}

/* ---- check-config and the pages ---- */

static void test_check_config_lists_values_and_their_origins(void **state)
{
    (void)state;
    static const char file[] = "[model]\npath = " MODEL_NAME "\n[kafka]\nsasl.password = hunter2\n";
    write_file(FILE_NAME, file, sizeof file - 1);
    setenv("KAFKA_GROUP_ID", "g", 1);
    char *out, *errors;
    assert_int_equal(check_config(ARGUMENTS("-c", FILE_NAME, "--port", "1", "-Xdebug=all"), &out, &errors), 0);
    assert_string_equal(errors, "");
    static const char *const lines[] = {
        "model.path                      model.alertron  alertrond.conf:2\n",
        "severity.medium_quantile        0.8             default\n",
        "severity.calibration_file       (empty)         default\n",
        "kafka.group_id                  g               environment variable KAFKA_GROUP_ID\n",
        "kafka.sasl.password             (hidden)        alertrond.conf:4\n",
        "kafka.debug                     all             flag -X\n",
        "http.port                       1               flag --port\n",
        "\nalertrond.conf: no mistakes\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (!strstr(out, lines[i]))
            fail_msg("missing: %sin:\n%s", lines[i], out);
    assert_null(strstr(out, "hunter2"));
    free(out);
    free(errors);
}

static void test_check_config_fails_on_mistakes(void **state)
{
    (void)state;
    char *out, *errors;
    assert_int_equal(check_config(ARGUMENTS("-m", MODEL_NAME, "--port", "x", "--http-threads=0"), &out, &errors), 1);
    assert_string_equal(out, "");
    assert_string_equal(errors, "flag --port: \"x\" is not a whole number; give a port from 0 to 65535\n"
                                "flag --http-threads: 0 is below 2; give a number of threads from 2 to 1024\n"
                                "configuration: 2 mistakes\n");
    free(out);
    free(errors);
    assert_int_equal(check_config(ARGUMENTS("--no-such-flag"), &out, &errors), 2);
    free(out);
    free(errors);
    assert_int_equal(check_config(ARGUMENTS("--page", "--sample"), &out, &errors), 2);
    assert_string_equal(out, "");
    free(out);
    free(errors);
}

static void test_documents_are_what_the_program_prints(void **state)
{
    (void)state;
    static const struct {
        const char *flag, *path;
    } documents[] = {{"--page", ALERTRON_SOURCE "/docs/configuration.md"},
                     {"--sample", ALERTRON_SOURCE "/docs/alertrond.conf"},
                     {"--metrics", ALERTRON_SOURCE "/docs/metric-families.md"}};
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        char *out, *errors;
        size_t n = 0;
        assert_int_equal(check_config(ARGUMENTS(documents[i].flag), &out, &errors), 0);
        char *kept = (char *)read_file(documents[i].path, &n);
        if (!kept || strcmp(kept, out) != 0)
            fail_msg("%s is not what `alertrond check-config %s` prints; write it anew", documents[i].path,
                     documents[i].flag);
        free(kept);
        free(out);
        free(errors);
    }
}

/* The sample as it is gives the defaults, and so does the sample with every default taken out of its comment. */
static void test_the_sample_is_a_configuration(void **state)
{
    (void)state;
    for (int taken_out = 0; taken_out < 2; taken_out++) {
        char *sample = NULL;
        size_t n = 0;
        FILE *out = open_memstream(&sample, &n);
        assert_non_null(out);
        config_write_sample(out);
        assert_int_equal(fclose(out), 0);
        size_t keys = 0;
        for (char *at = sample; taken_out && (at = strstr(at, "\n#")); at++)
            /* of a file that is not there */
            if (at[2] != ' ' && at[2] != '\n' && strncmp(at, "\n#sasl.password_file", 20) != 0) {
                at[1] = ' ';
                keys++;
            }
        write_file(FILE_NAME, sample, n);
        free(sample);
        struct config config = good_config(ARGUMENTS("-c", FILE_NAME)), defaults;
        assert_true(config_defaults(&defaults));
        for (size_t i = 0; i < config_n_keys; i++) {
            char a[CONFIG_NUMBER_BYTES_MAX], b[CONFIG_NUMBER_BYTES_MAX];
            if (config_keys[i].initial)
                assert_string_equal(config_value(&config, &config_keys[i], a),
                                    config_value(&defaults, &config_keys[i], b));
        }
        assert_int_equal(config.kafka.n_properties, taken_out ? 4 : 0);
        assert_int_equal(keys, taken_out ? config_n_keys - 1 + 4 : 0);
        config_free(&config);
        config_free(&defaults);
    }
}

static bool has_section(const char *name)
{
    for (size_t i = 0; i < config_n_sections; i++)
        if (strcmp(config_sections[i].name, name) == 0)
            return true;
    return false;
}

static void test_the_table_holds_together(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_n_keys; i++) {
        const struct config_key *key = &config_keys[i];
        assert_true(has_section(key->section));
        assert_ptr_equal(config_find(key->section, key->name), key); /* no key twice */
        assert_true(key->kind == CONFIG_CHOICE ? key->choices != NULL : key->kind == CONFIG_BOOL || key->what);
        assert_true(key->kind == CONFIG_BOOL || key->argument);
        for (size_t j = 0; j < i; j++) {
            char a[CONFIG_NAME_BYTES_MAX], b[CONFIG_NAME_BYTES_MAX];
            assert_string_not_equal(config_flag(key, a), config_flag(&config_keys[j], b));
            assert_string_not_equal(config_variable(key, a), config_variable(&config_keys[j], b));
            assert_true(key->letter == 0 || key->letter != config_keys[j].letter);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONFIG_TEST(test_defaults_are_those_of_the_table),
        CONFIG_TEST(test_flags_win_over_environment_over_file_over_defaults),
        CONFIG_TEST(test_every_key_has_a_variable_and_a_flag_that_work),
        CONFIG_TEST(test_names_of_the_system_it_replaces_work),
        CONFIG_TEST(test_the_sandbox_lets_every_mechanism_but_kerberos),
        CONFIG_TEST(test_a_file_is_read_as_people_write_it),
        CONFIG_TEST(test_a_property_on_the_command_line_wins_over_the_file),
        CONFIG_TEST(test_a_property_may_come_from_a_file_or_the_environment),
        CONFIG_TEST(test_a_bool_flag_can_be_undone),
        CONFIG_TEST(test_check_config_lists_values_and_their_origins),
        CONFIG_TEST(test_check_config_fails_on_mistakes),
        CONFIG_TEST(test_documents_are_what_the_program_prints),
        CONFIG_TEST(test_the_sample_is_a_configuration),
        CONFIG_TEST(test_the_table_holds_together),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
