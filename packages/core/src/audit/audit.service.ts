import { expiresIn, isExpired } from "@weft/db/base";
import { listPage } from "@weft/db/page";
import { dayOf, daysBack, listPartitions } from "@weft/db/partitions";
import { write } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { actorId, type Ctx } from "@weft/kernel/ctx";
import { invalidField } from "@weft/kernel/errors";
import { type Id, newId } from "@weft/kernel/ids";
import type { CursorScope, Page } from "@weft/kernel/page";
import { redact, redactText } from "@weft/kernel/redact";
import type { EntityItem } from "electrodb";
import { LoginLogs, OperationLogs } from "./audit.entity.ts";
import {
  AUDIT_RETENTION_DAYS,
  DEFAULT_AUDIT_DAYS,
  type ListLoginLogs,
  type ListOperationLogs,
  type LoginLog,
  MAX_AUDIT_DAYS,
  type OperationLog,
  type RecordLogin,
  type RecordOperation,
} from "./audit.schema.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const MAX_ARGS_LENGTH = 4096;
const MAX_HEADER_LENGTH = 256;
/** The form of every id; anything else that a caller put in a path stays out of keys. */
const ID_FORM = /^[a-z]{3}_[0-9a-z]{26}$/;

/** Writes the row of one login try. */
export async function recordLogin(ctx: Ctx, login: RecordLogin): Promise<void> {
  const row = {
    scope: "platform" as const,
    loginLogId: newId("loginLog", ctx.clock.now()),
    ...stamp(ctx),
    userId: login.userId ?? "",
    account: masked(login.account),
    outcome: login.outcome,
  };
  await write(() => LoginLogs.create(row).go());
}

/** Writes the row of one mutating call, in the ctx's space or for the platform. Arguments are redacted here. */
export async function recordOperation(ctx: Ctx, operation: RecordOperation): Promise<void> {
  const { targetId, errorCode, traceId, args } = operation;
  const row = {
    scope: ctx.spaceId ?? "platform",
    operationLogId: newId("operationLog", ctx.clock.now()),
    ...stamp(ctx),
    actorType: ctx.actor.type,
    actorId: actorId(ctx),
    ...(ctx.actor.type === "apiKey" ? { apiKeyId: ctx.actor.apiKeyId } : {}),
    operation: operation.operation,
    targetId: targetId !== undefined && ID_FORM.test(targetId) ? targetId : "",
    status: operation.status,
    ...(errorCode ? { errorCode } : {}),
    ...(traceId ? { traceId } : {}),
    durationMs: Math.round(operation.durationMs * 1000) / 1000,
    ...(args === undefined ? {} : { args: argsText(args) }),
  };
  await write(() => OperationLogs.create(row).go());
}

/** Login tries, newest first: of all accounts over some days, or of one user. */
export async function listLogins(ctx: Ctx, input: ListLoginLogs): Promise<Page<LoginLog>> {
  const { limit, cursor, outcome, userId } = input;
  const isShown = shownIn(ctx, input);
  const keep = (item: LoginItem) => isShown(item) && (!outcome || item.outcome === outcome);
  const scope = scopeOf("listLoginLogs", "platform", input);
  if (userId) {
    const page = await listPage(LoginLogs.query.byUser({ userId }), { scope, limit, cursor, keep });
    return { ...page, items: page.items.map(toLoginLog) };
  }
  const partitions = daysOf(ctx, input);
  const queryOf = (day: string) => LoginLogs.query.primary({ scope: "platform", day });
  const page = await listPartitions(queryOf, { scope, partitions, limit, cursor, keep });
  return { ...page, items: page.items.map(toLoginLog) };
}

/** Operations of the ctx's space, newest first, over some days, on one target or by one actor. */
export function listSpaceOperations(ctx: Ctx, spaceId: Id<"space">, input: ListOperationLogs) {
  return listOperations(ctx, spaceId, input);
}

/** Operations outside of spaces, newest first, over some days, on one target or by one actor. */
export function listPlatformOperations(ctx: Ctx, input: ListOperationLogs): Promise<Page<OperationLog>> {
  return listOperations(ctx, "platform", input);
}

