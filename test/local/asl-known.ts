/** Recorded cases that differ here, by name, with the reason. A case that differs and is not listed fails the test. */
export const KNOWN: Record<string, string> = {};
