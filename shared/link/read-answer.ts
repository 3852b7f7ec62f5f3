/** Reads Chunk and End, straight into what the handler gets. */
import { type FrameCursor, NO_BYTES, NO_NUMBERS } from './frame-cursor.ts';
import type { FrameHandler } from './frames.ts';
import type { TaskFailure } from './leaf-call.ts';

const NO_STATUSES: readonly TaskFailure[] = [];

export function readChunk(cursor: FrameCursor, end: number, handler: FrameHandler): void {
  let id = 0;
  let seq = 0;
  let data = NO_BYTES;
  let last = false;
  let shards = NO_NUMBERS;
  let segmentBytes = NO_NUMBERS;
  let queueUs = NO_NUMBERS;
  let serviceUs = NO_NUMBERS;
  let heldUs = 0;
  while (cursor.at < end) {
    const tag = cursor.tag(end);
    switch (tag) {
      case 0x08:
        id = cursor.safe('id', end);
        break;
      case 0x10:
        seq = cursor.uint32(end);
        break;
      case 0x1a:
        data = cursor.view(end);
        break;
      case 0x20:
        last = cursor.bool(end);
        break;
      case 0x28:
      case 0x2a:
        shards = cursor.numbers(tag, end, shards);
        break;
      case 0x30:
      case 0x32:
        segmentBytes = cursor.numbers(tag, end, segmentBytes);
        break;
      case 0x38:
      case 0x3a:
        queueUs = cursor.numbers(tag, end, queueUs);
        break;
      case 0x40:
      case 0x42:
        serviceUs = cursor.numbers(tag, end, serviceUs);
        break;
      case 0x48:
        heldUs = cursor.uint32(end);
        break;
      default:
        cursor.skip(tag, end);
    }
  }
  handler.chunk(id, seq, data, last, shards, segmentBytes, queueUs, serviceUs, heldUs);
}

export function readEnd(cursor: FrameCursor, end: number, handler: FrameHandler): void {
  let id = 0;
  let statuses: TaskFailure[] | undefined;
  let queueUs = 0;
  let serviceUs = 0;
  let inFlight = 0;
  while (cursor.at < end) {
    const tag = cursor.tag(end);
    switch (tag) {
      case 0x08:
        id = cursor.safe('id', end);
        break;
      case 0x12:
        statuses ??= [];
        statuses.push(readStatus(cursor, cursor.end(end)));
        break;
      case 0x18:
        queueUs = cursor.uint64(end);
        break;
      case 0x20:
        serviceUs = cursor.uint64(end);
        break;
      case 0x28:
        inFlight = cursor.uint32(end);
        break;
      default:
        cursor.skip(tag, end);
    }
  }
  handler.end(id, statuses ?? NO_STATUSES, queueUs, serviceUs, inFlight);
}

function readStatus(cursor: FrameCursor, end: number): TaskFailure {
  let shard = 0;
  let code = 0;
  let message = '';
  let details: Buffer | undefined;
  let notStarted = false;
  let pushbackMs = 0;
  while (cursor.at < end) {
    const tag = cursor.tag(end);
    if (tag === 0x08) shard = cursor.uint32(end);
    else if (tag === 0x10) code = cursor.uint32(end);
    else if (tag === 0x1a) message = cursor.text(end);
    else if (tag === 0x22) details = cursor.view(end);
    else if (tag === 0x28) notStarted = cursor.bool(end);
    else if (tag === 0x30) pushbackMs = cursor.uint32(end);
    else cursor.skip(tag, end);
  }
  return details === undefined || details.length === 0
    ? { shard, code, message, notStarted, pushbackMs, source: 'task' }
    : { shard, code, message, details, notStarted, pushbackMs, source: 'task' };
}
