/**
 * Overload, and what it leaves behind, in virtual time: admission at the root, shedding at workers, clients that try again. Without shedding
 * the same model stays down for good after five seconds of overload (first test), so that what the others assert isn't given.
 */
import test from 'ava';
import { defaultPolicy } from '../../root/policy.ts';
import { type ModelOptions, OverloadModel } from '../kit/overload-model.ts';

const options: ModelOptions = {
  workers: 4,
  slots: 4,
  serviceMs: 20,
  timeoutMs: 500,
  admission: defaultPolicy.admission,
  shedding: true,
  reports: true,
  retries: 2,
  seed: 5,
};

test('without shedding, clients that try again keep a cluster down after the overload is over', async (t) => {
  const admission = { ...defaultPolicy.admission, enabled: false };
  const model = new OverloadModel({ ...options, admission, shedding: false });
  model.load = 0.7;
  await model.run(5);
  t.true(model.goodput(3) > 0.6);
  model.load = 2;
  await model.run(5);
  model.load = 0.7;
  await model.run(20);
  t.true(model.goodput(5) < 0.1, `${model.goodput(5)}`);
});

for (const [name, given] of [
  ['over links', {}],
  ['with workers that do not tell how busy they are', { reports: false }],
  ['of short tasks and deadlines', { serviceMs: 5, timeoutMs: 200 }],
  ['with clients that do not try again', { retries: 0 }],
  ['by admission off: the workers alone', { admission: { ...defaultPolicy.admission, enabled: false } }],
] as [string, Partial<ModelOptions>][]) {
  test(`at twice the load goodput stays, and is back when it ends, ${name}`, async (t) => {
    const model = new OverloadModel({ ...options, ...given });
    model.load = 0.7;
    await model.run(10);
    t.is(model.shedCount, 0, 'nothing is turned away below capacity');
    model.load = 2;
    await model.run(20);
    const least = name.includes('alone') ? 0.8 : 0.9;
    t.true(model.goodput(19) >= least, `${model.goodput(19)}`);
    model.load = 0.7;
    await model.run(5);
    t.true(model.goodput(2) >= 0.9 * 0.7, `${model.goodput(2)}`);
    model.load = 0;
    await model.run(3);
    t.is(model.open, 0);
    t.is(model.admission.inUse, 0);
    t.is(model.admission.waiting, 0);
  });
}

for (const reports of [true, false]) {
  test(`four times the latency for half a minute leaves nothing behind, ${reports ? 'over links' : 'with workers that do not tell'}`, async (t) => {
    const model = new OverloadModel({ ...options, reports });
    model.load = 0.8;
    await model.run(15);
    model.slowdown = 4;
    await model.run(30);
    // They can do a quarter of what they could, and need most of the deadline for it.
    t.true(model.goodput(20) >= 0.25 * 0.65, `${model.goodput(20)}`);
    model.slowdown = 1;
    await model.run(5);
    await model.run(5);
    t.true(model.goodput(4) >= 0.9 * 0.8, `${model.goodput(4)}`);
  });
}
