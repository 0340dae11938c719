"""An asyncio server without a host: 0.0.0.0 and, with IPV6_V6ONLY, [::]."""

import asyncio
import sys


async def greet(_reader, writer):
    writer.write(b"hello\n")
    await writer.drain()
    writer.close()


async def main():
    server = await asyncio.start_server(greet, port=int(sys.argv[1]))
    await server.serve_forever()


asyncio.run(main())
