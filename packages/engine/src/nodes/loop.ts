import * as z from "zod";
import { fieldsOf, freeName, inputParameters, numberOrInput, paramsOf, pick, textOf } from "../coze/read.ts";
import { MAX_FIELDS, MAX_ITERATIONS } from "../limits.ts";
import { type Blocked, defineNode, type IterationDone, NodeError, type NodeResult, type NodeRun } from "../node.ts";
import { addUsage, metered, type Turns, type Usage } from "../record.ts";
import { isKind, NodeFailed } from "../run/io.ts";
import { setOwn } from "../values/json.ts";
import {
  checkErrorName,
  checkOwn,
  compositeConfig,
  compositeTraits,
  countConfig,
  countOf,
  errorFields,
  type Gathered,
  gather,
  gatheredOf,
  inputsOfCounts,
  itemLists,
  localsOf,
  namesOf,
  readCollect,
  type TurnError,
} from "./collect.ts";

const config = z.strictObject({
  mode: z.enum(["array", "count", "infinite"]).default("array"),
  ...compositeConfig,
  count: countConfig(MAX_ITERATIONS).optional(),
  /** Inputs that begin as variables, which the body can set. */
  variables: z.array(z.string()).max(MAX_FIELDS).default([]),
});
type Config = z.output<typeof config>;

/** The stored position: the turn to do next and what the turns before amount to. */
interface Cursor {
  index: number;
  loopVars: Record<string, unknown>;
  vars: Record<string, unknown>;
  lists: Record<string, unknown[]>;
  errors?: TurnError[];
  /** What the turns before were metered for. */
  usage?: Usage;
}

interface Loop {
  run: NodeRun<Config>;
  lists: [name: string, list: readonly unknown[]][];
  turns: number;
  gathered: Gathered[];
  at: Cursor;
}

function copyOf(cursor: Cursor): Cursor {
  const lists: Record<string, unknown[]> = {};
  for (const [name, list] of Object.entries(cursor.lists)) setOwn(lists, name, [...list]);
  const errors = cursor.errors ? { errors: [...cursor.errors] } : {};
  const { index, loopVars, vars, usage } = cursor;
  return { index, loopVars: { ...loopVars }, vars: { ...vars }, lists, ...errors, ...metered({ ...usage }) };
}

function turnsOf(run: NodeRun<Config>, lists: Loop["lists"]): number {
  const { mode, count } = run.config;
  if (mode === "infinite") return Number.POSITIVE_INFINITY;
  if (mode === "count") return countOf(count, run.inputs, MAX_ITERATIONS) ?? 0;
  if (lists.length === 0) return 0;
  return Math.min(MAX_ITERATIONS, ...lists.map(([, list]) => list.length));
}

function begin(run: NodeRun<Config>): Loop {
  const { config, inputs } = run;
  const lists = config.mode === "array" ? itemLists(run, config.items, config.variables) : [];
  const loopVars: Record<string, unknown> = {};
  for (const name of config.variables) setOwn(loopVars, name, inputs[name] ?? null);
  const fresh: Cursor = { index: 0, loopVars, vars: {}, lists: {} };
  const at = copyOf((run.cursor() as Cursor | undefined) ?? fresh);
  return { run, lists, turns: turnsOf(run, lists), gathered: gatheredOf(config.collect), at };
}

function isOver({ at, turns }: Loop): boolean {
  if (at.index < turns && at.index >= MAX_ITERATIONS) {
    throw new NodeError("too_many_iterations", `a loop ends after ${MAX_ITERATIONS} turns at the latest`, {
      retryable: false,
    });
  }
  return at.index >= turns;
}

function turn(loop: Loop): IterationDone | Blocked | Promise<IterationDone | Blocked> {
  const { run, at, lists } = loop;
  const forgive = (thrown: unknown): IterationDone => failedTurn(loop, thrown);
  try {
    const outcome = run.iterate(at.index, localsOf(run.inputs, lists, at.index), at.loopVars, at.vars);
    return outcome instanceof Promise ? outcome.catch(forgive) : outcome;
  } catch (thrown) {
    return forgive(thrown);
  }
}

/** A turn that failed and is to be passed over, as one that changed nothing. Throws on where it is not. */
function failedTurn({ run, at, gathered }: Loop, thrown: unknown): IterationDone {
  const { onItemError } = run.config;
  const error = onItemError === "fail" ? undefined : run.tolerate(thrown);
  if (!error) {
    if (isKind(thrown, NodeFailed)) addUsage(thrown.usage, at.usage);
    throw thrown;
  }
  at.errors ??= [];
  at.errors.push({ index: at.index, code: error.code, message: error.message });
  const missing = onItemError === "continue" ? gathered.map(({ node }) => [node, null] as const) : [];
  const { usage = {} } = error;
  return { outputs: new Map(missing), loopVars: at.loopVars, vars: at.vars, usage };
}

