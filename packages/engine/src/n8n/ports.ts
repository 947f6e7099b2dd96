import type { CanvasInput, CanvasNode } from "../canvas.ts";

/** Where a value comes from, without the name that it is read by. */
export type Source = Omit<CanvasInput, "name">;

/**
 * How the items of an output belong to those that came in: one for one to the first input's; by lists, one for each input,
 * of the place that each item comes from; or in no way that is known.
 */
export type Pairs = "same" | "none" | readonly Source[];

/** For each item the place of its forebear in another node's list: its own place, a computed list, or unknown. */
export type Trace = "same" | Source | undefined;

/** An expression over inputs that are named by their order. */
export function expressionOf(text: (names: readonly string[]) => string, sources: readonly Source[]): Source {
  const inputs = sources.map((source, at) => ({ name: `s${at}`, ...source }));
  return { expression: { text: text(inputs.map(({ name }) => name)), inputs } };
}

/** Where the items of one output of a node are, and whose forebears they are: n8n's paired items. */
export class Port {
  readonly owner: string;
  /** The reference to its list of items. */
  readonly items: string;
  protected readonly inputs: readonly (readonly Port[])[];
  readonly #pairs: Pairs;
  readonly #holder: CanvasNode | undefined;
  readonly #traces = new Map<string, Trace>();
  /** All outputs of the node, in their order. */
  siblings: readonly Port[] = [this];

  constructor(given: {
    owner: string;
    items: string;
    inputs: readonly (readonly Port[])[];
    pairs: Pairs;
    holder: CanvasNode | undefined;
  }) {
    this.owner = given.owner;
    this.items = given.items;
    this.inputs = given.inputs;
    this.#pairs = given.pairs;
    this.#holder = given.holder;
  }

  /** The items of all outputs, one after the other: what {@link trace} counts in. */
  get all(): Source {
    const refs = this.#distinct();
    if (refs.length === 1) return { ref: this.items };
    const sources = refs.map((ref) => ({ ref }));
    return expressionOf((names) => `$items_joined(${names.join(", ")})`, sources);
  }

  #distinct(): string[] {
    return [...new Set(this.siblings.map(({ items }) => items))];
  }

  /** For each of its items the place of the one of `owner` that it was made of. */
  trace(owner: string): Trace {
    if (!this.#traces.has(owner)) {
      this.#traces.set(owner, undefined);
      this.#traces.set(owner, owner === this.owner ? this.#own() : this.through(owner));
    }
    return this.#traces.get(owner);
  }

  #own(): Trace {
    const refs = this.#distinct();
    if (refs.length === 1) return "same";
    const before = refs.slice(0, refs.indexOf(this.items)).map((ref) => ({ ref }));
    return expressionOf(
      ([own, ...more]) => `$items_places(${[own, ...more].join(", ")})`,
      [{ ref: this.items }, ...before],
    );
  }

  protected through(owner: string): Trace {
    const ups = this.inputs.map((ports) => joinedTrace(ports, owner));
    if (this.#pairs === "none" || ups.every((up) => up === undefined)) return undefined;
    if (this.#pairs === "same") return ups[0];
    const sources: Source[] = [];
    const calls: ((names: readonly string[]) => string)[] = [];
    this.#pairs.forEach((places, at) => {
      const up = ups[at];
      if (up === undefined) return;
      const first = sources.push(places, ...(up === "same" ? [] : [up])) - (up === "same" ? 1 : 2);
      calls.push((names) => `$items_traced(${names.slice(first, first + (up === "same" ? 1 : 2)).join(", ")})`);
    });
    if (calls.length === 0) return undefined;
    const text = (names: readonly string[]): string => `$items_either(${calls.map((call) => call(names)).join(", ")})`;
    const source = expressionOf(text, sources);
    const ref = this.hold(source);
    return ref === undefined ? source : { ref };
  }

  /** Lets the node that gives the items give this list as well. Undefined where that node cannot. */
  hold(source: Source): string | undefined {
    const { data, id } = this.#holder ?? {};
    if (!data || id === undefined) return undefined;
    const taken = new Set((data.inputs ?? []).map(({ name }) => name));
    let name = "up";
    for (let n = 1; taken.has(name); n++) name = `up${n}`;
    data.inputs = [...(data.inputs ?? []), { name, type: "list", ...source }];
    data.outputs = [...(data.outputs ?? []), { name, type: "list" }];
    return `${id}.${name}`;
  }
}

