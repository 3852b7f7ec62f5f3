/** Syntax, names and numbers that protobuf doesn't allow. */
import test from 'ava';
import { loadDescriptors } from '../../shared/schema/descriptors.ts';
import { compileText, errorOf } from './compile-text.ts';
import { areRefused, p3 } from './wrong-protos.ts';

areRefused([
  // Syntax
  {
    what: 'a missing semicolon',
    text: `${p3}message M {\n  int32 a = 1\n}`,
    says: 'a.proto:4: Expected ";" after "a", found "}".',
  },
  {
    what: 'a message without end',
    text: `${p3}message M {\n  int32 a = 1;\n`,
    says: 'a.proto:4: Expected "}" to end "M", which begins on line 2, found the end of the file.',
  },
  {
    what: 'an unknown statement',
    text: `${p3}mesage M {}`,
    says: 'a.proto:2: Expected a statement such as "message", "enum", "service", "extend", "import", "option" or "package", found "mesage".',
  },
  {
    what: 'an unknown syntax',
    text: 'syntax = "proto4";',
    says: 'a.proto:1: Expected syntax "proto2" or "proto3", got "proto4".',
  },
  {
    what: 'syntax in second place',
    text: 'package a;\nsyntax = "proto3";',
    says: 'a.proto:2: "syntax" must be the first statement of the file.',
  },
  { what: 'an open string', text: `${p3}import "x\n";`, says: 'a.proto:2: A string has no closing quote.' },
  { what: 'an open comment', text: `${p3}\n/* x\n\n`, says: 'a.proto:3: A comment has no closing "*/".' },
  {
    what: 'an unknown escape',
    text: `${p3}option java_package = "\\q";`,
    says: 'a.proto:2: Unknown escape "\\q" in a string.',
  },
  {
    what: 'a bad number',
    text: `${p3}message M { int32 a = 08; }`,
    says: 'a.proto:2: "08" is no octal number.',
  },
  {
    what: 'a number and a letter',
    text: `${p3}message M { int32 a = 1x; }`,
    says: 'a.proto:2: Expected a space after the number "1".',
  },
  {
    what: 'a character of another alphabet',
    text: `${p3}message é {}`,
    says: "a.proto:2: A character that can't stand here: 0xc3.",
  },
  {
    what: 'a proto2 field without a label',
    text: 'message M {\n  int32 a = 1;\n}',
    says: 'a.proto:2: Expected "optional", "required" or "repeated" before the type of a proto2 field.',
  },
  {
    what: 'required in proto3',
    text: `${p3}message M { required int32 a = 1; }`,
    says: 'a.proto:2: proto3 has no "required" fields.',
  },
  {
    what: 'a group in proto3',
    text: `${p3}message M { repeated group G = 1 {} }`,
    says: 'a.proto:2: proto3 has no groups.',
  },
  {
    what: 'a default in proto3',
    text: `${p3}message M { int32 a = 1 [default = 1]; }`,
    says: 'a.proto:2: proto3 has no defaults ("a").',
  },
  {
    what: 'a label in a oneof',
    text: `${p3}message M { oneof o { repeated int32 a = 1; } }`,
    says: 'a.proto:2: A member of oneof "o" can\'t be "repeated".',
  },
  {
    what: 'an empty oneof',
    text: `${p3}message M { oneof o { } }`,
    says: 'a.proto:2: Oneof "o" has no field.',
  },
  { what: 'an empty enum', text: `${p3}enum E { }`, says: 'a.proto:2: Enum "E" has no value.' },
  {
    what: 'a repeated map',
    text: `${p3}message M { repeated map<string, string> a = 1; }`,
    says: 'a.proto:2: A map field takes no "optional", "required" or "repeated".',
  },
  {
    what: 'a range backwards',
    text: `${p3}message M { reserved 5 to 3; }`,
    says: 'a.proto:2: A reserved range ends before it begins: 5 to 3.',
    protocTakesIt: true,
  },
  {
    what: 'a default of the wrong type',
    text: 'message M { optional int32 a = 1 [default = "x"]; }',
    says: 'a.proto:1: The default of "a" doesn\'t fit its type.',
  },
  {
    what: 'a default out of range',
    text: 'message M { optional int32 a = 1 [default = 0x80000000]; }',
    says: 'a.proto:1: The default of "a" doesn\'t fit its type.',
  },
  {
    what: 'an import twice',
    text: `${p3}import "google/protobuf/any.proto";\nimport "google/protobuf/any.proto";`,
    says: 'a.proto:3: "google/protobuf/any.proto" is imported twice.',
  },
  {
    what: 'an edition',
    text: 'edition = "2023";',
    says: 'a.proto:1: Editions source files are not read here. Compile it with protoc or buf (--include_imports) and give the descriptor set as service.descriptor.',
  },
  // Names
  {
    what: 'an import that is nowhere',
    text: `${p3}\nimport "c.proto";`,
    says: 'a.proto:3: Import "c.proto" is in none of',
  },
  {
    what: 'an unknown type',
    text: `${p3}message Hit {}\nmessage M {\n  Hti a = 1;\n}`,
    says: 'a.proto:4: "Hti", used by "M.a", is not defined. Did you mean "Hit"?',
  },
  {
    what: 'a type that is not imported',
    text: `${p3}import "google/protobuf/api.proto";\nmessage M { google.protobuf.Option o = 1; }`,
    says: 'a.proto:3: "google.protobuf.Option", used by "M.o", is defined in "google/protobuf/type.proto", which this file doesn\'t import.',
  },
  {
    what: 'a request that is an enum',
    text: `${p3}enum E { A = 0; }\nmessage M {}\nservice S {\n  rpc R(E) returns (M);\n}`,
    says: 'a.proto:5: "E", used by "S.R", is an enum, not a type that fits here.',
  },
  {
    what: 'a name twice',
    text: `${p3}message M {}\nmessage M {}`,
    says: 'a.proto:3: "M" is already the name of a message.',
  },
  {
    what: 'enum values as siblings of the enum',
    text: `${p3}enum A { X = 0; }\nenum B { X = 0; }`,
    says: 'a.proto:3: "X" is already the name of an enum value.',
  },
  {
    what: 'the innermost scope hides',
    text: `${p3}package a.b;\nmessage M { message a { } a.b.M m = 1; }`,
    says: 'a.proto:3: "a.b.M", used by "a.b.M.m", is not defined: "a" is "a.b.M.a" here. Did you mean ".a.b.M"?',
  },
  // Numbers
  {
    what: 'a number twice',
    text: `${p3}message M {\n  int32 a = 1;\n  int32 b = 1;\n}`,
    says: 'a.proto:4: "M.b" has number 1, which "a" has already.',
  },
  {
    what: 'the number 0',
    text: `${p3}message M { int32 a = 0; }`,
    says: 'a.proto:2: "M.a" has number 0: expected 1 to 536870911.',
  },
  {
    what: "protobuf's own numbers",
    text: `${p3}message M { int32 a = 19500; }`,
    says: 'a.proto:2: "M.a" has number 19500: 19000 to 19999 are protobuf\'s own.',
  },
  {
    what: 'a reserved number',
    text: `${p3}message M { reserved 2 to 4; int32 a = 4; }`,
    says: 'a.proto:2: "M.a" has number 4, which "M" reserves.',
  },
  {
    what: 'a reserved name',
    text: `${p3}message M { reserved "a"; int32 a = 4; }`,
    says: 'a.proto:2: "M.a" has a name that "M" reserves.',
  },
  {
    what: 'an extension number',
    text: 'message M { extensions 4 to 9; optional int32 a = 4; }',
    says: 'a.proto:1: "M.a" has number 4, which "M" keeps for extensions.',
  },
  {
    what: 'ranges that overlap',
    text: `${p3}message M { reserved 2 to 4, 4; }`,
    says: 'a.proto:2: A range of "M" is given twice: 4 to 4 overlaps 2 to 4.',
  },
  {
    what: 'a JSON name twice',
    text: `${p3}message M {\n int32 a_b = 1;\n int32 aB = 2;\n}`,
    says: 'a.proto:4: "M.aB" has the JSON name "aB", which "a_b" has already.',
  },
  {
    what: 'a packed string',
    text: `${p3}message M { repeated string a = 1 [packed = true]; }`,
    says: 'a.proto:2: "M.a" is "packed": only repeated numbers, bools and enums can be.',
  },
  {
    what: 'a float as map key',
    text: `${p3}message M {\n  map<float, string> a = 1;\n}`,
    says: 'a.proto:3: The key of the map "M.AEntry" is a float: expected an integer, a bool or a string.',
  },
  {
    what: 'a proto3 enum without 0',
    text: `${p3}enum E {\n  A = 1;\n}`,
    says: 'a.proto:3: The first value of the proto3 enum "E" must be 0, got 1.',
  },
  {
    what: 'an alias without permission',
    text: `${p3}enum E {\n  A = 0;\n  B = 0;\n}`,
    says: 'a.proto:4: "B" of "E" has number 0, which "A" has already. Aliases need "option allow_alias = true;".',
  },
  {
    what: 'permission without an alias',
    text: `${p3}enum E {\n  option allow_alias = true;\n  A = 0;\n}`,
    says: 'a.proto:2: "E" has allow_alias, but no two of its values share a number.',
  },
  {
    what: 'a reserved enum number',
    text: `${p3}enum E { A = 0; B = 5; reserved 4 to max; }`,
    says: 'a.proto:2: "B" has number 5, which "E" reserves.',
  },
  {
    what: 'an extension out of range',
    text: 'message M { extensions 4; }\nextend M { optional int32 a = 5; }',
    says: 'a.proto:2: "M" has no extension range with 5, the number of "a".',
  },
  {
    what: 'a proto3 extension of a message',
    text: `${p3}import "b.proto";\nextend B { int32 a = 5; }`,
    says: 'a.proto:3: proto3 extends nothing but options; "a" extends "B".',
  },
  {
    what: 'extension ranges in proto3',
    text: `${p3}message M { extensions 4; }`,
    says: 'a.proto:2: proto3 has no extension ranges ("M").',
  },
  {
    what: 'a proto2 enum in proto3',
    text: `${p3}import "b.proto";\nmessage M { Old o = 1; }`,
    says: 'a.proto:3: "M.o" is of the proto2 enum "Old", which a proto3 message can\'t use.',
  },
  {
    what: 'an unknown enum default',
    text: 'enum E { RED = 1; }\nmessage M { optional E e = 1 [default = RDE]; }',
    says: 'a.proto:2: Enum "E" has no value "RDE", the default of "M.e". Did you mean "RED"?',
  },
]);

