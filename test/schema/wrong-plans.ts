/** The text of services that differ in what a test is about, on a line that it knows. */
import test from 'ava';
import { compilePlan } from '../../shared/schema/compile.ts';
import { compileText, errorOf } from './compile-text.ts';

export const head = `syntax = "proto3";
package a.v1;
import "regather/v1/annotations.proto";
import "regather/v1/coverage.proto";
`;
export const merge = '(regather.v1.merge)';

const itemFields =
  'string id = 1; double score = 2; repeated string tags = 3; Nested nested = 4; bytes raw = 5;';

/** A service with one ALL method whose response has this field, on line 6 of a.proto. */
export function response(field: string, more = ''): string {
  return `${head}message R {
  ${field}
}
message Q { uint32 limit = 1; uint32 offset = 2; string order = 3; repeated string ids = 4; Page page = 5; float f = 6; }
message Page { int64 limit = 1; }
message Item { ${itemFields} }
message Nested { int32 n = 1; }
enum E { ZERO = 0; }
${more}
service S { rpc All(Q) returns (R) { option (regather.v1.scatter) = { to: ALL }; } }
`;
}

/** A service with one method, on line 9, that has this scatter; its request is Q. */
export function scatter(options: string, types = 'rpc M(Q) returns (R)'): string {
  return `${head}message Q { string id = 1; repeated string ids = 2; uint64 n = 3; bool b = 4; double d = 5; In in = 6; repeated In ins = 7; E e = 8; map<string, string> m = 9; }
message In { bytes key = 1; repeated sint32 keys = 2; }
message R { int64 n = 1 [${merge}.sum = {}]; } enum E { ZERO = 0; }
service S {
  ${types} { option (regather.v1.scatter) = { ${options} }; }
}
`;
}

/** What is wrong with it, the .proto, and the error, whole. */
export type WrongPlan = readonly [what: string, text: string, says: string];

/** A test for each. */
export function areRefused(cases: readonly WrongPlan[]): void {
  for (const [what, text, says] of cases) {
    test(`names the rule, the value and the place: ${what}`, (t) => {
      const { code, message } = errorOf(() => compilePlan(compileText(text), undefined));
      t.is(code, 'PLAN_INVALID');
      t.is(message, says);
    });
  }
}
