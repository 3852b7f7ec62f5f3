"""protobuf's own word on what a planned request means. Reads cases as JSON from stdin, writes what is wrong with them."""
import base64
import json
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

spec = json.load(sys.stdin)
pool = descriptor_pool.DescriptorPool()
for file in descriptor_pb2.FileDescriptorSet.FromString(base64.b64decode(spec["descriptorSet"])).file:
    pool.Add(file)


def parse(name, text):
    message = message_factory.MessageFactory(pool).GetPrototype(pool.FindMessageTypeByName(name))()
    message.ParseFromString(bytes.fromhex(text))
    return message


def parent(message, path):
    *way, last = path.split(".")
    for name in way:
        message = getattr(message, name)
    return message, last


def has(message, path):
    *way, _ = path.split(".")
    for name in way:
        if not message.HasField(name):
            return False
        message = getattr(message, name)
    return True


def canonical(message):
    return message.SerializeToString(deterministic=True)


def check_rewrite(case):
    """Decoding, changing and encoding gives what splicing gave."""
    wanted = parse("plans.v1.Request", case["request"])
    for path, value in case["edits"].items():
        if value is None:
            if has(wanted, path):
                inside, last = parent(wanted, path)
                inside.ClearField(last)
        else:
            inside, last = parent(wanted, path)
            setattr(inside, last, value)
    got = parse("plans.v1.Request", case["leaf"])
    if canonical(got) != canonical(wanted):
        return f"expected {wanted} got {got}"


def check_split(case):
    """The pieces hold the keys, each once and in order, and everything else."""
    request = parse("plans.v1.Request", case["request"])
    inside, last = parent(request, case["path"])
    keys = list(dict.fromkeys(getattr(inside, last)))
    asked = list(getattr(inside, last))
    found = []
    for piece in case["pieces"]:
        message = parse("plans.v1.Request", piece["request"])
        inside, last = parent(message, case["path"])
        mine = list(getattr(inside, last))
        if not mine:
            return "a piece without keys"
        order = [key for key in keys if key in set(mine)]
        if order != mine:
            return f"shard {piece['shard']} has {mine}, expected {order}"
        found += mine
        if case["path"] != "nested.ids":
            inside.ClearField(last)
            rest = parse("plans.v1.Request", case["request"])
            rest.ClearField(last)
        else:
            inside.ClearField("ids")
            rest = parse("plans.v1.Request", case["request"])
            rest.nested.ClearField("ids")
        if canonical(message) != canonical(rest):
            return f"other fields changed: {message} against {rest}"
    if len(found) != len(set(found)) or set(found) != set(keys):
        return f"pieces have {found}, expected {keys}"
    by_shard = {piece["shard"]: piece for piece in case["pieces"]}
    if len(case["asked"]) != len(asked):
        return "positions are missing"
    for key, (shard, index) in zip(asked, case["asked"]):
        inside, last = parent(parse("plans.v1.Request", by_shard[shard]["request"]), case["path"])
        if getattr(inside, last)[index] != key:
            return f"asked {key} is not item {index} of shard {shard}"


def check_valid(case):
    """Bytes that don't decode are told from those that do."""
    try:
        parse("plans.v1.Blob", case["request"])
        decodes = True
    except Exception:
        decodes = False
    if decodes != case["valid"]:
        return f"decodes: {decodes}, taken: {case['valid']}"


checks = {"rewrite": check_rewrite, "split": check_split, "valid": check_valid}
wrong = []
for case in spec["cases"]:
    why = checks[case["kind"]](case)
    if why is not None:
        wrong.append({"case": case, "why": why})
json.dump(wrong, sys.stdout)
