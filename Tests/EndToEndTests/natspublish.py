"""Publishes with nats-py what other programs would: `natspublish.py URL SUBJECT STREAM`. The subject is core's, the stream is made."""

import asyncio
import json
import sys

import nats
from cloudevents.core.bindings.http import to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent


def attributes(identity, **more):
    return {"id": identity, "source": "/nats-py", "type": "com.example.nats", **more}


def events(prefix):
    """Payload and headers of each message."""
    # Headers mode as the NATS binding says: every attribute, ce-datacontenttype too; "ü" and "%" percent-encoded.
    headers = {"specversion": "1.0", **attributes(f"{prefix}-headers"), "datacontenttype": "text/plain", "subject": "gr%C3%BCn 5%25"}
    yield b"plain", {f"ce-{name}": value for name, value in headers.items()}
    # Structured mode: one JSON object, and nothing in the headers says so.
    body = {"specversion": "1.0", **attributes(f"{prefix}-structured"), "datacontenttype": "application/json", "data": {"n": 1}}
    yield json.dumps(body).encode(), None
    # The SDK has no binding of NATS: its HTTP messages are carried as they are.
    event = CloudEvent(attributes(f"{prefix}-sdk-binary", datacontenttype="application/json", subject="grün 5%"), {"n": 2})
    binary = to_binary(event, JSONFormat())
    yield binary.body, dict(binary.headers)
    event = CloudEvent(attributes(f"{prefix}-sdk-structured", datacontenttype="application/json"), {"n": 3})
    structured = to_structured(event, JSONFormat())
    yield structured.body, dict(structured.headers)
    # No event at all.
    yield b"\x00\xffraw", {"X-Shop": "eu"}


async def main(url, subject, stream):
    client = await nats.connect(url)
    for payload, headers in events("core"):
        await client.publish(subject, payload, headers=headers)
    await client.flush()
    jetstream = client.jetstream()
    await jetstream.add_stream(name=stream, subjects=[f"{stream}.>"])
    for payload, headers in events("stream"):
        await jetstream.publish(f"{stream}.new", payload, headers=headers)
    await client.close()


asyncio.run(main(*sys.argv[1:]))
