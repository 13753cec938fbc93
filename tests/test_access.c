/* test_access.c: who may use which path over HTTP, the files of tokens and passwords, and that no text shows one. */
#include "access.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture.h"
#include "credentials.h"
#include "secretfile.h"
#include "support.h"

#define TOKEN "0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210"
#define TOKENS "test_access.tokens"
#define USERS "test_access.users"
/* Known answers of crypt(3): "Hello world!" and "U*U". */
#define SHA512 "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"
#define BCRYPT "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0600), 0);
}

/* ---- lines ---- */

static size_t parse(enum secret_kind kind, const char *text, struct secret *out)
{
    char copy[4096], why[512] = "";
    size_t n = 99;
    snprintf(copy, sizeof copy, "%s", text);
    if (!secret_parse(kind, "file", copy, strlen(copy), out, &n, why, sizeof why))
        fail_msg("%s", why);
    return n;
}

static void a_token_has_a_name_and_paths_where_they_are_given(void **state)
{
    (void)state;
    static struct secret secrets[SECRETS_MAX];
    assert_int_equal(parse(SECRET_TOKENS,
                           "# of the fleet\r\n\r\n  prometheus:" TOKEN ":metrics \r\nops@site:" OTHER
                           ":admin,ingest\nplain:aaaaaaaaaaaaaaaa\nbbbbbbbbbbbbbbbb",
                           secrets),
                     4);
    assert_string_equal(secrets[0].name, "prometheus");
    assert_string_equal(secrets[0].value, TOKEN);
    assert_int_equal(secrets[0].paths, CREDENTIALS_METRICS);
    assert_int_equal(secrets[1].paths, CREDENTIALS_ADMIN | CREDENTIALS_INGEST);
    assert_int_equal(secrets[2].paths, CREDENTIALS_METRICS | CREDENTIALS_INGEST);
    assert_string_equal(secrets[3].name, "line 6");
    assert_string_equal(secrets[3].value, "bbbbbbbbbbbbbbbb");
    assert_int_equal(parse(SECRET_TOKENS, "", secrets), 0);
    assert_int_equal(parse(SECRET_USERS, "a:" SHA512 "\nb:" BCRYPT ":admin", secrets), 2);
    assert_int_equal(secrets[0].n_value, strlen(SHA512));
    assert_int_equal(secrets[1].paths, CREDENTIALS_ADMIN);
}

static void a_mistake_is_told_by_its_line_and_never_shows_a_secret(void **state)
{
    (void)state;
    static const struct {
        enum secret_kind kind;
        const char *text, *why;
    } mistakes[] = {
        {SECRET_TOKENS, "a:" TOKEN "\nb:secret7", "file:2: a token has 16 to 256 characters"},
        {SECRET_TOKENS, "secret7secret7secret7 x", "file:1: a token has letters, digits and -._~+/= only"},
        {SECRET_TOKENS, "a:secret7secret7secret7:metrics,all", "file:1: the last part lists paths: metrics, ingest"},
        {SECRET_TOKENS, "a:secret7secret7secret7:", "file:1: the last part lists paths"},
        {SECRET_TOKENS, ":secret7secret7secret7", "file:1: a name has up to 64 letters"},
        {SECRET_TOKENS, "a b:secret7secret7secret7", "file:1: a name has up to 64 letters"},
        {SECRET_TOKENS, "a:" TOKEN "\na:secret7secret7secret7", "file:2: this name was given before"},
        {SECRET_USERS, "secret7", "file:1: a line is NAME:HASH or NAME:HASH:PATHS"},
        {SECRET_USERS, "a:secret7", "file:1: this kind of hash is not taken; `openssl passwd -6`"},
        {SECRET_USERS, "a:$apr1$secret7$abcdefghijklmnopqrstuv", "file:1: this kind of hash is not taken"},
        {SECRET_USERS, "a:$6$saltstring$secret7", "file:1: the hash is not whole"},
    };
    static struct secret secrets[SECRETS_MAX];
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        char copy[512], why[512] = "";
        size_t n;
        snprintf(copy, sizeof copy, "%s", mistakes[i].text);
        assert_false(secret_parse(mistakes[i].kind, "file", copy, strlen(copy), secrets, &n, why, sizeof why));
        if (strncmp(why, mistakes[i].why, strlen(mistakes[i].why)) != 0 || strstr(why, "secret7"))
            fail_msg("%s", why);
    }
    char bytes[] = "a:" TOKEN "\0b", why[512];
    size_t n;
    assert_false(secret_parse(SECRET_TOKENS, "file", bytes, sizeof bytes - 1, secrets, &n, why, sizeof why));
    assert_string_equal(why, "file: it has a byte 0, so it is no text");
}

