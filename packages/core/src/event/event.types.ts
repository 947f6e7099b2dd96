import { EXECUTION_STATUS, RUN_MODE, TERMINAL_STATUS } from "@weft/engine/status";
import * as z from "zod";

/** What an event of one type says. Values that are secret, or that people may not read with the space, are no part of it. */
interface EventTypeSpec {
  description: string;
  data: z.ZodObject;
}

const time = z.iso.datetime();
const errorData = z.object({ code: z.string(), message: z.string(), nodeId: z.string().optional() });

const execution = z.object({
  executionId: z.string(),
  workflowId: z.string(),
  /** Null for a run of the draft. */
  version: z.string().nullable(),
  status: z.enum(EXECUTION_STATUS),
  mode: z.enum(RUN_MODE),
  trigger: z.object({ type: z.string(), id: z.string().optional() }),
});
const ended = execution.extend({
  status: z.enum(TERMINAL_STATUS),
  error: errorData.nullable(),
  /** Left out where it is large: then it is read from the execution. */
  output: z.record(z.string(), z.unknown()).optional(),
  usage: z.record(z.string(), z.number()),
  startedAt: time.nullable(),
  endedAt: time,
});
const workflow = z.object({ workflowId: z.string(), name: z.string() });

/**
 * Every type of event that the product itself tells of. A new one is a line here and an `emitOps` or `emit` where it
 * happens. Nobody else may post events whose type begins as one of these does.
 */
export const EVENT_TYPES = {
  "execution.succeeded": { description: "A run came to its end", data: ended },
  "execution.failed": { description: "A run failed", data: ended },
  "execution.cancelled": { description: "A run was cancelled", data: ended },
  "execution.timed_out": { description: "A run did not end in time", data: ended },
  "execution.waiting": {
    description: "A run waits for an answer of people",
    data: execution.extend({ eventId: z.string(), eventType: z.string(), nodeId: z.string(), path: z.string() }),
  },
  "workflow.published": {
    description: "A workflow got a new version",
    data: workflow.extend({ version: z.string(), description: z.string() }),
  },
  "workflow.status_changed": {
    description: "A workflow was paused, archived or taken back",
    data: workflow.extend({ from: z.string(), to: z.string() }),
  },
  "file.created": {
    description: "A file is there and can be read",
    data: z.object({
      fileId: z.string(),
      name: z.string(),
      contentType: z.string(),
      size: z.number(),
      source: z.string(),
    }),
  },
  "credential.changed": {
    description: "A credential was made, changed, rotated or destroyed; never what it holds",
    data: z.object({
      credentialId: z.string(),
      name: z.string(),
      type: z.string(),
      change: z.enum(["created", "updated", "rotated", "rolled_back", "removed"]),
      version: z.int(),
    }),
  },
  "variable.changed": {
    description: "A variable of the space or of a workflow was made, changed or removed; never its value",
    data: z.object({
      variableId: z.string(),
      name: z.string(),
      scope: z.enum(["global", "workflow"]),
      workflowId: z.string().nullable(),
      change: z.enum(["created", "updated", "removed"]),
    }),
  },
  "email.received": {
    description: "A mail came to the address of an event trigger",
    data: z.object({
      triggerId: z.string(),
      /** The mail's own, or that of its receipt where it has none. */
      messageId: z.string(),
      from: z.string().nullable(),
      to: z.array(z.string()),
      cc: z.array(z.string()),
      replyTo: z.array(z.string()),
      subject: z.string(),
      date: z.string().nullable(),
      inReplyTo: z.string().nullable(),
      text: z.string(),
      /** As it came: data, to be shown only where scripts cannot run. */
      html: z.string(),
      /** Whether text or HTML were longer than what is here. */
      isCut: z.boolean(),
      attachments: z.array(
        z.object({ fileId: z.string(), name: z.string(), contentType: z.string(), size: z.number() }),
      ),
      /** Attachments that were not kept, and why. */
      dropped: z.array(z.object({ name: z.string(), reason: z.string() })),
      /** Of the mail service: PASS, FAIL, GRAY, PROCESSING_FAILED. */
      verdicts: z.object({
        spam: z.string().nullable(),
        virus: z.string().nullable(),
        spf: z.string().nullable(),
        dkim: z.string().nullable(),
        dmarc: z.string().nullable(),
      }),
    }),
  },
} as const satisfies Record<string, EventTypeSpec>;

export type EventType = keyof typeof EVENT_TYPES;
export type EventData<T extends EventType> = z.input<(typeof EVENT_TYPES)[T]["data"]>;

/** Of one event's data. What EventBridge does not carry (256 KB) is kept in S3 and read from there. */
export const MAX_EVENT_BYTES = 1024 * 1024;
/** How long events are kept and listed. */
export const EVENT_DAYS = 7;
/** pending: on its way. dispatched: told to all who wanted it. failed: given up after all tries. */
export const EVENT_STATUS = ["pending", "dispatched", "failed"] as const;

/** Nouns that domains to come will tell of. */
const KEPT_NOUNS = [
  "agent",
  "app",
  "approval",
  "conversation",
  "dataset",
  "document",
  "experiment",
  "message",
  "subscription",
  "weft",
];

const OWN_TYPES = Object.keys(EVENT_TYPES);
const OWN_NOUNS: ReadonlySet<string> = new Set(OWN_TYPES.map(nounOf));
const NOUNS: ReadonlySet<string> = new Set([...OWN_NOUNS, ...KEPT_NOUNS]);

function nounOf(type: string): string {
  return type.split(".")[0] ?? type;
}

/** Whether events of this type are told by the product alone. */
export function isReserved(type: string): boolean {
  return NOUNS.has(nounOf(type).toLowerCase());
}

/** Whether there can be an event that `pattern` asks for: of the product's own nouns, only what it tells of. */
export function isPossible(pattern: string): boolean {
  return !OWN_NOUNS.has(nounOf(pattern)) || OWN_TYPES.some((type) => matchesType(pattern, type));
}

/** Whether an event of `type` is one that `pattern` asks for: the same, `noun.*`, or `*` for every one. */
export function matchesType(pattern: string, type: string): boolean {
  if (pattern === "*" || pattern === type) return true;
  return pattern.endsWith(".*") && type.startsWith(pattern.slice(0, -1));
}
