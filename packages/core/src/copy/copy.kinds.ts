import * as WorkflowCopy from "../workflow/workflow.copy.ts";
import { spaceOf } from "../workflow/workflow.library.ts";
import type { WorkflowId } from "../workflow/workflow.schema.ts";
import type { CopyKind } from "./copy.schema.ts";
import type { Copyable } from "./copyable.ts";

const workflow: Copyable = {
  noun: "workflow",
  ...WorkflowCopy,
  publicSpace: (ctx, id) => spaceOf(ctx, id as WorkflowId),
};

/** Every kind of object that can be copied between spaces, one line each. */
export const copyables: Readonly<Record<CopyKind, Copyable>> = { workflow };
