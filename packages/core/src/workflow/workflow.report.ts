import { idSchema } from "@weft/kernel/ids";
import * as z from "zod";
import { CreatedWorkflow } from "./workflow.schema.ts";

const ExpressionReport = z
  .object({
    path: z.string(),
    from: z.string(),
    /** What it is here; absent where it could not be translated. */
    to: z.string().optional(),
    reason: z.string().optional(),
  })
  .meta({ id: "ImportedExpression" });
export const ImportReport = z
  .object({
    format: z.enum(["weft", "coze", "n8n", "dify", "package"]),
    nodes: z.array(
      z
        .object({
          nodeId: z.string(),
          externalId: z.string(),
          name: z.string(),
          from: z.string(),
          to: z.string(),
          /** exact: it does what it did. changed: with the differences in `notes`. placeholder: it blocks publishing. */
          fidelity: z.enum(["exact", "changed", "placeholder"]),
          notes: z.array(z.string()),
          expressions: z.array(ExpressionReport),
        })
        .meta({ id: "ImportedNode" }),
    ),
    counts: z.object({ exact: z.int(), changed: z.int(), placeholder: z.int() }),
    /** What began it there: what its triggers here have to be set to. */
    triggers: z.array(
      z
        .object({
          nodeId: z.string(),
          name: z.string(),
          type: z.string(),
          kind: z.enum(["manual", "workflow", "schedule", "webhook", "error", "form", "chat", "service"]),
          config: z.record(z.string(), z.unknown()),
        })
        .meta({ id: "ImportedTrigger" }),
    ),
    /** What `bindings.credentials` can be given for: `externalId` is its key. */
    credentials: z.array(
      z
        .object({ nodeId: z.string(), externalId: z.string(), type: z.string(), name: z.string().optional() })
        .meta({ id: "UnboundCredential" }),
    ),
    expressions: z.object({ translated: z.int(), untranslated: z.int() }),
    notes: z.array(z.string()),
  })
  .meta({ id: "ImportReport" });

/** The new workflow, how faithful it is, and the workflows that came with it by their ids elsewhere. */
export const ImportedWorkflow = CreatedWorkflow.extend({
  report: ImportReport,
  workflows: z.array(z.object({ externalId: z.string(), id: idSchema("workflow") })),
}).meta({ id: "ImportedWorkflow" });
export type ImportedWorkflow = z.output<typeof ImportedWorkflow>;

export const PACKAGE_AS = ["json", "yaml"] as const;
/** A workflow with those that it calls: an object, or its YAML text. The import route takes either as `canvas`. */
export const ExportedPackage = z
  .object({ as: z.enum(PACKAGE_AS), package: z.unknown() })
  .meta({ id: "ExportedWorkflowPackage" });
export type ExportedPackage = z.output<typeof ExportedPackage>;