static void more_lines_than_there_is_room_for_are_refused(void **state)
{
    (void)state;
    static struct secret secrets[SECRETS_MAX];
    static char text[(SECRETS_MAX + 1) * 64];
    char why[512];
    size_t n = 0, n_secrets;
    for (unsigned i = 0; i <= SECRETS_MAX; i++)
        n += (size_t)sprintf(text + n, "n%u:" TOKEN "\n", i);
    assert_false(secret_parse(SECRET_TOKENS, "file", text, n, secrets, &n_secrets, why, sizeof why));
    assert_string_equal(why, "file:1001: more than 1000 lines");
}

/* ---- files ---- */

static void a_file_is_read_again_when_it_has_changed_and_a_bad_one_leaves_the_old_content(void **state)
{
    (void)state;
    char why[512];
    struct secret_file file = {.path = TOKENS, .kind = SECRET_TOKENS};
    write_file(TOKENS, "a:" TOKEN);
    assert_int_equal(secret_file_look(&file, why, sizeof why), SECRET_FILE_NEW);
    assert_int_equal(secret_file_look(&file, why, sizeof why), SECRET_FILE_SAME);
    write_file(TOKENS, "a:" TOKEN "\nb:" OTHER);
    assert_int_equal(secret_file_look(&file, why, sizeof why), SECRET_FILE_NEW);
    assert_int_equal(file.n, 2);
    write_file(TOKENS, "a:short");
    assert_int_equal(secret_file_look(&file, why, sizeof why), SECRET_FILE_BAD);
    assert_int_equal(secret_file_look(&file, why, sizeof why), SECRET_FILE_SAME);
    assert_int_equal(file.n, 2);
    unlink(TOKENS);
    assert_int_equal(secret_file_look(&file, why, sizeof why), SECRET_FILE_BAD);
    assert_string_equal(why, TOKENS ": No such file or directory");
    assert_int_equal(secret_file_look(&file, why, sizeof why), SECRET_FILE_SAME);
    assert_string_equal(file.secrets[1].value, OTHER);
    write_file(TOKENS, "c:" OTHER);
    assert_int_equal(secret_file_look(&file, why, sizeof why), SECRET_FILE_NEW);
    assert_string_equal(file.secrets[0].name, "c");
    secret_file_clear(&file);
    unlink(TOKENS);
}

static void a_file_that_others_may_read_is_warned_of_once(void **state)
{
    (void)state;
    char why[512];
    struct secret_file file = {.path = TOKENS, .kind = SECRET_TOKENS};
    write_file(TOKENS, "a:" TOKEN);
    chmod(TOKENS, 0644);
    struct capture capture = capture_begin(stderr);
    secret_file_look(&file, why, sizeof why);
    write_file(TOKENS, "a:" OTHER);
    chmod(TOKENS, 0644);
    secret_file_look(&file, why, sizeof why);
    char *said = capture_end(&capture);
    const char *first = strstr(said, "chmod 640 " TOKENS);
    assert_non_null(first);
    assert_null(strstr(first + 1, "chmod"));
    free(said);
    secret_file_clear(&file);
    unlink(TOKENS);
}

/* ---- who may ---- */

static struct access *open_access(enum access_rule ingest, const char *tokens, const char *users)
{
    struct config config = {.http = {.metrics_access = ACCESS_ANYONE,
                                     .ingest_access = ingest,
                                     .admin_access = ACCESS_LOCAL,
                                     .tokens_file = tokens ? TOKENS : "",
                                     .users_file = users ? USERS : ""}};
    char why[512] = "";
    if (tokens)
        write_file(TOKENS, tokens);
    if (users)
        write_file(USERS, users);
    struct access *access = access_new(&config, why, sizeof why);
    if (!access)
        fail_msg("%s", why);
    unlink(TOKENS);
    unlink(USERS);
    return access;
}

