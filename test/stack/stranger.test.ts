import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Resident, type StackWorld, startWorld, until } from "../support/world.ts";

interface Operation {
  operationId: string;
  security?: unknown[];
  requestBody?: unknown;
}
const document = JSON.parse(readFileSync(new URL("../../functions/docs/openapi.json", import.meta.url), "utf8")) as {
  paths: Record<string, Record<string, Operation>>;
};
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), ...operation })),
);

let world: StackWorld;
let owner: Resident;
let stranger: Resident;
/** Ids of things that the first account really has, by the parameter that names them. */
let owned: Record<string, string>;

const canvas = {
  nodes: [
    { id: "start", type: "start", data: {} },
    { id: "ask", type: "question", data: { config: { question: "Well?" } } },
    { id: "end", type: "end", data: { inputs: [{ name: "answer", ref: "ask.USER_RESPONSE" }] } },
  ],
  edges: [
    { id: "a", source: "start", target: "ask" },
    { id: "b", source: "ask", target: "end" },
  ],
};

/** It asks for an approval before it ends. */
const approving = {
  nodes: [canvas.nodes[0], { id: "ask", type: "approval", data: { config: {} } }, { id: "end", type: "end", data: {} }],
  edges: [
    { id: "a", source: "start", target: "ask" },
    { id: "b", source: "ask", sourceHandle: "approved", target: "end" },
    { id: "c", source: "ask", sourceHandle: "rejected", target: "end" },
  ],
};

async function make(method: string, path: string, body?: unknown) {
  const answer = await world.call(method, path, { token: owner.token, ...(body === undefined ? {} : { body }) });
  expect([path, answer.status], JSON.stringify(answer.json)).toEqual([path, expect.toSatisfy((s: number) => s < 300)]);
  return answer.json;
}

beforeAll(async () => {
  world = await startWorld();
  owner = await world.signUp();
  stranger = await world.signUp();
  const space = (await make("POST", "/api/spaces", { name: "Team" })).id;
  const invitation = await make("POST", `/api/spaces/${space}/invitations`, {
    email: "third@example.com",
    role: "member",
  });
  const key = await make("POST", "/api/me/api-keys", { name: "k", scopes: ["workflow:read"] });
  const sessions = await make("GET", "/api/me/sessions");
  const workflow = await make("POST", `/api/spaces/${space}/workflows`, { name: "w", canvas });
  const base = `/api/spaces/${space}/workflows/${workflow.id}`;
  await make("POST", `${base}/publish`, { version: "v1.0.0", force: true });
  const draft = await make("GET", `${base}/draft`);
  const snapshot = await make("POST", `${base}/snapshots`, { name: "before" });
  const template = await make("POST", `/api/spaces/${space}/templates`, { sourceId: workflow.id });
  await make("POST", `/api/spaces/${space}/templates/${template.id}/publish`, { audience: "space" });
  const objects = [{ kind: "workflow", id: workflow.id }];
  const copy = await make("POST", `/api/spaces/${space}/copies`, { objects });
  const execution = await make("POST", `${base}/run`, { mode: "async", version: "v1.0.0" });
  const asking = await make("POST", `/api/spaces/${space}/workflows`, { name: "a", canvas: approving });
  await make("POST", `/api/spaces/${space}/workflows/${asking.id}/run`, { mode: "async", version: "draft" });
  const read = () => make("GET", `/api/spaces/${space}/executions/${execution.id}`);
  const waiting = await until(read, (view) => view.waitingFor.length === 1);
  const waits = () => make("GET", `/api/spaces/${space}/approvals?status=waiting`);
  const approvals = await until(waits, ({ items }) => items.length === 1);
  const program = {
    language: "python",
    code: "open('note.txt', 'w').write('mine')\nasync def main(args):\n    return {}",
  };
  const ran = await make("POST", `/api/spaces/${space}/code/executions`, program);
  const credential = await make("POST", `/api/spaces/${space}/credentials`, {
    name: "c",
    type: "bearer",
    data: { token: "a token of the owner" },
    allowedHosts: ["api.example.com"],
  });
  const variable = await make("POST", `/api/spaces/${space}/variables`, { name: "v", type: "string", value: "x" });
  const meta = await make("POST", `/api/spaces/${space}/variable-metas`, { ownerKind: "app", ownerId: "app_1" });
  const events = `/api/spaces/${space}/events`;
  const event = await make("POST", events, { type: "owned.happened" });
  const eventTrigger = await make("POST", `/api/spaces/${space}/event-triggers`, {
    ...{ name: "t", types: ["owned.*"], workflowId: workflow.id, isEnabled: false },
  });
  const model = await make("POST", `/api/spaces/${space}/models`, {
    ...{ name: "m", provider: "scripted", model: "any" },
    connection: { rules: [{ reply: { text: "said" } }] },
  });
  const modelEntity = await make("POST", `/api/spaces/${space}/model-entities`, { name: "e", modelId: model.id });
  await make("POST", `/api/spaces/${space}/models/${model.id}/test`);
  const modelRequests = await make("GET", `/api/spaces/${space}/model-requests`);
  const subscriptions = `/api/spaces/${space}/subscriptions`;
  const listening = { name: "s", url: "https://hooks.invalid/in", types: ["owned.*"] };
  const subscription = await make("POST", subscriptions, listening);
  await make("POST", events, { type: "owned.again" });
  const sent = () => make("GET", `${subscriptions}/${subscription.id}/deliveries`);
  const deliveries = await until(sent, ({ items }) => items.length === 1);
  const webhook = await make("POST", `/api/spaces/${space}/webhooks`, {
    name: "h",
    workflowId: workflow.id,
    routes: [{ methods: ["POST"], path: "/orders" }],
    auth: { type: "bearer" },
  });
  await make("POST", `/api/spaces/${space}/webhooks/${webhook.id}/listen`);
  const schedule = await make("POST", `/api/spaces/${space}/schedules`, {
    name: "s",
    when: { type: "rate", every: 1, unit: "day" },
    workflowId: workflow.id,
  });
  owned = {
    eventId: event.items[0].id,
    eventTriggerId: eventTrigger.id,
    modelId: model.id,
    modelEntityId: modelEntity.id,
    modelRequestId: modelRequests.items[0].id,
    subscriptionId: subscription.id,
    deliveryId: deliveries.items[0].id,
    webhookId: webhook.id,
    scheduleId: schedule.id,
    credentialId: credential.id,
    credentialVersion: "1",
    variableId: variable.id,
    variableMetaId: meta.id,
    approvalId: approvals.items[0].id,
    codeExecutionId: ran.id,
    codeOutputId: ran.files[0].id,
    fileId: ran.files[0].fileId,
    spaceId: space,
    userId: owner.userId,
    workflowId: workflow.id,
    nodeId: "ask",
    version: "v1.0.0",
    commitId: draft.commitId,
    snapshotId: snapshot.id,
    copyTaskId: copy.id,
    templateId: template.id,
    executionId: execution.id,
    askedId: waiting.waitingFor[0].id,
    invitationId: invitation.id ?? invitation.invitation?.id,
    apiKeyId: key.id ?? key.apiKey?.id,
    sessionId: sessions.items[0].id,
  };
}, 120_000);

