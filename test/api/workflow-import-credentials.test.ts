import { afterAll, beforeAll, expect, it } from "vitest";
import { type CredentialWorld, startCredentialWorld } from "../support/credentials.ts";
import { makeSpace } from "../support/people.ts";
import { allRows } from "../support/rows.ts";

let world: CredentialWorld;
beforeAll(async () => {
  world = await startCredentialWorld();
});
afterAll(() => world.close());

/** A request of n8n that is signed with a credential there. */
const signed = (credential: object) => ({
  name: "Signed",
  nodes: [
    {
      name: "Daily",
      type: "n8n-nodes-base.scheduleTrigger",
      parameters: { rule: { interval: [{ triggerAtHour: 9 }] } },
    },
    {
      name: "Call",
      type: "n8n-nodes-base.httpRequest",
      typeVersion: 4.2,
      parameters: {
        url: `${world.url}/ok`,
        authentication: "genericCredentialType",
        genericAuthType: "httpHeaderAuth",
      },
      credentials: { httpHeaderAuth: credential },
    },
  ],
  connections: { Daily: { main: [[{ node: "Call", type: "main", index: 0 }]] } },
});
const take = (body: object) => world.call("POST", "/workflows/import", body);

it("a credential that is not bound is told, warned of, and keeps the workflow from being published", async () => {
  const made = await take({ canvas: signed({ id: "theirs", name: "Key" }) });
  expect(made.status, JSON.stringify(made.json)).toBe(201);
  expect(made.json.report).toMatchObject({
    counts: { placeholder: 0 },
    credentials: [{ nodeId: "Call", externalId: "theirs", type: "httpHeaderAuth", name: "Key" }],
    triggers: [{ name: "Daily", kind: "schedule", config: { rules: [{ cron: "0 9 * * *" }] } }],
  });
  expect(made.json.issues).toContainEqual(
    expect.objectContaining({
      ...{ code: "credential_unbound", severity: "warning" },
      message: expect.stringMatching(/Call.*httpHeaderAuth.*theirs/),
    }),
  );
  const published = await world.call("POST", `/workflows/${made.json.id}/publish`, { force: true });
  expect(published.status).toBe(422);
  expect(JSON.stringify(published.json)).toContain("credential_unbound");
});

it("a credential that is bound signs the request; a package takes its binding along", async () => {
  const { id } = await world.make();
  const made = await take({ canvas: signed({ id: "theirs" }), bindings: { credentials: { theirs: id } } });
  expect(made.status, JSON.stringify(made.json)).toBe(201);
  expect(made.json.report.credentials).toEqual([]);
  expect((await world.call("POST", `/workflows/${made.json.id}/publish`, { force: true })).status).toBe(201);
  const { status } = await world.run(made.json.id, { input: {} });
  expect(status).toBe("succeeded");
  expect(world.seen.at(-1)?.headers.authorization).toBe("Bearer canary-bearer-token-12345");

  const { package: content } = (await world.call("GET", `/workflows/${made.json.id}/package?as=json`)).json;
  const second = (await world.make()).id;
  const again = await take({ canvas: content, bindings: { credentials: { [id]: second } } });
  const draft = (await world.call("GET", `/workflows/${again.json.id}/draft`)).json;
  expect(JSON.stringify(draft.canvas)).toContain(second);
  expect(JSON.stringify(draft.canvas)).not.toContain(id);
});

it("a credential of another space is refused, and nothing is written", async () => {
  const elsewhere = await makeSpace([{ person: world.ann, role: "owner" }]);
  const body = { name: "far", type: "bearer", data: { token: "t-123456789012" }, allowedHosts: [world.url] };
  const { id } = (await world.call("POST", "/credentials", body, world.ann, elsewhere)).json;
  const before = await allRows();
  const { status, json } = await take({ canvas: signed({ id: "theirs" }), bindings: { credentials: { theirs: id } } });
  expect(status).toBe(400);
  expect(JSON.stringify(json.error)).toContain("bindings.credentials.theirs");
  expect(await allRows()).toEqual(before);
});
