import { createHash } from "node:crypto";
import { expiresIn, isExpired } from "@weft/db/base";
import { listAll } from "@weft/db/page";
import { dayOf, daysBack, listPartitions } from "@weft/db/partitions";
import { read, transact, tx } from "@weft/db/write";
import { isoTime } from "@weft/kernel/clock";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { invalidField, notFound } from "@weft/kernel/errors";
import { type Id, timeOf } from "@weft/kernel/ids";
import type { Page } from "@weft/kernel/page";
import type { CreateEntityItem, EntityItem } from "electrodb";
import {
  DEFAULT_LEDGER_DAYS,
  LEDGER_RETENTION_DAYS,
  type ListRequests,
  MAX_LEDGER_DAYS,
  type ModelRequest,
  type Summarise,
  type UsageGroup,
  type UsageSummary,
} from "./ledger.schema.ts";
import { ModelRequestRows, ModelUsageRows } from "./model.entity.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const SHARDS = 8;
/** Rows of usage of one day that a summary reads: models x scenes x users x shards. */
const MAX_USAGE_ROWS = 50_000;

type Row = EntityItem<typeof ModelRequestRows>;
type UsageRow = EntityItem<typeof ModelUsageRows>;

export type LedgerEntry = Omit<CreateEntityItem<typeof ModelRequestRows>, "spaceId" | "day" | "expiresAt">;

/** Writes a call's row and counts it, both or neither: sums are those of the rows. */
export async function record(ctx: Ctx, entry: LedgerEntry): Promise<void> {
  const spaceId = requireSpace(ctx);
  const day = dayOf(timeOf(entry.modelRequestId));
  const expiresAt = expiresIn(LEDGER_RETENTION_DAYS * DAY_MS, ctx.clock.now());
  const { modelId, scene, userId, modelRequestId, currency, firstTokenMs } = entry;
  const first = createHash("sha256").update(modelRequestId).digest()[0] ?? 0;
  const usage = tx(ModelUsageRows)
    .upsert({ spaceId, day, modelId, scene, userId, shard: `${first % SHARDS}${currency ? `-${currency}` : ""}` })
    .add({
      requests: 1,
      failed: entry.status === "succeeded" ? 0 : 1,
      firstTokenMs: firstTokenMs ?? 0,
      firstTokens: firstTokenMs === undefined ? 0 : 1,
      inputTokens: entry.inputTokens ?? 0,
      outputTokens: entry.outputTokens ?? 0,
      cachedTokens: entry.cachedTokens ?? 0,
      reasoningTokens: entry.reasoningTokens ?? 0,
      cost: entry.cost ?? 0,
      latencyMs: entry.latencyMs ?? 0,
    })
    .set({ expiresAt, ...(currency ? { currency } : {}) })
    .commit();
  await transact([
    tx(ModelRequestRows)
      .create({ ...entry, spaceId, day, expiresAt })
      .commit(),
    usage,
  ]);
}

/** Calls of the ctx's space over some days, newest first. */
export async function list(ctx: Ctx, input: ListRequests): Promise<Page<ModelRequest>> {
  const { limit, cursor, from: _from, to: _to, ...filters } = input;
  const spaceId = requireSpace(ctx);
  const wanted = Object.entries(filters).filter(([, value]) => value !== undefined);
  const now = ctx.clock.now();
  const keep = (row: Row) =>
    !isExpired(row, now) && wanted.every(([name, value]) => (row as Record<string, unknown>)[name] === value);
  const page = await listPartitions((day) => ModelRequestRows.query.primary({ spaceId, day }), {
    scope: { operation: "listModelRequests", spaceId, filters: { ...filters, from: input.from, to: input.to } },
    partitions: daysOf(ctx, input),
    ...{ limit, cursor, keep },
  });
  return { items: page.items.map(toRequest), nextCursor: page.nextCursor };
}

export async function get(ctx: Ctx, { modelRequestId }: { modelRequestId: Id<"modelRequest"> }): Promise<ModelRequest> {
  const spaceId = requireSpace(ctx);
  const key = { spaceId, day: dayOf(timeOf(modelRequestId)), modelRequestId };
  const { data } = await read(() => ModelRequestRows.get(key).go({ consistent: true }));
  if (!data || isExpired(data, ctx.clock.now())) throw notFound("model request", modelRequestId);
  return toRequest(data);
}