afterAll(() => world.close());

/** Parameters whose value is no object of an account. */
const NOT_OWNED = new Set(["jobName", "roleId", "token", "proxy", "modelMetaId"]);
const names = (path: string): string[] => [...path.matchAll(/\{([^}]+)\}/g)].map((match) => match[1] as string);
const filled = (path: string, values: Record<string, string>): string =>
  path.replace(/\{([^}]+)\}/g, (_all, name: string) => values[name] ?? `no-${name}`);

const objects = operations.filter(({ path }) => names(path).some((name) => !NOT_OWNED.has(name)));
const inSpaces = objects.filter(({ path }) => names(path).includes("spaceId"));
const beyondSpace = inSpaces.filter(({ path }) => names(path).some((name) => name !== "spaceId" && name !== "version"));
const outside = objects.filter(
  ({ path }) =>
    !names(path).includes("spaceId") && names(path).some((name) => name.endsWith("Id") && !NOT_OWNED.has(name)),
);

describe("a second account", () => {
  it("knows every parameter of the document", () => {
    expect(
      objects.flatMap(({ path }) => names(path)).filter((name) => owned[name] === undefined && !NOT_OWNED.has(name)),
    ).toEqual([]);
    expect(inSpaces.length).toBeGreaterThan(30);
  });

  it.each(inSpaces.map((op) => [op.operationId, op] as const))(
    "finds nothing at %s in the first account's space",
    async (_id, { method, path }) => {
      const body = method === "GET" || method === "DELETE" ? {} : { body: {} };
      const answer = await world.call(method, filled(path, owned), { token: stranger.token, ...body });
      expect([answer.status, answer.json?.error?.code]).toEqual([404, "not_found"]);
    },
  );

  it.each(beyondSpace.map((op) => [op.operationId, op] as const))(
    "finds nothing at %s under its own space",
    async (id, { method, path }) => {
      const bodies: Record<string, unknown> = {
        updateMember: { role: "member" },
        updateWorkflow: { expectedRevision: 1, name: "mine now" },
        saveWorkflowDraft: { expectedRevision: 1, canvas },
        rollbackWorkflowDraft: { expectedRevision: 1 },
        updateFile: { expectedRevision: 1, name: "mine.txt" },
        signUploadParts: { partNumbers: [1] },
        rotateCredential: { data: { token: "mine now" } },
        rollbackCredential: { version: 1 },
        authorizeCredential: { redirectUri: "https://weft.example.com/oauth/callback" },
        setPin: { output: {} },
        createWorkflowSnapshot: { name: "mine" },
        restoreWorkflowSnapshot: { expectedRevision: 1 },
        updateTemplate: { expectedRevision: 1, name: "mine now" },
        publishTemplate: { audience: "space" },
        updateWebhook: { name: "mine now" },
        updateModel: { expectedRevision: 1, name: "mine now" },
        updateModelEntity: { expectedRevision: 1, name: "mine now" },
        answerApproval: { decision: "approve" },
        resumeExecution: { eventId: owned.askedId, data: "x" },
        replayDeliveries: { since: new Date(0).toISOString() },
      };
      const body = method === "GET" || method === "DELETE" ? {} : { body: bodies[id] ?? {} };
      const path2 = filled(path, { ...owned, spaceId: stranger.spaceId });
      const answer = await world.call(method, path2, { token: stranger.token, ...body });
      expect([answer.status, answer.json?.error?.code], JSON.stringify(answer.json)).toEqual([404, "not_found"]);
    },
  );

  it.each(outside.map((op) => [op.operationId, op] as const))(
    "may do nothing at %s with the first account's id",
    async (_id, { method, path, security }) => {
      const body = method === "GET" || method === "DELETE" ? {} : { body: {} };
      const answer = await world.call(method, filled(path, owned), { token: stranger.token, ...body });
      // Routes of administrators say what is missing before they look for anything; a webhook asks for its own proof.
      const isHook = security?.length === 0;
      expect(["not_found", "forbidden", ...(isHook ? ["unauthenticated"] : [])]).toContain(answer.json?.error?.code);
    },
  );

  it("cannot name the first account's workflow inside a canvas of its own", async () => {
    const calling = {
      nodes: [
        { id: "start", type: "start", data: {} },
        { id: "call", type: "sub_workflow", data: { config: { workflowId: owned.workflowId } } },
        { id: "end", type: "end", data: {} },
      ],
      edges: [
        { id: "a", source: "start", target: "call" },
        { id: "b", source: "call", target: "end" },
      ],
    };
    const path = `/api/spaces/${stranger.spaceId}/workflows`;
    const created = await world.call("POST", path, { token: stranger.token, body: { name: "thief", canvas: calling } });
    const text = JSON.stringify(created.json);
    expect(text).toMatch(/not_found|does not exist|is not|unknown/i);
    if (created.status < 300) {
      const run = await world.call("POST", `${path}/${created.json.id}/run`, {
        token: stranger.token,
        body: { mode: "sync", version: "draft" },
      });
      expect(run.json.status === "failed" || run.status >= 400, JSON.stringify(run.json)).toBe(true);
    }
  });

  it("cannot have the first account's workflow run at events of its own", async () => {
    const path = `/api/spaces/${stranger.spaceId}/event-triggers`;
    const body = { name: "thief", types: ["x.*"], workflowId: owned.workflowId };
    const answer = await world.call("POST", path, { token: stranger.token, body });
    expect([answer.status, answer.json?.error?.code]).toEqual([404, "not_found"]);
  });

  it("cannot copy what it may not read", async () => {
    const objects = [{ kind: "workflow", id: owned.workflowId }];
    for (const from of [{}, { sourceSpaceId: owned.spaceId }, { from: "library" }]) {
      const path = `/api/spaces/${stranger.spaceId}/copies`;
      const answer = await world.call("POST", path, { token: stranger.token, body: { ...from, objects } });
      expect([answer.status, answer.json?.error?.code]).toEqual([404, "not_found"]);
    }
  });

  it("left everything as it was", async () => {
    const at = `/api/spaces/${owned.spaceId}`;
    expect((await make("GET", `${at}/workflows/${owned.workflowId}`)).name).toBe("w");
    expect(await make("GET", `${at}/executions/${owned.executionId}`)).toMatchObject({ status: "waiting" });
    expect(await make("GET", `${at}/approvals/${owned.approvalId}`)).toMatchObject({ status: "waiting", answers: [] });
    expect((await make("GET", "/api/me")).id).toBe(owner.userId);
  });
});