static void without_credentials_the_rule_and_the_place_decide(void **state)
{
    (void)state;
    static const struct {
        enum access_rule rule;
        bool local;
        enum access_denial expected;
    } cases[] = {
        {ACCESS_ANYONE, false, ACCESS_GRANTED},     {ACCESS_LOCAL, true, ACCESS_GRANTED},
        {ACCESS_LOCAL, false, ACCESS_CLOSED},       {ACCESS_CREDENTIALS, true, ACCESS_CLOSED},
        {ACCESS_CREDENTIALS, false, ACCESS_CLOSED}, {ACCESS_NOBODY, true, ACCESS_OFF},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct access *access = open_access(cases[i].rule, NULL, NULL);
        assert_int_equal(access_check(access, ACCESS_INGEST, cases[i].local, ""), cases[i].expected);
        assert_int_equal(access_check(access, ACCESS_METRICS, false, ""), ACCESS_GRANTED);
        access_free(access);
    }
}

static void a_token_is_good_for_its_paths_only(void **state)
{
    (void)state;
    struct access *access = open_access(ACCESS_LOCAL, "a:" TOKEN "\nops:" OTHER ":admin", NULL);
    assert_int_equal(access_check(access, ACCESS_INGEST, false, ""), ACCESS_NONE_SENT);
    assert_int_equal(access_check(access, ACCESS_INGEST, true, ""), ACCESS_GRANTED);
    assert_int_equal(access_check(access, ACCESS_INGEST, false, "Bearer " TOKEN), ACCESS_GRANTED);
    assert_int_equal(access_check(access, ACCESS_INGEST, false, "bearer  " TOKEN), ACCESS_GRANTED);
    assert_int_equal(access_check(access, ACCESS_INGEST, false, "Bearer " TOKEN "x"), ACCESS_WRONG);
    assert_int_equal(access_check(access, ACCESS_INGEST, false, "Bearer 0123456789abcdef"), ACCESS_WRONG);
    assert_int_equal(access_check(access, ACCESS_INGEST, false, "Bearer "), ACCESS_WRONG);
    assert_int_equal(access_check(access, ACCESS_INGEST, false, "Bearer"), ACCESS_NONE_SENT);
    assert_int_equal(access_check(access, ACCESS_INGEST, false, "Bearer " OTHER), ACCESS_FORBIDDEN);
    assert_int_equal(access_check(access, ACCESS_ADMIN, false, "Bearer " TOKEN), ACCESS_FORBIDDEN);
    assert_int_equal(access_check(access, ACCESS_ADMIN, false, "Bearer " OTHER), ACCESS_GRANTED);
    assert_int_equal(access_check(access, ACCESS_INGEST, false, "Basic YTpi"), ACCESS_NONE_SENT);
    assert_string_equal(access_challenge(access), "Bearer realm=\"alertrond\"");
    access_free(access);
}

