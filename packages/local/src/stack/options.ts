import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { functions } from "../../../../functions/manifest.ts";
import { synthTemplates } from "../../../../infra/synth.ts";
import { StackClock } from "../clock.ts";
import type { FleetLimits } from "../lambda/fleet.ts";
import type { Log } from "../log.ts";

/** How to start the local cloud. */
export interface WeftOptions {
  /** The folder of all data; without it everything is in memory and gone at the end. */
  dataDir?: string;
  /** 0, the default, takes a free port. */
  port?: number;
  clock?: StackClock;
  /** Variables of every function, over those of the templates. */
  env?: Readonly<Record<string, string>>;
  log?: Log;
  /** Bounds of the worker threads of each function. */
  limits?: Partial<FleetLimits>;
  /** A cloud assembly to run instead of this repository's own. */
  assembly?: string;
  /** The entry of a function by its `Metadata.weft`; the manifest's when absent. */
  entryOf?: (name: string) => string | undefined;
}

export const ROOT = resolve(import.meta.dirname, "../../../..");
const byName: ReadonlyMap<string, string> = new Map(functions.map(({ name, entry }) => [name, join(ROOT, entry)]));

export interface Settings {
  dataDir: string | undefined;
  port: number;
  clock: StackClock;
  env: Readonly<Record<string, string>>;
  log: Log;
  limits: Partial<FleetLimits>;
  assembly: string;
  entryOf: (name: string) => string | undefined;
  /** The folder of one service's data. */
  pathOf(part: string): string | undefined;
  compileCache: string;
}

/** The options with their defaults; synthesizes the repository's templates when they are not cached. */
export async function settle(options: WeftOptions): Promise<Settings> {
  const { dataDir } = options;
  const scratch = join(ROOT, ".weft");
  return {
    dataDir,
    port: options.port ?? 0,
    clock: options.clock ?? new StackClock(),
    env: options.env ?? {},
    log: options.log ?? (() => {}),
    limits: options.limits ?? {},
    assembly: options.assembly ?? (await synthTemplates({ outdir: join(dataDir ?? scratch, "synth") })).directory,
    entryOf: options.entryOf ?? entryOf,
    pathOf: (part) => (dataDir === undefined ? undefined : join(dataDir, part)),
    compileCache: join(dataDir ?? scratch, "compile-cache"),
  };
}

function entryOf(name: string): string | undefined {
  const entry = byName.get(name);
  return entry && existsSync(entry) ? entry : undefined;
}
