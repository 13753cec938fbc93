/* test_config_mistakes.c: every mistake in a configuration is said, with its place and its remedy. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "config_draft.h"
#include "config_rules.h"
#include "config_support.h"
#include "property.h"
#include "support.h"

/* ---- mistakes ---- */

struct mistake_case {
    const char *file, *said; /* said: after "alertrond.conf:" */
};

static const struct mistake_case file_mistakes[] = {
    /* lines */
    {"port = 1", "1: \"port\" stands before the first [section]; put it below [http]"},
    {"what = 1", "1: \"what\" stands before the first [section]"},
    {"[http]\n\nport", "3: the line of \"port\" is not understood; write key = value, [section], or # and a comment"},
    {"[kafka]\nsasl.password: hunter2",
     "2: the line of \"sasl.password\" is not understood; write key = value, [section], or # and a comment"},
    {"[http]\n= 1", "2: the line of \"=\" is not understood; write key = value, [section], or # and a comment"},
    {"[http", "1: \"[http\" is not a section; write [name], alone in its line"},
    {"[http] # port", "1: \"[http] # port\" is not a section; write [name], alone in its line"},
    {"[", "1: \"[\" is not a section; write [name], alone in its line"},
    {"[]", "1: unknown section \"\"; there are [model], [candidate], [severity], [kafka], [http], [limits], [log], "
           "[process]"},
    {"[htp]\nport = 80000", "1: unknown section \"htp\"; did you mean [http]?"},
    {"[HTTP]", "1: unknown section \"HTTP\"; did you mean [http]?"},
    {"[severty]", "1: unknown section \"severty\"; did you mean [severity]?"},
    {"[output]", "1: unknown section \"output\"; there are [model], [candidate], [severity], [kafka], [http], "
                 "[limits], [log], [process]"},
    /* names */
    {"[http]\nprot = 1", "2: unknown key \"prot\" in [http]; did you mean port?"},
    {"[http]\nPort = 1", "2: unknown key \"Port\" in [http]; did you mean port?"},
    {"[http]\nlevel = info", "2: unknown key \"level\" in [http]; it belongs to [log]"},
    {"[http]\nsecurity.protocol = ssl", "2: unknown key \"security.protocol\" in [http]; it belongs to [kafka]"},
    {"[http]\nxyz = 1", "2: unknown key \"xyz\" in [http], which has address, port, threads, client_connections, "
                        "request_seconds, idle_seconds, status_page, metrics_access, ingest_access, admin_access, "
                        "tokens_file, users_file, "
                        "tls_certificate, tls_client_ca"},
    {"[http]\nport = 1\nport = 1", "3: http.port: given twice, first in line 2; keep one"},
    {"[http]\nport = x\n[log]\n[http]\nport = 1",
     "2: http.port: \"x\" is not a whole number; give a port from 0 to 65535\n" FILE_NAME
     ":5: http.port: given twice, first in line 2; keep one"},
    /* values by kind */
    {"[http]\nport = 80000", "2: http.port: 80000 is above 65535; give a port from 0 to 65535"},
    {"[http]\nport = -1", "2: http.port: -1 is below 0; give a port from 0 to 65535"},
    {"[http]\nport =", "2: http.port: the value is empty; give a port from 0 to 65535"},
    {"[http]\nport = 80 # http",
     "2: http.port: \"80 # http\" is not a whole number (a comment needs a line of its own); "
     "give a port from 0 to 65535"},
    {"[http]\nport = \"80\"", "2: http.port: \"\"80\"\" is not a whole number; give a port from 0 to 65535"},
    {"[limits]\noutputs = 99999999999999999999",
     "2: limits.outputs: \"99999999999999999999\" is too large; give a number of messages from 16 to 1000000"},
    {"[severity]\nhigh_quantile = nan",
     "2: severity.high_quantile: \"nan\" is not a number; give a quantile from 0.01 to 0.9999"},
    {"[severity]\nhigh_quantile = 95%",
     "2: severity.high_quantile: \"95%\" is not a number; give a quantile from 0.01 to 0.9999"},
    {"[severity]\nhigh_quantile = 95",
     "2: severity.high_quantile: 95 is above 0.9999; give a quantile from 0.01 to 0.9999"},
    {"[log]\nlevel = warn", "2: log.level: \"warn\" is not known here; give debug, info, warning or error"},
    {"[log]\nlevel =", "2: log.level: the value is empty; give debug, info, warning or error"},
    {"[kafka]\ncreate_topics = 2", "2: kafka.create_topics: \"2\" is not true or false; give true or false"},
    {"[kafka]\ngroup_id =", "2: kafka.group_id: the value is empty; give a group's name"},
    {"[model]\npath =", "2: model.path: the value is empty; give a model file"},
    /* topics, brokers, addresses */
    {"[kafka]\nreadings_topic = a b", "2: kafka.readings_topic: \"a b\" is no topic's name; use letters, digits, dots, "
                                      "underscores and dashes"},
    {"[kafka]\nreadings_topic = ..", "2: kafka.readings_topic: Kafka takes no topic called \"..\"; give another name"},
    {"[kafka]\nbootstrap = kafka", "2: kafka.bootstrap: \"kafka\" has no port; give kafka:9092 or the like"},
    {"[kafka]\nbootstrap = kafka:0", "2: kafka.bootstrap: \"kafka:0\" has no port from 1 to 65535"},
    {"[kafka]\nbootstrap = a:1,,b:2",
     "2: kafka.bootstrap: a broker is missing beside a comma; give host:port,host:port"},
    {"[kafka]\nbootstrap = ::1", "2: kafka.bootstrap: \"::1\" has no port; give [address]:port"},
    {"[kafka]\nbootstrap = a:1 b:2", "2: kafka.bootstrap: \"a:1 b:2\" is no broker; give host:port"},
    {"[kafka]\nbootstrap = 300.0.0.1:1", "2: kafka.bootstrap: \"300.0.0.1:1\" is no broker; give host:port"},
    {"[kafka]\nbootstrap = SSL://a:1", "2: kafka.bootstrap: \"SSL://a:1\" has a scheme; give host:port, and say "
                                       "security.protocol below [kafka]"},
    {"[http]\naddress = 127.0.0.1:80",
     "2: http.address: \"127.0.0.1:80\": give the address alone; the port is http.port"},
    {"[http]\naddress = [::1]", "2: http.address: \"[::1]\": an address goes without brackets here"},
    {"[http]\naddress = 1.2.3.400", "2: http.address: \"1.2.3.400\" is neither an IP address nor a host's name"},
    {"[http]\naddress = a..b", "2: http.address: \"a..b\" is neither an IP address nor a host's name"},
    /* librdkafka's properties */
    {"[kafka]\nreadings_topc = r", "2: kafka.readings_topc: No such configuration property: \"readings_topc\"; did you "
                                   "mean readings_topic?"},
    {"[kafka]\nsecurity.protcol = ssl",
     "2: kafka.security.protcol: No such configuration property: \"security.protcol\""},
    {"[kafka]\npartitioner = bad",
     "2: kafka.partitioner: Invalid value \"bad\" for configuration property \"partitioner\""},
    {"[kafka]\nsasl.password = bad", "2: kafka.sasl.password: librdkafka refuses its value, which is not shown here"},
    {"[kafka]\nsasl.password_file = folder", "2: kafka.sasl.password_file: folder: Is a directory"},
    {"[kafka]\nsasl.password_file = nowhere", "2: kafka.sasl.password_file: nowhere: No such file or directory"},
    {"[kafka]\nsasl.password = a\nsasl.password_file = " MODEL_NAME,
     "3: kafka.sasl.password_file: given twice, first in line 2; keep one"},
    {"[kafka]\ngroup.id_file = x", "2: kafka.group.id_file: belongs to the service; set group_id instead"},
    {"[kafka]\ndebug = all\ndebug = all", "3: kafka.debug: given twice, first in line 2; keep one"},
    {"[kafka]\ngroup.id = g", "2: kafka.group.id: belongs to the service; set group_id instead"},
    {"[kafka]\ngroup.instance.id = a", "2: kafka.group.instance.id: belongs to the service; its workers are members of "
                                       "their own, and no two may share it"},
    {"[kafka]\nbootstrap.servers = a:1", "2: kafka.bootstrap.servers: belongs to the service; set bootstrap instead"},
    {"[kafka]\nmetadata.broker.list = a",
     "2: kafka.metadata.broker.list: belongs to the service; set bootstrap instead"},
    {"[kafka]\nauto.offset.reset = latest",
     "2: kafka.auto.offset.reset: belongs to the service; set offset_reset instead"},
    {"[kafka]\nenable.auto.commit = true", "2: kafka.enable.auto.commit: belongs to the service; the service decides "
                                           "what is committed: only what has been acknowledged"},
    {"[kafka]\nenable.auto.offset.store = true", "2: kafka.enable.auto.offset.store: belongs to the service; the "
                                                 "service stores an offset once its output has been acknowledged"},
    {"[kafka]\nenable.idempotence = false", "2: kafka.enable.idempotence: belongs to the service; outputs must not be "
                                            "lost, doubled or reordered by a retry; leave it out"},
    {"[kafka]\nacks = 1", "2: kafka.acks: belongs to the service; an output counts once every replica in sync has it; "
                          "leave it out"},
    {"[kafka]\nisolation.level = read_uncommitted", "2: kafka.isolation.level: belongs to the service; readings of "
                                                    "aborted transactions are not scored; leave it out"},
    {"[kafka]\npartition.assignment.strategy = range",
     "2: kafka.partition.assignment.strategy: belongs to the service; partitions move one by one, without a pause; "
     "leave it out"},
    {"[kafka]\ndelivery.report.only.error = true", "2: kafka.delivery.report.only.error: belongs to the service; the "
                                                   "service waits for every acknowledgement; leave it out"},
    {"[kafka]\nmax.in.flight = 5", "2: kafka.max.in.flight: belongs to the service; with more a broker that stands "
                                   "still could lose outputs; leave it out"},
    {"[kafka]\nmessage.max.bytes = 2000000",
     "2: kafka.message.max.bytes: belongs to the service; what its client refused could never be written; set "
     "max.message.bytes of the topics, and batch.size for smaller batches"},
    {"[kafka]\ntransactional.id = t",
     "2: kafka.transactional.id: belongs to the service; set instance instead, from which the service makes it"},
    /* values together, and files */
    {"[severity]\nmedium_quantile = 0.97",
     "2: severity.medium_quantile: 0.97 is not below severity.high_quantile, which is 0.95"},
    {"[severity]\nhigh_quantile = 0.8",
     "2: severity.high_quantile: 0.8 is not above severity.medium_quantile, which is 0.8"},
    {"[severity]\ncalibration_anomalies = 1", "2: severity.calibration_anomalies: 1 anomaly tells no quantiles; give "
                                              "at least 10, or 0 for never"},
    {"[severity]\ncalibration_anomalies = 9", "2: severity.calibration_anomalies: 9 anomalies tell no quantiles; give "
                                              "at least 10, or 0 for never"},
    {"[severity]\ncalibration_file = nowhere",
     "2: severity.calibration_file: \"nowhere\" can't be read: No such file or directory"},
    {"[kafka]\nreplication = 0",
     "2: kafka.replication: a topic has at least 1 replica; give 1 or more, or -1 for the broker's default"},
    {"[kafka]\nreadings_topic = anomalies",
     "2: kafka.readings_topic: \"anomalies\" is also kafka.anomalies_topic; give each its own topic"},
    {"[kafka]\ndead_letters_topic = readings",
     "2: kafka.dead_letters_topic: \"readings\" is also kafka.readings_topic; give each its own topic"},
    {"[process]\nsandbox = true\n[kafka]\nsecurity.protocol = SASL_SSL",
     "2: process.sandbox: Kerberos (sasl.mechanism GSSAPI, the default of SASL) runs kinit, which the sandbox forbids; "
     "name another mechanism, or say false"},
    {"[model]\npath = nowhere", "2: model.path: \"nowhere\" can't be read: No such file or directory"},
    {"[model]\npath = folder", "2: model.path: \"folder\" is a folder; give a model file in it"},
};

