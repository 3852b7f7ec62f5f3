/** Reads Call, straight into what the handler gets. */
import { type FrameCursor, NO_BYTES } from './frame-cursor.ts';
import type { FrameHandler } from './frames.ts';
import type { LeafMetadata, LeafTask } from './leaf-call.ts';

const NO_METADATA: LeafMetadata = [];

export function readCall(cursor: FrameCursor, end: number, handler: FrameHandler): void {
  let id = 0;
  let method = '';
  let payload = NO_BYTES;
  const tasks: LeafTask[] = [];
  let timeLeftUs = 0;
  let flushAfterUs = 0;
  let priority = 0;
  let epoch = 0;
  let metadata: [string, string | Buffer][] | undefined;
  let credit = 0;
  let maxPartBytes = 0;
  let apart = false;
  while (cursor.at < end) {
    const tag = cursor.tag(end);
    switch (tag) {
      case 0x08:
        id = cursor.safe('id', end);
        break;
      case 0x12:
        method = cursor.name(end);
        break;
      case 0x1a:
        payload = cursor.view(end);
        break;
      case 0x22:
        tasks.push(readTask(cursor, cursor.end(end)));
        break;
      case 0x28:
        timeLeftUs = cursor.uint64(end);
        break;
      case 0x30:
        flushAfterUs = cursor.uint64(end);
        break;
      case 0x38: {
        const zigzag = cursor.uint32(end);
        priority = (zigzag >>> 1) ^ -(zigzag & 1);
        break;
      }
      case 0x40:
        epoch = cursor.safe('epoch', end);
        break;
      case 0x4a:
        metadata ??= [];
        metadata.push(readMetadatum(cursor, cursor.end(end)));
        break;
      case 0x50:
        credit = cursor.uint64(end);
        break;
      case 0x58:
        maxPartBytes = cursor.uint64(end);
        break;
      case 0x60:
        apart = cursor.bool(end);
        break;
      default:
        cursor.skip(tag, end);
    }
  }
  handler.call(
    id,
    method,
    payload,
    tasks,
    timeLeftUs,
    flushAfterUs,
    priority,
    epoch,
    metadata ?? NO_METADATA,
    credit,
    maxPartBytes,
    apart,
  );
}

function readTask(cursor: FrameCursor, end: number): LeafTask {
  let shard = 0;
  let payload: Buffer | undefined;
  while (cursor.at < end) {
    const tag = cursor.tag(end);
    if (tag === 0x08) shard = cursor.uint32(end);
    else if (tag === 0x12) payload = cursor.view(end);
    else cursor.skip(tag, end);
  }
  return payload === undefined ? { shard } : { shard, payload };
}

function readMetadatum(cursor: FrameCursor, end: number): [string, string | Buffer] {
  let key = '';
  let value = NO_BYTES;
  while (cursor.at < end) {
    const tag = cursor.tag(end);
    if (tag === 0x0a) key = cursor.name(end);
    else if (tag === 0x12) value = cursor.view(end);
    else cursor.skip(tag, end);
  }
  return [key, key.endsWith('-bin') ? value : value.toString()];
}
