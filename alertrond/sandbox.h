/* sandbox.h: gives up what the service never needs, so that whoever finds a way into it can do little. Linux. */
#ifndef ALERTROND_SANDBOX_H
#define ALERTROND_SANDBOX_H

#include <stdbool.h>

/* Which parts of the sandbox the kernel has put in force. */
struct sandbox {
    bool privileges; /* no program gains rights, no core dumps, no debugger, no memory becomes executable */
    bool files;      /* Landlock: no file is written, made, removed or executed; open ones stay as they are */
    bool calls;      /* seccomp: programs, mounts, namespaces, other processes' memory and the like: EPERM */
};

/* For the whole process, for ever; to be called before there are threads: Landlock holds for the calling thread and
 * those that it starts. What the kernel does not know is left out. Files can be read and connections made as before. */
struct sandbox sandbox_enter(void);

#endif
