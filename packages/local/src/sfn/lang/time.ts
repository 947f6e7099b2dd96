/** ISO-8601 with an offset, as AWS takes it: `T` and `Z` or `±hh:mm` are required, fractions are not bounded. */
const TIMESTAMP = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;

/** Milliseconds since the epoch, or undefined when the text is no such timestamp or names no real moment. */
export function parseTimestamp(text: string): number | undefined {
  const match = TIMESTAMP.exec(text);
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second, fraction, zone] = match;
  if (Number(month) > 12 || Number(month) < 1 || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) {
    return undefined;
  }
  const lastDay = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  if (Number(day) < 1 || Number(day) > lastDay) return undefined;
  const base = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${zone}`);
  return Number.isNaN(base) ? undefined : base + Math.floor(Number(fraction ?? 0) * 1000);
}

/** The form of times in the context object and in history. */
export function formatTimestamp(ms: number): string {
  return new Date(ms).toISOString();
}