/** The trace of the items of several ports, one port after the other. */
export function joinedTrace(ports: readonly Port[], owner: string): Trace {
  const traces = ports.map((port) => port.trace(owner));
  if (traces.length <= 1 || traces.every((trace) => trace === undefined)) return traces[0];
  const sources = ports.map((port, at): Source => {
    const trace = traces[at];
    return trace === undefined || trace === "same" ? { ref: port.items } : trace;
  });
  const text = (names: readonly string[]): string => {
    const parts = traces.map((trace, at) => {
      const name = names[at] as string;
      return trace === undefined ? `$items_nowhere(${name})` : trace === "same" ? `$items_places(${name})` : name;
    });
    return `$items_joined(${parts.join(", ")})`;
  };
  return expressionOf(text, sources);
}

/** The items of one turn of a loop: part of those that came in. */
export class TurnPort extends Port {
  readonly #loop: CanvasNode;
  readonly #size: number;

  constructor(given: {
    owner: string;
    inputs: readonly (readonly Port[])[];
    loop: CanvasNode;
    size: number;
  }) {
    super({ ...given, items: `${given.loop.id}.chunk`, pairs: "none", holder: undefined });
    this.#loop = given.loop;
    this.#size = given.size;
  }

  protected override through(owner: string): Trace {
    const up = joinedTrace(this.inputs[0] ?? [], owner);
    if (up === undefined || up === "same")
      return up === undefined ? undefined : this.#part({ ref: this.#whole() }, true);
    return this.#part(up, false);
  }

  #whole(): string {
    return this.inputs[0]?.[0]?.items ?? "";
  }

  #part(up: Source, isItems: boolean): Source {
    const { data, id } = this.#loop;
    const config = data.config as { items: string[] };
    const name = `chunk_up${config.items.length}`;
    config.items.push(name);
    const list = (source: string): string => (isItems ? `$items_places(${source})` : source);
    const source = expressionOf(([from = ""]) => `$items_chunks(${list(from)}, ${this.#size})`, [up]);
    data.inputs = [...(data.inputs ?? []), { name, type: "list", ...source }];
    return { ref: `${id}.${name}` };
  }
}

/** What a loop gives when it is over: the items of all its turns. */
export class DonePort extends Port {
  readonly #loop: CanvasNode;
  readonly #ends: readonly Port[];
  readonly #body: ReadonlySet<string>;

  constructor(given: {
    owner: string;
    items: string;
    loop: CanvasNode;
    ends: readonly Port[];
    body: ReadonlySet<string>;
    holder: CanvasNode;
  }) {
    super({ ...given, inputs: [], pairs: "none" });
    this.#loop = given.loop;
    this.#ends = given.ends;
    this.#body = given.body;
  }

  protected override through(owner: string): Trace {
    if (this.#body.has(owner)) return undefined;
    const lists = this.#ends.map((end) => {
      const trace = end.trace(owner);
      return trace === undefined || trace === "same" ? undefined : end.hold(trace);
    });
    if (lists.length === 0 || lists.some((ref) => ref === undefined)) return undefined;
    const config = this.#loop.data.config as { collect: { name: string; ref: string }[] };
    const sources = lists.map((ref) => {
      const name = `up${config.collect.length}`;
      config.collect.push({ name, ref: ref as string });
      return { ref: `${this.#loop.id}.${name}` };
    });
    const flat = (names: readonly string[]): string => names.map((name) => `$items_flat(${name})`).join(", ");
    const ref = this.hold(expressionOf((names) => `$items_joined(${flat(names)})`, sources));
    return ref === undefined ? undefined : { ref };
  }
}
