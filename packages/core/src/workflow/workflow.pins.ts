import { getLive } from "@weft/db/change";
import { listAll } from "@weft/db/page";
import { write } from "@weft/db/write";
import { nodeTypes } from "@weft/engine/nodes/index";
import { pinIssues } from "@weft/engine/pins";
import type { Plan } from "@weft/engine/plan";
import { isoTime } from "@weft/kernel/clock";
import { actorId, type Ctx, requireSpace } from "@weft/kernel/ctx";
import { AppError, invalidInput, notFound } from "@weft/kernel/errors";
import { load, storedSize } from "@weft/storage/blob";
import type { EntityItem } from "electrodb";
import { keep, loadCanvas } from "./workflow.canvas.ts";
import { WorkflowPinEntity } from "./workflow.entity.ts";
import {
  MAX_PIN_BYTES,
  MAX_PINS,
  type Pin,
  type PinnedOutput,
  type Pins,
  type StoredPin,
} from "./workflow.pins.schema.ts";
import type { WorkflowId } from "./workflow.schema.ts";
import { draftTarget, getOpen, target } from "./workflow.service.ts";

type PinRow = EntityItem<typeof WorkflowPinEntity>;

/** The pinned outputs of a draft, by node id. */
export async function list(ctx: Ctx, { workflowId }: { workflowId: WorkflowId }): Promise<PinnedOutput[]> {
  await getLive(ctx, target(ctx, workflowId));
  return Promise.all((await rowsOf(ctx, workflowId)).map((row) => toPinned(ctx, row)));
}

/**
 * Pins the output of a node of the draft, over one that was pinned before. Throws `invalid_input` for a node or a port that
 * the draft does not have, `too_large` for a large output, `unprocessable` for one node too many and `conflict` for an
 * archived workflow.
 */
export async function set(ctx: Ctx, input: Pin & { workflowId: WorkflowId; nodeId: string }): Promise<PinnedOutput> {
  const { workflowId, nodeId, output, port } = input;
  await getOpen(ctx, workflowId);
  const draft = await getLive(ctx, draftTarget(ctx, workflowId));
  const { plan } = await loadCanvas(ctx, draft);
  const pin = { output, ...(port === undefined ? {} : { port }) };
  check(plan, { [nodeId]: pin }, "");
  const others = (await rowsOf(ctx, workflowId)).filter((row) => row.nodeId !== nodeId);
  if (others.length >= MAX_PINS) throw new AppError("unprocessable", `at most ${MAX_PINS} nodes can be pinned`);
  const stored = await store(ctx, workflowId, pin);
  const row: PinRow = {
    ...{ spaceId: requireSpace(ctx), workflowId, nodeId },
    ...stored,
    size: storedSize(stored.output),
    updatedAt: isoTime(ctx.clock.now()),
    updatedBy: actorId(ctx),
  };
  await write(() => WorkflowPinEntity.put(row).go());
  return toPinned(ctx, row);
}

/** Throws `not_found` where the node is not pinned, `conflict` for an archived workflow. */
export async function remove(ctx: Ctx, input: { workflowId: WorkflowId; nodeId: string }): Promise<void> {
  const { workflowId, nodeId } = input;
  await getOpen(ctx, workflowId);
  // What it points to may be in use by a run.
  const key = { spaceId: requireSpace(ctx), workflowId, nodeId };
  await write(
    () => WorkflowPinEntity.remove(key).go(),
    () => notFound("pin", nodeId),
  );
}

/**
 * What is pinned in a debug run: what the draft keeps, where it is a run of the draft, and over it what the run itself is
 * given. Undefined where nothing is. Throws `invalid_input` naming what is wrong with the given ones.
 */
export async function pinsForRun(
  ctx: Ctx,
  run: { workflowId: WorkflowId; plan: Plan; isDraft: boolean; usePins: boolean; given?: Pins | undefined },
): Promise<Record<string, StoredPin> | undefined> {
  const { workflowId, plan, given = {} } = run;
  check(plan, given, "pins.");
  const rows = run.isDraft && run.usePins ? await rowsOf(ctx, workflowId) : [];
  const kept = rows.map(({ nodeId, output, port }) => [nodeId, { output, ...(port ? { port } : {}) }] as const);
  const pins: Record<string, StoredPin> = Object.fromEntries(kept.filter(([id]) => !Object.hasOwn(given, id)));
  // A node that is gone is not run either way. One that is run by mistake may do harm.
  const stale = pinIssues(plan, nodeTypes, pins).filter(({ path }) => path.endsWith(".port"));
  if (stale[0]) throw new AppError("unprocessable", `pin the node anew: ${stale[0].path}: ${stale[0].message}`);
  for (const [nodeId, pin] of Object.entries(given)) pins[nodeId] = await store(ctx, workflowId, pin);
  return Object.keys(pins).length > 0 ? pins : undefined;
}

function check(plan: Plan, pins: Record<string, { port?: string | undefined }>, prefix: string): void {
  const issues = pinIssues(plan, nodeTypes, pins);
  if (issues.length > 0) throw invalidInput(issues.map(({ path, message }) => ({ path: prefix + path, message })));
}

async function store(ctx: Ctx, workflowId: WorkflowId, { output, port }: Pin): Promise<StoredPin> {
  if (Buffer.byteLength(JSON.stringify(output)) > MAX_PIN_BYTES) {
    throw new AppError("too_large", `a pinned output has at most ${MAX_PIN_BYTES} bytes`);
  }
  return { output: await keep(ctx, workflowId, output), ...(port === undefined ? {} : { port }) };
}

function rowsOf(ctx: Ctx, workflowId: WorkflowId): Promise<PinRow[]> {
  const query = WorkflowPinEntity.query.primary({ spaceId: requireSpace(ctx), workflowId });
  return listAll(query, { max: 2 * MAX_PINS, consistent: true });
}

async function toPinned(ctx: Ctx, row: PinRow): Promise<PinnedOutput> {
  const { nodeId, port, updatedAt, updatedBy } = row;
  const output = (await load(ctx, row.output)) as Pin["output"];
  return { nodeId, output, ...(port ? { port } : {}), updatedAt, updatedBy };
}
