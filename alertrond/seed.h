/* seed.h: a number that nobody outside knows, for tables whose keys come from outside. */
#ifndef ALERTROND_SEED_H
#define ALERTROND_SEED_H

#include <stdint.h>

/* Another one each time. */
uint64_t seed_draw(void);

#endif
