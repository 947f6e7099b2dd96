import type { Ctx } from "@weft/kernel/ctx";
import type { COPY_FROM, COPY_MODE, CopyKind } from "./copy.schema.ts";

/** How the objects of one task are copied. */
export interface CopyWay {
  from: (typeof COPY_FROM)[number];
  mode: (typeof COPY_MODE)[number];
}

/** An object that another one needs; `version` where it needs that very one. */
export interface CopyReference {
  kind: CopyKind;
  id: string;
  version?: string;
}

/** One object on its way. `source` and `target` are contexts of the two spaces. */
export interface CopyStep extends CopyWay {
  source: Ctx;
  target: Ctx;
  sourceId: string;
  targetId: string;
  versions: readonly string[];
  /** Ids of the objects of this task: what they are in the source, and here. */
  mapping: Readonly<Record<string, string>>;
}

/** A kind of object that can be copied between spaces. Every verb but `look` and `users` may be repeated. */
export interface Copyable {
  /** The noun of its permissions: `workflow` of `workflow:read`. */
  noun: string;
  /** Its name, the versions that the copy takes with it and what it needs. Throws `not_found`. */
  look(
    source: Ctx,
    id: string,
    way: CopyWay,
    version?: string,
  ): Promise<{ name: string; versions: string[]; references: CopyReference[] }>;
  /** The space of an object that everybody may copy. Throws `not_found`. */
  publicSpace(ctx: Ctx, id: string): Promise<string>;
  /** Makes the copy under `targetId`, with references rewritten by `mapping`. */
  copy(step: CopyStep): Promise<void>;
  /** What else in the source space needs the object. */
  users(source: Ctx, id: string): Promise<{ id: string; name: string }[]>;
  /** Deletes the object in the source space. */
  remove(source: Ctx, id: string): Promise<void>;
}
