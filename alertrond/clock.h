/* clock.h: the clock that does not go back. */
#ifndef ALERTROND_CLOCK_H
#define ALERTROND_CLOCK_H

/* Seconds since some moment before the process began. */
double clock_seconds(void);

#endif
