/** The text of .proto files with one mistake each, and what is said of it; protoc is asked as well. */
import test from 'ava';
import { needs } from '../kit/debian.ts';
import { protoc } from '../kit/protoc.ts';
import { compileText, errorOf, withFiles } from './compile-text.ts';

export interface WrongProto {
  /** What is wrong with it. */
  readonly what: string;
  readonly text: string;
  readonly says: string;
  /** protoc takes it: we are stricter on purpose. */
  readonly protocTakesIt?: true;
}

export const p3 = 'syntax = "proto3";\n';
export const annotated = `${p3}package acme.v1;\nimport "regather/v1/annotations.proto";\n`;
export const field = (options: string): string => `${annotated}message M {\n  int64 n = 1 [${options}];\n}\n`;
export const method = (option: string): string =>
  `${annotated}message M {}\nservice S {\n  rpc R(M) returns (M) {\n    option ${option};\n  }\n}\n`;

const beside = { 'b.proto': 'message B { extensions 1 to 9; }\nenum Old { X = 0; }\n' };

/** A test for each, and one that protoc refuses them too. */
export function areRefused(cases: readonly WrongProto[]): void {
  for (const { what, text, says } of cases) {
    test(`names line and culprit: ${what}`, (t) => {
      const { code, message } = errorOf(() => compileText(text, beside));
      t.is(code, 'PROTO_INVALID');
      t.true(message.startsWith(says), `${message}\n${says}`);
      t.is(message.split('\n').length, 1, message);
    });
  }

  needs(test, 'protobuf-compiler')('protoc refuses what we refuse', (t) => {
    for (const { what, text, protocTakesIt } of cases) {
      const theirs = withFiles({ 'a.proto': text, ...beside }, (folder) =>
        protoc('a.proto', [folder, 'proto']),
      );
      t.is(typeof theirs === 'string', protocTakesIt !== true, what);
    }
  });
}
