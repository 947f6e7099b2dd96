import { AppError, type FieldIssue, invalidField, invalidInput } from "@weft/kernel/errors";
import * as z from "zod";
import { isCozeCanvas, readCozeCanvas } from "./coze.ts";
import { MAX_EXPRESSION } from "./expressions/limits.ts";
import {
  MAX_EDGES,
  MAX_FIELDS,
  MAX_ISSUES,
  MAX_NODE_TIMEOUT_MS,
  MAX_NODES,
  MAX_RETRIES,
  MAX_RETRY_CODES,
  MAX_RETRY_DELAY_MS,
  MAX_RETRY_RULES,
  MAX_STRING,
} from "./limits.ts";
import { checkShape } from "./shape.ts";
import { parseJson } from "./values/json.ts";

const NAME_LENGTH = 128;
const BASE_TYPES = ["string", "integer", "number", "boolean", "object", "list", "any"] as const;

/** Ids of nodes: they become parts of paths, so no `/`, `.` or `#`. */
export const NODE_ID = /^[A-Za-z0-9_-]{1,64}$/;

const baseType = z.enum(BASE_TYPES);
const name = z.string().min(1).max(NAME_LENGTH);
const text = z.string().max(MAX_STRING);
const expression = z.string().min(1).max(MAX_EXPRESSION);
const inputList = () => z.array(CanvasInput).max(MAX_FIELDS).optional();

/** A declared type: the bare word, or an object where items or fields are declared too. */
export const CanvasType = z
  .union([
    baseType,
    z.strictObject({
      type: baseType,
      assist: z.string().max(32).optional(),
      get items() {
        return CanvasType.optional();
      },
      get fields() {
        return z.array(CanvasField).max(MAX_FIELDS).optional();
      },
    }),
  ])
  .meta({ id: "CanvasType" });
export type CanvasType =
  | BaseTypeName
  | { type: BaseTypeName; assist?: string; items?: CanvasType; fields?: CanvasField[] };
type BaseTypeName = (typeof BASE_TYPES)[number];

export interface CanvasField {
  name: string;
  type: CanvasType;
  required?: boolean;
  default?: unknown;
  description?: string;
}
/** A declared output, or a member of an object type. */
export const CanvasField: z.ZodType<CanvasField> = z
  .strictObject({
    name,
    get type() {
      return CanvasType;
    },
    required: z.boolean().optional(),
    default: z.unknown().optional(),
    description: z.string().max(4_000).optional(),
  })
  .meta({ id: "CanvasField" }) as unknown as z.ZodType<CanvasField>;

export interface CanvasInput {
  name: string;
  type?: CanvasType;
  value?: unknown;
  ref?: string;
  variable?: string;
  fields?: CanvasInput[];
  expression?: string | { language?: "jsonata" | undefined; text: string; inputs?: CanvasInput[] | undefined };
  jinja?: string | { text: string; inputs?: CanvasInput[] | undefined };
}
const SOURCES = ["value", "ref", "variable", "fields", "expression", "jinja"] as const;
/**
 * Where an input's value comes from: exactly one of a literal, a reference, a variable, an object made of inputs, and an
 * expression (JSONata) or a Jinja template, which read their own inputs and, by their ids, the nodes before.
 */
export const CanvasInput: z.ZodType<CanvasInput> = z
  .strictObject({
    name,
    type: CanvasType.optional(),
    value: z.unknown().optional(),
    ref: z.string().max(1_000).optional(),
    variable: z.string().max(1_000).optional(),
    get fields() {
      return z.array(CanvasInput).max(MAX_FIELDS).optional();
    },
    get expression() {
      const language = z.literal("jsonata").optional();
      return z.union([expression, z.strictObject({ language, text: expression, inputs: inputList() })]).optional();
    },
    get jinja() {
      return z.union([expression, z.strictObject({ text: expression, inputs: inputList() })]).optional();
    },
  })
  .refine((input) => SOURCES.filter((key) => Object.hasOwn(input, key)).length === 1, {
    message: `give exactly one of ${SOURCES.join(", ")}`,
  })
  .meta({ id: "CanvasInput" }) as unknown as z.ZodType<CanvasInput>;

/** A failure's code, such as `timeout`; `http_429` and `http_5xx` are statuses, which may also stand alone. */
const FailureCode = z
  .string()
  .regex(
    /^(?:(?:http_)?[1-5](?:\d\d|xx)|[a-z][a-z0-9_]{0,63})$/,
    "a code is a snake_case word or a status such as 5xx",
  );
const failureCodes = z.array(FailureCode).max(MAX_RETRY_CODES);

const backoff = {
  /** Before the second try. */
  delayMs: z.int().min(0).max(MAX_RETRY_DELAY_MS).optional(),
  /** By how much each further pause is longer; 1 is constant. */
  backoffRate: z.number().min(1).max(10).optional(),
  maxDelayMs: z.int().min(0).max(MAX_RETRY_DELAY_MS).optional(),
  /** Each pause is drawn from 0 to its nominal length. */
  jitter: z.boolean().optional(),
};

