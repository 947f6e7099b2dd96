import { pathToFileURL } from "node:url";
import type { SandboxParts } from "./index.ts";

const SOURCE = ".ts";

/**
 * The sandbox's parts beside the caller: in a bundle (`entry` is its `import.meta.url`) they lie next to it under fixed
 * names; from source they are found as packages are.
 */
export function sandboxParts(entry: string): SandboxParts {
  if (!entry.endsWith(SOURCE)) {
    const here = (name: string): URL => new URL(name, entry);
    const readable = [here("./")];
    return {
      worker: here("./javascript-worker.mjs"),
      python: { child: here("./python-child.mjs"), pyodide: here("./pyodide/"), readable },
    };
  }
  const found = (name: string): URL => new URL(import.meta.resolve(name));
  const root = pathToFileURL(`${import.meta.dirname}/`);
  const packages = new URL("../../../", root);
  return {
    worker: found("@weft/adapters/sandbox/javascript-worker"),
    python: {
      child: found("@weft/adapters/sandbox/child"),
      pyodide: new URL("./", found("pyodide")),
      readable: [packages, new URL("../node_modules/", packages), new URL("../package.json", packages)],
    },
  };
}