static void test_every_mistake_in_a_file_has_its_line_and_its_remedy(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof file_mistakes / sizeof *file_mistakes; i++) {
        const struct mistake_case *c = &file_mistakes[i];
        write_file(FILE_NAME, c->file, strlen(c->file));
        bool has_model = strncmp(c->file, "[model]\n", 8) == 0;
        struct config config;
        char *said = NULL, expected[512];
        enum options_outcome outcome = read_config(
            &config, has_model ? ARGUMENTS("-c", FILE_NAME) : ARGUMENTS("-c", FILE_NAME, "-m", MODEL_NAME), &said);
        snprintf(expected, sizeof expected, FILE_NAME ":%s\n", c->said);
        assert_string_equal(said, expected);
        assert_int_equal(outcome, OPTIONS_MISTAKES);
        free(said);
    }
}

static void test_all_mistakes_of_all_sources_are_said_at_once(void **state)
{
    (void)state;
    static const char file[] = "[http]\nport = 80000\n[kafka]\nreadings_topc = x\n";
    write_file(FILE_NAME, file, sizeof file - 1);
    setenv("KAFKA_PARTITIONS", "4x", 1);
    setenv("ALERTROND_HTTP_PROT", "1", 1);
    setenv("ALERTROND_SERVICE_HOST", "10.0.0.1", 1); /* what Kubernetes sets is not a mistake */
    struct config config;
    char *said = NULL;
    assert_int_equal(read_config(&config,
                                 ARGUMENTS("-c", FILE_NAME, "--port=70000", "-X", "foo:opensesame", "-X", "group_id=g",
                                           "-X", "sasl.password=opensesame"),
                                 &said),
                     OPTIONS_MISTAKES);
    assert_string_equal(said, FILE_NAME
                        ":2: http.port: 80000 is above 65535; give a port from 0 to 65535\n" FILE_NAME
                        ":4: kafka.readings_topc: No such configuration property: \"readings_topc\"; did you mean "
                        "readings_topic?\n"
                        "environment variable KAFKA_PARTITIONS: \"4x\" is not a whole number; give a number of "
                        "partitions from 1 to 10000\n"
                        "environment variable ALERTROND_HTTP_PROT: unknown; did you mean ALERTROND_HTTP_PORT?\n"
                        "flag --port: 70000 is above 65535; give a port from 0 to 65535\n"
                        "flag -X: \"foo\" is no property; give name=value\n"
                        "flag -X group_id: No such configuration property: \"group_id\"; did you mean --group-id?\n"
                        "flag -X sasl.password: every user of this machine can see a command line; give -X "
                        "sasl.password_file=FILE, or the environment variable KAFKA_SASL_PASSWORD\n"
                        "model.path: no model is given; say --model FILE, ALERTROND_MODEL_PATH=FILE, or path = FILE "
                        "below [model]\n");
    free(said);
}