/** What the calls of some days amount to, in all and in groups, the largest first; days in their order. */
export async function summarise(ctx: Ctx, input: Summarise): Promise<UsageSummary> {
  const spaceId = requireSpace(ctx);
  const { by, modelId, scene, userId } = input;
  const days = daysOf(ctx, input);
  const total = new Sums();
  const groups = new Map<string, Sums>();
  for (const day of days) {
    const query = modelId
      ? ModelUsageRows.query.primary({ spaceId, day, modelId })
      : ModelUsageRows.query.primary({ spaceId, day });
    for (const row of await listAll(query, { max: MAX_USAGE_ROWS, consistent: true })) {
      if ((scene && row.scene !== scene) || (userId && row.userId !== userId)) continue;
      const key = { day: row.day, model: row.modelId, scene: row.scene, user: row.userId }[by];
      const group = groups.get(key) ?? new Sums();
      groups.set(key, group);
      group.add(row);
      total.add(row);
    }
  }
  const found = [...groups].map(([key, sums]) => ({ key, ...sums.result() }));
  const inOrder = (a: UsageGroup, b: UsageGroup) =>
    by === "day" ? (a.key < b.key ? -1 : 1) : b.requests - a.requests || (a.key < b.key ? -1 : 1);
  return {
    ...{ from: days.at(-1) ?? "", to: days[0] ?? "" },
    total: total.result(),
    groups: found.sort(inOrder),
  };
}

/** What calls have cost, to the hundred-millionth: sums of binary fractions would show their dust. */
const COST_DIGITS = 1e8;

const SUMMED = ["requests", "failed", "inputTokens", "outputTokens", "cachedTokens", "reasoningTokens"] as const;

class Sums {
  readonly #sum = { requests: 0, failed: 0, inputTokens: 0, outputTokens: 0, cachedTokens: 0, reasoningTokens: 0 };
  readonly #cost = new Map<string, number>();
  #latencyMs = 0;
  #firstTokenMs = 0;
  #firstTokens = 0;

  add(row: UsageRow): void {
    for (const name of SUMMED) this.#sum[name] += row[name] ?? 0;
    this.#latencyMs += row.latencyMs ?? 0;
    this.#firstTokenMs += row.firstTokenMs ?? 0;
    this.#firstTokens += row.firstTokens ?? 0;
    if (row.currency) this.#cost.set(row.currency, (this.#cost.get(row.currency) ?? 0) + (row.cost ?? 0));
  }

  result(): Omit<UsageGroup, "key"> {
    const { requests } = this.#sum;
    const rounded = [...this.#cost].map(([currency, cost]) => [currency, Math.round(cost * COST_DIGITS) / COST_DIGITS]);
    return {
      ...this.#sum,
      latencyMs: requests === 0 ? 0 : Math.round(this.#latencyMs / requests),
      firstTokenMs: this.#firstTokens === 0 ? null : Math.round(this.#firstTokenMs / this.#firstTokens),
      cost: Object.fromEntries(rounded),
    };
  }
}

function daysOf(ctx: Ctx, { from, to }: { from?: string | undefined; to?: string | undefined }): string[] {
  const last = to ?? dayOf(ctx.clock.now());
  const first = from ?? dayOf(Date.parse(last) - (DEFAULT_LEDGER_DAYS - 1) * DAY_MS);
  if (first > last) throw invalidField("from", "must not be after `to`");
  const days = daysBack(first, last, MAX_LEDGER_DAYS + 1);
  if (days.length > MAX_LEDGER_DAYS)
    throw invalidField("from", `must be at most ${MAX_LEDGER_DAYS} days before \`to\``);
  return days;
}

function toRequest(row: Row): ModelRequest {
  const { spaceId: _spaceId, day: _day, expiresAt: _expiresAt, modelRequestId, ...rest } = row;
  return {
    ...rest,
    id: modelRequestId as Id<"modelRequest">,
    at: isoTime(timeOf(modelRequestId)),
    entityId: row.entityId ?? null,
    nodeId: row.nodeId ?? null,
    executionId: row.executionId ?? null,
    fallbackOf: (row.fallbackOf as Id<"modelRequest"> | undefined) ?? null,
    inputTokens: row.inputTokens ?? 0,
    outputTokens: row.outputTokens ?? 0,
    cachedTokens: row.cachedTokens ?? 0,
    reasoningTokens: row.reasoningTokens ?? 0,
    cost: row.cost ?? 0,
    latencyMs: row.latencyMs ?? 0,
    currency: row.currency ?? null,
    firstTokenMs: row.firstTokenMs ?? null,
    finishReason: row.finishReason ?? null,
    errorCode: row.errorCode ?? null,
    errorMessage: row.errorMessage ?? null,
  };
}
