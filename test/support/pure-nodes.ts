import { nodeTypes } from "@weft/engine/nodes/index";
import { ERROR_PORT, type ErrorPolicy, type Input, type PathPart, type Source } from "@weft/engine/plan";

/** A node of a real type that touches nothing outside the run, as random plans draw it. */
export interface PureNode {
  type: string;
  config: object;
  inputs: Input[];
  /** Where its value stands in its output. */
  gives: PathPart[];
  ports?: readonly string[];
  policy?: ErrorPolicy;
}

/** What a node may read: other nodes' values, or numbers where there are none. */
export type Draw = () => Source;

const any = { type: "any" } as const;
const input = (name: string, source: Source): Input => ({ name, type: any, source });
const literal = (name: string, value: unknown): Input => input(name, { kind: "literal", value });

/** One maker for each pure type that has a value or a port; a few make several forms of it. */
export const PURE_NODES: Readonly<Record<string, (draw: Draw, random: () => number) => Omit<PureNode, "type">>> = {
  text: (draw) => ({
    config: { method: "concat", template: "{{a}}-{{b}}-{{c}}" },
    inputs: [input("a", draw()), input("b", draw())],
    gives: ["output"],
  }),
  template: (draw) => ({
    config: { template: "{{ a }}:{% for x in b %}{{ x }},{% endfor %}" },
    inputs: [input("a", draw()), literal("b", [1, 2])],
    gives: ["output"],
  }),
  transform: (draw) => {
    const inputs = [input("a", draw()), input("b", draw())];
    const source: Source = { kind: "expression", language: "jsonata", text: "[a, $string(b), $count(a)]", inputs };
    return { config: {}, inputs: [input("x", source), input("o", { kind: "object", fields: inputs })], gives: ["x"] };
  },
  no_op: (draw) => ({ config: {}, inputs: [input("a", draw())], gives: ["a"] }),
  comment: () => ({ config: {}, inputs: [], gives: ["nothing"] }),
  json_serialize: (draw) => ({ config: {}, inputs: [input("input", draw())], gives: ["output"] }),
  json_deserialize: (_draw, random) => ({
    config: {},
    inputs: [literal("input", JSON.stringify({ n: Math.floor(random() * 100) }))],
    gives: ["output", "n"],
  }),
  variable_aggregator: (draw) => ({
    config: { groups: [{ name: "g", inputs: ["none", "a", "b"] }] },
    inputs: [literal("none", null), input("a", draw()), input("b", draw())],
    gives: ["g"],
  }),
  variable_assign: (draw) => ({
    config: { assignments: [{ variable: "app.shared", input: "a" }] },
    inputs: [input("a", draw())],
    gives: ["isSuccess"],
  }),
  selector: (draw, random) => {
    const condition = random() < 0.5 ? { left: "a", operator: "gt", right: "b" } : { expression: "$string(a) > '5'" };
    return {
      config: { branches: [{ conditions: [condition] }] },
      inputs: [input("a", draw()), input("b", draw())],
      gives: [],
      ports: ["true", "false"],
    };
  },
  switch: (_draw, random) => ({
    config: { mode: "index", input: "a", ports: 2 },
    inputs: [literal("a", Math.floor(random() * 3))],
    gives: ["index"],
    ports: ["case_0", "case_1", "default"],
  }),
  check_parameters: (draw) => ({
    config: { onInvalid: "branch", rules: [{ input: "a", required: true, maxLength: 3 }] },
    inputs: [input("a", draw())],
    gives: ["errors"],
    ports: ["valid", "invalid"],
  }),
  merge: (draw) => ({ config: { mode: "append" }, inputs: [input("a", draw()), input("b", draw())], gives: ["items"] }),
  filter: (draw) => ({
    config: { conditions: [{ left: "", operator: "not_empty" }] },
    inputs: [input("items", draw())],
    gives: ["items"],
  }),
  sort: (draw) => ({
    config: { by: "fields", fields: [{ path: "" }] },
    inputs: [input("items", draw())],
    gives: ["items"],
  }),
  limit: (draw) => ({ config: { count: 2, keep: "last" }, inputs: [input("items", draw())], gives: ["items"] }),
  remove_duplicates: (draw) => ({ config: { compare: "all" }, inputs: [input("items", draw())], gives: ["items"] }),
  aggregate: (draw) => ({ config: { mode: "items" }, inputs: [input("items", draw())], gives: ["output", "data"] }),
  split_out: (draw) => ({
    config: { fields: [{ path: "value" }], include: "others" },
    inputs: [input("items", { kind: "object", fields: [input("value", draw()), input("beside", draw())] })],
    gives: ["items"],
  }),
  set_fields: (draw) => ({
    config: {
      fields: [
        { path: "made.here", input: "a" },
        { path: "text", template: "{{a}}" },
      ],
    },
    inputs: [input("a", draw())],
    gives: ["output"],
  }),
  compare_datasets: (draw) => ({
    config: { keys: [{ left: "", right: "" }] },
    inputs: [input("left", draw()), input("right", draw())],
    gives: ["onlyLeft"],
  }),
  date_time: (_draw, random) => ({
    config: { operation: "add", input: "d", amounts: [{ unit: "days", amount: { input: "a" } }] },
    inputs: [literal("d", "2026-01-01T00:00:00Z"), literal("a", Math.floor(random() * 1000))],
    gives: ["epochMs"],
  }),
  crypto: (draw) => ({ config: { operation: "hash", input: "a" }, inputs: [input("a", draw())], gives: ["output"] }),
  stop_with_error: (draw) => ({
    config: { message: "stopped by {{a}}" },
    inputs: [input("a", draw())],
    gives: ["errorBody", "errorMessage"],
    ports: [ERROR_PORT],
    policy: { onError: "branch" },
  }),
};

/** Pure types that random plans draw by other means: the ends, loops and what stands in them. */
export const DRAWN_ELSEWHERE: ReadonlySet<string> = new Set([
  "start",
  "end",
  "loop",
  "batch",
  "loop_set_variable",
  "break",
  "continue",
]);

/** Every installed type that touches nothing outside the run, or need not; of the beginnings only `start`, since a plan has one. */
export function pureTypes(): string[] {
  return [...nodeTypes.values()]
    .filter(({ type, effectful, begins }) => effectful !== true && (type === "start" || begins !== true))
    .map(({ type }) => type);
}

const makers = Object.entries(PURE_NODES);

/** A node of one of the pure types. */
export function pureNode(random: () => number, draw: Draw): PureNode {
  const [type, make] = makers[Math.floor(random() * makers.length)] as (typeof makers)[number];
  const made = make(draw, random);
  const config = nodeTypes.get(type)?.config.parse(made.config) as object;
  return { type, ...made, config };
}