static void test_a_flood_of_mistakes_is_cut(void **state)
{
    (void)state;
    FILE *file = fopen(FILE_NAME, "w");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++)
        fprintf(file, "x\n");
    fclose(file);
    struct config config;
    char *said = NULL;
    size_t lines = 0;
    assert_int_equal(read_config(&config, ARGUMENTS("-c", FILE_NAME, "-m", MODEL_NAME), &said), OPTIONS_MISTAKES);
    for (const char *at = said; (at = strchr(at, '\n')); at++)
        lines++;
    assert_int_equal(lines, CONFIG_MISTAKES_MAX + 1);
    assert_non_null(strstr(said, "... and 900 more mistakes\n"));
    free(said);
}

static void expect_mistake(const char *const *arguments, const char *expected)
{
    struct config config;
    char *said = NULL;
    assert_int_equal(read_config(&config, arguments, &said), OPTIONS_MISTAKES);
    assert_string_equal(said, expected);
    free(said);
}

static void test_a_file_that_cannot_be_read_says_why(void **state)
{
    (void)state;
    expect_mistake(ARGUMENTS("-c", "nowhere.conf", "-m", MODEL_NAME),
                   "flag --config: nowhere.conf: No such file or directory\n");
    expect_mistake(ARGUMENTS("-c", "folder", "-m", MODEL_NAME), "flag --config: folder: Is a directory\n");
    write_file(FILE_NAME, "[http]\npo\0rt = 1", 16);
    expect_mistake(ARGUMENTS("-c", FILE_NAME, "-m", MODEL_NAME),
                   FILE_NAME ":2: a zero byte: this is no text in UTF-8\n");
    char *large = calloc(CONFIG_FILE_BYTES_MAX + 1, 1);
    assert_non_null(large);
    write_file(FILE_NAME, large, CONFIG_FILE_BYTES_MAX + 1);
    free(large);
    expect_mistake(ARGUMENTS("-c", FILE_NAME, "-m", MODEL_NAME),
                   "flag --config: " FILE_NAME ": larger than 1048576 bytes\n");
}

