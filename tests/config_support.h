/* config_support.h: what the tests of the configuration share: a folder and an environment of their own. */
#ifndef ALERTRON_TESTS_CONFIG_SUPPORT_H
#define ALERTRON_TESTS_CONFIG_SUPPORT_H

#include "config.h"

#define ARGUMENTS_MAX 16
#define ARGUMENTS(...) ((const char *const[ARGUMENTS_MAX]){__VA_ARGS__})
#define FILE_NAME "alertrond.conf"
#define MODEL_NAME "model.alertron" /* a file that can be read */

/* For a group of tests: a new folder with a model file and a subfolder, which it works in. For each test: no
 * configuration file and no variable of ours. */
int enter_folder(void **state);
int leave_folder(void **state);
int begin_test(void **state);
#define CONFIG_TEST(name) cmocka_unit_test_setup(name, begin_test)

void clear_environment(void);
void write_file(const char *name, const char *bytes, size_t n);

/* Reads a configuration; what was said about it goes to *said, malloced. */
enum options_outcome read_config(struct config *config, const char *const *arguments, char **said);

/* The same for one without mistakes. */
struct config good_config(const char *const *arguments);

/* Runs check-config: its exit status, and what it wrote to standard output and error, malloced. */
int check_config(const char *const *arguments, char **out, char **errors);

#endif
