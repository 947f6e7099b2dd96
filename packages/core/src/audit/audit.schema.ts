import { ERROR_STATUS, type ErrorCode } from "@weft/kernel/errors";
import { idSchema } from "@weft/kernel/ids";
import { pageQuery } from "@weft/kernel/page";
import * as z from "zod";

/** How long log rows are kept. Half a year covers what an incident review asks for. */
export const AUDIT_RETENTION_DAYS = 180;
/** The widest stretch of days that one list covers: each day may cost a request. */
export const MAX_AUDIT_DAYS = 31;
export const DEFAULT_AUDIT_DAYS = 7;

export const LOGIN_OUTCOMES = [
  "succeeded",
  "unknown_account",
  "wrong_password",
  "unverified",
  "disabled",
  "rate_limited",
] as const;
export type LoginOutcome = (typeof LOGIN_OUTCOMES)[number];

export const ACTOR_TYPES = ["user", "apiKey", "public", "system"] as const;

const errorCodes = Object.keys(ERROR_STATUS) as [ErrorCode, ...ErrorCode[]];

export const LoginLog = z
  .object({
    id: idSchema("loginLog"),
    at: z.iso.datetime(),
    /** Null where no user has the name that was tried. */
    userId: idSchema("user").nullable(),
    /** The name that was tried, masked: people type passwords into the wrong field. */
    account: z.string(),
    outcome: z.enum(LOGIN_OUTCOMES),
    ip: z.string().nullable(),
    userAgent: z.string().nullable(),
    requestId: z.string(),
  })
  .meta({ id: "LoginLog" });
export type LoginLog = z.output<typeof LoginLog>;

export const OperationLog = z
  .object({
    id: idSchema("operationLog"),
    at: z.iso.datetime(),
    /** Null for an operation on the platform itself. */
    spaceId: idSchema("space").nullable(),
    actorType: z.enum(ACTOR_TYPES),
    actorId: z.string(),
    apiKeyId: idSchema("apiKey").nullable(),
    operation: z.string(),
    targetId: z.string().nullable(),
    status: z.int(),
    errorCode: z.enum(errorCodes).nullable(),
    requestId: z.string(),
    traceId: z.string().nullable(),
    ip: z.string().nullable(),
    userAgent: z.string().nullable(),
    durationMs: z.number(),
    /** The call's arguments without secrets, long values cut. */
    args: z.unknown(),
  })
  .meta({ id: "OperationLog" });
export type OperationLog = z.output<typeof OperationLog>;

const days = {
  /** First day, in UTC. */
  from: z.iso.date().optional(),
  /** Last day, in UTC. */
  to: z.iso.date().optional(),
};

export const ListLoginLogs = z.strictObject({
  ...pageQuery,
  ...days,
  userId: idSchema("user").optional(),
  outcome: z.enum(LOGIN_OUTCOMES).optional(),
});
export type ListLoginLogs = z.output<typeof ListLoginLogs>;

export const ListOperationLogs = z.strictObject({
  ...pageQuery,
  ...days,
  actorId: z.string().min(1).max(100).optional(),
  targetId: z.string().min(1).max(100).optional(),
  operation: z.string().min(1).max(100).optional(),
  outcome: z.enum(["succeeded", "failed"]).optional(),
});
export type ListOperationLogs = z.output<typeof ListOperationLogs>;

export interface RecordLogin {
  account: string;
  userId?: string | undefined;
  outcome: LoginOutcome;
}

export interface RecordOperation {
  operation: string;
  targetId?: string | undefined;
  status: number;
  errorCode?: ErrorCode | undefined;
  traceId?: string | undefined;
  durationMs: number;
  args?: unknown;
}
