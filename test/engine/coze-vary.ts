import { isCozeCanvas } from "@weft/engine/coze";
import { randomOf } from "../support/random-plan.ts";
import { canvasAt } from "./coze-cases.ts";
import type { Variation } from "./coze-play.ts";

type Json = Record<string, unknown>;
type Random = () => number;

/** Members that mean nothing to a run; they are left out one time, and kept another. */
const OPTIONAL: ReadonlySet<string> = new Set(
  ["meta", "nodeMeta", "size", "versions", "rawMeta", "description", "readOnly", "trimRef"].map((key) =>
    key.toLowerCase(),
  ),
);
/** Members that mean nothing where they are empty. */
const OPTIONAL_WHEN_EMPTY: ReadonlySet<string> = new Set(
  ["sourcePortID", "targetPortID", "blocks", "edges", "required", "schemaType", "variableParameters"].map((key) =>
    key.toLowerCase(),
  ),
);
/** Members whose own keys are data. */
const DATA: ReadonlySet<string> = new Set(["variabletypemap"]);

const isEmpty = (value: unknown): boolean =>
  value === null || value === "" || value === false || (Array.isArray(value) && value.length === 0);

function shuffled<T>(list: readonly T[], random: Random): T[] {
  const all = [...list];
  for (let at = all.length - 1; at > 0; at -= 1) {
    const other = Math.floor(random() * (at + 1));
    [all[at], all[other]] = [all[other] as T, all[at] as T];
  }
  return all;
}

function otherCase(key: string, random: Random): string {
  const forms = [key, key.toLowerCase(), key.toUpperCase(), (key[0] ?? "").toUpperCase() + key.slice(1)];
  return forms[Math.floor(random() * forms.length)] as string;
}

function idsOf(nodes: readonly Json[]): string[] {
  return nodes.flatMap((node) => [String(node.id), ...idsOf((node.blocks as Json[] | null | undefined) ?? [])]);
}

function renamed(text: string, ids: ReadonlyMap<string, string>): string {
  const any = new RegExp(`(?<![0-9A-Za-z])(?:${[...ids.keys()].join("|")})(?![0-9A-Za-z])`, "g");
  return text.replace(any, (id) => ids.get(id) as string);
}

function newIds(raw: Json, random: Random): Map<string, string> {
  const taken = new Set<string>();
  const fresh = (): string => {
    const digits = String(Math.floor(random() * 900_000) + 100_000);
    const id = random() < 0.5 ? `3${digits}` : `node-${digits}`;
    if (taken.has(id)) return fresh();
    taken.add(id);
    return id;
  };
  return new Map(idsOf(raw.nodes as Json[]).map((id) => [id, fresh()]));
}

/** A copy in which what means nothing is left out here and there, keys have another case, and lists of nodes another order. */
function rewritten(value: unknown, random: Random): unknown {
  if (Array.isArray(value)) return value.map((item) => rewritten(item, random));
  if (typeof value !== "object" || value === null) return value;
  const source = value as Json;
  const copy: Json = {};
  for (const [key, member] of Object.entries(source)) {
    const word = key.toLowerCase();
    const isRoot = "nodes" in source;
    const isOptional = OPTIONAL.has(word) || (OPTIONAL_WHEN_EMPTY.has(word) && isEmpty(member));
    if (isOptional && !isRoot && random() < 0.5) continue;
    const isData = (word === "content" && source.type === "literal") || DATA.has(word);
    const isGraph = (word === "nodes" || word === "blocks" || word === "edges") && Array.isArray(member);
    const inner = isData ? member : rewritten(member, random);
    copy[otherCase(key, random)] = isGraph ? shuffled(inner as unknown[], random) : inner;
  }
  return copy;
}

function seedOf(seed: number, path: string): number {
  let hash = seed;
  for (const char of path) hash = Math.imul(hash ^ char.charCodeAt(0), 0x9e3779b1) >>> 0;
  return hash;
}

/** The canvases of the fixtures in another form: ids, order, case of keys and what may be left out. */
export class Varied implements Variation {
  readonly #seed: number;
  readonly #ids = new Map<string, Map<string, string>>();

  constructor(seed: number) {
    this.#seed = seed;
  }

  canvas(path: string): unknown {
    const raw = canvasAt(path) as Json;
    if (!isCozeCanvas(raw)) return raw;
    const random = randomOf(seedOf(this.#seed, path));
    const ids = newIds(raw, random);
    this.#ids.set(path, ids);
    return rewritten(JSON.parse(renamed(JSON.stringify(raw), ids)), random);
  }

  id(path: string, id: string): string {
    return this.#ids.get(path)?.get(id) ?? id;
  }

  /** A text that speaks of nodes, in the new ids. */
  text(path: string, text: string): string {
    const ids = this.#ids.get(path);
    return ids ? renamed(text, ids) : text;
  }
}
