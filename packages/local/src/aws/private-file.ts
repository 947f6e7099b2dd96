import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Owner alone. */
const PRIVATE = 0o600;
const PRIVATE_FOLDER = 0o700;

/** Replaces a file as a whole: after a kill it holds the old text or the new, and its owner alone can read it. */
export function writePrivate(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: PRIVATE_FOLDER });
  const next = `${file}.next`;
  const descriptor = openSync(next, "w", PRIVATE);
  try {
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(next, file);
}
