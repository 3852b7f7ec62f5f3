import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { answerCheck } from '../../shard/answer-check.ts';
import { compileMethods } from '../../shard/compile-methods.ts';
import { leafContext } from '../../shared/merge/context.ts';
import { MetricRegistry } from '../../shared/metrics/registry.ts';
import { createWorkerMetrics } from '../../shared/metrics/worker.ts';
import { methodCodecs } from '../../shared/schema/codecs.ts';
import { compilePlan } from '../../shared/schema/compile.ts';
import { loadDescriptors } from '../../shared/schema/descriptors.ts';
import type { ServicePlan } from '../../shared/schema/plan.ts';
import { plan as searchPlan } from './kit.ts';

function planOf(t: ExecutionContext, proto: string): ServicePlan {
  const folder = mkdtempSync(join(tmpdir(), 'regather-methods-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  writeFileSync(
    join(folder, 'a.proto'),
    `syntax = "proto3";\nimport "regather/v1/annotations.proto";\n${proto}`,
  );
  return compilePlan(loadDescriptors({ proto: join(folder, 'a.proto') }), undefined);
}

function methodsOf(plan: ServicePlan) {
  const metrics = createWorkerMetrics(new MetricRegistry({ nodeMetrics: false }));
  return compileMethods({ plan, reducers: new Map(), metrics, codec: {} });
}

test('a leaf method is what shards must serve, and it merges as the method that names it', (t) => {
  const plan = planOf(
    t,
    `service Mean {
      rpc Mean(Ask) returns (Answer) { option (regather.v1.scatter) = { to: ALL leaf: "Part" }; }
      rpc Part(Ask) returns (Share) { option (regather.v1.scatter) = { to: NONE }; }
    }
    message Ask {}
    message Answer { optional double mean = 1 [(regather.v1.merge).avg = { sum: "sum" count: "n" }]; int64 sum = 2 [(regather.v1.merge).sum = {}]; int64 n = 3 [(regather.v1.merge).sum = {}]; }
    message Share { optional double mean = 1 [(regather.v1.merge).avg = { sum: "sum" count: "n" }]; int64 sum = 2 [(regather.v1.merge).sum = {}]; int64 n = 3 [(regather.v1.merge).sum = {}]; }`,
  );
  const methods = methodsOf(plan);
  t.like(methods.get('Mean'), { required: false, merge: undefined });
  const part = methods.get('Part')!;
  t.true(part.required);
  t.is(part.merge?.plan.name, 'Mean');
  const partials = [1, 2].map((shard) => ({ shard, payload: part.encode({ sum: 10 * shard, n: shard }) }));
  const combined = part.merge!.merger.combine(partials, leafContext(part.merge!.plan, new Uint8Array(0)));
  t.like(methodCodecs(plan).get('Part')!.decodeResponse(combined!.data), { sum: '30', n: '3' });
});

test('methods that stream requests are nothing for a worker; those of one shard have nothing to combine', (t) => {
  const methods = methodsOf(searchPlan);
  t.false(methods.has('Upload'));
  t.is(methods.get('Get')?.merge, undefined);
  t.not(methods.get('TopK')?.merge, undefined);
  t.deepEqual(
    [...methods.values()].map(({ index }) => index),
    [...methods.keys()].map((_, i) => i),
  );
});

const everything = `service All { rpc Get(Ask) returns (Everything) { option (regather.v1.scatter) = { to: ANY }; } }
  message Ask {}
  enum Color { RED = 0; BLUE = 1; }
  message Everything {
    double a = 1; float b = 2; int32 c = 3; int64 d = 4; uint32 e = 5; uint64 f = 6; sint32 g = 7; sint64 h = 8;
    fixed32 i = 9; fixed64 j = 10; sfixed32 k = 11; sfixed64 l = 12; bool m = 13; string n = 14; bytes o = 15;
    Color p = 16; Everything q = 17; repeated int32 r = 18; map<string, int64> s = 19; repeated Everything t = 20;
    optional string snake_case = 21; oneof one { string u = 22; int32 v = 23; }
  }`;

test('what decodes passes the check, whatever it is', (t) => {
  const plan = planOf(t, everything);
  const codec = methodCodecs(plan).get('Get')!;
  const check = answerCheck(plan.methods[0]!.response);
  const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
  const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
  const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String);
  const scalars = {
    a: fc.double(),
    b: fc.float(),
    c: int32,
    d: int64,
    e: uint32,
    f: uint64,
    g: int32,
    h: int64,
    i: uint32,
    j: uint64,
    k: int32,
    l: int64,
    m: fc.boolean(),
    n: fc.string(),
    o: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    p: fc.constantFrom('RED', 'BLUE', 0, 1),
    r: fc.array(int32),
    s: fc.dictionary(fc.string(), int64),
    snakeCase: fc.string(),
    u: fc.string(),
  };
  const flat = fc.record(scalars, { requiredKeys: [] });
  const deep = fc.record({ ...scalars, q: flat, t: fc.array(flat, { maxLength: 3 }) }, { requiredKeys: [] });
  fc.assert(
    fc.property(
      deep,
      (value) =>
        check(value) === undefined && check(codec.decodeResponse(codec.encodeResponse(value))) === undefined,
    ),
    { numRuns: 200 },
  );
  t.pass();
});

test('what the encoder would silently change is refused, with field and value', (t) => {
  const check = answerCheck(planOf(t, everything).methods[0]!.response);
  const wrong: [object, RegExp][] = [
    [{ a: '1' }, /"1" for Everything\.a \(double\), expected a number/],
    [{ c: 2 ** 31 }, /2147483648 for Everything\.c/],
    [{ c: 1.5 }, /Everything\.c \(int32\)/],
    [{ d: 2 ** 53 }, /Everything\.d \(int64\), expected a safe whole number/],
    [{ d: 'x' }, /"x" for Everything\.d/],
    [{ d: '' }, /Everything\.d/],
    [{ d: 5n }, /the bigint 5n for Everything\.d/],
    [{ e: -1 }, /-1 for Everything\.e \(uint32\)/],
    [{ m: 1 }, /1 for Everything\.m \(bool\)/],
    [{ n: 7 }, /7 for Everything\.n \(string\)/],
    [{ o: 7 }, /7 for Everything\.o \(bytes\)/],
    [{ q: [] }, /an array for Everything\.q \(message\), expected a Everything/],
    [{ r: 3 }, /3 for Everything\.r \(int32\), expected an array/],
    [{ r: [1, undefined] }, /undefined for Everything\.r/],
    [{ s: [] }, /an array for Everything\.s/],
    [{ s: { a: 'b' } }, /"b" for Everything\.s \(int64\)/],
    [{ t: [{}, { n: {} }] }, /a Object for Everything\.n/],
    [{ q: { q: { snakeCase: 1 } } }, /Everything\.snakeCase/],
  ];
  for (const [value, message] of wrong) t.regex(check(value) ?? 'nothing', message);
  const endless: Record<string, unknown> = {};
  endless.q = endless;
  t.regex(check(endless) ?? '', /nested more than 100 deep/);
});
