"""A worker in Python: any gRPC server of the service, without Link. Answers as test/kit/search-shard.ts does.

    worker.py <folder of the generated messages> <shards, as "0,1">

Prints "port <n>" when it serves, and "left <shard>" when somebody left a call that hangs.
"""
import sys
import threading
import time
from concurrent import futures

import grpc

sys.path.insert(0, sys.argv[1])
import search_pb2 as pb

SHARDS = [int(shard) for shard in sys.argv[2].split(",")]
HITS = 20


def say(*words):
    print(*words, flush=True)


def shard_of(context):
    """The shard that the caller names, or the only one."""
    given = dict(context.invocation_metadata()).get("regather-shard")
    if given is None:
        if len(SHARDS) > 1:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "regather-shard names none of %d shards" % len(SHARDS))
        return SHARDS[0]
    shard = int(given)
    if shard not in SHARDS:
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "shard %d is not served here" % shard)
    return shard


def suffer(spec, shard, context):
    for one in filter(None, spec.split(";")):
        what, _, where = one.partition("@")
        if where not in ("", "*") and shard not in [int(n) for n in where.split(",")]:
            continue
        kind, _, value = what.partition(":")
        if kind == "sleep":
            time.sleep(int(value) / 1000)
        elif kind == "fail":
            code = next(code for code in grpc.StatusCode if code.value[0] == int(value))
            context.abort(code, "shard %d was told to fail" % shard)
        elif kind == "hang":
            left = threading.Event()
            if context.add_callback(left.set):
                left.wait()
            say("left", shard)
            context.abort(grpc.StatusCode.CANCELLED, "left")
        else:
            raise ValueError("unknown fault " + one)


def hits_of(shard):
    return [
        pb.Hit(id="s%d-%02d" % (shard, i), score=((i * 7 + shard * 3) % 11) / 4, title="Hit %d of shard %d" % (i, shard))
        for i in range(HITS)
    ]


def top_k(request, context):
    shard = shard_of(context)
    suffer(request.fault, shard, context)
    best = sorted(hits_of(shard), key=lambda hit: (-hit.score, hit.id))[: request.limit or HITS]
    return pb.TopKResponse(
        hits=best, total=HITS, weight=0.1 * (shard + 1), best=shard, seen=["shard %d: %s" % (shard, request.text)]
    )


def document(id, shard, body=None):
    return pb.Document(id=id, shard=shard, body="body of " + id if body is None else body)


def get(request, context):
    shard = shard_of(context)
    suffer(request.fault, shard, context)
    if request.id.startswith("missing"):
        context.abort(grpc.StatusCode.NOT_FOUND, "no document " + request.id)
    return document(request.id, shard)


def get_many(request, context):
    shard = shard_of(context)
    suffer(request.fault, shard, context)
    found = [document(id, shard) for id in request.ids if not id.startswith("missing")]
    return pb.GetManyResponse(documents=reversed(found))


def info(request, context):
    shard = shard_of(context)
    suffer(request.fault, shard, context)
    return document("info", shard)


def list_all(request, context):
    shard = shard_of(context)
    first, _, rest = request.fault.partition("/")
    suffer(first, shard, context)
    for i in range(request.per_shard):
        if i == 1 and rest:
            suffer(rest, shard, context)
        yield document("s%d-%d" % (shard, i), shard, "b" * request.body_bytes)


def unary(handle, request):
    return grpc.unary_unary_rpc_method_handler(handle, request.FromString, lambda answer: answer.SerializeToString())


def streaming(handle, request):
    return grpc.unary_stream_rpc_method_handler(handle, request.FromString, lambda answer: answer.SerializeToString())


server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
server.add_generic_rpc_handlers(
    [
        grpc.method_handlers_generic_handler(
            "acme.search.v1.Search",
            {
                "TopK": unary(top_k, pb.TopKRequest),
                "Some": unary(top_k, pb.TopKRequest),
                "Count": unary(top_k, pb.TopKRequest),
                "Get": unary(get, pb.GetRequest),
                "GetMany": unary(get_many, pb.GetManyRequest),
                "Info": unary(info, pb.InfoRequest),
                "List": streaming(list_all, pb.ListRequest),
                "ListSome": streaming(list_all, pb.ListRequest),
            },
        )
    ]
)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
say("port", port)
# The test ends it by closing its input.
sys.stdin.read()
server.stop(None)
