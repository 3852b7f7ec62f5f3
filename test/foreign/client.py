"""A client in Python, which knows nothing of shards.

    client.py <folder of the generated messages> <address> <scenario> [<argument>...]

Prints what it got as one line of JSON.
"""
import json
import sys
import time
import urllib.parse

import grpc

sys.path.insert(0, sys.argv[1])
import health_pb2
import reflection_pb2
import search_pb2 as pb
import status_pb2
from regather.v1 import coverage_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

SERVICE = "acme.search.v1.Search"
channel = grpc.insecure_channel(sys.argv[2])


def serialize(message):
    return message.SerializeToString()


def method(name, answer):
    return channel.unary_unary("/%s/%s" % (SERVICE, name), serialize, answer.FromString)


def stream(name):
    return channel.unary_stream("/%s/%s" % (SERVICE, name), serialize, pb.Document.FromString)


def plain(message):
    return json_format.MessageToDict(message, including_default_value_fields=True)


def ended(call):
    """Status and trailers of a call that is over."""
    trailers = {key: value for key, value in call.trailing_metadata() or ()}
    told = {
        "code": call.code().name,
        "details": call.details(),
        "trailerBytes": len("grpc-status" + "0" + "grpc-message")
        + wire(call.details() or "")
        + sum(
            len(key) + ((len(value) + 2) // 3 * 4 if key.endswith("-bin") else len(value))
            for key, value in trailers.items()
        ),
    }
    coverage = trailers.get("regather-coverage-bin")
    if coverage is not None:
        told["coverage"] = plain(coverage_pb2.Coverage.FromString(coverage))
    rich = trailers.get("grpc-status-details-bin")
    if rich is not None:
        status = status_pb2.Status.FromString(rich)
        inside = coverage_pb2.Coverage()
        told["status"] = {
            "code": status.code,
            "message": status.message,
            "types": [any.type_url for any in status.details],
            "coverage": plain(inside) if any_unpack(status, inside) else None,
        }
    return told


def wire(details):
    """The bytes of grpc-message, which grpc-js percent-encodes as JavaScript's encodeURI does."""
    return len(urllib.parse.quote(details, safe="-_.!~*'();/?:@&=+$,#"))


def any_unpack(status, inside):
    return any(one.Unpack(inside) for one in status.details)


def call(name, request, answer, **given):
    try:
        response, over = method(name, answer).with_call(request, **given)
        return {"response": plain(response), **ended(over)}
    except grpc.RpcError as error:
        return ended(error)


def items(name, request, **given):
    over = stream(name)(request, **given)
    got = []
    try:
        for item in over:
            got.append(item.id)
    except grpc.RpcError:
        pass
    return {"items": sorted(got), **ended(over)}


def unary():
    return {
        "top": call("TopK", pb.TopKRequest(text="x", limit=5, offset=2), pb.TopKResponse, timeout=20),
        "many": call("GetMany", pb.GetManyRequest(ids=["b", "missing-1", "a", "b"]), pb.GetManyResponse, timeout=20),
        "none": call("Get", pb.GetRequest(id="missing-1"), pb.Document, timeout=20),
        "partial": call("Some", pb.TopKRequest(fault="fail:9@1"), pb.TopKResponse, timeout=20),
        "failed": call("TopK", pb.TopKRequest(fault="fail:9@1"), pb.TopKResponse, timeout=20),
    }


def streaming():
    return {
        "whole": items("List", pb.ListRequest(per_shard=3), timeout=20),
        "partial": items("ListSome", pb.ListRequest(per_shard=3, fault="fail:9@1"), timeout=20),
        "failed": items("List", pb.ListRequest(per_shard=3, fault="fail:9@1"), timeout=20),
    }


def deadline():
    return call("TopK", pb.TopKRequest(fault="hang@*"), pb.TopKResponse, timeout=0.4)


def timerless():
    """The deadline travels, but no timer of this process ends the call."""
    begun = time.monotonic()
    told = call("TopK", pb.TopKRequest(fault="hang@*"), pb.TopKResponse, metadata=(("grpc-timeout", "400m"),))
    return {**told, "seconds": time.monotonic() - begun}


def cancel():
    """Leaves a unary call and a stream when the line on its input says that they run."""
    future = method("TopK", pb.TopKResponse).future(pb.TopKRequest(fault="hang@*"), timeout=20)
    endless = stream("List")(pb.ListRequest(per_shard=1000000, body_bytes=1000), timeout=20)
    next(endless)
    sys.stdin.readline()
    future.cancel()
    endless.cancel()
    return {"unary": future.code().name, "stream": endless.code().name}


def get(id):
    return call("Get", pb.GetRequest(id=id), pb.Document, timeout=20)


def fail(name):
    return call(name, pb.TopKRequest(), pb.TopKResponse, timeout=20)


def health():
    check = channel.unary_unary(
        "/grpc.health.v1.Health/Check", serialize, health_pb2.HealthCheckResponse.FromString
    )
    name = health_pb2.HealthCheckResponse.ServingStatus.Name
    return [name(check(health_pb2.HealthCheckRequest(service=of), timeout=20).status) for of in ("", SERVICE)]


def reflection():
    """Learns the service from the server alone, then calls it."""
    ask = channel.stream_stream(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        serialize,
        reflection_pb2.ServerReflectionResponse.FromString,
    )
    Request = reflection_pb2.ServerReflectionRequest
    answers = list(ask(iter([Request(list_services="*"), Request(file_containing_symbol=SERVICE)]), timeout=20))
    services = [service.name for service in answers[0].list_services_response.service]
    files = [
        descriptor_pb2.FileDescriptorProto.FromString(file)
        for file in answers[1].file_descriptor_response.file_descriptor_proto
    ]
    pool = descriptor_pool.DescriptorPool()
    waiting = {file.name: file for file in files}

    def add(name):
        file = waiting.pop(name, None)
        if file is None:
            return
        for imported in file.dependency:
            add(imported)
        pool.Add(file)

    for file in files:
        add(file.name)
    factory = message_factory.MessageFactory(pool)
    found = pool.FindServiceByName(SERVICE).methods_by_name["TopK"]
    Ask, Answer = factory.GetPrototype(found.input_type), factory.GetPrototype(found.output_type)
    top = channel.unary_unary("/%s/TopK" % SERVICE, serialize, Answer.FromString)
    answer = top(Ask(text="r", limit=1), timeout=20)
    return {"services": services, "files": [file.name for file in files], "answer": plain(answer)}


scenario = {f.__name__: f for f in (unary, streaming, deadline, timerless, cancel, get, fail, health, reflection)}
print(json.dumps(scenario[sys.argv[3]](*sys.argv[4:])))