async function listOperations(ctx: Ctx, where: string, input: ListOperationLogs): Promise<Page<OperationLog>> {
  const { limit, cursor, actorId: by, targetId } = input;
  const isShown = shownIn(ctx, input);
  const keep = (item: OperationItem) => item.scope === where && isShown(item) && isAsked(item, input);
  const scope = scopeOf("listOperationLogs", where, input);
  const options = { scope, limit, cursor, keep };
  const page = targetId
    ? await listPage(OperationLogs.query.byTarget({ scope: where, targetId }), options)
    : by
      ? await listPage(OperationLogs.query.byActor({ actorId: by }), options)
      : await listPartitions((day) => OperationLogs.query.primary({ scope: where, day }), {
          ...options,
          partitions: daysOf(ctx, input),
        });
  return { ...page, items: page.items.map(toOperationLog) };
}

type LoginItem = EntityItem<typeof LoginLogs>;
type OperationItem = EntityItem<typeof OperationLogs>;

function isAsked(item: OperationItem, { actorId: by, operation, outcome }: ListOperationLogs): boolean {
  if (by && item.actorId !== by) return false;
  if (operation && item.operation !== operation) return false;
  return !outcome || (outcome === "failed") === item.status >= 400;
}

interface Days {
  from?: string | undefined;
  to?: string | undefined;
}

function shownIn(ctx: Ctx, { from, to }: Days) {
  const now = ctx.clock.now();
  return (row: { day: string; expiresAt?: number | undefined }) =>
    !isExpired(row, now) && (!from || row.day >= from) && (!to || row.day <= to);
}

function daysOf(ctx: Ctx, { from, to }: Days): string[] {
  const last = to ?? dayOf(ctx.clock.now());
  const first = from ?? dayOf(Date.parse(last) - (DEFAULT_AUDIT_DAYS - 1) * DAY_MS);
  if (first > last) throw invalidField("from", "must not be after `to`");
  const days = daysBack(first, last, MAX_AUDIT_DAYS + 1);
  if (days.length > MAX_AUDIT_DAYS) throw invalidField("from", `must be at most ${MAX_AUDIT_DAYS} days before \`to\``);
  return days;
}

function scopeOf(operation: string, where: string, input: ListLoginLogs | ListOperationLogs): CursorScope {
  const { limit: _limit, cursor: _cursor, ...filters } = input;
  return { operation, spaceId: where, filters };
}

function stamp(ctx: Ctx) {
  const now = ctx.clock.now();
  return {
    day: dayOf(now),
    at: isoTime(now),
    requestId: ctx.requestId,
    ...(ctx.ip ? { ip: ctx.ip.slice(0, MAX_HEADER_LENGTH) } : {}),
    ...(ctx.userAgent ? { userAgent: redactText(ctx.userAgent.slice(0, MAX_HEADER_LENGTH)) } : {}),
    expiresAt: expiresIn(AUDIT_RETENTION_DAYS * DAY_MS, now),
  };
}

/** Enough to tell accounts apart: the first two characters, and the domain of an address. */
function masked(account: string): string {
  const [name = "", domain] = account.trim().slice(0, 320).split("@", 2);
  return `${[...name].slice(0, 2).join("")}***${domain === undefined ? "" : `@${domain}`}`;
}

function argsText(args: unknown): string {
  const text = JSON.stringify(redact(args)) ?? "null";
  return text.length <= MAX_ARGS_LENGTH ? text : JSON.stringify({ "…": text.slice(0, MAX_ARGS_LENGTH) });
}

function toLoginLog(item: LoginItem): LoginLog {
  return {
    id: item.loginLogId as LoginLog["id"],
    at: item.at,
    userId: (item.userId as Id<"user">) || null,
    account: item.account,
    outcome: item.outcome,
    ip: item.ip ?? null,
    userAgent: item.userAgent ?? null,
    requestId: item.requestId,
  };
}

function toOperationLog(item: OperationItem): OperationLog {
  return {
    id: item.operationLogId as OperationLog["id"],
    at: item.at,
    spaceId: item.scope === "platform" ? null : (item.scope as Id<"space">),
    actorType: item.actorType,
    actorId: item.actorId,
    apiKeyId: (item.apiKeyId as Id<"apiKey"> | undefined) ?? null,
    operation: item.operation,
    targetId: item.targetId || null,
    status: item.status,
    errorCode: item.errorCode ?? null,
    requestId: item.requestId,
    traceId: item.traceId ?? null,
    ip: item.ip ?? null,
    userAgent: item.userAgent ?? null,
    durationMs: item.durationMs,
    args: item.args === undefined ? null : JSON.parse(item.args),
  };
}
