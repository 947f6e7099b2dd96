import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** All that a template without code depends on. The lock file stands for the CDK's own version. */
const INPUTS = ["infra", "functions/manifest.ts", "packages/db/src/indexes.ts", "cdk.json", "package-lock.json"];

/** Names the state that a directory of templates was made from. Written last, so that a killed synth is not taken for done. */
const KEY_FILE = "synth-key";

const TEMPLATE_SUFFIX = ".template.json";

export interface SynthOptions {
  readonly outdir: string;
  /** False leaves the code out; the local cloud runs functions from the entry that `Metadata.weft` leads to. */
  readonly bundling: boolean;
  /** Default `dev`. */
  readonly stage?: string;
}

export interface SynthResult {
  /** Absolute paths of the stacks' templates. */
  readonly templates: readonly string[];
  /** True when nothing had changed and the CDK was not run. */
  readonly cached: boolean;
}

/**
 * Makes the CloudFormation templates of one stage in `outdir`, in a process of its own and without the checks. With
 * bundling off they are kept until infra, the manifest, the index names or the lock file change.
 */
export async function synthTemplates(options: SynthOptions): Promise<SynthResult> {
  const { outdir, bundling, stage = "dev" } = options;
  const key = await synthKey(`${stage} ${bundling}`);
  const keyFile = join(outdir, KEY_FILE);
  if (!bundling && (await readFile(keyFile, "utf8").catch(() => "")) === key) {
    const templates = await templatesIn(outdir);
    if (templates.length > 0) return { templates, cached: true };
  }
  await rm(outdir, { recursive: true, force: true });
  await mkdir(outdir, { recursive: true });
  await runApp(outdir, {
    ...(await flags()),
    stage,
    "weft:bundling": bundling ? "on" : "off",
    "weft:checks": "off",
  });
  await writeFile(keyFile, key);
  return { templates: await templatesIn(outdir), cached: false };
}

/** The feature flags of cdk.json, which the CDK's command line would have passed on. */
async function flags(): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(join(ROOT, "cdk.json"), "utf8")).context;
}

async function templatesIn(outdir: string): Promise<string[]> {
  const names = await readdir(outdir);
  return names
    .filter((name) => name.endsWith(TEMPLATE_SUFFIX))
    .sort()
    .map((name) => join(outdir, name));
}

/** A hash over the names and contents of {@link INPUTS}. */
export async function synthKey(salt: string): Promise<string> {
  const hash = createHash("sha256").update(salt);
  for (const path of INPUTS) {
    for (const file of await filesUnder(path)) {
      hash.update(`\0${file}\0`).update(await readFile(join(ROOT, file)));
    }
  }
  return hash.digest("hex");
}

async function filesUnder(path: string): Promise<string[]> {
  const entries = await readdir(join(ROOT, path), { withFileTypes: true, recursive: true }).catch(() => null);
  if (!entries) return [path];
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length))
    .sort();
}

function runApp(outdir: string, context: Record<string, unknown>): Promise<void> {
  const child = spawn(process.execPath, [join(ROOT, "infra", "app.ts")], {
    cwd: ROOT,
    env: { ...process.env, CDK_OUTDIR: outdir, CDK_CONTEXT_JSON: JSON.stringify(context) },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => {
      if (status === 0) resolve();
      else reject(new Error(`synth failed (${status}):\n${errors}`));
    });
  });
}
