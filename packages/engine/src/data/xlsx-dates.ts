const DAY_MS = 86_400_000;
/** Day 0 of the two calendars of workbooks. */
const EPOCH_1900 = Date.UTC(1899, 11, 30);
const EPOCH_1904 = Date.UTC(1904, 0, 1);
/** 31 December 9999, the last day that workbooks know. */
const LAST_DAY = 2_958_465;
/** Excel counts a 29 February 1900, which there was not. */
const FALSE_LEAP_DAY = 60;

/** Formats that have numbers of their own and show dates or times (ECMA-376, 18.8.30). */
function isBuiltInDate(id: number): boolean {
  return (id >= 14 && id <= 22) || (id >= 27 && id <= 36) || (id >= 45 && id <= 47) || (id >= 50 && id <= 58);
}

/** Whether a number format shows its number as a date or a time. */
export function isDateFormat(id: number, code: string | undefined): boolean {
  if (code === undefined) return isBuiltInDate(id);
  const letters = code.slice(0, 256).replace(/"[^"]*"|\\.|\[[^\]]*\]|General/gi, "");
  return /[dmyhs]/i.test(letters);
}

/** A workbook's number for a time as ISO 8601 without zone; the number itself where it is none. */
export function serialToIso(serial: number, is1904: boolean): string | number {
  if (serial < 0 || serial > LAST_DAY + 1) return serial;
  const days = !is1904 && serial < FALSE_LEAP_DAY ? serial + 1 : serial;
  const ms = (is1904 ? EPOCH_1904 : EPOCH_1900) + Math.round(days * DAY_MS);
  const text = new Date(ms).toISOString().slice(0, -1);
  return Number.isInteger(serial) ? text.slice(0, 10) : text.replace(/\.000$/, "");
}
