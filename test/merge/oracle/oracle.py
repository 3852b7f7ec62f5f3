"""
Merges partials a second time, with Python's protobuf and nothing clever, by what the annotations say, and compares.

stdin: one JSON object a line, { "partials": [[shard, hex], ...], "final", "windows": { "top": [offset, limit], "rows": [offset, limit] },
"orders": { "rows": [["mean", true], ...] } or {}, "answer": hex or "error": code }. stdout: one line a case: "ok" or what differs.
argv: the folder of the generated modules.
"""
import functools
import json
import math
import struct
import sys

sys.path.insert(0, sys.argv[1])
import everything_pb2 as pb  # noqa: E402
from regather.v1 import annotations_pb2 as annotations  # noqa: E402

F = pb.Answer.DESCRIPTOR.fields[0]
FLOATS = (F.CPPTYPE_DOUBLE, F.CPPTYPE_FLOAT)
LIMITS = {
    F.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    F.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    F.CPPTYPE_UINT32: (0, 2**32 - 1),
    F.CPPTYPE_UINT64: (0, 2**64 - 1),
}


class Fault(Exception):
    pass


def raw_items(data, number):
    """Bodies of the length-delimited fields with that number, as they stand."""

    def varint(at):
        value = shift = 0
        while True:
            byte = data[at]
            value |= (byte & 127) << shift
            shift += 7
            at += 1
            if byte < 128:
                return value, at

    def skip(at, tag):
        kind = tag & 7
        if kind == 0:
            return varint(at)[1]
        if kind == 1:
            return at + 8
        if kind == 5:
            return at + 4
        if kind == 2:
            length, at = varint(at)
            return at + length
        while True:
            inner, at = varint(at)
            if inner & 7 == 4:
                return at
            at = skip(at, inner)

    at, found = 0, []
    while at < len(data):
        tag, at = varint(at)
        end = skip(at, tag)
        if tag == number << 3 | 2:
            length, body = varint(at)
            found.append(data[body : body + length])
        at = end
    return found


def explicit(field):
    return field.has_presence


def is_message(field):
    return field.cpp_type == F.CPPTYPE_MESSAGE


def is_map(field):
    return is_message(field) and field.message_type.GetOptions().map_entry


def value_key(field, value):
    """Orders values as merges do: numbers by value, NaN last, text by its bytes."""
    if field.cpp_type in FLOATS:
        return (1, 0.0) if math.isnan(value) else (0, value)
    if isinstance(value, str):
        return value.encode()
    return value


def total_key(value):
    """As value_key for floats, but -0 before +0: for min and max."""
    return (1, 0.0, 0) if math.isnan(value) else (0, value, math.copysign(1, value))


def canonical(field, value):
    if field.cpp_type in FLOATS:
        return math.nan if math.isnan(value) else value + 0.0
    return value


