"""A minimal link worker, written from docs/reference/link.md alone. It never combines shards, so it needs no merge plan.

Usage: python_worker.py <folder with link_pb2> ; prints its port. Methods:
  Echo    one part per shard: "<shard> <payload>"
  Large   a part of as many bytes as the payload says, filled with the shard's number
  Fail    NOT_FOUND with details
  Hold    waits until it is cancelled
  Count   streams as many items as the payload says
"""
import os
import queue
import sys
import threading
import time
from concurrent import futures

sys.path.insert(0, sys.argv[1])
import grpc  # noqa: E402
from regather.v1 import link_pb2 as pb  # noqa: E402

CHUNK = 32 * 1024
SHARDS = [0, 1, 2, 3]
cancelled_total = 0


class Call:
    """An open call: what it may still send, and whether anyone wants it."""

    def __init__(self, link, call):
        self.link, self.call = link, call
        self.credit, self.seq = call.credit, 0
        self.received = self.began = time.monotonic()
        self.cancelled = False
        self.changed = threading.Condition()

    def grant(self, amount):
        with self.changed:
            self.credit += amount
            self.changed.notify_all()

    def cancel(self):
        with self.changed:
            self.cancelled = True
            self.changed.notify_all()

    def part(self, shard, data, lengths=()):
        """Sends one part in chunks, as credit allows. False: the call was cancelled."""
        at = 0
        while True:
            with self.changed:
                while self.credit == 0 and at < len(data) and not self.cancelled:
                    self.changed.wait()
                if self.cancelled:
                    return False
                size = min(CHUNK, self.credit, len(data) - at)
                self.credit -= size
            chunk = pb.Chunk(id=self.call.id, seq=self.seq, data=data[at : at + size])
            self.seq += 1
            at += size
            if at == len(data):
                chunk.last = True
                chunk.shards.append(shard)
                if lengths:
                    chunk.segment_bytes.extend(lengths)
                else:
                    now = time.monotonic()
                    chunk.queue_us.append(micros(self.began - self.received))
                    chunk.service_us.append(micros(now - self.began))
                    chunk.held_us = max(1, micros(now - self.received))
            self.link.send(pb.Frame(chunk=chunk))
            if chunk.last:
                return True

    def run(self):
        started = time.monotonic()
        statuses = []
        for task in self.call.tasks:
            self.began = time.monotonic()
            payload = task.payload if task.HasField("payload") else self.call.payload
            if task.shard not in SHARDS:
                statuses.append(status(task.shard, 9, f"shard {task.shard} isn't served here", not_started=True))
                continue
            failed = self.handle(task.shard, payload)
            if failed is not None:
                statuses.append(failed)
        took = micros(time.monotonic() - started)
        self.link.finish(self, pb.End(id=self.call.id, statuses=statuses, service_us=took))

    def handle(self, shard, payload):
        method = self.call.method
        if method == "Echo":
            metadata = "".join(f" {entry.key}={entry.value.decode()}" for entry in self.call.metadata)
            self.part(shard, f"{shard} {payload.decode()}{metadata}".encode())
        elif method == "Large":
            size = int(payload)
            if size > self.call.max_part_bytes:
                return status(shard, 8, f"{size} bytes, at most {self.call.max_part_bytes}")
            self.part(shard, bytes([shard]) * size)
        elif method == "Fail":
            return status(shard, 5, "not here", details=b"\x08\x05")
        elif method == "Hold":
            with self.changed:
                while not self.cancelled:
                    self.changed.wait()
            global cancelled_total
            cancelled_total += 1
        elif method == "Cancelled":
            self.part(shard, str(cancelled_total).encode())
        elif method == "Count":
            for i in range(int(payload)):
                item = f"item {i}".encode()
                if not self.part(shard, item * 3, [len(item)] * 3):
                    break
        else:
            return status(shard, 12, f"no method {method}")
        return None


def micros(seconds):
    return int(seconds * 1e6)


def status(shard, code, message, **rest):
    return pb.TaskStatus(shard=shard, code=code, message=message, **rest)


class Link:
    """One stream. Frames wait in a queue, and all that are there leave as one message."""

    def __init__(self, requests, context):
        self.requests, self.context = requests, context
        self.frames = queue.Queue()
        self.calls = {}
        self.lock = threading.Lock()
        self.refusal = None
        threading.Thread(target=self.read, daemon=True).start()

    def send(self, frame):
        self.frames.put(frame)

    def finish(self, call, end):
        with self.lock:
            self.calls.pop(call.call.id, None)
            end.in_flight = len(self.calls)
        self.send(pb.Frame(end=end))

    def read(self):
        greeted = False
        try:
            for batch in self.requests:
                for frame in batch.frames:
                    kind = frame.WhichOneof("kind")
                    if kind == "hello":
                        if frame.hello.service != "acme.Search":
                            self.refusal = f"{frame.hello.service} isn't served here"
                            return
                        greeted = True
                        hello = pb.Hello(version=1, service="acme.Search", peer="python", shards=SHARDS, shard_count=4)
                        self.send(pb.Frame(hello=hello))
                    elif not greeted:
                        raise ValueError(f"{kind} came before Hello")
                    elif kind == "call":
                        call = Call(self, frame.call)
                        with self.lock:
                            self.calls[frame.call.id] = call
                        pool.submit(call.run)
                    elif kind == "cancel":
                        for call_id in frame.cancel.ids:
                            self.with_call(call_id, lambda call: call.cancel())
                    elif kind == "credit":
                        self.with_call(frame.credit.id, lambda call: call.grant(frame.credit.bytes))
                    elif kind == "ping" and not frame.ping.reply:
                        self.send(pb.Frame(ping=pb.Ping(token=frame.ping.token, reply=True)))
        except grpc.RpcError:
            pass
        finally:
            with self.lock:
                lost = list(self.calls.values())
            for call in lost:
                call.cancel()
            self.frames.put(None)

    def with_call(self, call_id, action):
        with self.lock:
            call = self.calls.get(call_id)
        if call is not None:
            action(call)

    def batches(self):
        while True:
            frame = self.frames.get()
            if frame is None:
                if self.refusal is not None:
                    self.context.abort(grpc.StatusCode.FAILED_PRECONDITION, self.refusal)
                return
            batch, size = pb.Batch(frames=[frame]), frame.ByteSize()
            while size < 200 * 1024:
                try:
                    frame = self.frames.get_nowait()
                except queue.Empty:
                    break
                if frame is None:
                    self.frames.put(None)
                    break
                batch.frames.append(frame)
                size += frame.ByteSize()
            yield batch


pool = futures.ThreadPoolExecutor(16)
handler = grpc.method_handlers_generic_handler(
    "regather.v1.Link",
    {
        "Open": grpc.stream_stream_rpc_method_handler(
            lambda requests, context: Link(requests, context).batches(),
            request_deserializer=pb.Batch.FromString,
            response_serializer=pb.Batch.SerializeToString,
        )
    },
)
server = grpc.server(futures.ThreadPoolExecutor(4))
server.add_generic_rpc_handlers((handler,))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(port, flush=True)
sys.stdin.read()
os._exit(0)
