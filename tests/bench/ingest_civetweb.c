/* ingest_civetweb.c: what civetweb itself takes for a request as /ingest gets it: reads the body, writes an answer of
 * the same size, and does nothing else. The first argument is the port. */
#define _POSIX_C_SOURCE 200809L
#include <civetweb.h>
#include <stdio.h>
#include <unistd.h>

static int answer(struct mg_connection *connection, void *data)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n"
                               "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n"
                               "{\"device_id\":\"edge-1\",\"anomaly\":false,\"severity\":\"none\",\"anomaly_score\":0."
                               "41324,\"ts\":1763800000.25}";
    char body[8192];
    (void)data;
    while (mg_read(connection, body, sizeof body) > 0)
        continue;
    mg_write(connection, text, sizeof text - 1);
    return 200;
}

int main(int argc, char **argv)
{
    char port[64];
    snprintf(port, sizeof port, "127.0.0.1:%s", argc > 1 ? argv[1] : "8000");
    const char *settings[] = {
        "listening_ports", port, "num_threads", "64", "enable_keep_alive", "yes", "keep_alive_timeout_ms", "5000",
        "tcp_nodelay",     "1",  NULL};
    struct mg_context *context = mg_start(NULL, NULL, settings);
    if (!context)
        return 1;
    mg_set_request_handler(context, "/", answer, NULL);
    pause();
    return 0;
}
