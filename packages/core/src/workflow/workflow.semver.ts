/** Largest value of a part, so that the sort key of a version has a fixed width. */
const MAX_PART = 999_999;
const PART_DIGITS = String(MAX_PART).length;

const PART = `(0|[1-9]\\d{0,${PART_DIGITS - 1}})`;
export const VERSION_PATTERN = new RegExp(`^v${PART}\\.${PART}\\.${PART}$`);

const FIRST_VERSION = "v1.0.0";

function partsOf(version: string): [number, number, number] {
  const match = VERSION_PATTERN.exec(version);
  if (!match) throw new RangeError(`not a version: ${version}`);
  return [Number(match[1]), Number(match[2]), Number(match[3])];
}

/** Text that sorts as the versions do: v1.10.0 after v1.9.0. */
export function versionSortKey(version: string): string {
  return partsOf(version)
    .map((part) => String(part).padStart(PART_DIGITS, "0"))
    .join(".");
}

export function isGreater(version: string, than: string): boolean {
  return versionSortKey(version) > versionSortKey(than);
}

/** What follows `latest` when nobody names a version: the next patch. Null where the parts are used up. */
export function nextVersion(latest: string | undefined): string | null {
  if (latest === undefined) return FIRST_VERSION;
  const [major, minor, patch] = partsOf(latest);
  if (patch < MAX_PART) return `v${major}.${minor}.${patch + 1}`;
  if (minor < MAX_PART) return `v${major}.${minor + 1}.0`;
  return major < MAX_PART ? `v${major + 1}.0.0` : null;
}