class Reference:
    def __init__(self, case):
        self.final = case["final"]
        self.windows = case["windows"]
        self.orders = case["orders"]
        self.errors = set()

    def message(self, descriptor, sources, raws, out, skip=()):
        """sources: messages in shard order. raws: their bytes, where they are whole partials."""
        for oneof in descriptor.oneofs:
            if len(oneof.fields) == 1 and oneof.fields[0].name == oneof.name[1:]:
                continue
            self.oneof(oneof, sources, out)
            skip = (*skip, *(f.name for f in oneof.fields))
        late = []
        for field in descriptor.fields:
            if field.name in skip:
                continue
            merge = field.GetOptions().Extensions[annotations.merge]
            if merge.WhichOneof("kind") == "avg":
                late.append((field, merge.avg))
            else:
                self.field(field, merge, sources, raws, out)
        for field, avg in late:
            count = float(getattr(out, avg.count))
            if self.final and count != 0:
                total = float(getattr(out, avg.sum))
                setattr(out, field.name, total / count + 0.0)

    def oneof(self, oneof, sources, out):
        setters = [s for s in sources if s.WhichOneof(oneof.name)]
        members = {s.WhichOneof(oneof.name) for s in setters}
        if not members:
            return
        kinds = {f.name: f.GetOptions().Extensions[annotations.merge].WhichOneof("kind") for f in oneof.fields}
        if all(kind == "first" for kind in kinds.values()):
            setters = setters[:1]
        elif len(members) > 1:
            self.errors.add("MERGE_DISAGREEMENT")
            return
        field = oneof.containing_type.fields_by_name[setters[0].WhichOneof(oneof.name)]
        self.field(field, field.GetOptions().Extensions[annotations.merge], setters, None, out)

    def field(self, field, merge, sources, raws, out):
        kind = merge.WhichOneof("kind")
        name = field.name
        if is_message(field) and field.message_type.full_name == "regather.v1.Coverage":
            return
        if is_map(field):
            self.map(field, merge.map.values, sources, out)
        elif field.label == field.LABEL_REPEATED:
            getattr(self, kind)(field, getattr(merge, kind), sources, raws, out)
        elif kind is None:
            present = [getattr(s, name) for s in sources if s.HasField(name)]
            if present:
                getattr(out, name).SetInParent()
                self.message(field.message_type, present, None, getattr(out, name))
        else:
            if explicit(field):
                at = [i for i, s in enumerate(sources) if s.HasField(name)]
            else:
                at = range(len(sources))
            values = [getattr(sources[i], name) for i in at]
            if not values:
                return
            if kind == "same" and is_message(field):
                bodies = {b"".join(raw_items(raws[i], field.number)) for i in at}
                if len(bodies) > 1:
                    self.errors.add("MERGE_DISAGREEMENT")
                getattr(out, name).CopyFrom(values[0])
                getattr(out, name).SetInParent()
            elif is_message(field):
                getattr(out, name).CopyFrom(values[0])
                getattr(out, name).SetInParent()
            else:
                self.assign(out, field, self.scalar(kind, field, values))

    def assign(self, out, field, value):
        if value is not None:
            setattr(out, field.name, value)

    def scalar(self, kind, field, values):
        floats = field.cpp_type in FLOATS
        if kind == "sum":
            if floats:
                total = 0.0
                for value in values:
                    total += value
                return total
            total = sum(values)
            low, high = LIMITS[field.cpp_type]
            if not low <= total <= high:
                self.errors.add("MERGE_OUT_OF_RANGE")
                return None
            return total
        if kind in ("min", "max"):
            key = total_key if floats else functools.partial(value_key, field)
            return (min if kind == "min" else max)(values, key=key)
        if kind == "any":
            return any(values)
        if kind == "all":
            return all(values)
        if kind == "first":
            return values[0]
        if kind == "same":
            keys = {str(canonical(field, v)) if floats else v for v in values}
            if len(keys) > 1:
                self.errors.add("MERGE_DISAGREEMENT")
            return canonical(field, values[0])
        raise AssertionError(kind)

    def concat(self, field, _, sources, raws, out):
        for source in sources:
            getattr(out, field.name).MergeFrom(getattr(source, field.name))

    def union(self, field, spec, sources, raws, out):
        target = getattr(out, field.name)
        if spec.by:
            seen = set()
            for source in sources:
                for item in getattr(source, field.name):
                    key = self.path_value(item, spec.by)
                    if key not in seen:
                        seen.add(key)
                        target.add().CopyFrom(item)
        elif is_message(field):
            for body in sorted({body for raw in raws for body in raw_items(raw, field.number)}):
                target.add().ParseFromString(body)
        else:
            values = [canonical(field, v) for s in sources for v in getattr(s, field.name)]
            distinct = {value_key(field, v): v for v in values}
            target.extend(distinct[key] for key in sorted(distinct))

    def path_field(self, descriptor, path):
        *outer, last = path.split(".")
        for name in outer:
            descriptor = descriptor.fields_by_name[name].message_type
        return descriptor.fields_by_name[last]

    def path_value(self, item, path):
        """None where a field with presence isn't there."""
        *outer, last = path.split(".")
        for name in outer:
            item = getattr(item, name)
        if explicit(item.DESCRIPTOR.fields_by_name[last]) and not item.HasField(last):
            return None
        return getattr(item, last)

    def compare(self, descriptor, keys, a, b):
        for path, descending in keys:
            field = self.path_field(descriptor, path)
            x, y = self.path_value(a, path), self.path_value(b, path)
            if x is None or y is None:
                if (x is None) != (y is None):
                    return 1 if x is None else -1
                continue
            x, y = value_key(field, x), value_key(field, y)
            if field.cpp_type in FLOATS and x[0] != y[0]:
                return x[0] - y[0]
            if x != y:
                return (-1 if x < y else 1) * (-1 if descending else 1)
        return 0

    def parse_order(self, text):
        return [(part.split()[0], part.split()[-1] == "desc") for part in text.split(",")]

    def top(self, field, spec, sources, raws, out):
        keys = self.parse_order(spec.by)
        items = []
        for raw in raws:
            for body in raw_items(raw, field.number):
                item = field.message_type._concrete_class()
                item.ParseFromString(body)
                items.append((item, body))

        def compare(a, b):
            return self.compare(field.message_type, keys, a[0], b[0]) or (a[1] > b[1]) - (a[1] < b[1])

        items.sort(key=functools.cmp_to_key(compare))
        offset, limit = self.windows.get(field.name, [0, None])
        end = None if limit is None else offset + limit
        items = items[offset if self.final else 0 : end]
        for item, _ in items:
            getattr(out, field.name).add().CopyFrom(item)

    def group(self, field, spec, sources, raws, out):
        by = [path.strip() for path in spec.by.split(",")]
        groups = {}
        for source in sources:
            for item in getattr(source, field.name):
                groups.setdefault(tuple(self.path_value(item, p) for p in by), []).append(item)
        merged = []
        for items in groups.values():
            one = field.message_type._concrete_class()
            self.item(field.message_type, by, items, one)
            merged.append(one)
        keys = [(path, False) for path in by]
        if self.final:
            order = self.orders.get(field.name) or (self.parse_order(spec.order) if spec.order else [])
            keys = [*order, *keys]
        merged.sort(key=functools.cmp_to_key(lambda a, b: self.compare(field.message_type, keys, a, b)))
        offset, limit = self.windows.get(field.name, [0, None])
        if self.final:
            merged = merged[offset : None if limit is None else offset + limit]
        for one in merged:
            getattr(out, field.name).add().CopyFrom(one)

    def item(self, descriptor, by, items, out):
        """Key fields as the first has them; messages around a key merge field by field."""
        own = [path for path in by if "." not in path]
        for path in own:
            value = self.path_value(items[0], path)
            if value is not None:
                setattr(out, path, value)
        inner = {}
        for path in by:
            if "." in path:
                head, rest = path.split(".", 1)
                inner.setdefault(head, []).append(rest)
        for head, paths in inner.items():
            field = descriptor.fields_by_name[head]
            present = [getattr(item, head) for item in items if item.HasField(head)]
            if present:
                getattr(out, head).SetInParent()
                self.item(field.message_type, paths, present, getattr(out, head))
        self.message(descriptor, items, None, out, skip=(*own, *inner))

    def map(self, field, values, sources, out):
        target = getattr(out, field.name)
        value_field = field.message_type.fields_by_name["value"]
        keys = {key for source in sources for key in getattr(source, field.name)}
        for key in keys:
            present = [getattr(s, field.name)[key] for s in sources if key in getattr(s, field.name)]
            if is_message(value_field):
                self.message(value_field.message_type, present, None, target[key])
            else:
                value = self.scalar(values.WhichOneof("kind"), value_field, present)
                if value is not None:
                    target[key] = value


