import type { Ctx } from "@weft/kernel/ctx";
import type { ErrorCode } from "@weft/kernel/errors";
import { ID_PREFIX, type Id, type IdKind, idSchema } from "@weft/kernel/ids";
import * as z from "zod";
import type { Reply } from "./reply.ts";
import type { Permission } from "./services.ts";
import type { Streaming } from "./stream.ts";

/** Methods that routes take; HEAD and OPTIONS are answered from them. */
export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

type ParamNames<P extends string> = P extends `${string}{${infer N}}${infer Rest}` ? N | ParamNames<Rest> : never;
type ParamValue<N extends string> = N extends `${infer K}Id` ? (K extends IdKind ? Id<K> : string) : string;

/** The parameters of a path template: `{workflowId}` is an `Id<"workflow">`, a name of no id kind is a string. */
export type PathParams<P extends string> = { [N in ParamNames<P>]: ParamValue<N> };

type Params<P extends string, S extends z.ZodRawShape> = Omit<PathParams<P>, keyof S> & z.output<z.ZodObject<S>>;

/** What a handler gets: everything parsed and checked. */
export interface HandlerInput<P extends string, S extends z.ZodRawShape, Q extends z.ZodRawShape, B extends z.ZodType> {
  params: Params<P, S>;
  query: z.output<z.ZodObject<Q>>;
  body: z.output<B>;
  /** `ctx.spaceId` is set, after the membership check, where the path has `{spaceId}`. */
  ctx: "spaceId" extends ParamNames<P> ? Ctx & { spaceId: Id<"space"> } : Ctx;
  /** Lower-case names. */
  headers: Readonly<Record<string, string | undefined>>;
  /** Opens a streamed answer; throws on a route without `stream`. */
  stream: Streaming;
}

/** What is the same for every route whatever its types. */
export interface RouteInfo {
  method: Method;
  /** Full path with `{camelCase}` parameters: `/api/spaces/{spaceId}/workflows/{workflowId}`. */
  path: string;
  /** Verb + noun, unique over the API; also the name in the operation log. */
  operationId: string;
  summary: string;
  description?: string;
  tags?: readonly string[];
  permission: Permission;
  /** Whether calls are written to the operation log. Default: methods that change something, unless public. */
  audit?: boolean;
  /** The body holds secrets: the operation log keeps nothing of it. */
  confidential?: boolean;
  /** Status of a plain success. Default 200, or 204 where `response` is null. */
  status?: number;
  /** Codes this route answers beyond those that every route of its kind does. */
  errors?: readonly ErrorCode[];
  /** Honours the `Idempotency-Key` header. */
  idempotent?: boolean;
  /** May answer with a stream; documents `text/event-stream`. */
  stream?: boolean;
  /** Media types of the body. Default `application/json`. */
  consumes?: readonly string[];
  /** Path of the POST by which larger bodies can be sent; the refusal of a body that is too large names it. */
  larger?: string;
  /** The handler gets the request as it came, see `rawRoutes`. */
  raw?: true;
  /** `strip` lets dialects ignore unknown fields of query and body. Default `reject`. */
  unknownFields?: "reject" | "strip";
}

/** A route as its author writes it. */
export interface RouteSpec<
  P extends string,
  S extends z.ZodRawShape,
  Q extends z.ZodRawShape,
  B extends z.ZodType,
  R extends z.ZodType | null,
> extends RouteInfo {
  method: Method;
  path: P;
  /** Schemas of path parameters whose name does not already say their kind. */
  params?: S;
  query?: Q;
  body?: B;
  /** Schema of the JSON answer (unknown fields are stripped); null for no body. */
  response: R;
}

type Answer<R extends z.ZodType | null> = R extends z.ZodType
  ? z.input<R> | Reply<z.input<R>>
  : undefined | Reply<never>;

/** A route ready to serve: from this one value come routing, parsing, permission, audit, OpenAPI and security tests. */
export interface Route extends RouteInfo {
  readonly paramNames: readonly string[];
  readonly params: z.ZodObject;
  readonly query: z.ZodObject;
  readonly body: z.ZodType | undefined;
  readonly response: z.ZodType | null;
  readonly status: number;
  readonly audit: boolean;
  readonly mutating: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: the schemas above are what checks the erased input
  readonly handler: (input: any) => unknown;
}

/** Longest value of a path parameter that has no schema of its own. */
const MAX_PARAM_CHARS = 256;
const NAME = /\{([^}]*)\}/g;
const CAMEL = /^[a-z][A-Za-z0-9]*$/;
/** The greedy parameter: everything below a path, or nothing. */
const REST = "proxy";
/** Longest path that API Gateway takes. */
const MAX_REST_CHARS = 8_192;

/** Names of the parameters of a path template, in order. */
export function paramNames(path: string): string[] {
  return [...path.matchAll(NAME)].map((match) => (match[1] ?? "").replace(/\+$/, ""));
}

function paramSchema(name: string): z.ZodType {
  if (name === REST) return z.string().max(MAX_REST_CHARS);
  const kind = name.endsWith("Id") ? name.slice(0, -2) : "";
  return Object.hasOwn(ID_PREFIX, kind) ? idSchema(kind as IdKind) : z.string().min(1).max(MAX_PARAM_CHARS);
}

function strict(schema: z.ZodType | undefined, info: RouteInfo): z.ZodType | undefined {
  if (info.unknownFields === "strip" || !(schema instanceof z.ZodObject)) return schema;
  // An object that says itself what becomes of unknown fields (`z.looseObject`, `catchall`) keeps its word.
  return schema.def.catchall === undefined ? schema.strict() : schema;
}

/** Declares a route. Throws at load when the declaration cannot be served. */
export function route<
  const P extends string,
  const S extends z.ZodRawShape = Record<never, never>,
  const Q extends z.ZodRawShape = Record<never, never>,
  B extends z.ZodType = z.ZodUndefined,
  R extends z.ZodType | null = null,
>(spec: RouteSpec<P, S, Q, B, R>, handler: (input: HandlerInput<P, S, Q, B>) => Answer<R> | Promise<Answer<R>>): Route {
  const names = paramNames(spec.path);
  const wrong = names.find((name) => !CAMEL.test(name));
  if (wrong !== undefined) throw new Error(`${spec.operationId}: parameter {${wrong}} is not camelCase`);
  const known = Object.fromEntries(names.map((name) => [name, spec.params?.[name] ?? paramSchema(name)]));
  const query = z.object(spec.query ?? {});
  const mutating = spec.method !== "GET";
  return {
    ...spec,
    paramNames: names,
    params: z.object(known as z.ZodRawShape),
    query: spec.unknownFields === "strip" ? query : query.strict(),
    body: strict(spec.body, spec),
    status: spec.status ?? (spec.response === null ? 204 : 200),
    audit: spec.audit ?? (mutating && spec.permission !== "public"),
    mutating,
    handler,
  };
}
