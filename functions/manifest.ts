/**
 * Every Lambda of the product, one line each: infra makes functions, grants and API resources from it, the local cloud
 * starts them from it, the OpenAPI document and the security tests loop over it.
 */

/** What a function may do; infra turns each into least-privilege IAM statements and the variables that go with it. */
export type Grant =
  /** Item reads and writes on the table (never Scan). TABLE_NAME. */
  | "table"
  /** Objects of the files bucket. FILES_BUCKET. */
  | "files"
  /** Start, stop and describe runs of the RunWorkflow machine, answer its task tokens. RUN_WORKFLOW_ARN. */
  | "machine"
  /** The same from inside the machine: it learns the machine's ARN from its event, as the machine depends on it. */
  | "machine:self"
  /** Run user code in the sandbox. CODE_FUNCTION. */
  | "code"
  /** Send e-mail. MAIL_FROM, and WEFT_PUBLIC_URL where the stage says where people reach the API. */
  | "mail"
  /** Have platform jobs run. JOBS_FUNCTION, CANVAS_JOBS_FUNCTION. */
  | "jobs"
  /** Seal and open secrets: data keys, in the encryption context of secrets alone. DATA_KEY_ARN. */
  | "secrets"
  /** Ask models of Amazon Bedrock, and rank by them, with the function's own role. */
  | "bedrock"
  /** Put events on the bus. EVENT_BUS. */
  | "events"
  /** Read the mails that came in. INBOUND_DOMAIN. */
  | "inbound"
  /** Know where mails come in. INBOUND_DOMAIN. */
  | "inbound:name"
  /** Make, change and delete the schedules of users. SCHEDULE_GROUP, SCHEDULE_ROLE_ARN, SCHEDULE_TARGET_ARN, SCHEDULE_QUEUE_ARN. */
  | "scheduler";

export interface FunctionSpec {
  /** Unique; the construct id, the local cloud's name and `Metadata.weft` of the CloudFormation resource. */
  readonly name: string;
  /** TypeScript entry, from the repository's root; exports `handler`. */
  readonly entry: string;
  /** `api` answers API Gateway in STREAM mode; `authorizer` is its authorizer; the rest take plain events. */
  readonly kind: "api" | "authorizer" | "task" | "event" | "schedule";
  /** API resources: each gets ANY on itself and on `{proxy+}` below it, behind the authorizer. */
  readonly paths?: readonly string[];
  /** API resources without the authorizer, exact, no proxy below. */
  readonly anonymous?: readonly string[];
  /** The same with everything below: the function itself says who may call. */
  readonly anonymousBelow?: readonly string[];
  readonly grants: readonly Grant[];
  readonly memoryMb: number;
  readonly timeoutSeconds: number;
  /** Knows all node types, since it runs or compiles plans: its bundle may be larger. */
  readonly plans?: true;
  /** Calls models: it carries the clients of their providers, and loads each when it is first called. */
  readonly models?: true;
  /** Runs what users wrote: isolated by tenant and from every network, with bounded concurrency, and with no grants. */
  readonly sandbox?: true;
  /** Further modules that are bundled beside the entry, as `{name}.mjs`: threads and child processes. */
  readonly parts?: readonly { readonly name: string; readonly entry: string }[];
  /** Files that are copied beside the entry, from the repository's root. */
  readonly assets?: readonly { readonly from: string; readonly to: string }[];
}

/** What Pyodide reads at its start. */
const PYODIDE = ["pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json"];

const crud = { memoryMb: 1024, timeoutSeconds: 30 } as const;

