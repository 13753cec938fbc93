/* stop.h: a command that is told to end, by SIGTERM or SIGINT. */
#ifndef ALERTROND_STOP_H
#define ALERTROND_STOP_H

#include <stdbool.h>

/* From now on the first of them is only noted, though it ends a sleep; a second one, of either kind, ends the process
 * at once. */
void stop_catch_signals(void);

/* Whether one has come. Any thread. */
bool stop_asked(void);

#endif
