/* test_outputs.c: what goes to Kafka of a message, and when it does not. Kafka is a stand-in that keeps what it is
 * given, and delivery one that says what the test told it.
 */
#include "outputs.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "metrics.h"
#include "support.h"

enum { OUTPUTS_MAX = 2, HEADERS_MAX = 12, TEXT = 400 };

static struct {
    enum kafka_outcome outcome;
    size_t n_records;
    struct kafka_record record; /* the last */
    char key[TEXT], value[VERDICT_BYTES_MAX], names[HEADERS_MAX][TEXT], values[HEADERS_MAX][TEXT];
    bool closed, refuses_timestamps; /* as delivery says */
    int64_t too_large;               /* offset of partition 3; -1: none */
    size_t record_max;
} world;

enum kafka_outcome kafka_producer_try(struct kafka_producer *producer, const struct kafka_record *record)
{
    (void)producer;
    world.n_records++;
    world.record = *record;
    assert_in_range(record->n_headers, 0, HEADERS_MAX);
    snprintf(world.key, sizeof world.key, "%.*s", (int)record->key_size, (const char *)record->key);
    snprintf(world.value, sizeof world.value, "%.*s", (int)record->value_size, (const char *)record->value);
    for (size_t i = 0; i < record->n_headers; i++) {
        snprintf(world.names[i], TEXT, "%s", record->headers[i].name);
        snprintf(world.values[i], TEXT, "%s", record->headers[i].value);
    }
    return world.outcome;
}

size_t kafka_producer_record_max(const struct kafka_producer *producer)
{
    (void)producer;
    return world.record_max;
}

bool delivery_open(struct delivery *delivery)
{
    (void)delivery;
    return !world.closed;
}

bool delivery_was_too_large(const struct delivery *delivery, int32_t partition, int64_t offset)
{
    (void)delivery;
    return partition == 3 && offset == world.too_large;
}

bool delivery_refuses_timestamps(const struct delivery *delivery)
{
    (void)delivery;
    return world.refuses_timestamps;
}

const char *kafka_version(void)
{
    return "none"; /* metrics.c exports it */
}

struct desk {
    struct config config;
    struct outputs outputs;
    struct dead_letter letter;
    struct item bad, good; /* of partition 3 */
};

static int setup(void **state)
{
    static struct desk desk;
    static char readings[] = "readings", anomalies[] = "anomalies", letters[] = "readings.dlq";
    memset(&world, 0, sizeof world);
    world.too_large = -1;
    desk = (struct desk){
        .config.kafka = {.readings_topic = readings, .anomalies_topic = anomalies, .dead_letters_topic = letters}};
    desk.outputs = (struct outputs){.config = &desk.config, .offsets = offsets_new(OUTPUTS_MAX)};
    assert_true(offsets_assign(desk.outputs.offsets, 3));
    desk.letter = (struct dead_letter){.fault = READING_WRONG_WIDTH,
                                       .reason = "features has 2 numbers; the model wants 3",
                                       .timestamp = 1798000000123,
                                       .headers = (struct kafka_headers *)&desk,
                                       .key = "edge-1",
                                       .key_size = 6,
                                       .value = "[1, 2]",
                                       .value_size = 6};
    desk.bad = (struct item){.partition = 3, .offset = 41, .letter = &desk.letter};
    desk.good =
        (struct item){.partition = 3, .offset = 42, .device_id = "edge-2", .n_device_id = 6, .ts = NAN, .score = 0.75};
    *state = &desk;
    return 0;
}

static int teardown(void **state)
{
    struct desk *desk = *state;
    offsets_free(desk->outputs.offsets);
    return 0;
}

static const struct verdict anomalous = {
    .score = 0.75, .anomaly = true, .severity = ALERTRON_SEVERITY_HIGH, .model_version = "5c07b9afbbcd469b"};

/* The header at an index. */
static void assert_written(size_t index, const char *name, const char *value)
{
    assert_in_range(index, 0, world.record.n_headers - 1);
    assert_string_equal(world.names[index], name);
    assert_string_equal(world.values[index], value);
}

