/**
 * Reads the frames of a message and hands each to a handler. Nothing is made that the handler doesn't get: bytes are views, method and
 * metadata names come from a cache. Unknown frames, and unknown fields or known ones of another wire type, are skipped, as
 * protobuf says; bytes that don't parse are LINK_PROTOCOL.
 */
import { FrameCursor, NO_NUMBERS } from './frame-cursor.ts';
import type { FrameHandler } from './frames.ts';
import { readChunk, readEnd } from './read-answer.ts';
import { readCall } from './read-call.ts';
import { readHello } from './read-hello.ts';

/** The highest tag of a kind of frame. */
const LAST_KIND = 0x42;

export class FrameReader {
  readonly #cursor = new FrameCursor();

  /** Throws RegatherError LINK_PROTOCOL; frames before the fault have been handed over by then. */
  read(message: Buffer, handler: FrameHandler): void {
    const cursor = this.#cursor;
    let at = 0;
    while (at < message.length) {
      // A handler may make this reader read again, so its place is set anew for each frame.
      cursor.bytes = message;
      cursor.at = at;
      const tag = cursor.tag(message.length);
      if (tag === 0x0a) {
        at = cursor.end(message.length);
        readFrame(cursor, at, handler);
      } else {
        cursor.skip(tag, message.length);
        at = cursor.at;
      }
    }
  }
}

function readFrame(cursor: FrameCursor, end: number, handler: FrameHandler): void {
  while (cursor.at < end) {
    const tag = cursor.tag(end);
    if ((tag & 7) !== 2 || tag > LAST_KIND) {
      cursor.skip(tag, end);
      continue;
    }
    const bodyEnd = cursor.end(end);
    if (bodyEnd !== end) checkOnly(cursor, bodyEnd, end);
    switch (tag) {
      case 0x0a:
        readHello(cursor, bodyEnd, handler);
        return;
      case 0x12:
        readCall(cursor, bodyEnd, handler);
        return;
      case 0x1a:
        readChunk(cursor, bodyEnd, handler);
        return;
      case 0x22:
        readEnd(cursor, bodyEnd, handler);
        return;
      case 0x2a:
        readCancel(cursor, bodyEnd, handler);
        return;
      case 0x32:
        readCredit(cursor, bodyEnd, handler);
        return;
      case 0x3a:
        readState(cursor, bodyEnd, handler);
        return;
      default:
        readPing(cursor, bodyEnd, handler);
        return;
    }
  }
}

/** What follows a frame's kind may only be unknown fields: a frame has one kind. */
function checkOnly(cursor: FrameCursor, from: number, end: number): void {
  const { at } = cursor;
  cursor.at = from;
  while (cursor.at < end) {
    const tag = cursor.tag(end);
    if ((tag & 7) === 2 && tag <= LAST_KIND) throw cursor.fault('a frame has two kinds');
    cursor.skip(tag, end);
  }
  cursor.at = at;
}

function readCancel(cursor: FrameCursor, end: number, handler: FrameHandler): void {
  // Read whole before anyone hears of it, since the handler may use this reader.
  const ids: number[] = [];
  while (cursor.at < end) {
    const tag = cursor.tag(end);
    if (tag === 0x0a) {
      const packedEnd = cursor.end(end);
      while (cursor.at < packedEnd) ids.push(cursor.safe('id', packedEnd));
    } else if (tag === 0x08) ids.push(cursor.safe('id', end));
    else cursor.skip(tag, end);
  }
  for (let i = 0; i < ids.length; i++) handler.cancel(ids[i]!);
}

function readCredit(cursor: FrameCursor, end: number, handler: FrameHandler): void {
  let id = 0;
  let bytes = 0;
  while (cursor.at < end) {
    const tag = cursor.tag(end);
    if (tag === 0x08) id = cursor.safe('id', end);
    else if (tag === 0x10) bytes = cursor.uint64(end);
    else cursor.skip(tag, end);
  }
  handler.credit(id, bytes);
}

function readState(cursor: FrameCursor, end: number, handler: FrameHandler): void {
  let draining = false;
  let shards = NO_NUMBERS;
  let inFlight = 0;
  while (cursor.at < end) {
    const tag = cursor.tag(end);
    if (tag === 0x08) draining = cursor.bool(end);
    else if (tag === 0x10 || tag === 0x12) shards = cursor.numbers(tag, end, shards);
    else if (tag === 0x18) inFlight = cursor.uint32(end);
    else cursor.skip(tag, end);
  }
  handler.state(draining, shards, inFlight);
}

function readPing(cursor: FrameCursor, end: number, handler: FrameHandler): void {
  let token = 0n;
  let reply = false;
  while (cursor.at < end) {
    const tag = cursor.tag(end);
    if (tag === 0x08) token = cursor.bigint(end);
    else if (tag === 0x10) reply = cursor.bool(end);
    else cursor.skip(tag, end);
  }
  handler.ping(token, reply);
}
