/** Reads Hello. */
import type { PlanField } from '../schema/hello.ts';
import { type FrameCursor, NO_NUMBERS } from './frame-cursor.ts';
import { type FrameHandler, MESSAGE_BYTES } from './frames.ts';

export function readHello(cursor: FrameCursor, end: number, handler: FrameHandler): void {
  let version = 0;
  let service = '';
  let peer = '';
  const plan: PlanField[] = [];
  let shards = NO_NUMBERS;
  let shardCount = 0;
  let maxCalls = 0;
  let maxMessageBytes = 0;
  while (cursor.at < end) {
    const tag = cursor.tag(end);
    switch (tag) {
      case 0x08:
        version = cursor.uint32(end);
        break;
      case 0x12:
        service = cursor.text(end);
        break;
      case 0x1a:
        peer = cursor.text(end);
        break;
      case 0x22:
        plan.push(readPlanField(cursor, cursor.end(end)));
        break;
      case 0x28:
      case 0x2a:
        shards = cursor.numbers(tag, end, shards);
        break;
      case 0x30:
        shardCount = cursor.uint32(end);
        break;
      case 0x3a: {
        const limitsEnd = cursor.end(end);
        while (cursor.at < limitsEnd) {
          const limit = cursor.tag(limitsEnd);
          if (limit === 0x08) maxCalls = cursor.uint32(limitsEnd);
          else if (limit === 0x10) maxMessageBytes = cursor.uint32(limitsEnd);
          else cursor.skip(limit, limitsEnd);
        }
        break;
      }
      default:
        cursor.skip(tag, end);
    }
  }
  handler.hello({
    version,
    service,
    peer,
    plan,
    shards,
    shardCount,
    maxCalls,
    maxMessageBytes: maxMessageBytes === 0 ? MESSAGE_BYTES : maxMessageBytes,
  });
}

function readPlanField(cursor: FrameCursor, end: number): PlanField {
  let message = '';
  let number = 0;
  let type = '';
  let cardinality = '';
  let merge = '';
  while (cursor.at < end) {
    const tag = cursor.tag(end);
    if (tag === 0x0a) message = cursor.text(end);
    else if (tag === 0x10) number = cursor.uint32(end);
    else if (tag === 0x1a) type = cursor.text(end);
    else if (tag === 0x22) cardinality = cursor.text(end);
    else if (tag === 0x2a) merge = cursor.text(end);
    else cursor.skip(tag, end);
  }
  return { message, number, type, cardinality, merge };
}
