import { decode, one, type Table } from './descriptor/codec.ts';
import type { FileDesc } from './descriptor/messages.ts';

/** google.protobuf.FeatureSet, as far as it changes the wire: resolved, so none is missing. */
export interface Features {
  readonly presence: 'explicit' | 'implicit';
  readonly packed: boolean;
  readonly delimited: boolean;
}

interface FeatureSet {
  fieldPresence?: number;
  repeatedFieldEncoding?: number;
  messageEncoding?: number;
}

const featureTable: Table<FeatureSet> = {
  fresh: () => ({}),
  columns: {
    fieldPresence: one(1, 'int32'),
    repeatedFieldEncoding: one(3, 'int32'),
    messageEncoding: one(5, 'int32'),
  },
};

/** Where each options message keeps its `features`. */
const featureField = { file: 50, message: 12, field: 21 } as const;

export function fileFeatures(file: FileDesc): Features {
  if (file.syntax === 'proto3') return { presence: 'implicit', packed: true, delimited: false };
  if (file.syntax !== 'editions') return { presence: 'explicit', packed: false, delimited: false };
  return withFeatures({ presence: 'explicit', packed: true, delimited: false }, file.options, 'file');
}

/** `inherited` as the options of what is inside change it. Without editions no options do. */
export function withFeatures(
  inherited: Features,
  options: Uint8Array | undefined,
  of: keyof typeof featureField,
): Features {
  if (options === undefined) return inherited;
  const table: Table<{ features?: FeatureSet }> = {
    fresh: () => ({}),
    columns: { features: one(featureField[of], () => featureTable) },
  };
  const { features } = decode(table, options);
  if (features === undefined) return inherited;
  const { fieldPresence, repeatedFieldEncoding, messageEncoding } = features;
  return {
    presence:
      fieldPresence === undefined ? inherited.presence : fieldPresence === 2 ? 'implicit' : 'explicit',
    packed: repeatedFieldEncoding === undefined ? inherited.packed : repeatedFieldEncoding === 1,
    delimited: messageEncoding === undefined ? inherited.delimited : messageEncoding === 2,
  };
}