function finish({ run, at, gathered }: Loop): NodeResult {
  const output: Record<string, unknown> = {};
  for (const { name, node, path } of gathered) {
    if (node !== run.node.id) setOwn(output, name, at.lists[name] ?? []);
    else setOwn(output, name, at.loopVars[String(path[0])] ?? null);
  }
  if (run.config.onItemError !== "fail") output.errors = at.errors ?? [];
  const turns: Turns = { done: at.index, total: at.index };
  const vars = Object.keys(at.vars).length > 0 ? { vars: at.vars } : {};
  return { output, turns, ...vars, ...metered({ ...at.usage }) };
}

/** Takes in a finished turn. True when it was the last. */
function take(loop: Loop, done: IterationDone): boolean {
  const { at, gathered, run } = loop;
  for (const item of gathered) {
    if (item.node === run.node.id) continue;
    const found = gather(item, done.outputs);
    if (!found.ran) continue;
    const list = Object.hasOwn(at.lists, item.name) ? at.lists[item.name] : undefined;
    if (list) list.push(found.value);
    else setOwn(at.lists, item.name, [found.value]);
  }
  at.loopVars = done.loopVars;
  at.vars = done.vars;
  if (done.usage) at.usage = addUsage({ ...at.usage }, done.usage);
  at.index += 1;
  return done.control === "break";
}

function save({ run, at, turns }: Loop, force: boolean): void | Promise<void> {
  const total = Number.isFinite(turns) ? turns : null;
  return run.saveCursor(() => ({ state: copyOf(at), turns: { done: at.index, total } }), at.index, force);
}

function stop(loop: Loop, blocked: Blocked): NodeResult | Promise<NodeResult> {
  const saved = save(loop, true);
  return saved instanceof Promise ? saved.then(() => blocked) : blocked;
}

/** What comes after a turn: the end, a stop, or undefined for the next turn. */
function after(loop: Loop, outcome: IterationDone | Blocked): NodeResult | Promise<NodeResult> | undefined {
  if ("blocked" in outcome) return stop(loop, outcome);
  if (take(loop, outcome)) return finish(loop);
  if (isOver(loop)) return finish(loop);
  const { run } = loop;
  if (run.signal.aborted) throw run.signal.reason;
  if (run.mustYield()) return stop(loop, { blocked: true, waiting: [], yielded: true });
  const saved = save(loop, false);
  return saved instanceof Promise ? saved.then(() => goOn(loop)) : undefined;
}

async function goOnFrom(loop: Loop, first: Promise<IterationDone | Blocked>): Promise<NodeResult> {
  let outcome = await first;
  for (;;) {
    const result = after(loop, outcome);
    if (result !== undefined) return result;
    outcome = await turn(loop);
  }
}

/** Turns without effects are run one after another without giving up the thread; the first promise changes that. */
function goOn(loop: Loop): NodeResult | Promise<NodeResult> {
  for (;;) {
    const outcome = turn(loop);
    if (outcome instanceof Promise) return goOnFrom(loop, outcome);
    const result = after(loop, outcome);
    if (result !== undefined) return result;
  }
}

export const loop = defineNode({
  type: "loop",
  title: "Loop",
  description: "Runs its body once for each item of a list, a number of times, or until a break.",
  ...compositeTraits,
  config,
  uses: ({ items = [], variables, count }) => [...items, ...variables, ...inputsOfCounts(count)],
  locals: (_config, inputs) => [...inputs],
  collects: ({ collect }) => collect,
  outputs: ({ collect, onItemError }) => [
    ...collect.map(({ name }) => ({ name, type: { type: "any" as const } })),
    ...errorFields(onItemError),
  ],
  check: ({ mode, count, collect, variables, onItemError }, { id }) => [
    ...checkErrorName({ onItemError, collect }),
    ...(mode === "count" && count === undefined ? [{ path: "count", message: "a counted loop needs a count" }] : []),
    ...checkOwn(collect, id, variables),
  ],
  coze: {
    id: "21",
    key: "Loop",
    displayKey: "Loop",
    read: ({ data, inputs: source }) => {
      const items = inputParameters(source);
      const variables = paramsOf(pick(source, "variableParameters"));
      const inputs = [...items, ...variables];
      const mode = textOf(source, "loopType") ?? "array";
      const count =
        mode === "count" ? numberOrInput(pick(source, "loopCount"), freeName("loop_count", inputs), inputs) : undefined;
      return {
        config: {
          mode,
          items: namesOf(items),
          variables: namesOf(variables),
          ...(count === undefined ? {} : { count }),
          collect: readCollect(data),
        },
        inputs,
        outputs: fieldsOf(pick(data, "outputs")),
      };
    },
  },
  n8n: ["n8n-nodes-base.splitInBatches"],
  dify: ["loop", "iteration"],
  run(run) {
    const state = begin(run);
    return isOver(state) ? finish(state) : goOn(state);
  },
});
