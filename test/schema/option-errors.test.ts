/** Options that protobuf, or an annotation, doesn't allow. */
import { annotated, areRefused, field, method, p3 } from './wrong-protos.ts';

areRefused([
  {
    what: 'a misspelt option',
    text: `${p3}message M {\n  int32 a = 1 [depricated = true];\n}`,
    says: 'a.proto:3: Unknown option "depricated". Did you mean "deprecated"? (on "M.a")',
  },
  {
    what: 'a misspelt custom option',
    text: field('(regather.v1.mrege).sum = {}'),
    says: 'a.proto:5: Unknown option "(regather.v1.mrege)". Did you mean "(regather.v1.merge)"? (on "acme.v1.M.n")',
  },
  {
    what: 'an annotation by a name that does not resolve',
    text: field('(merge).sum = {}'),
    says: 'a.proto:5: Unknown option "(merge)". Did you mean "(regather.v1.merge)"? (on "acme.v1.M.n")',
  },
  {
    what: 'an annotation that is not imported',
    text: `${p3}message M {\n  int64 n = 1 [(regather.v1.merge).sum = {}];\n}`,
    says: 'a.proto:3: Unknown option "(regather.v1.merge)". Does the file lack import "regather/v1/annotations.proto"? (on "M.n")',
  },
  {
    what: 'an option of the wrong element',
    text: field('(regather.v1.scatter) = { to: ALL }'),
    says: 'a.proto:5: Option "(regather.v1.scatter)" extends google.protobuf.MethodOptions, not google.protobuf.FieldOptions: it can\'t stand here. (on "acme.v1.M.n")',
  },
  {
    what: 'a misspelt part',
    text: field('(regather.v1.merge).sums = {}'),
    says: 'a.proto:5: Unknown "(regather.v1.merge).sums": regather.v1.Merge has no field "sums". Did you mean "sum"? (on "acme.v1.M.n")',
  },
  {
    what: 'a misspelt field of an aggregate',
    text: field('(regather.v1.merge) = { topp {} }'),
    says: 'a.proto:5: "(regather.v1.merge)": regather.v1.Merge has no field "topp". Did you mean "top"? (on "acme.v1.M.n")',
  },
  {
    what: 'a line within an aggregate',
    text: field('\n  (regather.v1.merge).top = {\n    by: "x"\n    limits: "y"\n  }\n'),
    says: 'a.proto:8: "(regather.v1.merge).top": regather.v1.Merge.Top has no field "limits". Did you mean "limit"? (on "acme.v1.M.n")',
  },
  {
    what: 'an unknown enum name',
    text: method('(regather.v1.scatter) = { to: SPILT }'),
    says: 'a.proto:7: Enum regather.v1.Scatter.To has no value "SPILT", given for "(regather.v1.scatter).to". Did you mean "SPLIT"? (on "acme.v1.S.R")',
  },
  {
    what: 'an unknown enum name of a declared option',
    text: method('idempotency_level = NO_SIDE_EFECTS'),
    says: 'a.proto:7: Enum google.protobuf.MethodOptions.IdempotencyLevel has no value "NO_SIDE_EFECTS", given for "idempotency_level". Did you mean "NO_SIDE_EFFECTS"? (on "acme.v1.S.R")',
  },
  {
    what: 'a string for a number',
    text: method('(regather.v1.scatter).timeout_ms = "200"'),
    says: 'a.proto:7: "(regather.v1.scatter).timeout_ms" is of type uint32: expected an integer from 0 to 4294967295, got "200". (on "acme.v1.S.R")',
  },
  {
    what: 'a number out of range',
    text: method('(regather.v1.scatter) = { timeout_ms: -1 }'),
    says: 'a.proto:7: "(regather.v1.scatter).timeout_ms" is of type uint32: expected an integer from 0 to 4294967295, got -1. (on "acme.v1.S.R")',
  },
  {
    what: 'a number for a string',
    text: method('(regather.v1.scatter) = { key: 5 }'),
    says: 'a.proto:7: "(regather.v1.scatter).key" is of type string: expected a string in quotes, got 5. (on "acme.v1.S.R")',
  },
  {
    what: 'a scalar for a message',
    text: field('(regather.v1.merge).sum = true'),
    says: 'a.proto:5: "(regather.v1.merge).sum" is a message: expected { … }, got true. (on "acme.v1.M.n")',
  },
  {
    what: 'a bool that is a number',
    text: `${p3}message M {\n option deprecated = 1;\n}`,
    says: 'a.proto:3: "deprecated" is of type bool: expected true or false, got 1. (on "M")',
  },
  {
    what: 'a list for a singular field',
    text: method('(regather.v1.scatter) = { key: ["a"] }'),
    says: 'a.proto:7: "(regather.v1.scatter).key" isn\'t repeated and takes no list. (on "acme.v1.S.R")',
  },
  {
    what: 'a scalar without a colon',
    text: method('(regather.v1.scatter) = { key "a" }'),
    says: 'a.proto:7: Expected ":" or "{" after "key", found the string "a".',
  },
  {
    what: 'two members of a oneof in an aggregate',
    text: field('(regather.v1.merge) = { sum {} max {} }'),
    says: 'a.proto:5: "(regather.v1.merge).max" is set along with "sum": only one member of oneof "kind" may be. (on "acme.v1.M.n")',
  },
  {
    what: 'two members of a oneof in two statements',
    text: field('(regather.v1.merge).sum = {},\n    (regather.v1.merge).max = {}'),
    says: 'a.proto:6: "(regather.v1.merge).max" is set along with "sum": only one member of oneof "kind" may be. (on "acme.v1.M.n")',
    protocTakesIt: true,
  },
  {
    what: 'an option twice',
    text: field('(regather.v1.merge).sum = {}, (regather.v1.merge).sum = {}'),
    says: 'a.proto:5: "(regather.v1.merge).sum" is set twice. (on "acme.v1.M.n")',
  },
  {
    what: 'a field of an aggregate twice',
    text: method('(regather.v1.scatter) = { to: ALL to: ANY }'),
    says: 'a.proto:7: "(regather.v1.scatter).to" is set twice. (on "acme.v1.S.R")',
  },
  {
    what: 'a part and then the whole',
    text: `${annotated}message M {}\nservice S {\n  rpc R(M) returns (M) {\n    option (regather.v1.scatter).to = ALL;\n    option (regather.v1.scatter) = { to: ALL };\n  }\n}\n`,
    says: 'a.proto:8: "(regather.v1.scatter)" is set twice. (on "acme.v1.S.R")',
  },
  {
    what: 'a part of a scalar',
    text: field('deprecated.x = true'),
    says: 'a.proto:5: "deprecated" is of type bool and has no fields to set. (on "acme.v1.M.n")',
  },
  {
    what: 'invalid UTF-8',
    text: method('(regather.v1.scatter) = { key: "\\xff" }'),
    says: 'a.proto:7: "(regather.v1.scatter).key" is of type string: expected a string of valid UTF-8',
    protocTakesIt: true,
  },
]);
