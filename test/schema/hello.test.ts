import test from 'ava';
import { compilePlan } from '../../shared/schema/compile.ts';
import { helloFields, type PlanField, planConflict } from '../../shared/schema/hello.ts';
import { compileText } from './compile-text.ts';

const head = 'syntax = "proto3";\npackage a;\nimport "regather/v1/annotations.proto";\n';
const base = `message Q { uint32 limit = 1; uint32 offset = 2; string text = 3; }
message Hit { string id = 1; double score = 2; optional E e = 3; }
enum E { ZERO = 0; }
message Row { string k = 1; int64 n = 2 [(regather.v1.merge).sum = {}]; }
message R {
  repeated Hit hits = 1 [(regather.v1.merge).top = { by: "score desc, id" limit: "limit" offset: "offset" }];
  repeated Row rows = 2 [(regather.v1.merge).group = { by: "k" order: "n desc" limit: "limit" }];
  map<string, int64> counts = 3 [(regather.v1.merge).map.values.sum = {}];
  int64 total = 4 [(regather.v1.merge).sum = {}];
}
service S { rpc M(Q) returns (R) { option (regather.v1.scatter).to = ALL; } }`;

const fieldsOf = (text: string): PlanField[] => helloFields(compilePlan(compileText(head + text), undefined));
const change = (from: string, to: string): string | undefined => {
  if (!base.includes(from)) throw new Error(`The schema has no "${from}".`);
  return planConflict(fieldsOf(base), fieldsOf(base.replace(from, to)));
};

test('a Hello tells every field with type, cardinality and merge', (t) => {
  t.deepEqual(
    fieldsOf(base).map(
      ({ message, number, type, cardinality, merge }) =>
        `${message}.${number} ${cardinality} ${type} / ${merge}`,
    ),
    [
      'a.Hit.1 implicit string / ',
      'a.Hit.2 implicit double / ',
      'a.Hit.3 optional enum a.E / ',
      'a.Q.1 implicit uint32 / limit',
      'a.Q.2 implicit uint32 / offset',
      'a.Q.3 implicit string / ',
      'a.R.1 repeated message a.Hit / top by=2 desc,1',
      'a.R.2 repeated message a.Row / group by=1',
      'a.R.3 map map string int64 / map values=(sum)',
      'a.R.4 implicit int64 / sum',
      'a.R.CountsEntry.1 implicit string / ',
      'a.R.CountsEntry.2 implicit int64 / ',
      'a.Row.1 implicit string / ',
      'a.Row.2 implicit int64 / sum',
    ],
  );
});

test('compatible changes are no conflict: G8 needs them while processes restart one by one', (t) => {
  t.is(change('', ''), undefined);
  t.is(change('string text = 3;', 'string text = 3; string more = 4;'), undefined, 'a new request field');
  t.is(
    change('int64 total = 4', 'int64 other = 5 [(regather.v1.merge).sum = {}]; int64 total = 4'),
    undefined,
    'a new merged field',
  );
  t.is(change('int64 total = 4', 'int64 sum_of_all = 4'), undefined, 'a new name');
  t.is(change('order: "n desc"', 'order: "n"'), undefined, 'an order, which only the root applies');
  t.is(
    change('offset: "offset" }', 'offset: "offset" default_limit: 50 max_window: 99 }'),
    undefined,
    'defaults, which only the root applies',
  );
  t.is(
    change('service S {', 'service S { rpc N(Q) returns (Row) { option (regather.v1.scatter).to = ANY; }'),
    undefined,
    'a new method',
  );
});

test('a change of type, cardinality or merge is a conflict that names the field', (t) => {
  t.is(
    change('int64 total = 4', 'double total = 4'),
    'field 4 of a.R has type "int64" here and "double" there',
  );
  t.is(
    change('string text', 'optional string text'),
    'field 3 of a.Q has cardinality "implicit" here and "optional" there',
  );
  t.is(
    change('"score desc, id"', '"score, id"'),
    'field 1 of a.R has merge "top by=2 desc,1" here and "top by=2,1" there',
  );
  t.is(change('by: "k" order: "n desc" limit: "limit"', 'by: "k"'), undefined);
  t.is(
    change('limit: "limit" offset: "offset"', 'limit: "offset"'),
    'field 1 of a.Q has merge "limit" here and none there',
  );
});
