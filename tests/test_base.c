/* test_base.c: memory that cannot overflow, errors that always end, bytes in the order of the file. */
#include "support.h"

#include "private.h"

#include <math.h>
#include <string.h>

static void version_and_rows_are_what_the_header_says(void **state)
{
    (void)state;
    assert_string_equal(alertron_version(), ALERTRON_VERSION);
    const double numbers[6] = {0};
    const alertron_rows rows = alertron_rows_of(numbers, 2, 3);
    assert_ptr_equal(rows.data, numbers);
    assert_true(rows.dtype == ALERTRON_FLOAT64 && rows.rows == 2 && rows.width == 3);
    assert_true(rows.row_stride == 24 && rows.column_stride == 8);
}

static void memory_is_zeroed_and_given_back_with_its_size(void **state)
{
    (void)state;
    failing_allocator counting = {0};
    const alertron_allocator allocator = failing_allocator_of(&counting);
    unsigned char *memory = alertron__new(&allocator, 5, 7);
    assert_int_equal(counting.bytes_held, 35);
    for (int i = 0; i < 35; i++)
        assert_int_equal(memory[i], 0);
    alertron__release(&allocator, memory, 5, 7);
    char *text = alertron__copy_text(&allocator, "abc", 2);
    assert_string_equal(text, "ab");
    alertron__release(&allocator, text, 3, 1);
    alertron__release(&allocator, NULL, 5, 7);
    assert_int_equal(counting.bytes_held, 0);
}

static void memory_for_nothing_is_not_null(void **state)
{
    (void)state;
    failing_allocator counting = {0};
    const alertron_allocator allocator = failing_allocator_of(&counting);
    void *memory = alertron__new(&allocator, 0, 8);
    assert_non_null(memory);
    alertron__release(&allocator, memory, 0, 8);
    assert_int_equal(counting.bytes_held, 0);
}

static void sizes_that_overflow_are_never_asked_for(void **state)
{
    (void)state;
    failing_allocator counting = {0};
    const alertron_allocator allocator = failing_allocator_of(&counting);
    assert_null(alertron__new(&allocator, SIZE_MAX / 8 + 1, 8));
    assert_null(alertron__new(&allocator, SIZE_MAX, 2));
    assert_int_equal(counting.allocations, 0);
}

static void errors_are_one_text_that_ends(void **state)
{
    (void)state;
    alertron_error error;
    memset(&error, 0xa5, sizeof error);
    char long_text[1000];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = 0;
    assert_int_equal(alertron__error(&error, ALERTRON_ERROR_FORMAT, 7, "%s", long_text), ALERTRON_ERROR_FORMAT);
    assert_int_equal(error.status, ALERTRON_ERROR_FORMAT);
    assert_int_equal(error.offset, 7);
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
    assert_int_equal(alertron__error(NULL, ALERTRON_ERROR_LIMIT, 7, "%d", 1), ALERTRON_ERROR_LIMIT);
    assert_int_equal(alertron__error_memory(&error), ALERTRON_ERROR_MEMORY);
    assert_true(error.offset == ALERTRON_NO_OFFSET);
}

static void integers_are_little_endian(void **state)
{
    (void)state;
    unsigned char bytes[9] = {0};
    bytes[8] = 0xa5;
    alertron__store_le(bytes, 8, 0x0102030405060708u);
    for (int i = 0; i < 8; i++)
        assert_int_equal(bytes[i], 8 - i);
    assert_int_equal(bytes[8], 0xa5);
    for (size_t n = 0; n <= 8; n++)
        assert_true(alertron__load_le(bytes, n) ==
                    (n == 8 ? 0x0102030405060708u : 0x0102030405060708u % (1ull << 8 * n)));
}

static void doubles_keep_their_bits(void **state)
{
    (void)state;
    assert_true(alertron__bits_of_double(1.0) == 0x3ff0000000000000u);
    assert_true(alertron__bits_of_double(-0.0) == 0x8000000000000000u);
    assert_true(alertron__bits_of_double(alertron__double_of_bits(0x7ff8000000000123u)) == 0x7ff8000000000123u);
    assert_true(isinf(alertron__infinity()) && alertron__infinity() > 0);
}

static void numbers_load_from_anywhere(void **state)
{
    (void)state;
    unsigned char bytes[16];
    for (size_t shift = 0; shift < 8; shift++) {
        const float narrow = 1.1f;
        const double wide = 1.1;
        memcpy(bytes + shift, &narrow, sizeof narrow);
        assert_true(alertron__load_number(bytes + shift, ALERTRON_FLOAT32) == (double)1.1f);
        memcpy(bytes + shift, &wide, sizeof wide);
        assert_true(alertron__load_number(bytes + shift, ALERTRON_FLOAT64) == 1.1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_and_rows_are_what_the_header_says),
        cmocka_unit_test(memory_is_zeroed_and_given_back_with_its_size),
        cmocka_unit_test(memory_for_nothing_is_not_null),
        cmocka_unit_test(sizes_that_overflow_are_never_asked_for),
        cmocka_unit_test(errors_are_one_text_that_ends),
        cmocka_unit_test(integers_are_little_endian),
        cmocka_unit_test(doubles_keep_their_bits),
        cmocka_unit_test(numbers_load_from_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
