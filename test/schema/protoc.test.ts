import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { loadDescriptors } from '../../shared/schema/descriptors.ts';
import { needs } from '../kit/debian.ts';
import { protoc } from '../kit/protoc.ts';
import { differences } from './differences.ts';

const corpus = fileURLToPath(new URL('corpus', import.meta.url));
const proto = fileURLToPath(new URL('../../proto', import.meta.url));
const compare = needs(test, 'protobuf-compiler');

for (const name of readdirSync(join(proto, 'regather', 'v1'))) {
  compare(`regather/v1/${name} compiles to what protoc makes of it`, (t) => {
    const theirs = protoc(`regather/v1/${name}`, [proto]);
    if (typeof theirs === 'string') return t.fail(theirs);
    const ours = loadDescriptors({ proto: join(proto, 'regather', 'v1', name), includeDirs: [proto] });
    t.deepEqual(differences(ours.bytes, theirs), []);
  });
}

for (const name of readdirSync(corpus).filter((file) => file.endsWith('.proto'))) {
  compare(`${name} compiles to what protoc makes of it`, (t) => {
    const theirs = protoc(name, [corpus, proto]);
    if (typeof theirs === 'string') return t.fail(theirs);
    const ours = loadDescriptors({ proto: join(corpus, name), includeDirs: [corpus] });
    t.deepEqual(differences(ours.bytes, theirs), []);
  });
}
