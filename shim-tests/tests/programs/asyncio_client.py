"""Two requests at once, their connections made without blocking."""

import asyncio
import sys


async def fetch(host, port):
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer.decode()


async def main():
    host, port = sys.argv[1], int(sys.argv[2])
    for answer in await asyncio.gather(fetch(host, port), fetch(host, port)):
        print(answer)


asyncio.run(main())