/** What happens when a node fails, and how often and how long it is tried. */
export const CanvasOnError = z
  .strictObject({
    /** default: `fallback` is the output. branch: the node leaves by `branch_error`. */
    strategy: z.enum(["throw", "default", "branch"]).optional(),
    fallback: z.unknown().optional(),
    /** Tries after the first, for failures that may pass and that no rule of `retryOn` names. */
    retries: z.int().min(0).max(MAX_RETRIES).optional(),
    ...backoff,
    /** The first rule that names a failure says how often it is tried again, whatever else is said of it. */
    retryOn: z
      .array(
        z.strictObject({ codes: failureCodes.min(1), retries: z.int().min(0).max(MAX_RETRIES).default(1), ...backoff }),
      )
      .max(MAX_RETRY_RULES)
      .optional(),
    /** Failures that are final, before any other rule. */
    neverRetryOn: failureCodes.optional(),
    /** For all tries together, and for one. */
    timeoutMs: z.int().min(1).max(MAX_NODE_TIMEOUT_MS).optional(),
    attemptTimeoutMs: z.int().min(1).max(MAX_NODE_TIMEOUT_MS).optional(),
  })
  .meta({ id: "CanvasOnError" });
export type CanvasOnError = z.output<typeof CanvasOnError>;

/** An edge; in a body the composite's own id stands for the beginning (as source) and the end (as target) of a turn. */
export const CanvasEdge = z
  .strictObject({
    id: z.string().min(1).max(200).optional(),
    source: z.string().min(1).max(64),
    sourceHandle: z.string().max(64).nullish(),
    target: z.string().min(1).max(64),
    targetHandle: z.string().max(64).nullish(),
  })
  .meta({ id: "CanvasEdge" });
export type CanvasEdge = z.output<typeof CanvasEdge>;

const position = z.strictObject({ x: z.number(), y: z.number() });

export interface CanvasBody {
  nodes: CanvasNode[];
  edges: CanvasEdge[];
}
export interface CanvasNode {
  id: string;
  type: string;
  position?: { x: number; y: number };
  data: {
    label?: string;
    config?: Record<string, unknown>;
    inputs?: CanvasInput[];
    outputs?: CanvasField[];
    onError?: CanvasOnError;
    body?: CanvasBody;
  };
}
export const CanvasNode: z.ZodType<CanvasNode> = z
  .strictObject({
    id: z.string().regex(NODE_ID, "an id is 1 to 64 letters, digits, _ or -"),
    type: z.string().regex(/^[a-z][a-z0-9_]{0,63}$/, "a type is a snake_case word"),
    position: position.optional(),
    data: z.strictObject({
      label: z.string().max(200).optional(),
      config: z.record(text, z.unknown()).optional(),
      inputs: z.array(CanvasInput).max(MAX_FIELDS).optional(),
      outputs: z.array(CanvasField).max(MAX_FIELDS).optional(),
      onError: CanvasOnError.optional(),
      get body() {
        return CanvasBody.optional();
      },
    }),
  })
  .meta({ id: "CanvasNode" }) as unknown as z.ZodType<CanvasNode>;
/** The inner graph of a composite. */
export const CanvasBody: z.ZodType<CanvasBody> = z
  .strictObject({ nodes: z.array(CanvasNode).max(MAX_NODES), edges: z.array(CanvasEdge).max(MAX_EDGES) })
  .meta({ id: "CanvasBody" }) as unknown as z.ZodType<CanvasBody>;

export interface Canvas extends CanvasBody {
  viewport?: { x: number; y: number; zoom: number } | undefined;
}
/** A workflow as people draw it. */
export const Canvas: z.ZodType<Canvas> = z
  .strictObject({
    nodes: z.array(CanvasNode).max(MAX_NODES),
    edges: z.array(CanvasEdge).max(MAX_EDGES),
    viewport: z.strictObject({ x: z.number(), y: z.number(), zoom: z.number() }).optional(),
  })
  .meta({ id: "Canvas" }) as unknown as z.ZodType<Canvas>;

/** `nodes.3.data.config` → `nodes.<id of that node>.data.config`: people know their nodes by id. Bodies are left out. */
function namedPath(root: unknown, path: readonly PropertyKey[]): string {
  let named: string[] = [];
  let at: unknown = root;
  for (let i = 0; i < path.length; i++) {
    const key = path[i] as PropertyKey;
    at = at !== null && typeof at === "object" ? (at as Record<PropertyKey, unknown>)[key] : undefined;
    const id = (at as { id?: unknown } | null | undefined)?.id;
    if (typeof key === "number" && path[i - 1] === "nodes" && typeof id === "string" && id !== "")
      named = ["nodes", id];
    else named.push(String(key));
  }
  return named.join(".");
}

/** The issues of a failed parse, each naming its node by id. */
export function namedIssues(root: unknown, error: z.core.$ZodError): FieldIssue[] {
  return error.issues.slice(0, MAX_ISSUES).map((issue) => {
    const keys = issue.code === "unrecognized_keys" ? issue.keys.slice(0, 1) : [];
    return { path: namedPath(root, [...issue.path, ...keys]), message: issue.message };
  });
}

function parsedText(json: string): unknown {
  if (json.length > MAX_STRING * 10) throw new AppError("invalid_input", "the canvas is too large");
  try {
    return parseJson(json);
  } catch (cause) {
    throw new AppError("invalid_input", "the canvas is not JSON", { cause });
  }
}

/**
 * Reads a canvas: our node and edge form, or Coze's canvas JSON, each as a value or as JSON text. Throws AppError
 * `invalid_input` whose issues name the node (`nodes.<id>.…`). What it gives may still not run: see {@link compile}.
 */
export function readCanvas(json: unknown): Canvas {
  const raw = typeof json === "string" ? parsedText(json) : json;
  if (raw === null || typeof raw !== "object" || Array.isArray(raw)) {
    throw invalidField("", "a canvas is an object with nodes and edges");
  }
  checkShape(raw);
  if (isCozeCanvas(raw)) return readCozeCanvas(raw);
  const parsed = Canvas.safeParse(raw);
  if (!parsed.success) throw invalidInput(namedIssues(raw, parsed.error));
  return parsed.data;
}
