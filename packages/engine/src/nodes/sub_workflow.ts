import * as z from "zod";
import { fieldsOf, inputParameters, pick, required, textOf } from "../coze/read.ts";
import { type CalledWorkflow, defineNode, NodeError, type NodeResult, type NodeRun } from "../node.ts";
import { isRecord } from "../values/json.ts";

const config = z.strictObject({
  workflowId: z.string().min(1).max(128),
  /** Empty: the version that is published when the run begins. */
  version: z.string().max(64).optional(),
  /** Off: the run goes on at once, and the node gives the id of the execution that it started. */
  wait: z.boolean().default(true),
});
type Config = z.output<typeof config>;

function resumed(resume: NonNullable<NodeRun["resume"]>): NodeResult {
  if (resume.error) {
    const { code, message, usage = {} } = resume.error;
    throw new NodeError(code, message, { retryable: false, usage });
  }
  if (resume.timedOut) throw new NodeError("timeout", "the called workflow did not end in time", { retryable: false });
  const { output, variables } = isRecord(resume.data) ? resume.data : {};
  const { usage = {} } = resume;
  return { output: isRecord(output) ? output : {}, vars: isRecord(variables) ? variables : {}, usage };
}

/** A run of its own, which nobody waits for; what becomes of it is in its own execution. */
async function detached(run: NodeRun<Config>, called: Omit<CalledWorkflow, "plan">): Promise<NodeResult> {
  const { workflows } = run.deps;
  if (!workflows?.start) throw new NodeError("unavailable", "workflows cannot be started here", { retryable: false });
  const { executionId } = await workflows.start(called, run.inputs, run.idempotencyKey);
  return { output: { executionId } };
}

export const subWorkflow = defineNode({
  type: "sub_workflow",
  title: "Workflow",
  description: "Runs another workflow with its inputs and gives its result, or starts it and goes on.",
  category: "integration",
  config,
  effectful: true,
  keeps: true,
  nullOutputs: true,
  assigns: true,
  outputs: ({ wait }) => (wait ? [] : [{ name: "executionId", type: { type: "string" } }]),
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
    const { plan: _plan, ...which } = called;
    if (!run.config.wait) return detached(run, which);
    if (run.childExecutions) {
      return { suspend: "child", ...which, input: run.inputs };
    }
    return run.frame(called.plan, run.inputs, called.workflowId);
  },
});
