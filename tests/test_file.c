/* test_file.c: files come in whole, and go out whole or not at all. */
#include "file.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture.h"
#include "support.h"

static char folder[] = "/tmp/test_file.XXXXXX";
static char why[512];

static int enter_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 && mkdir("folder", 0700) == 0 ? 0 : -1;
}

static void remove_all(const char *path)
{
    DIR *entries = opendir(path);
    assert_non_null(entries);
    for (struct dirent *entry; (entry = readdir(entries));) {
        char name[600];
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        unlink(name);
    }
    closedir(entries);
}

static int leave_folder(void **state)
{
    (void)state;
    remove_all("folder");
    remove_all(".");
    return rmdir("folder") == 0 && chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

/* Files in the current folder: one that was left aside would show. */
static size_t count_files(void)
{
    size_t n = 0;
    DIR *entries = opendir(".");
    assert_non_null(entries);
    while (readdir(entries))
        n++;
    closedir(entries);
    return n - 2;
}

static void expect_content(const char *path, const char *text)
{
    size_t n = 0;
    char *bytes = (char *)file_read(path, 1000, &n, why, sizeof why);
    assert_non_null(bytes);
    assert_int_equal(n, strlen(text));
    assert_string_equal(bytes, text); /* a 0 follows */
    free(bytes);
}

static void test_reads_what_was_written(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 131072, 200000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unsigned char *bytes = malloc(sizes[i] + 1);
        assert_non_null(bytes);
        for (size_t j = 0; j < sizes[i]; j++)
            bytes[j] = (unsigned char)(j * 31 + j / 256);
        assert_true(file_write("a", bytes, sizes[i], why, sizeof why));
        size_t n = 0;
        unsigned char *read = file_read("a", sizes[i], &n, why, sizeof why); /* just not too large */
        assert_non_null(read);
        assert_int_equal(n, sizes[i]);
        assert_memory_equal(read, bytes, n);
        assert_int_equal(read[n], 0);
        free(read);
        if (sizes[i] > 0) {
            n = 7;
            assert_null(file_read("a", sizes[i] - 1, &n, why, sizeof why));
            assert_int_equal(n, 7);
            assert_int_equal(strncmp(why, "a: larger than ", 15), 0);
        }
        read = file_read("a", SIZE_MAX, &n, why, sizeof why);
        assert_non_null(read);
        free(read);
        free(bytes);
    }
}

static void test_says_why_it_cannot_read(void **state)
{
    (void)state;
    size_t n;
    assert_null(file_read("nowhere", 10, &n, why, sizeof why));
    assert_string_equal(why, "nowhere: No such file or directory");
    assert_null(file_read("folder", 10, &n, why, sizeof why));
    assert_string_equal(why, "folder: Is a directory");
}

static mode_t mode_of(const char *path)
{
    struct stat status;
    assert_int_equal(lstat(path, &status), 0);
    return status.st_mode;
}

static void test_modes_and_links_stay(void **state)
{
    (void)state;
    mode_t mask = umask(027);
    assert_true(file_write("new", "1", 1, why, sizeof why));
    assert_int_equal(mode_of("new") & 07777, 0640);
    assert_int_equal(chmod("new", 0604), 0);
    assert_int_equal(symlink("../new", "folder/link"), 0);
    assert_true(file_write("folder/link", "22", 2, why, sizeof why));
    umask(mask);
    assert_true(S_ISLNK(mode_of("folder/link")));
    assert_int_equal(mode_of("new") & 07777, 0604);
    expect_content("new", "22");
    assert_int_equal(unlink("folder/link"), 0);
}

static void test_a_reader_of_the_old_file_keeps_it_whole(void **state)
{
    (void)state;
    assert_true(file_write("a", "old content", 11, why, sizeof why));
    int old = open("a", O_RDONLY);
    assert_true(file_write("a", "new", 3, why, sizeof why));
    char bytes[20];
    assert_int_equal(read(old, bytes, sizeof bytes), 11);
    close(old);
    expect_content("a", "new");
}

static void test_a_write_that_fails_leaves_the_old_file_and_nothing_else(void **state)
{
    (void)state;
    assert_true(file_write("a", "old", 3, why, sizeof why));
    size_t files = count_files();
    struct rlimit limit, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = limit;
    small.rlim_cur = 4096;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    static char large[100000];
    bool written = file_write("a", large, sizeof large, why, sizeof why);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_false(written);
    assert_string_equal(why, "a: File too large");
    expect_content("a", "old");
    assert_int_equal(count_files(), files);
}

static void test_says_why_it_cannot_write(void **state)
{
    (void)state;
    assert_false(file_write("folder", "x", 1, why, sizeof why));
    assert_string_equal(why, "folder: it is a folder; name a file in it");
    assert_false(file_write("nowhere/a", "x", 1, why, sizeof why));
    assert_string_equal(why, "nowhere/a: No such file or directory (in making a new file beside it)");
}

static void test_a_pipe_is_written_not_replaced(void **state)
{
    (void)state;
    assert_int_equal(mkfifo("pipe", 0600), 0);
    int reader = open("pipe", O_RDONLY | O_NONBLOCK);
    assert_true(reader >= 0);
    assert_true(file_write("pipe", "x", 1, why, sizeof why));
    char bytes[2];
    assert_int_equal(read(reader, bytes, 2), 1);
    close(reader);
    assert_true(S_ISFIFO(mode_of("pipe")));
}

static void test_dashes_are_the_standard_streams(void **state)
{
    (void)state;
    struct capture capture = capture_begin(stdout);
    printf("first ");
    bool written = file_write("-", "second", 6, why, sizeof why);
    char *text = capture_end(&capture);
    assert_true(written);
    assert_string_equal(text, "first second");
    free(text);
    assert_true(file_write("a", "from standard input", 19, why, sizeof why));
    int saved = dup(STDIN_FILENO), file = open("a", O_RDONLY);
    assert_true(dup2(file, STDIN_FILENO) >= 0);
    expect_content("-", "from standard input");
    size_t n;
    assert_true(lseek(file, 0, SEEK_SET) == 0);
    assert_null(file_read("-", 3, &n, why, sizeof why));
    assert_string_equal(why, "standard input: larger than 3 bytes");
    close(file);
    if (saved >= 0)
        dup2(saved, STDIN_FILENO);
    close(saved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_what_was_written),
        cmocka_unit_test(test_says_why_it_cannot_read),
        cmocka_unit_test(test_modes_and_links_stay),
        cmocka_unit_test(test_a_reader_of_the_old_file_keeps_it_whole),
        cmocka_unit_test(test_a_write_that_fails_leaves_the_old_file_and_nothing_else),
        cmocka_unit_test(test_says_why_it_cannot_write),
        cmocka_unit_test(test_a_pipe_is_written_not_replaced),
        cmocka_unit_test(test_dashes_are_the_standard_streams),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
