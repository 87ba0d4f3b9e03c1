"""What the scenario sources-nats needs beside the node: a full stream, and the rate at which a source empties it.

natsstream.py fill URL STREAM COUNT      makes a stream on disk with COUNT events: those of events.lua, in headers mode
natsstream.py drain METRICS_URL COUNT    waits until a source has brought COUNT events; prints events a second, from the first it sees
"""

import asyncio
import sys
import time
import urllib.request


async def fill(url, stream, count):
    import nats

    client = await nats.connect(url, pending_size=64 * 1024 * 1024)
    jetstream = client.jetstream()
    await jetstream.add_stream(name=stream, subjects=[stream])
    headers = {
        "ce-specversion": "1.0", "ce-type": "com.example.bench", "ce-source": "/bench", "ce-subject": "item",
        "ce-time": "2026-01-01T00:00:00Z", "x-request-id": "bench", "ce-datacontenttype": "text/plain",
    }
    body = b"x" * 1024
    for number in range(count):
        await client.publish(stream, body, headers={**headers, "ce-id": f"nats-{number}"})
        if number % 1000 == 999:
            await client.flush()
    await client.flush()
    stored = 0
    while stored < count:
        stored = (await jetstream.stream_info(stream)).state.messages
    await client.close()


def brought(url):
    text = urllib.request.urlopen(url).read().decode()
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("apus_source_events_total{"))


def drain(url, count):
    first, begun, deadline = 0.0, 0.0, time.monotonic() + 300
    while time.monotonic() < deadline:
        now, seen = time.monotonic(), brought(url)
        if first == 0:
            first, begun = seen, now
        if seen >= count:
            print(f"{(seen - first) / (now - begun):.0f} 0 0")
            return
        time.sleep(0.02)
    sys.exit(f"{brought(url)} of {count} events came in 300 s")


command, url, *rest = sys.argv[1:]
if command == "fill":
    asyncio.run(fill(url, rest[0], int(rest[1])))
else:
    drain(url, int(rest[0]))
