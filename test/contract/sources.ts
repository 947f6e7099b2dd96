import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";

export const ROOT = new URL("../..", import.meta.url).pathname;

/** What is installed or made, and what belongs to git. */
const LEFT_OUT: ReadonlySet<string> = new Set(["node_modules", ".git", ".weft", ".build", "cdk.out"]);

export interface Source {
  /** From the repository's root, with `/`. */
  path: string;
  text: string;
}

function walk(folder: string, found: string[]): string[] {
  for (const name of readdirSync(folder)) {
    if (LEFT_OUT.has(name)) continue;
    const path = join(folder, name);
    if (statSync(path).isDirectory()) walk(path, found);
    else found.push(path);
  }
  return found;
}

const files = walk(ROOT, []).map((path) => relative(ROOT, path).replaceAll("\\", "/"));

/** Files of the repository whose path matches, with their text. */
export function sources(pattern: RegExp): Source[] {
  const wanted = files.filter((path) => pattern.test(path));
  return wanted.map((path) => ({ path, text: readFileSync(join(ROOT, path), "utf8") }));
}

/** What a TypeScript file imports, dynamic and type imports included. */
export function importsOf({ text }: Source): string[] {
  const code = text.replaceAll(/^\s*(?:\/\/|\*|\/\*\*).*$/gm, "");
  const found = code.matchAll(/(?:^|[\s;}])(?:from|import)\s*\(?\s*"([^"\n]+)"/g);
  return [...found].map((match) => match[1] as string).filter((name) => /^[\w@.][\w@./-]*(:[\w/]+)?$/.test(name));
}
