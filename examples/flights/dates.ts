/** RFC 3339 dates and times, as requests give them, to microseconds since 1970 (UTC), as DuckDB counts them. */

/** Years 0001 to 9999; DuckDB's own range is wider. */
const pattern =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,6}))?(?:([Zz])|([+-])(\d{2}):(\d{2})))?$/;

/** Sorts before and after every date that can be asked for. */
export const distantPast = -62_167_219_200_000_000n;
export const distantFuture = 253_402_300_800_000_000n;

/** A date alone is its midnight. Undefined for what isn't RFC 3339, or no day of the calendar. */
export function parseMicros(text: string): bigint | undefined {
  const match = pattern.exec(text);
  if (!match) return undefined;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const [hour, minute, second] = [Number(match[4] ?? 0), Number(match[5] ?? 0), Number(match[6] ?? 0)];
  const [zoneHour, zoneMinute] = [Number(match[10] ?? 0), Number(match[11] ?? 0)];
  if (hour > 23 || minute > 59 || second > 59 || zoneHour > 23 || zoneMinute > 59) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  const zone = (zoneHour * 60 + zoneMinute) * (match[9] === '-' ? -1 : 1);
  const seconds = date.getTime() / 1000 + hour * 3600 + (minute - zone) * 60 + second;
  return BigInt(seconds) * 1_000_000n + BigInt((match[7] ?? '').padEnd(6, '0'));
}
