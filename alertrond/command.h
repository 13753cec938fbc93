/* command.h: the subcommands. Each takes its own arguments (argv[0] is its name) and returns the exit status:
 * 0 done, 1 the work failed, 2 used wrongly. */
#ifndef ALERTROND_COMMAND_H
#define ALERTROND_COMMAND_H

int command_run(int argc, char **argv);
int command_health(int argc, char **argv);
int command_check_config(int argc, char **argv);
int command_train(int argc, char **argv);
int command_score(int argc, char **argv);
int command_inspect(int argc, char **argv);
int command_convert(int argc, char **argv);
int command_diff(int argc, char **argv);
int command_test(int argc, char **argv);
int command_generate(int argc, char **argv);
int command_replay(int argc, char **argv);
int command_demo(int argc, char **argv);
int command_broker(int argc, char **argv);

#endif