static void a_password_is_checked_by_its_hash(void **state)
{
    (void)state;
    struct access *access = open_access(ACCESS_CREDENTIALS, NULL, "alice:" SHA512 "\nbob:" BCRYPT ":metrics");
    for (int again = 0; again < 2; again++) /* the second time it is remembered */
        assert_int_equal(access_check(access, ACCESS_INGEST, true, "Basic YWxpY2U6SGVsbG8gd29ybGQh"), ACCESS_GRANTED);
    assert_int_equal(access_check(access, ACCESS_INGEST, true, "Basic Ym9iOlUqVQ=="), ACCESS_FORBIDDEN);
    assert_int_equal(access_check(access, ACCESS_METRICS, true, "Basic Ym9iOlUqVQ=="), ACCESS_GRANTED);
    assert_int_equal(access_check(access, ACCESS_INGEST, true, "Basic YWxpY2U6SGVsbG8gd29ybGQ"), ACCESS_WRONG);
    assert_int_equal(access_check(access, ACCESS_INGEST, true, "Basic ZXZlOkhlbGxvIHdvcmxkIQ=="), ACCESS_WRONG);
    static const char *const broken[] = {
        "Basic ", "Basic !", "Basic YWxpY2U=", "Basic YWxpY2U6", "Basic =YWxp", "Basic YQBi"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        assert_int_equal(access_check(access, ACCESS_INGEST, true, broken[i]), ACCESS_WRONG);
    char *long_one = malloc(9000);
    memset(long_one, 'Y', 8999);
    long_one[8999] = 0;
    memcpy(long_one, "Basic ", 6);
    assert_int_equal(access_check(access, ACCESS_INGEST, true, long_one), ACCESS_WRONG);
    free(long_one);
    access_free(access);
}

static void passwords_that_are_wrong_are_not_all_checked_and_good_ones_still_work(void **state)
{
    (void)state;
    struct access *access = open_access(ACCESS_CREDENTIALS, NULL, "bob:" BCRYPT);
    assert_int_equal(access_check(access, ACCESS_INGEST, true, "Basic Ym9iOlUqVQ=="), ACCESS_GRANTED);
    unsigned too_many = 0;
    for (int i = 0; i < 1000; i++)
        too_many += access_check(access, ACCESS_INGEST, true, "Basic Ym9iOng=") == ACCESS_TOO_MANY;
    assert_true(too_many > 0);
    assert_int_equal(access_check(access, ACCESS_INGEST, true, "Basic Ym9iOlUqVQ=="), ACCESS_GRANTED);
    access_free(access);
}

static void a_file_that_is_missing_at_start_is_an_error(void **state)
{
    (void)state;
    char why[512];
    struct config config = {.http = {.tokens_file = "test_access.none", .users_file = ""}};
    assert_null(access_new(&config, why, sizeof why));
    assert_string_equal(why, "test_access.none: No such file or directory");
}

static void denials_are_logged_once_in_a_while(void **state)
{
    (void)state;
    struct access *access = open_access(ACCESS_LOCAL, NULL, NULL);
    struct capture capture = capture_begin(stderr);
    for (int i = 0; i < 100; i++)
        access_log(access, ACCESS_CLOSED, "/ingest", "192.0.2.1");
    char *said = capture_end(&capture);
    assert_non_null(strstr(said, "http: /ingest denied to 192.0.2.1: closed"));
    assert_ptr_equal(strchr(said, '\n'), strrchr(said, '\n'));
    free(said);
    access_free(access);
}

static void every_denial_has_a_status_a_reason_and_a_remedy(void **state)
{
    (void)state;
    for (int denial = ACCESS_GRANTED + 1; denial < ACCESS_CONNECTIONS; denial++) {
        char remedy[512] = "";
        access_remedy((enum access_denial)denial, ACCESS_INGEST, remedy, sizeof remedy);
        assert_true(access_status((enum access_denial)denial) >= 400 && *remedy);
        assert_true(*access_reason((enum access_denial)denial) != 0);
    }
    assert_string_equal(access_reason(ACCESS_CONNECTIONS), "connections");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_has_a_name_and_paths_where_they_are_given),
        cmocka_unit_test(a_mistake_is_told_by_its_line_and_never_shows_a_secret),
        cmocka_unit_test(more_lines_than_there_is_room_for_are_refused),
        cmocka_unit_test(a_file_is_read_again_when_it_has_changed_and_a_bad_one_leaves_the_old_content),
        cmocka_unit_test(a_file_that_others_may_read_is_warned_of_once),
        cmocka_unit_test(without_credentials_the_rule_and_the_place_decide),
        cmocka_unit_test(a_token_is_good_for_its_paths_only),
        cmocka_unit_test(a_password_is_checked_by_its_hash),
        cmocka_unit_test(passwords_that_are_wrong_are_not_all_checked_and_good_ones_still_work),
        cmocka_unit_test(a_file_that_is_missing_at_start_is_an_error),
        cmocka_unit_test(denials_are_logged_once_in_a_while),
        cmocka_unit_test(every_denial_has_a_status_a_reason_and_a_remedy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
