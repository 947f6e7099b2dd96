import * as z from "zod";
import { fieldsOf, inputParameters, pick, required, textOf } from "../coze/read.ts";
import { defineNode, NodeError, type NodeResult, type NodeRun } from "../node.ts";
import { isRecord } from "../values/json.ts";

const config = z.strictObject({
  workflowId: z.string().min(1).max(128),
  /** Empty: the version that is published when the run begins. */
  version: z.string().max(64).optional(),
});

function resumed(resume: NonNullable<NodeRun["resume"]>): NodeResult {
  if (resume.error) throw new NodeError(resume.error.code, resume.error.message, { retryable: false });
  if (resume.timedOut) throw new NodeError("timeout", "the called workflow did not end in time", { retryable: false });
  const { output, variables } = isRecord(resume.data) ? resume.data : {};
  return { output: isRecord(output) ? output : {}, vars: isRecord(variables) ? variables : {} };
}

export const subWorkflow = defineNode({
  type: "sub_workflow",
  title: "Workflow",
  description: "Runs another workflow with its inputs and gives its result.",
  category: "integration",
  config,
  effectful: true,
  nullOutputs: true,
  assigns: true,
  calls: ({ workflowId, version }) => [version ? { workflowId, version } : { workflowId }],
  coze: {
    id: "9",
    key: "SubWorkflow",
    displayKey: "SubWorkflow",
    read: ({ data, inputs }) => {
      const workflowId = required(textOf(inputs, "workflowId"), "inputs.workflowId");
      const version = textOf(inputs, "workflowVersion");
      return {
        config: version ? { workflowId, version } : { workflowId },
        inputs: inputParameters(inputs),
        outputs: fieldsOf(pick(data, "outputs")),
      };
    },
  },
  n8n: ["n8n-nodes-base.executeWorkflow"],
  dify: ["tool"],
  async run(run) {
    if (run.resume) return resumed(run.resume);
    const { workflows } = run.deps;
    if (!workflows) throw new NodeError("unavailable", "workflows cannot be called here", { retryable: false });
    const { workflowId, version } = run.config;
    const called = await workflows.load(version ? { workflowId, version } : { workflowId });
    if (run.childExecutions) {
      const { plan: _plan, ...which } = called;
      return { suspend: "child", ...which, input: run.inputs };
    }
    const result = await run.frame(called.plan, run.inputs);
    return "blocked" in result ? result : { output: result.output, vars: result.vars };
  },
});
