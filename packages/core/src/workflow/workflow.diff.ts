import { getLive } from "@weft/db/change";
import type { Canvas } from "@weft/engine/canvas";
import { diffCanvases } from "@weft/engine/diff";
import { diffMarkdown } from "@weft/engine/diff/markdown";
import type { Ctx } from "@weft/kernel/ctx";
import { AppError } from "@weft/kernel/errors";
import { isId } from "@weft/kernel/ids";
import type { StoredValue } from "@weft/kernel/stored";
import { load } from "@weft/storage/blob";
import { commitTarget } from "./workflow.draft.ts";
import type { WorkflowDiff } from "./workflow.history.schema.ts";
import { DRAFT, type WorkflowId } from "./workflow.schema.ts";
import { draftTarget, target, versionTarget } from "./workflow.service.ts";
import { snapshotTarget } from "./workflow.snapshots.ts";

/**
 * How one state of a workflow differs from another: the draft, a version, a commit that was run, a snapshot. From the
 * latest version where `from` is left out; throws `unprocessable` where there is none, `not_found` for what is not there.
 */
export async function diff(
  ctx: Ctx,
  input: { workflowId: WorkflowId; from?: string | undefined; to?: string },
): Promise<WorkflowDiff> {
  const { workflowId, to = DRAFT } = input;
  const workflow = await getLive(ctx, target(ctx, workflowId));
  const from = input.from ?? workflow.currentVersion;
  if (from === undefined) throw new AppError("unprocessable", "nothing is published: say what to compare from");
  const [before, after] = await Promise.all([canvasOf(ctx, workflowId, from), canvasOf(ctx, workflowId, to)]);
  const found = diffCanvases(before, after);
  return { from, to, ...found, markdown: diffMarkdown(found, { from, to }) };
}

async function canvasOf(ctx: Ctx, workflowId: WorkflowId, side: string): Promise<Canvas> {
  return (await load(ctx, (await rowOf(ctx, workflowId, side)).canvas)) as Canvas;
}

function rowOf(ctx: Ctx, workflowId: WorkflowId, side: string): Promise<{ canvas: StoredValue }> {
  if (side === DRAFT) return getLive(ctx, draftTarget(ctx, workflowId));
  if (isId("commit", side)) return getLive(ctx, commitTarget(ctx, workflowId, side));
  if (isId("snapshot", side)) return getLive(ctx, snapshotTarget(ctx, { workflowId, snapshotId: side }));
  return getLive(ctx, versionTarget(ctx, workflowId, side));
}
