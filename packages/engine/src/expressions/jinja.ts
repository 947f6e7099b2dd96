import { Environment, Interpreter, parse, tokenize } from "@huggingface/jinja";
import { Budget, BudgetExceeded } from "./budget.ts";
import { MAX_CACHED, MAX_CALL_DEPTH, MAX_EXPRESSION } from "./limits.ts";

type Program = ReturnType<typeof parse>;

/** Items that `range` makes at most. */
const MAX_RANGE = 100_000;

const cache = new Map<string, Program>();

/** A value of the interpreter: its type's name and what it holds. */
interface Held {
  type: string;
  value: unknown;
}
interface Node {
  type: string;
  value?: unknown;
  object?: Node;
  property?: Node;
  filter?: Node;
  callee?: Node;
}
type Call = (args: Held[], scope: unknown) => Held;

/** The interpreter's inner methods, which carry the limits; their names are held by the tests. */
interface Inner {
  evaluate(node: Node | undefined, scope: unknown): Held;
  applyFilter(operand: Held, filter: Node, scope: unknown): Held;
  evaluateArguments(args: Node[], scope: unknown): [Held[], Map<string, Held>];
}

/** The parsed template. Throws SyntaxError where it is none. */
export function compileJinja(template: string): Program {
  const known = cache.get(template);
  if (known) return known;
  if (template.length > MAX_EXPRESSION) throw new SyntaxError(`a template has at most ${MAX_EXPRESSION} characters`);
  const program = parse(tokenize(template));
  if (cache.size >= MAX_CACHED) cache.clear();
  cache.set(template, program);
  return program;
}

function range(first: number, last?: number, step = 1): number[] {
  const [from, to] = last === undefined ? [0, first] : [first, last];
  const count = Math.ceil((to - from) / step);
  if (!Number.isFinite(count) || count > MAX_RANGE) throw new BudgetExceeded(`range makes at most ${MAX_RANGE} items`);
  return Array.from({ length: Math.max(0, count) }, (_, at) => from + at * step);
}

function environmentOf(values: Readonly<Record<string, unknown>>): Environment {
  const environment = new Environment();
  const globals = { true: true, True: true, false: false, False: false, none: null, None: null, range };
  for (const [name, value] of Object.entries({ ...globals, ...values })) {
    if (name !== "namespace") environment.set(name, value);
  }
  return environment;
}

const lengthOf = (held: Held | undefined): number =>
  typeof held?.value === "string" ? held.value.length : Array.isArray(held?.value) ? held.value.length : 0;

/** What a filter or method makes at most of what it is given. */
function makes(name: unknown, operand: Held, args: readonly Held[], named: ReadonlyMap<string, Held>): number {
  const size = lengthOf(operand);
  if (name === "join") return size * lengthOf(args[0] ?? named.get("separator"));
  if (name === "indent") return size * Number((args[0] ?? named.get("width"))?.value ?? 1);
  if (name === "replace") return (Math.ceil(size / (lengthOf(args[0]) || 1)) + 1) * lengthOf(args[1]);
  if (name === "tojson") return size * Number(named.get("indent")?.value ?? 1);
  return size;
}

/** Puts the limits into an interpreter: each step, each value, and what filters would make before they make it. */
function bound(interpreter: Interpreter): void {
  const budget = new Budget();
  const inner = interpreter as unknown as Inner;
  const original = {
    evaluate: inner.evaluate.bind(interpreter),
    applyFilter: inner.applyFilter.bind(interpreter),
    evaluateArguments: inner.evaluateArguments.bind(interpreter),
  };
  let depth = 0;
  let pending: { name: unknown; operand: Held } | undefined;
  const texts = new Map<Node, Held>();
  inner.evaluate = (node, scope) => {
    budget.take();
    if (++depth > MAX_CALL_DEPTH) throw new BudgetExceeded(`the template nests more than ${MAX_CALL_DEPTH} deep`);
    let result: Held;
    try {
      result = original.evaluate(node, scope);
    } finally {
      depth -= 1;
    }
    if (!node) return result;
    if (typeof result?.value === "string") {
      budget.reserve(result.value.length);
      texts.set(node, result);
    } else if (Array.isArray(result?.value)) budget.take(Math.ceil(result.value.length / 64));
    return node.type === "MemberExpression" ? boundMethod(node, result, texts, budget) : result;
  };
  inner.applyFilter = (operand, filter, scope) => {
    const name = filter.type === "CallExpression" ? filter.callee?.value : filter.value;
    if (name === "tojson" || name === "string") measure(operand, budget);
    pending = filter.type === "CallExpression" ? { name, operand } : undefined;
    return original.applyFilter(operand, filter, scope);
  };
  inner.evaluateArguments = (args, scope) => {
    const mine = pending;
    pending = undefined;
    const [list, named] = original.evaluateArguments(args, scope);
    if (mine) budget.reserve(makes(mine.name, mine.operand, list, named));
    return [list, named];
  };
}

/** `text.replace(…)` is a function that the interpreter gives out: one that looks at its arguments first takes its place. */
function boundMethod(node: Node, method: Held, texts: ReadonlyMap<Node, Held>, budget: Budget): Held {
  const operand = node.object && texts.get(node.object);
  if (method?.type !== "FunctionValue" || !operand) return method;
  const call = method.value as Call;
  const name = node.property?.value;
  const guarded: Call = (args, scope) => {
    budget.reserve(makes(name, operand, args, new Map()));
    return call(args, scope);
  };
  return Object.assign(Object.create(Object.getPrototypeOf(method)) as Held, method, { value: guarded });
}

/** The size of a value written out, parts that are there twice counted twice. */
function measure(held: Held, budget: Budget): void {
  const sizes = new Map<unknown, number>();
  const sizeOf = (at: Held | undefined, depth: number): number => {
    const value = at?.value;
    if (typeof value === "string") return value.length;
    if (value === null || typeof value !== "object") return 1;
    const known = sizes.get(value);
    if (known !== undefined) return known;
    if (depth > MAX_CALL_DEPTH) throw new BudgetExceeded("the value is too deep");
    const children = Array.isArray(value) ? value : value instanceof Map ? [...value.values()] : [];
    const size = children.reduce((sum: number, child: Held) => sum + sizeOf(child, depth + 1), 1 + children.length);
    budget.reserve(size);
    sizes.set(value, size);
    return size;
  };
  sizeOf(held, 0);
}

/** Renders a template in one pass over a fresh environment. Throws what the interpreter throws, or BudgetExceeded. */
export function renderJinja(template: string, values: Readonly<Record<string, unknown>>): string {
  const program = compileJinja(template);
  const interpreter = new Interpreter(environmentOf(values));
  bound(interpreter);
  return String((interpreter.run(program) as Held).value);
}
