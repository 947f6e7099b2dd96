import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** All that a template without code depends on. The lock file stands for the CDK's own version. */
const INPUTS = ["infra", "functions/manifest.ts", "packages/db/src/indexes.ts", "cdk.json", "package-lock.json"];

const TEMPLATE_SUFFIX = ".template.json";
const PARTIAL = "partial-";
const KEY_LENGTH = 32;

export interface SynthOptions {
  /** Holds one directory of templates for each stage. */
  readonly outdir: string;
  /** Default `dev`. */
  readonly stage?: string;
}

export interface SynthResult {
  /** The cloud assembly: templates and manifest.json. */
  readonly directory: string;
  /** Absolute paths of the stacks' templates. */
  readonly templates: readonly string[];
  /** True when nothing had changed and the CDK was not run. */
  readonly cached: boolean;
}

/**
 * Makes the CloudFormation templates of one stage in a process of its own, with bundling and checks off, and keeps them
 * until infra, the manifest, the index names or the lock file change. The local cloud runs functions from the entry that
 * `Metadata.weft` leads to. Several processes may call it at once; a killed one leaves nothing that is taken for done.
 */
export async function synthTemplates({ outdir, stage = "dev" }: SynthOptions): Promise<SynthResult> {
  const name = `${stage}-${await synthKey()}`;
  const directory = join(outdir, name);
  if (existsSync(directory)) return { directory, templates: await templatesIn(directory), cached: true };
  await mkdir(outdir, { recursive: true });
  const partial = await mkdtemp(join(outdir, PARTIAL));
  try {
    await runApp(partial, { ...(await flags()), stage, "weft:bundling": "off", "weft:checks": "off" });
    await rename(partial, directory).catch((error: unknown) => {
      // Another process made the same templates first: they are as good.
      if (!existsSync(directory)) throw error;
    });
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  await removeOutdated(outdir, stage, name);
  return { directory, templates: await templatesIn(directory), cached: false };
}

async function removeOutdated(outdir: string, stage: string, current: string): Promise<void> {
  const outdated = (await readdir(outdir)).filter((name) => name.startsWith(`${stage}-`) && name !== current);
  await Promise.all(outdated.map((name) => rm(join(outdir, name), { recursive: true, force: true })));
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
async function synthKey(): Promise<string> {
  const hash = createHash("sha256");
  for (const path of INPUTS) {
    for (const file of await filesUnder(path)) {
      hash.update(`\0${file}\0`).update(await readFile(join(ROOT, file)));
    }
  }
  return hash.digest("hex").slice(0, KEY_LENGTH);
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
