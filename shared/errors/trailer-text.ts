/**
 * What a status may say in trailers. A Python client was seen to lose whole calls, status and all, with trailers between 7 and 12 kB:
 * a root and a worker stay within 4 KiB, whatever a handler threw.
 */

/** Characters that grpc-js's percent-encoding of `grpc-message` (encodeURI) leaves as they are. */
const PLAIN = new Set(
  [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'();/?:@&=+$,#"].map((character) =>
    character.charCodeAt(0),
  ),
);

/** The text, or as much of its beginning as takes at most `maxBytes` of `grpc-message` on the wire, with "…" then. Lone surrogates become U+FFFD. */
export function fitMessage(text: string, maxBytes: number): string {
  return beginning(text, maxBytes, encodedBytes);
}

/** The same for a string within a message: by its UTF-8 bytes. */
export function fitUtf8(text: string, maxBytes: number): string {
  return beginning(text, maxBytes, utf8Bytes);
}

function beginning(text: string, maxBytes: number, bytesOf: (codePoint: number) => number): string {
  // A character takes a byte at least: what is past that needn't be looked at.
  const head = text.slice(0, maxBytes + 1).toWellFormed();
  const ellipsis = bytesOf(0x2026);
  let bytes = 0;
  let cut = 0;
  for (let at = 0; at < head.length; ) {
    const codePoint = head.codePointAt(at)!;
    bytes += bytesOf(codePoint);
    at += codePoint > 0xffff ? 2 : 1;
    if (bytes > maxBytes) return `${head.slice(0, cut)}…`;
    if (bytes <= maxBytes - ellipsis) cut = at;
  }
  return head;
}

function encodedBytes(codePoint: number): number {
  return PLAIN.has(codePoint) ? 1 : 3 * utf8Bytes(codePoint);
}

function utf8Bytes(codePoint: number): number {
  if (codePoint < 0x80) return 1;
  if (codePoint < 0x800) return 2;
  return codePoint < 0x10000 ? 3 : 4;
}
