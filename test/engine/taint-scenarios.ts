import { createHash } from "node:crypto";
import type { CanvasInput, CanvasNode } from "@weft/engine/canvas";

export interface Scenario {
  /** The nodes that a text goes through, one after the other; the last one is looked at. */
  nodes(data: string): CanvasNode[];
  /** Its output for this text, where that is more than the text put in the place of another. */
  output?(data: string): unknown;
  /** Texts that mean something in the node's own language. */
  except?: RegExp;
}

const one = (type: string, config: object, inputs: CanvasInput[] = [], id = "n"): CanvasNode => ({
  id,
  type,
  data: { config: config as Record<string, unknown>, inputs },
});

const v: CanvasInput = { name: "v", ref: "start.in.text" };
const model = { id: "echo" };
const literal = (name: string, value: unknown): CanvasInput => ({ name, value });

/** By reference, literal, variable, in an object and a list, and through both languages. */
const everyInput = (data: string): CanvasInput[] => [
  v,
  { name: "whole", ref: "start.in" },
  literal("plain", data),
  { name: "typed", type: "string", value: data },
  { name: "app", variable: "app.v" },
  { name: "system", variable: "system.v" },
  { name: "user", variable: "user.v" },
  { name: "object", fields: [{ name: "m", ref: "start.in.text" }, literal("k", data)] },
  literal("list", [data, { deep: data }]),
  { name: "jsonata", expression: { text: "{'a': w, 'b': [w & '']}", inputs: [{ name: "w", ref: "start.in.text" }] } },
  { name: "jinja", jinja: { text: "<{{ w }}>", inputs: [{ name: "w", ref: "start.in.text" }] } },
];
const items = (data: string): CanvasInput =>
  literal("items", [
    { a: data, n: 2 },
    { a: "other", n: 1 },
    { a: data, n: 2 },
    { a: null, n: 3 },
  ]);
const equals = (data: string, left = "v") => ({ left, operator: "equal", value: data });

/** A loop or batch over texts, with one node that makes a text of each. */
function composite(type: "loop" | "batch", data: string): CanvasNode {
  const config = { items: ["xs"], collect: [{ name: "all", ref: "t.output" }] };
  const node = one(type, config, [literal("xs", [data, "other"]), v]);
  const inner = one("text", { method: "concat", template: "{{x}}:{{o}}" }, [
    { name: "x", ref: "n.xs" },
    { name: "o", ref: "n.v" },
  ]);
  node.data.body = { nodes: [{ ...inner, id: "t" }], edges: [] };
  return node;
}

/** A loop whose variable is set to the text in each turn. */
function setting(data: string): CanvasNode {
  const config = { mode: "count", count: 2, variables: ["w"], collect: [{ name: "last", ref: "n.w" }] };
  const node = one("loop", config, [literal("w", "at first")]);
  const set = one("loop_set_variable", { assignments: [{ variable: "w", input: "x" }] }, [literal("x", data)], "set");
  node.data.body = { nodes: [set], edges: [] };
  return node;
}

