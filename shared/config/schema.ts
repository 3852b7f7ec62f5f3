/**
 * The config's one definition: types, checks, defaults and their reasons. docs/reference/config.md and config.schema.json are
 * generated from it (scripts/generate.ts).
 */
import type { z } from 'zod';
import { logLevels } from '../log/logger.ts';
import { address, file, flag, folder, integer, list, named, oneOf, section, text } from './leaves.ts';
import { methodPolicySchema, policySchema } from './policy-schema.ts';
import { maxShards, topologySchema } from './topology-schema.ts';

const serverTls = section(
  {
    cert: file({ description: 'The certificate chain, PEM.' }),
    key: file({ description: 'Its private key, PEM.' }),
    ca: file({ description: 'Who signs the certificates of clients, PEM.' }).optional(),
    client_auth: flag({
      description: 'Refuse clients without a certificate that `ca` signed (mutual TLS).',
      why: 'Off: most clients have none.',
    }).default(false),
  },
  { description: 'TLS on this listener. Left out: plain text.' },
);

const clientTls = section(
  {
    ca: file({
      description: "Who signs the workers' certificates, PEM. Left out: what Node trusts.",
    }).optional(),
    cert: file({
      description: 'The certificate chain that the root shows to workers (mutual TLS), PEM.',
    }).optional(),
    key: file({ description: 'Its private key, PEM.' }).optional(),
    server_name: text({
      description: "The name expected in the workers' certificates. Left out: the host in the address.",
    }).optional(),
  },
  { description: 'TLS towards the workers. Left out: plain text.' },
);

export const configSchema = section({
  service: section({
    proto: file({
      description: 'The .proto that declares the service. Either this or `descriptor`.',
    }).optional(),
    descriptor: file({
      description: 'A FileDescriptorSet with imports, made by protoc or buf. Either this or `proto`.',
    }).optional(),
    name: text({
      description: 'Full name of the service. Left out: the only one in the file.',
    }).optional(),
    include: list(folder({}), 'folders', {
      description: 'Where imports are looked for, after the folder of `proto`.',
      why: 'Most services import nothing but what is built in.',
    }).default([]),
  }),
  root: section({
    listen: address({
      description: 'Where clients call. Port 0: any that is free.',
      why: 'Loopback: nothing is open to others by accident.',
    }).default('127.0.0.1:7000'),
    admin: address({
      description: "The admin port's address.",
      why: 'Loopback, so that no token is needed.',
    }).default('127.0.0.1:7001'),
    id: text({
      description: 'How workers and logs name this root. Left out: host and process id.',
    }).optional(),
    max_concurrent_streams: integer(1, 2 ** 31 - 1, {
      description: 'Requests that one client connection may have open.',
      why: 'One client cannot fill a root, and a well-behaved one never gets there.',
    }).default(1000),
    plain: flag({
      description: 'Call workers through their plain gRPC methods even if they speak the link.',
      why: 'Links cost a fraction.',
    }).default(false),
    max_gather_bytes: integer(1024, 2 ** 40, {
      description:
        "What all answers together may hold in shards' partials; beyond it an answer is refused. Requests that wait to be admitted may keep a quarter as much on top. Left out: a quarter of the memory.",
    }).optional(),
    zone: text({
      description: 'Where this root is: replicas of the same `zone` are preferred. Left out: all are alike.',
    }).optional(),
    link: section({
      silence_ms: integer(50, 600_000, {
        description: 'A link with work on it that is silent for this long is ended.',
        why: 'Long enough for a pause of garbage collection, short enough to retry within a one-second deadline.',
      }).default(800),
      connect_timeout_ms: integer(10, 600_000, {
        description: 'A connection that is not up by then is given up and tried again.',
        why: 'A peer that accepts and never speaks would hold it for ever.',
      }).default(1000),
      tls: clientTls.optional(),
    }).prefault({}),
    tls: serverTls.optional(),
    policy: policySchema.prefault({}),
    methods: named(methodPolicySchema, 'method', {
      description:
        'By method name, where one differs: the sections `balance`, `hedge`, `budget`, `retry` and `coverage` of `root.policy`.',
      why: 'Most methods want what the root does.',
    }).default({}),
  }).prefault({}),
  worker: section({
    module: file({
      description: 'The JavaScript or TypeScript module whose default export is the worker.',
    }).optional(),
    listen: address({
      description: 'Where roots call. Port 0: any that is free.',
      why: 'Loopback: nothing is open to others by accident.',
    }).default('127.0.0.1:7100'),
    admin: address({
      description: "The admin port's address.",
      why: 'Loopback, so that no token is needed.',
    }).default('127.0.0.1:7101'),
    id: text({
      description:
        'Which worker of the topology this is. Left out: the one with its address, else host and process id.',
    }).optional(),
    shards: list(integer(0, maxShards - 1, {}), 'shard numbers', {
      description: 'The shards to host. Left out: those that the topology gives to `id`, else all.',
    }).optional(),
    concurrency: integer(1, 65_536, {
      description: 'Tasks that run at once. Left out: what the module says.',
    }).optional(),
    queue: integer(0, 1_000_000, {
      description:
        'Tasks that may wait for a slot; beyond it they are refused. Left out: what the module says.',
    }).optional(),
    combine: oneOf(['auto', 'always', 'never'], {
      description: "Whether to make one part of the partials of a call's shards. The answer is the same.",
      why: 'Combining pays from four partials or 4 KiB; below that it costs the worker more than it saves the root.',
    }).default('auto'),
    tls: serverTls.optional(),
  }).prefault({}),
  shards: section({
    count: integer(1, maxShards, { description: 'Into how many shards the data is cut.' }),
    replicas: integer(1, 64, {
      description: 'On how many workers `regather up` puts each shard.',
      why: 'One copy is the least that works.',
    }).default(1),
    virtual: integer(1, 2 ** 20, {
      description: 'Virtual shards that keys hash to. Never change it once data is laid out.',
      why: 'Shards can be split in steps of 1/4096 of the data without a key being hashed again.',
    }).default(4096),
  }).optional(),
  topology: section({
    static: topologySchema.optional(),
    file: file({ description: 'A YAML file with `workers` (and `epoch`), watched for changes.' }).optional(),
  }).optional(),
  reducers: file({
    description: 'A JavaScript or TypeScript module that exports custom reducers.',
  }).optional(),
  log: section({
    level: oneOf(logLevels, {
      description: 'The least serious lines that are written.',
      why: 'What an operator acts on; no line per request.',
    }).default('info'),
    ring: integer(0, 100_000, {
      description: 'Lines kept in memory for /logz.',
      why: 'About 200 kB, and usually the last minutes.',
    }).default(1000),
  }).prefault({}),
  admin: section({
    token: text({
      description:
        'Needed for lifecycle calls where the admin port is not on loopback (`Authorization: Bearer …`).',
      secret: true,
    }).optional(),
  }).prefault({}),
});

export type Config = z.output<typeof configSchema>;
