import { mkdir } from "node:fs/promises";
import { Level } from "level";
import { MemoryLevel } from "memory-level";
import type { KeyRange, KeyValue } from "./commits.ts";

/** Opens LevelDB in the folder, or its twin in memory without one. */
export async function openLevel(path: string | undefined): Promise<KeyValue> {
  if (path !== undefined) await mkdir(path, { recursive: true });
  const level = path === undefined ? new MemoryLevel<string, string>() : new Level<string, string>(path);
  const db = level as unknown as KeyValue;
  await db.open();
  return db;
}

/** The rows of a range as they stood when the iteration began. */
export async function* rowsOf(db: KeyValue, range: KeyRange, chunk = 256): AsyncGenerator<[string, string], void> {
  const iterator = db.iterator(range);
  try {
    for (;;) {
      const rows = await iterator.nextv(chunk);
      if (rows.length === 0) return;
      yield* rows;
    }
  } finally {
    await iterator.close();
  }
}
