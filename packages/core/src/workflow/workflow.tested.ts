import { read, tryWrite } from "@weft/db/write";
import { type Ctx, requireSpace } from "@weft/kernel/ctx";
import { WorkflowCommitEntity, WorkflowDraftEntity } from "./workflow.entity.ts";
import type { CommitId, WorkflowId } from "./workflow.schema.ts";

/** Notes that a run of this commit succeeded: it may now be published. Does nothing for a commit that was never run. */
export async function markTestRun(ctx: Ctx, workflowId: WorkflowId, commitId: CommitId): Promise<void> {
  const key = { spaceId: requireSpace(ctx), workflowId };
  const only = { attributes: ["hash" as const], consistent: true };
  const { data } = await read(() => WorkflowCommitEntity.get({ ...key, commitId }).go(only));
  if (!data) return;
  const set = { testRunCommitId: commitId, testRunHash: data.hash };
  // Not a change of the draft: whoever edits it must not find a new revision.
  await tryWrite(() => WorkflowDraftEntity.patch(key).set(set).go());
}
