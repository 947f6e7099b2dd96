import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

/** What the templates are made from, relative to the repository's root. */
const SOURCES = ["infra", "functions/manifest.ts", "packages/db/src/indexes.ts", "cdk.json", "package-lock.json"];
const PARTIAL = "partial-";
const APP = "infra/app.ts";
/** No bundles and no checks: the local cloud runs the TypeScript entries, and `npm run synth` is the gate. */
const LOCAL_CONTEXT = { "weft:bundling": "off", "weft:checks": "off" };

/**
 * The folder with the application's templates, synthesized when nothing for the same sources is in `cache`. Only the
 * newest assembly is kept.
 */
export async function synthesize(root: string, cache: string): Promise<string> {
  const folder = join(cache, hashOf(root));
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  const partial = join(cache, `${PARTIAL}${process.pid}`);
  rmSync(partial, { recursive: true, force: true });
  const { context = {} } = JSON.parse(readFileSync(join(root, "cdk.json"), "utf8")) as { context?: object };
  const env = {
    ...process.env,
    CDK_OUTDIR: partial,
    CDK_CONTEXT_JSON: JSON.stringify({ ...context, ...LOCAL_CONTEXT }),
  };
  await promisify(execFile)(process.execPath, [join(root, APP)], { cwd: root, env, maxBuffer: 64 * 1024 * 1024 });
  keep(partial, folder);
  for (const old of readdirSync(cache)) {
    const isOther = join(cache, old) !== folder && !old.startsWith(PARTIAL);
    if (isOther) rmSync(join(cache, old), { recursive: true, force: true });
  }
  return folder;
}

/** Two processes may have made the same assembly at once; the first one stays. */
function keep(partial: string, folder: string): void {
  try {
    renameSync(partial, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
    rmSync(partial, { recursive: true, force: true });
  }
}

function hashOf(root: string): string {
  const hash = createHash("sha256");
  for (const source of SOURCES) {
    for (const file of filesOf(join(root, source)))
      hash.update(file).update("\0").update(readFileSync(file)).update("\0");
  }
  return hash.digest("hex").slice(0, 32);
}

function filesOf(path: string): string[] {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [path];
  const all = readdirSync(path, { recursive: true, encoding: "utf8" }).sort();
  return all.map((name) => join(path, name)).filter((file) => statSync(file).isFile());
}