static void a_letter_is_the_message_and_why_behind_it(void **state)
{
    struct desk *desk = *state;
    assert_true(outputs_send_letter(&desk->outputs, &desk->bad));
    assert_string_equal(world.record.topic, "readings.dlq");
    assert_string_equal(world.key, "edge-1");
    assert_string_equal(world.value, "[1, 2]");
    assert_int_equal(world.record.timestamp, 1798000000123);
    assert_ptr_equal(world.record.first_headers, desk->letter.headers);
    assert_int_equal(world.record.n_headers, 7);
    assert_written(0, "__connect.errors.topic", "readings");
    assert_written(1, "__connect.errors.partition", "3");
    assert_written(2, "__connect.errors.offset", "41");
    assert_written(3, "__connect.errors.stage", "VALUE_CONVERTER");
    assert_written(4, "__connect.errors.exception.message", "features has 2 numbers; the model wants 3");
    assert_written(5, "alertrond.error.code", "wrong_width");
    assert_written(6, "alertrond.version", alertron_version());
}

static void a_tombstone_stays_one(void **state)
{
    struct desk *desk = *state;
    desk->letter.fault = TOMBSTONE;
    desk->letter.key = desk->letter.value = NULL;
    desk->letter.key_size = desk->letter.value_size = 0;
    assert_true(outputs_send_letter(&desk->outputs, &desk->bad));
    assert_null(world.record.value);
    assert_null(world.record.key);
    assert_written(5, "alertrond.error.code", "tombstone");
}

static void a_letter_that_was_cut_tells_what_its_value_had(void **state)
{
    struct desk *desk = *state;
    desk->letter.cut = true;
    desk->letter.cut_value_size = 200000000;
    desk->letter.headers = NULL;
    desk->letter.value = NULL;
    desk->letter.value_size = 0;
    assert_true(outputs_send_letter(&desk->outputs, &desk->bad));
    assert_null(world.record.value);
    assert_int_equal(world.record.n_headers, 8);
    assert_written(6, "alertrond.version", alertron_version());
    assert_written(7, "alertrond.value.bytes", "200000000");
    world.refuses_timestamps = true;
    assert_true(outputs_send_letter(&desk->outputs, &desk->bad));
    assert_int_equal(world.record.n_headers, 9);
    assert_written(7, "alertrond.value.bytes", "200000000");
    assert_written(8, "alertrond.timestamp", "1798000000123");
}

static void a_message_leaves_room_for_what_is_said_of_it(void **state)
{
    struct desk *desk = *state;
    world.record_max = 100000;
    size_t ours = 0;
    assert_true(outputs_send_letter(&desk->outputs, &desk->bad));
    for (size_t i = 0; i < world.record.n_headers; i++)
        ours += strlen(world.names[i]) + strlen(world.values[i]);
    assert_in_range(outputs_letter_max(&desk->outputs), 90000, world.record_max - ours - BLOCK_REASON_BYTES - 500);
    world.record_max = 1000;
    assert_int_equal(outputs_letter_max(&desk->outputs), 0);
}

static void a_letter_that_was_too_large_has_its_own_headers_alone(void **state)
{
    struct desk *desk = *state;
    world.too_large = 41;
    assert_true(outputs_send_letter(&desk->outputs, &desk->bad));
    assert_int_equal(world.record.n_headers, 0);
    assert_ptr_equal(world.record.first_headers, desk->letter.headers);
    assert_string_equal(world.value, "[1, 2]");
    assert_int_equal(world.record.timestamp, 1798000000123);
    world.refuses_timestamps = true;
    assert_true(outputs_send_letter(&desk->outputs, &desk->bad));
    assert_int_equal(world.record.n_headers, 0);
    assert_int_equal(world.record.timestamp, 0);
}

