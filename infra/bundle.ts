import { copyFileSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Code } from "aws-cdk-lib/aws-lambda";
import { build, type Metafile, type Plugin } from "esbuild";
import { type FunctionSpec, functions } from "../functions/manifest.ts";

/** What a function needs to know about its code. */
export interface FunctionCode {
  readonly code: Code;
  readonly handler: string;
}

export type CodeSource = (spec: FunctionSpec) => FunctionCode;

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** CommonJS dependencies inside an ES module bundle still call `require` for Node's own modules. */
const REQUIRE_BANNER = [
  'import { createRequire as __weftRequire } from "node:module";',
  "const require = __weftRequire(import.meta.url);",
].join(" ");

/** A library that imports zod as one object brings every language of its messages, into the chunk of all functions; none is used. */
const WITHOUT_LOCALES: Plugin = {
  name: "without-locales",
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^\.\.\/locales\/index\.js$/ }, ({ importer }) =>
      /[\\/]zod[\\/]v4[\\/]/.test(importer) ? { path: "zod-locales", namespace: "none" } : undefined,
    );
    onLoad({ filter: /./, namespace: "none" }, () => ({ contents: "export {};" }));
  },
};

/** For templates that are looked at, or run by the local cloud from the TypeScript entry that the metadata names. */
export const unbundled: CodeSource = () => ({
  code: Code.fromInline("throw new Error('synthesized with bundling off')"),
  handler: "index.handler",
});

/** Every file that a deployed function is made of: its entry and the chunks it may load, now or by dynamic import. */
function filesOf(entry: string, outputs: Metafile["outputs"]): string[] {
  const seen = new Set<string>();
  const visit = (file: string) => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const imported of outputs[file]?.imports ?? []) if (outputs[imported.path]) visit(imported.path);
  };
  visit(entry);
  return [...seen];
}

/** One function's directory and the bytes of JavaScript in it. */
export interface FunctionBundle {
  readonly directory: string;
  readonly handler: string;
  /** All of it, dynamic imports included. */
  readonly bytes: number;
  /** What is read at start. */
  readonly initialBytes: number;
}

function staticBytes(entry: string, outputs: Metafile["outputs"]): number {
  const eager: Metafile["outputs"] = {};
  for (const [path, output] of Object.entries(outputs)) {
    eager[path] = { ...output, imports: output.imports.filter((imported) => imported.kind !== "dynamic-import") };
  }
  return filesOf(entry, eager).reduce((sum, file) => sum + (outputs[file]?.bytes ?? 0), 0);
}

/**
 * Bundles all entries in one build, so that shared code is read and minified once, and lays out one directory a function.
 * Throws when an entry does not exist or does not build.
 */
export async function bundleFunctions(
  outdir: string,
  specs: readonly FunctionSpec[] = functions,
): Promise<Map<string, FunctionBundle>> {
  const sources = specs.flatMap((spec) => [{ name: spec.name, entry: spec.entry }, ...(spec.parts ?? [])]);
  const missing = sources.filter(({ entry }) => !existsSync(join(ROOT, entry)));
  if (missing.length > 0) throw new Error(`entries missing: ${missing.map(({ entry }) => entry).join(", ")}`);
  const built = join(outdir, "build");
  rmSync(outdir, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: Object.fromEntries(sources.map(({ name, entry }) => [name, entry])),
    outdir: built,
    outExtension: { ".js": ".mjs" },
    chunkNames: "chunks/[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    mainFields: ["module", "main"],
    conditions: ["node", "import", "module"],
    minify: true,
    keepNames: true,
    sourcemap: true,
    sourcesContent: false,
    legalComments: "none",
    banner: { js: REQUIRE_BANNER },
    metafile: true,
    logLevel: "error",
    plugins: [WITHOUT_LOCALES],
  });
  const base = relative(ROOT, built);
  return new Map(specs.map((spec) => [spec.name, layOut(spec, metafile.outputs, base, join(outdir, spec.name))]));
}

function layOut(spec: FunctionSpec, outputs: Metafile["outputs"], base: string, directory: string): FunctionBundle {
  const entry = join(base, `${spec.name}.mjs`);
  const parts = (spec.parts ?? []).map(({ name }) => join(base, `${name}.mjs`));
  const files = [...new Set([entry, ...parts].flatMap((file) => filesOf(file, outputs)))];
  for (const { from, to } of spec.assets ?? []) {
    mkdirSync(dirname(join(directory, to)), { recursive: true });
    copyFileSync(join(ROOT, from), join(directory, to));
  }
  for (const file of files) {
    for (const path of [file, `${file}.map`].filter((candidate) => outputs[candidate])) {
      const target = join(directory, relative(base, path));
      mkdirSync(dirname(target), { recursive: true });
      copyFileSync(join(ROOT, path), target);
    }
  }
  return {
    directory,
    handler: `${spec.name}.handler`,
    bytes: files.reduce((sum, file) => sum + (outputs[file]?.bytes ?? 0), 0),
    initialBytes: staticBytes(entry, outputs),
  };
}

/** Code of all functions from one build. */
export async function bundled(outdir: string): Promise<CodeSource> {
  const bundles = await bundleFunctions(outdir);
  return (spec) => {
    const bundle = bundles.get(spec.name);
    if (!bundle) throw new Error(`${spec.name} was not bundled`);
    return { code: Code.fromAsset(bundle.directory), handler: bundle.handler };
  };
}
