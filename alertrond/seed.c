/* seed.c: a number that nobody outside knows. */
#include "seed.h"

#include <sys/random.h>
#include <time.h>
#include <unistd.h>

uint64_t seed_draw(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) == sizeof seed)
        return seed;
    struct timespec now; /* so early after boot that the kernel has none yet */
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec ^ (uint64_t)getpid();
}