static void a_time_that_was_refused_goes_beside(void **state)
{
    struct desk *desk = *state;
    world.refuses_timestamps = true;
    assert_true(outputs_send_letter(&desk->outputs, &desk->bad));
    assert_int_equal(world.record.timestamp, 0);
    assert_int_equal(world.record.n_headers, 8);
    assert_written(6, "alertrond.version", alertron_version());
    assert_written(7, "alertrond.timestamp", "1798000000123");
    desk->letter.timestamp = 0; /* it has the time of now as it is */
    assert_true(outputs_send_letter(&desk->outputs, &desk->bad));
    assert_int_equal(world.record.timestamp, 0);
    assert_int_equal(world.record.n_headers, 7);
}

static void an_anomaly_has_its_device_as_key_and_says_where_it_came_from(void **state)
{
    struct desk *desk = *state;
    assert_true(outputs_send_anomaly(&desk->outputs, &desk->good, &anomalous));
    assert_string_equal(world.record.topic, "anomalies");
    assert_string_equal(world.key, "edge-2");
    assert_string_equal(world.value,
                        "{\"device_id\":\"edge-2\",\"anomaly\":true,\"severity\":\"high\",\"anomaly_score\":0.75,"
                        "\"ts\":null,\"source_topic\":\"readings\",\"source_partition\":3,\"source_offset\":42,"
                        "\"model_version\":\"5c07b9afbbcd469b\"}");
    assert_int_equal(world.record.timestamp, 0); /* now, which no topic refuses */
    assert_int_equal(world.record.n_headers, 0);
    assert_null(world.record.first_headers);
}

static void what_was_sent_is_waited_for(void **state)
{
    struct desk *desk = *state;
    int32_t partition = -1;
    int64_t offset = -1;
    assert_true(outputs_send_letter(&desk->outputs, &desk->bad));
    offsets_place(world.record.token, &partition, &offset);
    assert_int_equal(partition, 3);
    assert_int_equal(offset, 41);
    assert_true(outputs_send_anomaly(&desk->outputs, &desk->good, &anomalous));
    assert_int_equal(offsets_waiting(desk->outputs.offsets), 2);
    assert_false(outputs_send_anomaly(&desk->outputs, &desk->good, &anomalous)); /* no more may wait */
    assert_int_equal(world.n_records, 2);
    offsets_acknowledge(desk->outputs.offsets, world.record.token);
}

static void what_can_not_be_sent_now_leaves_no_trace(void **state)
{
    struct desk *desk = *state;
    for (world.outcome = KAFKA_FULL; world.outcome <= KAFKA_REFUSED; world.outcome++) {
        assert_false(outputs_send_letter(&desk->outputs, &desk->bad));
        assert_int_equal(offsets_waiting(desk->outputs.offsets), 0);
    }
    assert_int_equal(world.n_records, 2);
    world.outcome = KAFKA_SENT;
    world.closed = true;
    assert_false(outputs_send_letter(&desk->outputs, &desk->bad));
    assert_int_equal(world.n_records, 2);
    assert_int_equal(offsets_waiting(desk->outputs.offsets), 0);
}

static void what_is_anothers_by_now_is_passed_over(void **state)
{
    struct desk *desk = *state;
    offsets_revoke(desk->outputs.offsets, 3);
    assert_true(outputs_send_letter(&desk->outputs, &desk->bad));
    assert_true(outputs_send_anomaly(&desk->outputs, &desk->good, &anomalous));
    assert_int_equal(world.n_records, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_letter_is_the_message_and_why_behind_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_tombstone_stays_one, setup, teardown),
        cmocka_unit_test_setup_teardown(a_letter_that_was_cut_tells_what_its_value_had, setup, teardown),
        cmocka_unit_test_setup_teardown(a_message_leaves_room_for_what_is_said_of_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_letter_that_was_too_large_has_its_own_headers_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_time_that_was_refused_goes_beside, setup, teardown),
        cmocka_unit_test_setup_teardown(an_anomaly_has_its_device_as_key_and_says_where_it_came_from, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_sent_is_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(what_can_not_be_sent_now_leaves_no_trace, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_anothers_by_now_is_passed_over, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