/** Every type that data goes through, with what carries data in its configuration. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  transform: { nodes: (data) => [one("transform", {}, everyInput(data))] },
  no_op: { nodes: (data) => [one("no_op", {}, everyInput(data))] },
  text: {
    nodes: (data) => [
      one("text", { method: "concat", template: "{{v}}|{{list}}|{{object}}|{{jinja}}" }, everyInput(data)),
    ],
  },
  template: {
    nodes: (data) => {
      const template = "{{ v }}|{{ object.m }}|{% for i in list %}{{ loop.index }}{% endfor %}";
      return [one("template", { template }, everyInput(data))];
    },
  },
  json_serialize: {
    nodes: (data) => [one("json_serialize", {}, [{ name: "input", fields: [v, literal("k", data)] }])],
  },
  json_deserialize: {
    nodes: (data) => [one("json_deserialize", {}, [literal("input", JSON.stringify({ a: data, b: [data] }))])],
  },
  variable_aggregator: {
    nodes: () => [
      one("variable_aggregator", { groups: [{ name: "g", inputs: ["none", "v"] }] }, [literal("none", null), v]),
    ],
  },
  variable_assign: {
    nodes: (data) => {
      const assignments = [
        { variable: "app.x", input: "v" },
        { variable: "user.y", input: "l" },
      ];
      const read: CanvasInput[] = [
        { name: "x", variable: "app.x" },
        { name: "y", variable: "user.y" },
      ];
      return [one("variable_assign", { assignments }, [v, literal("l", data)], "set"), one("transform", {}, read)];
    },
  },
  selector: {
    nodes: (data) => {
      const conditions = [equals(data), { left: "v", operator: "contains", value: data }, { expression: "v = w" }];
      return [one("selector", { branches: [{ conditions }] }, [v, literal("w", data)])];
    },
  },
  switch: {
    nodes: (data) => [one("switch", { mode: "rules", rules: [{ conditions: [equals(data)], name: data }] }, [v])],
  },
  check_parameters: {
    nodes: (data) => {
      const rules = [
        { input: "v", oneOf: [data] },
        { input: "v", type: "list", message: data },
      ];
      return [one("check_parameters", { onInvalid: "branch", rules }, [v])];
    },
  },
  merge: { nodes: (data) => [one("merge", { mode: "append" }, [items(data), literal("more", [data])])] },
  filter: { nodes: (data) => [one("filter", { conditions: [equals(data, "a")] }, [items(data)])] },
  sort: { nodes: (data) => [one("sort", { by: "fields", fields: [{ path: "n" }] }, [items(data)])] },
  limit: { nodes: (data) => [one("limit", { count: 3 }, [items(data)])] },
  remove_duplicates: {
    nodes: (data) => [one("remove_duplicates", { compare: "fields", fields: ["a"] }, [items(data)])],
  },
  aggregate: {
    nodes: (data) => {
      const fields = [{ path: "a", how: "concatenate", separator: data }];
      return [one("aggregate", { mode: "summarize", groupBy: ["n"], fields }, [items(data)])];
    },
  },
  split_out: {
    nodes: (data) => {
      const list = literal("items", [{ l: [data, { deep: data }], beside: data }]);
      return [one("split_out", { fields: [{ path: "l" }], include: "others" }, [list])];
    },
  },
  set_fields: {
    nodes: (data) => {
      const fields = [
        { path: "by.input", input: "v" },
        { path: "by.value", value: data },
        { path: "by.template", template: "{{v}}{{item.text}}" },
      ];
      return [one("set_fields", { base: "whole", fields }, everyInput(data))];
    },
  },
  compare_datasets: {
    nodes: (data) => [
      one("compare_datasets", { keys: [{ left: "a", right: "a" }] }, [
        literal("left", [{ a: data, n: 1 }, { a: "l" }]),
        literal("right", [{ a: data, n: 2 }, { a: "r" }]),
      ]),
    ],
  },
  date_time: {
    nodes: () => [
      one("date_time", { operation: "format", input: "d", format: "yyyy" }, [literal("d", "2026-01-01T00:00:00Z"), v]),
    ],
  },
  crypto: {
    nodes: () => [one("crypto", { operation: "hash", input: "v" }, [v])],
    output: (data) => ({ output: createHash("sha256").update(data).digest("hex") }),
  },
  html_extract: {
    nodes: (data) => {
      const values = [
        { name: "x", selector: "p" },
        { name: "y", selector: "p", give: "attribute", attribute: "t" },
      ];
      return [one("html_extract", { values }, [literal("html", `<p t="${data}">${data}</p>`)])];
    },
    except: /[<&]/,
  },
  markdown: {
    nodes: () => [one("markdown", { mode: "to_html", input: "v" }, [v])],
    // Emphasis, headings and HTML are Markdown's own.
    except: /__|^#|[<&]/,
  },
  xml: {
    nodes: (data) => [
      one("xml", { mode: "build", root: "r" }, [{ name: "data", fields: [v, literal("l", [data])] }], "made"),
      one("xml", { mode: "parse" }, [{ name: "data", ref: "made.output" }]),
    ],
  },
  csv: {
    nodes: (data) => [
      one("csv", { mode: "write", escapeFormulas: false }, [items(data)], "made"),
      one("csv", { mode: "parse", from: { input: "data" } }, [{ name: "data", ref: "made.output" }]),
    ],
  },
  spreadsheet: {
    nodes: (data) => [
      one("spreadsheet", { mode: "write", to: { as: "base64" } }, [items(data)], "made"),
      one("spreadsheet", { mode: "read", from: { input: "data", as: "base64" } }, [
        { name: "data", ref: "made.output" },
      ]),
    ],
  },
  compression: {
    nodes: (data) => [
      one(
        "compression",
        { operation: "zip", to: { as: "base64" } },
        [literal("items", [{ name: "a", content: data }])],
        "made",
      ),
      one("compression", { operation: "unzip", from: { input: "data", as: "base64" } }, [
        { name: "data", ref: "made.output" },
      ]),
      one("transform", {}, [{ name: "content", ref: "n.items[0].content" }], "content"),
    ],
  },
  file_read: {
    nodes: () => [
      one("file_write", { key: "a.txt", input: "v" }, [v], "made"),
      one("file_read", { key: "a.txt" }, []),
      one("transform", {}, [{ name: "content", ref: "n.content" }], "content"),
    ],
  },
  file_write: {
    // Keys are paths: what is none is refused, whatever else it looks like.
    nodes: () => [one("file_write", { key: "x/{{v}}.txt", input: "v" }, [v])],
    output: (data) => ({
      key: `x/${data}.txt`,
      size: Buffer.byteLength(data),
      contentType: "text/plain; charset=utf-8",
    }),
  },
  loop: { nodes: (data) => [composite("loop", data)] },
  batch: { nodes: (data) => [composite("batch", data)] },
  loop_set_variable: { nodes: (data) => [setting(data)] },
  sub_workflow: {
    nodes: (data) => [
      { ...one("sub_workflow", { workflowId: "echo" }, [{ name: "in", fields: [{ name: "text", value: data }] }]) },
    ],
  },
  code: {
    nodes: (data) => [one("code", { language: "javascript", code: "the double gives its inputs" }, everyInput(data))],
  },
  output_message: {
    nodes: (data) => [one("output_message", { content: "{{v}}|{{l}}" }, [v, literal("l", data)])],
  },
  respond_to_webhook: {
    nodes: (data) => {
      const headers = [{ name: "x-data", value: "{{v}}" }];
      const body = { type: "text", template: "{{v}}|{{l}}" };
      return [one("respond_to_webhook", { headers, body }, [v, literal("l", data)])];
    },
  },
  http_request: {
    nodes: (data) => {
      const headers = [
        { name: "x-input", input: "v" },
        { name: "x-template", value: "{{l}}" },
      ];
      const config = {
        method: "POST",
        url: "https://example.com/?q={{v}}",
        params: [{ name: "p", input: "v" }],
        headers,
      };
      const body = { type: "json", template: '{"bare":{{v}},"text":"{{l}}"}' };
      return [one("http_request", { ...config, body }, [v, literal("l", data)])];
    },
    // A template in an address is part of the address.
    except: /[#&]/,
    // The double answers with what it was sent.
    output: (data) => ({
      statusCode: 200,
      headers: "{}",
      body: JSON.stringify({ query: data, parameter: data, headers: [data, data], body: { bare: data, text: data } }),
    }),
  },
  llm: {
    nodes: (data) => [
      one("llm", { model, systemPrompt: "{{v}}", prompt: "{{v}}|{{l}}" }, [v, literal("l", data)], "said"),
      one("text", { method: "concat", template: "{{o}}" }, [{ name: "o", ref: "said.output" }], "shown"),
      {
        ...one("llm", { model, prompt: "{{o}}", format: "json" }, [{ name: "o", ref: "shown.output" }]),
        data: {
          config: { model, prompt: "{{o}}", format: "json" },
          inputs: [{ name: "o", ref: "shown.output" }],
          outputs: [
            { name: "a", type: "string" },
            { name: "b", type: "list" },
          ],
        },
      },
    ],
  },
  intent_detector: {
    nodes: (data) => {
      const config = { model, intents: [{ name: data }, { name: "other" }], systemPrompt: "{{query}}" };
      return [one("intent_detector", config, [{ name: "query", ref: "start.in.text" }])];
    },
  },
  question_classifier: {
    nodes: (data) => {
      const classes = [{ name: data, description: data }, { name: "other" }];
      return [one("question_classifier", { model, text: "{{v}}", instruction: "{{v}}", classes }, [v])];
    },
  },
  parameter_extractor: {
    nodes: () => {
      const made = one("parameter_extractor", { model, text: "{{v}}", instruction: "{{v}}" }, [v]);
      return [{ ...made, data: { ...made.data, outputs: [{ name: "a", type: "string", required: true }] } }];
    },
  },
  summarise: {
    nodes: () => [one("summarise", { model, text: "{{v}}", instruction: "{{v}}" }, [v])],
  },
  rss_read: {
    nodes: () => [one("rss_read", { url: "https://example.com/feed?title={{v}}" }, [v])],
    except: /[#&]/,
  },
  question: {
    nodes: (data) => [
      one("question", { question: "{{v}}|{{l}}", answerType: "option", options: ["{{v}}", "no"] }, [
        v,
        literal("l", data),
      ]),
    ],
  },
  approval: {
    nodes: (data) => [one("approval", { title: "{{v}}", message: "{{v}}|{{l}}" }, [v, literal("l", data)])],
  },
  input: {
    nodes: () => [{ id: "n", type: "input", data: { outputs: [{ name: "text", type: "string" }] } }],
  },
  stop_with_error: {
    nodes: (data) => [one("stop_with_error", { message: "{{v}}|{{l}}", details: "l" }, [v, literal("l", data)])],
  },
};

/** Types that no data goes through. */
export const WITHOUT_DATA: ReadonlySet<string> = new Set(["break", "continue", "comment", "wait", "placeholder"]);
