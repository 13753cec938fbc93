/* notify.h: tells systemd, or who else set NOTIFY_SOCKET, how the service is doing: sd_notify's protocol, without its
 * library. The main thread alone. Where nobody asked to be told, nothing is done. */
#ifndef ALERTROND_NOTIFY_H
#define ALERTROND_NOTIFY_H

enum notify_state { NOTIFY_WAITING, NOTIFY_READY, NOTIFY_RELOADING, NOTIFY_STOPPING };

/* Reads NOTIFY_SOCKET and WATCHDOG_USEC and takes them out of the environment, for children are not meant; before
 * threads start. */
void notify_open(void);
void notify_close(void);

/* How the service is doing, and one line about it for people; may be called at every turn of a loop: only what changes
 * is told. Ready is told once; after that NOTIFY_WAITING changes the line alone, because to systemd a service that has
 * started stays so. After NOTIFY_RELOADING comes NOTIFY_READY. */
void notify_state(enum notify_state state, const char *status);

/* That the service works; to be called from its main loop, and only where its other threads work too. systemd kills
 * what stays silent for WATCHDOG_USEC. */
void notify_alive(void);

#endif