def same_nan(data):
    """Both signs of a NaN are one NaN."""
    data = data.replace(struct.pack("<Q", 0xFFF8000000000000), struct.pack("<Q", 0x7FF8000000000000))
    return data.replace(struct.pack("<I", 0xFFC00000), struct.pack("<I", 0x7FC00000))


def judge(case):
    raws = [bytes.fromhex(data) for _, data in sorted(case["partials"])]
    sources = []
    for raw in raws:
        source = pb.Answer()
        source.ParseFromString(raw)
        sources.append(source)
    reference = Reference(case)
    expected = pb.Answer()
    reference.message(pb.Answer.DESCRIPTOR, sources, raws, expected)
    if reference.errors:
        return "ok" if case.get("error") in reference.errors else f"expected an error of {reference.errors}, got {case.get('error')}"
    if "error" in case:
        return f"expected an answer, got {case['error']}"
    ours = bytes.fromhex(case["answer"])
    parsed = pb.Answer()
    parsed.ParseFromString(ours)
    wanted = same_nan(expected.SerializeToString(deterministic=True))
    if same_nan(parsed.SerializeToString(deterministic=True)) != wanted:
        return f"expected\n{expected}\ngot\n{parsed}"
    if case["exact"] and same_nan(ours) != wanted:
        return f"the same message in other bytes: expected {wanted.hex()}, got {ours.hex()}"
    return "ok"


for line in sys.stdin:
    print(json.dumps(judge(json.loads(line))), flush=True)
