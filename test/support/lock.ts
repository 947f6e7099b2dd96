import { readFileSync, writeFileSync } from "node:fs";

/**
 * `npm run lock`: npm leaves packages of other platforms out of the lock file when it cannot get them where the lock is
 * written, and `npm ci` then fails on those platforms. This adds what is missing; run it after each `npm install`.
 */

const FILE = new URL("../../package-lock.json", import.meta.url);

export interface LockEntry {
  version?: string;
  resolved?: string;
  integrity?: string;
  link?: boolean;
  inBundle?: boolean;
  dev?: boolean;
  peer?: boolean;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

export interface Lock {
  lockfileVersion: number;
  packages: Record<string, LockEntry>;
}

const SYSTEMS: Readonly<Record<string, string>> = {
  aix: "aix",
  android: "android",
  darwin: "darwin",
  macos: "darwin",
  freebsd: "freebsd",
  linux: "linux",
  linuxmusl: "linux",
  netbsd: "netbsd",
  openbsd: "openbsd",
  openharmony: "openharmony",
  sunos: "sunos",
  win32: "win32",
  windows: "win32",
};
const PROCESSORS: ReadonlySet<string> = new Set([
  "arm",
  "arm64",
  "ia32",
  "loong64",
  "mips64el",
  "ppc64",
  "riscv64",
  "s390x",
  "x64",
]);

/** The platform that a package's name speaks of, as `os`, `cpu` and `libc` of its manifest would. */
export function platformOf(name: string): Pick<LockEntry, "os" | "cpu" | "libc"> | undefined {
  const words = (name.split("/").at(-1) ?? "").toLowerCase().split(/[-_.]/);
  const system = words.map((word) => SYSTEMS[word]).find((found) => found !== undefined);
  const processor = words.find((word) => PROCESSORS.has(word));
  if (system === undefined || processor === undefined) return undefined;
  const isMusl = words.some((word) => word.endsWith("musl"));
  const libc = isMusl ? ["musl"] : words.includes("gnu") ? ["glibc"] : undefined;
  return { cpu: [processor], ...(libc ? { libc } : {}), os: [system] };
}

/** Where Node finds `name` from the package at `path`; undefined where the lock has no entry for it. */
export function resolveEntry(lock: Lock, path: string, name: string): string | undefined {
  for (let at = path; ; at = at.slice(0, Math.max(0, at.lastIndexOf("/node_modules/")))) {
    const found = `${at === "" ? "" : `${at}/`}node_modules/${name}`;
    if (lock.packages[found]) return found;
    if (at === "") return undefined;
  }
}

/** Entries for the optional packages that the lock names and does not have. Throws for what it cannot tell. */
export function missingEntries(lock: Lock): Record<string, LockEntry> {
  const missing: Record<string, LockEntry> = {};
  for (const [path, entry] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      if (entry.inBundle || resolveEntry(lock, path, name) !== undefined) continue;
      const platform = platformOf(name);
      if (platform === undefined) throw new Error(`${name}, wanted by ${path}: its name tells no platform`);
      if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) throw new Error(`${name}@${version}, wanted by ${path}: a range`);
      const at = `node_modules/${name}`;
      if (missing[at] && missing[at].version !== version) throw new Error(`${name}: two versions are wanted`);
      // In npm's own order, so that its next install leaves the entry as it is.
      const { cpu, libc, os } = platform;
      missing[at] = {
        version,
        cpu,
        ...(entry.dev ? { dev: true } : {}),
        ...(libc ? { libc } : {}),
        optional: true,
        os,
        ...(entry.peer ? { peer: true } : {}),
      };
    }
  }
  return missing;
}

/** The lock with its packages in npm's own order and nothing of where they came from. */
export function completed(lock: Lock): Lock {
  const all = Object.entries({ ...lock.packages, ...missingEntries(lock) });
  const packages = all
    .sort(([a], [b]) => a.localeCompare(b, "en"))
    .map(([path, entry]) => {
      const { resolved, ...rest } = entry;
      return [path, entry.link ? entry : rest] as const;
    });
  return { ...lock, packages: Object.fromEntries(packages) };
}

if (import.meta.main) {
  const before = readFileSync(FILE, "utf8");
  const lock = JSON.parse(before) as Lock;
  const added = Object.keys(missingEntries(lock));
  const after = `${JSON.stringify(completed(lock), null, 2)}\n`;
  if (after !== before) writeFileSync(FILE, after);
  for (const path of added) console.log(`added ${path.replace("node_modules/", "")}`);
  console.log(added.length === 0 ? "every platform was in the lock file already" : `${added.length} entries added`);
}
