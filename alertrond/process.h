/* process.h: what the process itself takes, as metrics: CPU, memory, file descriptors. */
#ifndef ALERTROND_PROCESS_H
#define ALERTROND_PROCESS_H

#include "metrics.h"

/* Takes the figures anew; one thread. */
void process_export(struct metrics *metrics);

#endif