test('every error of names, options and rules is told at once', (t) => {
  const { message } = errorOf(() => compileText(`${p3}message M {\n  A a = 1;\n  B b = 2;\n  C c = 3;\n}`));
  t.deepEqual(
    message.split('\n').map((line) => line.slice(0, 22)),
    ['a.proto:3: "A", used b', 'a.proto:4: "B", used b', 'a.proto:5: "C", used b'],
  );
});

test('nesting that would exhaust the stack is refused', (t) => {
  const deep = (open: string, close: string): string => open.repeat(50_000) + close.repeat(50_000);
  const message = (text: string) => errorOf(() => compileText(text)).message;
  t.is(message(`${p3}${deep('message M {', '}')}`), 'a.proto:2: Nested deeper than 100.');
  t.is(message(`${p3}option (x) = ${deep('{ a ', '}')};`), 'a.proto:2: Nested deeper than 100.');
});

test('files that import each other in a circle are told as a circle', (t) => {
  const { message, line } = errorOf(() =>
    compileText('import "b.proto";', { 'b.proto': '\nimport "c.proto";', 'c.proto': 'import "a.proto";' }),
  );
  t.is(
    message,
    'c.proto:1: Files import each other in a circle: "a.proto" → "b.proto" → "c.proto" → "a.proto".',
  );
  t.is(line, 1);
});

test('a file that is not there is named', (t) => {
  const { code, message } = errorOf(() => loadDescriptors({ proto: 'nowhere/a.proto' }));
  t.is(code, 'PROTO_INVALID');
  t.is(message, "nowhere/a.proto: Can't read the .proto: no such file.");
});
