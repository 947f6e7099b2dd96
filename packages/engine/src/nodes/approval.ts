import * as z from "zod";
import { MAX_RULES, MAX_STRING, MAX_WAIT_MS } from "../limits.ts";
import { defineNode, NodeError, type NodeResult, type NodeRun } from "../node.ts";
import type { Field } from "../plan.ts";
import { APPROVAL_EVENT } from "../record.ts";
import { isRecord } from "../values/json.ts";
import { renderTemplate } from "../values/template.ts";

const MAX_TITLE = 500;
/** Outputs that the node has by itself; what is declared beside them is the form that approvers fill in. */
const OWN_OUTPUTS: readonly Field[] = [
  { name: "decision", type: { type: "string" } },
  { name: "approved", type: { type: "boolean" } },
  { name: "comment", type: { type: "string" } },
  { name: "by", type: { type: "string" } },
  { name: "at", type: { type: "string" } },
  { name: "answers", type: { type: "list" } },
];
const NO_FIELDS = new Set([...OWN_OUTPUTS.map(({ name }) => name), "isSuccess", "errorBody"]);

const config = z.strictObject({
  title: z.string().max(MAX_TITLE).default(""),
  /** What is to be decided, as a template over the inputs. */
  message: z.string().max(MAX_STRING).default(""),
  /**
   * Who may answer: user ids or e-mail addresses of members, or roles of the space (`admin` means administrators and the
   * owner). Templates over the inputs. Empty: every member who may run the workflow.
   */
  approvers: z.array(z.string().min(1).max(320)).max(MAX_RULES).default([]),
  /** So many have to approve; one who rejects is enough to reject. */
  required: z.int().min(1).max(MAX_RULES).default(1),
  /** Whether approvers with an address get a mail with a link by which they can answer. */
  notify: z.enum(["email", "none"]).default("email"),
  /** A rejection must say why. */
  needsComment: z.boolean().default(false),
  /** Milliseconds until the port `timeout` is taken; absent: as long as the execution may last. */
  timeoutMs: z.int().min(1).max(MAX_WAIT_MS).optional(),
});
type Config = z.output<typeof config>;

/** Texts of one approver's answer are bounded by whoever takes it in. */
const Decided = z.object({
  decision: z.enum(["approve", "reject"]),
  comment: z.string().default(""),
  fields: z.record(z.string(), z.unknown()).default({}),
  by: z.string().default(""),
  at: z.string().default(""),
  answers: z.array(z.record(z.string(), z.unknown())).default([]),
});

function formOf({ outputs }: { outputs: readonly Field[] }): Field[] {
  return outputs.filter(({ name }) => !NO_FIELDS.has(name));
}

function ask({ config, inputs, node }: NodeRun<Config>): NodeResult {
  const { required, notify, needsComment, timeoutMs } = config;
  const approvers = config.approvers.map((text) => renderTemplate(text, inputs).trim()).filter((text) => text !== "");
  // What names nobody must not become a question to everybody.
  if (approvers.length < config.approvers.length) {
    throw new NodeError("unknown_approver", "an approver's template gives no text", { retryable: false });
  }
  const data = {
    kind: APPROVAL_EVENT,
    title: renderTemplate(config.title, inputs).slice(0, MAX_TITLE),
    message: renderTemplate(config.message, inputs),
    decisions: ["approve", "reject"],
    fields: formOf(node),
    approvers,
    required,
    notify,
    needsComment,
  };
  const timeout = timeoutMs === undefined ? {} : { timeoutMs };
  return { suspend: "signal", event: { type: APPROVAL_EVENT, data, ...timeout } };
}

export const approval = defineNode({
  type: "approval",
  title: "Approval",
  description:
    "Asks named people to approve or reject, by the API or a link in a mail, waits for as many as are required, and goes " +
    "on by the decision or by the time running out. Outputs that it declares are a form that approvers fill in.",
  category: "human",
  config,
  effectful: true,
  waits: true,
  nullOutputs: true,
  portForms: [
    { name: "approved", description: "It was approved by as many as are required." },
    { name: "rejected", description: "Somebody rejected it." },
    { name: "timeout", description: "Nobody decided in time, where there is a limit." },
  ],
  ports: ({ timeoutMs }) => ["approved", "rejected", ...(timeoutMs === undefined ? [] : ["timeout"])],
  outputs: () => [...OWN_OUTPUTS],
  dify: ["human-input"],
  run(run) {
    const { resume } = run;
    if (!resume) return ask(run);
    if (resume.error) throw new NodeError(resume.error.code, resume.error.message, { retryable: false });
    if (resume.timedOut) {
      const nobody = { comment: "", by: "", at: "", answers: [] };
      return { output: { decision: "timeout", approved: false, ...nobody }, port: "timeout" };
    }
    const decided = Decided.safeParse(isRecord(resume.data) ? resume.data : undefined);
    if (!decided.success) throw new NodeError("invalid_answer", "the answer is no decision", { retryable: false });
    const { decision, fields, ...how } = decided.data;
    const approved = decision === "approve";
    const word = approved ? "approved" : "rejected";
    return { output: { ...fields, decision: word, approved, ...how }, port: word };
  },
});