static void test_a_wrong_flag_is_wrong_usage(void **state)
{
    (void)state;
    struct config config;
    char *said = NULL;
    struct capture capture = capture_begin(stderr);
    enum options_outcome outcome = read_config(&config, ARGUMENTS("--prot", "80"), &said);
    char *usage_error = capture_end(&capture);
    assert_int_equal(outcome, OPTIONS_WRONG);
    assert_string_equal(usage_error,
                        "alertrond run: unknown flag --prot (did you mean --port?); see alertrond run --help\n");
    assert_string_equal(said, "");
    free(usage_error);
    free(said);
}

/* ---- rules ---- */

static void test_rules_of_texts(void **state)
{
    (void)state;
    static const struct {
        config_check *check;
        const char *text;
        bool good;
    } cases[] = {
        {config_rule_topic, "readings.v1_x-Y", true},
        {config_rule_topic, "...", true},
        {config_rule_topic, "a/b", false},
        {config_rule_topic, "\xC3\xA9", false},
        {config_rule_bootstrap, "kafka_1.net:9092, [::1]:9093,10.0.0.1:65535", true},
        {config_rule_bootstrap, "a:65536", false},
        {config_rule_bootstrap, "a:", false},
        {config_rule_bootstrap, ":1", false},
        {config_rule_bootstrap, "a:1,", false},
        {config_rule_bootstrap, "[::1]", false},
        {config_rule_bootstrap, "[::x]:1", false},
        {config_rule_bootstrap, "a:1 ", false},
        {config_rule_bootstrap, "", false},
        {config_rule_address, "0.0.0.0", true},
        {config_rule_address, "::", true},
        {config_rule_address, "edge-1.example", true},
        {config_rule_address, "localhost", true},
        {config_rule_address, "-a", false},
        {config_rule_address, "a b", false},
        {config_rule_address, "1234", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char why[512] = "";
        bool good = cases[i].check(cases[i].text, why, sizeof why);
        if (good != cases[i].good)
            fail_msg("\"%s\": %s", cases[i].text, good ? "was taken" : why);
    }
    char topic[251], why[512];
    memset(topic, 'a', 250);
    topic[249] = 0;
    assert_true(config_rule_topic(topic, why, sizeof why));
    topic[249] = 'a';
    topic[250] = 0;
    assert_false(config_rule_topic(topic, why, sizeof why));
    topic[200] = 0;
    assert_true(config_rule_name(topic, why, sizeof why));
    topic[200] = 'a';
    assert_false(config_rule_name(topic, why, sizeof why));
}

static void test_values_that_change_nothing_are_taken(void **state)
{
    (void)state;
    struct config config = good_config(ARGUMENTS("-m", MODEL_NAME, "-Xenable.idempotence=true", "-Xacks=all"));
    assert_int_equal(config.kafka.n_properties, 2);
    config_free(&config);
}

static void test_secrets_are_told_by_their_names(void **state)
{
    (void)state;
    static const char *const secret[] = {"sasl.password",
                                         "ssl.key.password",
                                         "sasl.oauthbearer.client.secret",
                                         "ssl.key.pem",
                                         "some.token",
                                         "sasl.oauthbearer.assertion.private.key.passphrase",
                                         "sasl.oauthbearer.assertion.private.key.pem"};
    for (size_t i = 0; i < sizeof secret / sizeof *secret; i++)
        assert_true(property_is_secret(secret[i]));
    static const char *const shown[] = {"security.protocol",  "ssl.ca.location",
                                        "sasl.mechanism",     "sasl.username",
                                        "sasl.password_file", "sasl.oauthbearer.token.endpoint.url"};
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        assert_false(property_is_secret(shown[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONFIG_TEST(test_every_mistake_in_a_file_has_its_line_and_its_remedy),
        CONFIG_TEST(test_all_mistakes_of_all_sources_are_said_at_once),
        CONFIG_TEST(test_a_flood_of_mistakes_is_cut),
        CONFIG_TEST(test_a_file_that_cannot_be_read_says_why),
        CONFIG_TEST(test_a_wrong_flag_is_wrong_usage),
        CONFIG_TEST(test_rules_of_texts),
        CONFIG_TEST(test_values_that_change_nothing_are_taken),
        CONFIG_TEST(test_secrets_are_told_by_their_names),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
