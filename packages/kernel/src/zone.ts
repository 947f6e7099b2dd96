const DAY_MS = 86_400_000;

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      era: "short",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    formats.set(zone, format);
  }
  return format;
}

/** What a clock in the zone shows at the instant, as the milliseconds of the same reading in UTC. */
export function localMs(zone: string, instant: number): number {
  if (zone === "UTC") return instant;
  const parts: Record<string, number> = {};
  for (const { type, value } of formatOf(zone).formatToParts(instant)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  const milliseconds = ((instant % 1000) + 1000) % 1000;
  return Date.UTC(year, month - 1, day, hour, minute, second) + milliseconds;
}

/** True for a name of the IANA database; offsets such as `+01:00` are not names. */
export function isZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    formatOf(name);
    return true;
  } catch {
    return false;
  }
}

/** How far the zone's clocks are ahead of UTC at the instant. */
function offsetMs(zone: string, instant: number): number {
  return localMs(zone, instant) - instant;
}

/**
 * The first instant at which clocks in the zone show this reading; undefined when they skip it. `local` is the reading
 * as the milliseconds of the same reading in UTC.
 */
export function utcOf(zone: string, local: number): number | undefined {
  if (zone === "UTC") return local;
  const offsets = [offsetMs(zone, local - DAY_MS), offsetMs(zone, local + DAY_MS)];
  const instants = offsets.map((offset) => local - offset).filter((instant) => localMs(zone, instant) === local);
  return instants.length === 0 ? undefined : Math.min(...instants);
}
