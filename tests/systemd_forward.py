"""systemd_forward.py PORT HOST:PORT: hands what comes to a port of this machine to another, as systemd_scenario.sh needs
it: alertrond's embedded broker takes any free port, and this one is in the configuration."""

import socket
import sys
import threading


def copy(source, target):
    while chunk := source.recv(65536):
        target.sendall(chunk)
    target.shutdown(socket.SHUT_WR)


def main():
    host, port = sys.argv[2].rsplit(":", 1)
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    while True:
        client, _ = listener.accept()
        server = socket.create_connection((host, int(port)))
        for ends in ((client, server), (server, client)):
            threading.Thread(target=copy, args=ends, daemon=True).start()


main()
