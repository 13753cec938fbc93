/* clock.h: the clock that does not go back, and the time of day. */
#ifndef ALERTROND_CLOCK_H
#define ALERTROND_CLOCK_H

/* Seconds since some moment before the process began. */
double clock_seconds(void);

/* Seconds since 1970. */
double clock_time(void);

#endif
