import type * as Fflate from "fflate";
import { refuse } from "../items/items.ts";
import { MAX_ARCHIVE_ENTRIES, MAX_UNPACKED_BYTES } from "../limits.ts";

/** Loads the packer. */
export function loadZip(): Promise<typeof Fflate> {
  return import("fflate");
}

/** One entry of an archive. */
export interface ZipEntry {
  name: string;
  bytes: Uint8Array;
}

/**
 * The entries of a ZIP archive that `wanted` takes, unpacked. Names are as they stand in it, directories left out. What an
 * archive says of its sizes is checked before anything is unpacked, and nothing is unpacked beyond what it says. Throws
 * NodeError.
 */
export function unzip(
  fflate: typeof Fflate,
  bytes: Uint8Array,
  wanted: (name: string) => boolean = () => true,
): ZipEntry[] {
  let total = 0;
  let count = 0;
  let found: Record<string, Uint8Array>;
  try {
    found = fflate.unzipSync(bytes, {
      filter: ({ name, size, originalSize }) => {
        if (name.endsWith("/")) return false;
        count += 1;
        if (count > MAX_ARCHIVE_ENTRIES)
          throw refuse("too_large", `an archive has at most ${MAX_ARCHIVE_ENTRIES} entries`);
        if (!wanted(name)) return false;
        // Entries that are stored as they are come out as long as they lie there, whatever the archive says.
        total += Math.max(size, originalSize);
        if (total > MAX_UNPACKED_BYTES)
          throw refuse("too_large", `unpacked, there are at most ${MAX_UNPACKED_BYTES} bytes`);
        return true;
      },
    });
  } catch (thrown) {
    if (thrown instanceof Error && thrown.name === "NodeError") throw thrown;
    throw refuse("invalid_archive", "the archive cannot be read", thrown);
  }
  return Object.keys(found).map((name) => ({ name, bytes: found[name] as Uint8Array }));
}
