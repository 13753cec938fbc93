"""fault_proxy: a TCP proxy before each broker, whose wire can be slow, cut or silent."""

import asyncio
import threading


class Wire:
    """What lies between clients and one broker."""

    def __init__(self):
        self.delay = 0.0  # seconds a piece of data takes, each way
        self.cut = False  # connections end, and new ones do, too
        self.silent = False  # connections stay, and carry nothing
        self.writers = set()


class Proxies:
    """Listens on a port of each node: ports = {node: (port, port of the broker)}. Any thread may break a wire."""

    def __init__(self, ports):
        self._ports = ports
        self.wires = {node: Wire() for node in ports}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self):
        self._thread.start()
        for node in self._ports:
            asyncio.run_coroutine_threadsafe(self._listen(node), self._loop).result(10)
        return self

    def stop(self):
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)

    def change(self, nodes, **words):
        """Sets what a Wire has, e.g. delay=0.2, for these nodes."""

        def change():
            for node in nodes:
                vars(self.wires[node]).update(words)
                if self.wires[node].cut:
                    for writer in self.wires[node].writers:
                        writer.transport.abort()

        self._loop.call_soon_threadsafe(change)

    def mend(self):
        self.change(self.wires, delay=0.0, cut=False, silent=False)

    async def _listen(self, node):
        async def serve(reader, writer):
            await self._serve(node, reader, writer)

        await asyncio.start_server(serve, "127.0.0.1", self._ports[node][0])

    async def _serve(self, node, reader, writer):
        wire, there = self.wires[node], None
        try:
            if not wire.cut:
                back, there = await asyncio.open_connection("127.0.0.1", self._ports[node][1])
                wire.writers |= {writer, there}
                ways = [asyncio.create_task(_carry(wire, *way)) for way in ((reader, there), (back, writer))]
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in ways:
                    way.cancel()
        except OSError:
            pass
        finally:
            wire.writers -= {writer, there}
            for one in filter(None, (writer, there)):
                one.transport.abort()


async def _carry(wire, reader, writer):
    """One way of a connection, until it ends."""
    try:
        while data := await reader.read(65536):
            if wire.delay:
                await asyncio.sleep(wire.delay)
            while wire.silent:
                await asyncio.sleep(0.05)
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
