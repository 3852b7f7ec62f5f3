/** How the errors of a whole plan are told. */
import test from 'ava';
import { compilePlan } from '../../shared/schema/compile.ts';
import { compileText, errorOf } from './compile-text.ts';
import { head, merge, response } from './wrong-plans.ts';

test('all errors of a plan are told at once, and the first line is usable alone', (t) => {
  const text = response(`string a = 1; int64 b = 2 [${merge}.top = {}];`);
  const { message, line, field } = errorOf(() => compilePlan(compileText(text), undefined));
  t.is(message.split('\n').length, 2);
  t.is(line, 6);
  t.is(field, 'a.v1.R.a');
});

test('a reducer that nobody registered is REDUCER_UNKNOWN; without a registry names pass', (t) => {
  const descriptors = compileText(
    response(`bytes n = 1 [${merge}.custom = { name: "theta2" options: "k=10" }];`),
  );
  const { code, message } = errorOf(() =>
    compilePlan(descriptors, undefined, { customNames: new Set(['theta']) }),
  );
  t.is(code, 'REDUCER_UNKNOWN');
  t.is(message, 'a.proto:6: a.v1.R.n: no reducer is registered as "theta2". Did you mean "theta"?');
  const [method] = compilePlan(descriptors, undefined).methods;
  t.deepEqual(method!.merge!.fields[0]!.spec, { kind: 'custom', name: 'theta2', options: 'k=10' });
});

test('services are found by their full name, or alone', (t) => {
  const one = response(`int64 n = 1 [${merge}.sum = {}];`);
  const two = `${one}service T { rpc All(Q) returns (R) { option (regather.v1.scatter) = { to: ALL }; } }`;
  t.is(compilePlan(compileText(one), undefined).name, 'a.v1.S');
  t.is(compilePlan(compileText(two), 'a.v1.T').name, 'a.v1.T');
  t.like(
    errorOf(() => compilePlan(compileText(two), undefined)),
    {
      code: 'SERVICE_UNKNOWN',
      message: 'a.proto: It defines several services, so one must be named: a.v1.S, a.v1.T.',
    },
  );
  t.like(
    errorOf(() => compilePlan(compileText(one), 'S')),
    {
      code: 'SERVICE_UNKNOWN',
      message: 'a.proto: There is no service "S". Did you mean "a.v1.S"?',
    },
  );
  t.like(
    errorOf(() => compilePlan(compileText(`${head}message M {}`), undefined)),
    {
      code: 'SERVICE_UNKNOWN',
      message: 'a.proto: It defines no service.',
    },
  );
});