export const functions = [
  {
    name: "authorizer",
    entry: "functions/identity/authorizer.ts",
    kind: "authorizer",
    grants: ["table"],
    memoryMb: 1024,
    timeoutSeconds: 10,
  },
  {
    name: "identity",
    entry: "functions/identity/index.ts",
    kind: "api",
    paths: ["/api/auth", "/api/me", "/api/users", "/api/roles", "/api/invitations", "/api/spaces"],
    anonymous: [
      "/api/auth/register",
      "/api/auth/verify-email",
      "/api/auth/login",
      "/api/auth/forgot-password",
      "/api/auth/reset-password",
    ],
    grants: ["table", "mail"],
    ...crud,
  },
  {
    name: "workflow",
    entry: "functions/workflow/index.ts",
    kind: "api",
    paths: [
      "/api/spaces/{spaceId}/workflows",
      "/api/spaces/{spaceId}/executions",
      "/api/spaces/{spaceId}/copies",
      "/api/spaces/{spaceId}/templates",
      "/api/library",
    ],
    grants: ["table", "files", "machine", "code", "secrets", "bedrock", "events"],
    plans: true,
    memoryMb: 1769,
    timeoutSeconds: 900,
  },
  {
    name: "approvals",
    entry: "functions/approval/index.ts",
    kind: "api",
    paths: ["/api/spaces/{spaceId}/approvals"],
    anonymous: ["/approvals/{token}"],
    grants: ["table", "files", "machine", "events"],
    ...crud,
  },
  {
    name: "credentials",
    entry: "functions/credential/index.ts",
    kind: "api",
    paths: ["/api/spaces/{spaceId}/credentials"],
    anonymous: ["/oauth/callback"],
    grants: ["table", "secrets", "events"],
    ...crud,
  },
  {
    name: "models",
    entry: "functions/model/index.ts",
    kind: "api",
    paths: [
      "/api/spaces/{spaceId}/models",
      "/api/spaces/{spaceId}/model-entities",
      "/api/spaces/{spaceId}/model-requests",
      "/api/model-catalogue",
      "/api/platform/models",
    ],
    grants: ["table", "secrets", "bedrock"],
    models: true,
    ...crud,
  },
  {
    name: "variables",
    entry: "functions/variable/index.ts",
    kind: "api",
    paths: [
      "/api/spaces/{spaceId}/variables",
      "/api/spaces/{spaceId}/variable-metas",
      "/api/spaces/{spaceId}/variable-instances",
    ],
    grants: ["table", "secrets", "events"],
    ...crud,
  },
  {
    name: "webhooks",
    entry: "functions/trigger/webhook/index.ts",
    kind: "api",
    paths: ["/api/spaces/{spaceId}/webhooks"],
    anonymousBelow: ["/hooks/{webhookId}"],
    grants: ["table", "files", "machine", "code", "secrets", "bedrock", "events"],
    plans: true,
    memoryMb: 1769,
    timeoutSeconds: 900,
  },
  {
    name: "code-executions",
    entry: "functions/code/index.ts",
    kind: "api",
    paths: ["/api/spaces/{spaceId}/code"],
    grants: ["table", "files", "code", "events"],
    memoryMb: 1024,
    // A run may take two minutes beside the start of an interpreter.
    timeoutSeconds: 180,
  },
  {
    name: "files",
    entry: "functions/file/index.ts",
    kind: "api",
    paths: ["/api/spaces/{spaceId}/files"],
    grants: ["table", "files", "events"],
    memoryMb: 1769,
    // A file of 5 GB is read once to check its hash when its upload is completed.
    timeoutSeconds: 300,
  },
  {
    name: "coze",
    entry: "functions/compat/coze/index.ts",
    kind: "api",
    paths: ["/v1/files"],
    grants: ["table", "files", "events"],
    ...crud,
  },
  {
    name: "events",
    entry: "functions/trigger/event/index.ts",
    kind: "api",
    paths: [
      "/api/spaces/{spaceId}/events",
      "/api/spaces/{spaceId}/event-triggers",
      "/api/spaces/{spaceId}/subscriptions",
    ],
    grants: ["table", "files", "machine", "secrets", "events", "inbound:name"],
    plans: true,
    ...crud,
  },
  {
    name: "schedules",
    entry: "functions/trigger/schedule/index.ts",
    kind: "api",
    paths: ["/api/spaces/{spaceId}/schedules"],
    grants: ["table", "files", "machine", "scheduler", "events"],
    plans: true,
    ...crud,
  },
  {
    name: "code",
    entry: "functions/code/run.ts",
    kind: "task",
    grants: [],
    // Two vCPUs: one for the program, one for who watches it.
    memoryMb: 3008,
    timeoutSeconds: 150,
    sandbox: true,
    parts: [
      { name: "javascript-worker", entry: "packages/adapters/src/sandbox/javascript-worker.ts" },
      { name: "python-child", entry: "packages/adapters/src/sandbox/child.ts" },
    ],
    assets: PYODIDE.map((file) => ({ from: `node_modules/pyodide/${file}`, to: `pyodide/${file}` })),
  },
  {
    name: "platform",
    entry: "functions/platform/index.ts",
    kind: "api",
    paths: ["/api/platform"],
    grants: ["table", "jobs"],
    ...crud,
  },
  {
    name: "docs",
    entry: "functions/docs/index.ts",
    kind: "api",
    anonymous: ["/", "/health", "/openapi.json", "/docs"],
    grants: [],
    memoryMb: 512,
    timeoutSeconds: 10,
  },
  {
    name: "run-step",
    entry: "functions/execution/run-step.ts",
    kind: "task",
    grants: ["table", "files", "machine:self", "code", "secrets", "mail", "bedrock", "events"],
    plans: true,
    memoryMb: 1769,
    timeoutSeconds: 900,
  },
  {
    name: "settle",
    entry: "functions/execution/settle.ts",
    kind: "task",
    grants: ["table", "files", "machine:self", "events"],
    memoryMb: 1024,
    timeoutSeconds: 60,
  },
  {
    name: "machine-status",
    entry: "functions/execution/machine-status.ts",
    kind: "event",
    grants: ["table", "files", "machine", "events"],
    memoryMb: 1024,
    timeoutSeconds: 60,
  },
  {
    name: "tell-events",
    entry: "functions/trigger/events.ts",
    kind: "event",
    grants: ["table", "files", "machine", "secrets", "events"],
    plans: true,
    memoryMb: 1024,
    timeoutSeconds: 120,
  },
  {
    name: "mail-in",
    entry: "functions/trigger/mail-in.ts",
    kind: "event",
    grants: ["table", "files", "events", "inbound"],
    // A mail of 30 MB is whole in memory, as it came and taken apart.
    memoryMb: 1769,
    timeoutSeconds: 120,
  },
  {
    name: "fire-schedule",
    entry: "functions/trigger/fire-schedule.ts",
    kind: "schedule",
    grants: ["table", "files", "machine", "events"],
    plans: true,
    memoryMb: 1024,
    timeoutSeconds: 60,
  },
  {
    name: "jobs",
    entry: "functions/platform/jobs.ts",
    kind: "schedule",
    grants: ["table", "files", "machine", "secrets", "events"],
    memoryMb: 1024,
    timeoutSeconds: 300,
  },
  {
    name: "canvas-jobs",
    entry: "functions/workflow/canvas-jobs.ts",
    kind: "schedule",
    grants: ["table", "files", "machine", "scheduler", "events"],
    plans: true,
    memoryMb: 1769,
    timeoutSeconds: 300,
  },
] as const satisfies readonly FunctionSpec[];

export type FunctionName = (typeof functions)[number]["name"];

/**
 * Platform jobs, their EventBridge Scheduler expressions and the functions that run them; a contract test holds this equal to
 * what these define.
 */
export const jobs = [
  { name: "reseal-secrets", schedule: "rate(1 day)", function: "jobs" },
  { name: "sweep-executions", schedule: "rate(1 minute)", function: "jobs" },
  { name: "sweep-files", schedule: "rate(1 hour)", function: "jobs" },
  { name: "continue-copies", schedule: "rate(1 minute)", function: "canvas-jobs" },
  { name: "start-firings", schedule: "rate(1 minute)", function: "jobs" },
  { name: "relay-events", schedule: "rate(1 minute)", function: "jobs" },
  { name: "send-deliveries", schedule: "rate(1 minute)", function: "jobs" },
  { name: "sync-schedules", schedule: "rate(1 minute)", function: "canvas-jobs" },
] as const satisfies readonly { name: string; schedule: string; function: FunctionName }[];
