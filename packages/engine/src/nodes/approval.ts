import * as z from "zod";
import { MAX_RULES, MAX_STRING, MAX_WAIT_MS } from "../limits.ts";
import { defineNode, NodeError, type NodeResult, type NodeRun } from "../node.ts";
import { isRecord } from "../values/json.ts";
import { renderTemplate } from "../values/template.ts";

const APPROVED = new Set(["approve", "approved"]);
const REJECTED = new Set(["reject", "rejected"]);
const MAX_COMMENT = 10_000;

const config = z.strictObject({
  title: z.string().max(500).default(""),
  /** What is to be decided, as a template over the inputs. */
  message: z.string().max(MAX_STRING).default(""),
  /** Who is asked, by user id or e-mail address; empty: whoever may answer for the workflow. */
  approvers: z.array(z.string().min(1).max(320)).max(MAX_RULES).default([]),
  /** A rejection must say why. */
  needsComment: z.boolean().default(false),
  /** Milliseconds until the port `timeout` is taken; absent: as long as the execution may last. */
  timeoutMs: z.int().min(1).max(MAX_WAIT_MS).optional(),
});
type Config = z.output<typeof config>;

interface Decision {
  approved: boolean;
  comment: string;
}

/** What came in, as a decision: the word, a truth value, or an object with `decision` (or `approved`) and `comment`. */
function decisionOf(data: unknown): Decision | undefined {
  const { decision, approved, comment } = isRecord(data) ? data : { decision: data };
  const word = decision ?? approved;
  const said = typeof word === "string" ? word.trim().toLowerCase() : word;
  const yes = said === true || APPROVED.has(said as string);
  if (!yes && said !== false && !REJECTED.has(said as string)) return undefined;
  return { approved: yes, comment: typeof comment === "string" ? comment.slice(0, MAX_COMMENT) : "" };
}

function ask({ config, inputs }: NodeRun<Config>, problem?: string): NodeResult {
  const { approvers, needsComment, timeoutMs } = config;
  const data = {
    kind: "approval",
    title: renderTemplate(config.title, inputs),
    message: renderTemplate(config.message, inputs),
    decisions: ["approve", "reject"],
    approvers,
    needsComment,
    ...(problem === undefined ? {} : { problem }),
  };
  return { suspend: "signal", event: { type: "approval", data, ...(timeoutMs === undefined ? {} : { timeoutMs }) } };
}

export const approval = defineNode({
  type: "approval",
  title: "Approval",
  description:
    "Asks people to approve or reject, waits for their decision, and goes on by it or by the time running out.",
  category: "human",
  config,
  effectful: true,
  waits: true,
  portForms: [
    { name: "approved", description: "It was approved." },
    { name: "rejected", description: "It was rejected." },
    { name: "timeout", description: "Nobody decided in time, where there is a limit." },
  ],
  ports: ({ timeoutMs }) => ["approved", "rejected", ...(timeoutMs === undefined ? [] : ["timeout"])],
  outputs: () => [
    { name: "decision", type: { type: "string" } },
    { name: "approved", type: { type: "boolean" } },
    { name: "comment", type: { type: "string" } },
  ],
  dify: ["human-input"],
  run(run) {
    const { config, resume } = run;
    if (!resume) return ask(run);
    if (resume.error) throw new NodeError(resume.error.code, resume.error.message, { retryable: false });
    if (resume.timedOut) return { output: { decision: "timeout", approved: false, comment: "" }, port: "timeout" };
    const decision = decisionOf(resume.data);
    if (!decision) return ask(run, 'answer {"decision": "approve"} or {"decision": "reject"}');
    const { approved, comment } = decision;
    if (!approved && config.needsComment && comment.trim() === "") return ask(run, "a rejection needs a comment");
    const word = approved ? "approved" : "rejected";
    return { output: { decision: word, approved, comment }, port: word };
  },
});
