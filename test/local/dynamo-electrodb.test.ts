import type { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import { type DynamoServer, startDynamo } from "@weft/local/dynamo/server";
import { Entity, Service } from "electrodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clientFor, createMainTable, documentsOf, TABLE } from "./dynamo-support.ts";

function entities(client: DynamoDBDocumentClient) {
  const config = { client, table: TABLE };
  const flow = new Entity(
    {
      model: { entity: "flow", version: "1", service: "weft" },
      attributes: {
        spaceId: { type: "string", required: true },
        flowId: { type: "string", required: true },
        status: { type: ["draft", "live"] as const, required: true },
        name: { type: "string" },
        revision: { type: "number", required: true, default: 1 },
        settings: { type: "any" },
        expiresAt: { type: "number" },
      },
      indexes: {
        primary: { pk: { field: "pk", composite: ["spaceId"] }, sk: { field: "sk", composite: ["flowId"] } },
        byStatus: {
          index: "gsi1",
          pk: { field: "gsi1pk", composite: ["spaceId"] },
          sk: { field: "gsi1sk", composite: ["status", "flowId"] },
        },
        live: {
          index: "gsi4",
          condition: (attributes) => attributes.status === "live",
          pk: { field: "gsi4pk", composite: ["spaceId"] },
          sk: { field: "gsi4sk", composite: ["flowId"] },
        },
      },
    },
    config,
  );
  const constraint = new Entity(
    {
      model: { entity: "constraint", version: "1", service: "weft" },
      attributes: { hash: { type: "string", required: true }, owner: { type: "string", required: true } },
      indexes: { primary: { pk: { field: "pk", composite: ["hash"] }, sk: { field: "sk", composite: [] } } },
    },
    config,
  );
  return { flow, constraint, service: new Service({ flow, constraint }, config) };
}

let server: DynamoServer;
let model: ReturnType<typeof entities>;

beforeAll(async () => {
  server = await startDynamo({ sweepIntervalMs: 0 });
  const client = clientFor(server.url);
  await createMainTable(client);
  model = entities(documentsOf(client));
});
afterAll(() => server.close());

const draft = (spaceId: string, flowId: string) => ({ spaceId, flowId, status: "draft" as const });

describe("an ElectroDB model", () => {
  it("creates once, patches only what exists, and holds a revision", async () => {
    const { flow } = model;
    const settings = { nested: { list: [1, { deep: true }], gone: undefined } };
    await flow.create({ ...draft("spc_1", "wfl_1"), settings }).go();
    await expect(flow.create(draft("spc_1", "wfl_1")).go()).rejects.toMatchObject({
      code: 4001,
      cause: { name: "ConditionalCheckFailedException" },
    });
    const raise = (expected: number) =>
      flow
        .patch({ spaceId: "spc_1", flowId: "wfl_1" })
        .set({ name: "first" })
        .add({ revision: 1 })
        .where((a, op) => op.eq(a.revision, expected));
    await raise(1).go();
    await expect(raise(1).go()).rejects.toMatchObject({ code: 4001 });
    await expect(flow.patch({ spaceId: "spc_1", flowId: "wfl_9" }).set({ name: "x" }).go()).rejects.toThrow();
    const { data } = await flow.get({ spaceId: "spc_1", flowId: "wfl_1" }).go({ consistent: true });
    expect(data).toMatchObject({ name: "first", revision: 2, settings: { nested: { list: [1, { deep: true }] } } });
  });

  it("hands back the item that a failed condition met", async () => {
    const { flow } = model;
    await flow.create(draft("spc_1", "wfl_2")).go();
    const refused = await flow
      .patch({ spaceId: "spc_1", flowId: "wfl_2" })
      .set({ name: "x" })
      .where((a, op) => op.eq(a.revision, 9))
      .go({ returnOnConditionCheckFailure: "all_old" });
    expect(refused).toMatchObject({ rejected: true, data: { flowId: "wfl_2", revision: 1 } });
  });

  it("moves an item between the partitions of an index, and out of a sparse one", async () => {
    const { flow } = model;
    const key = { spaceId: "spc_2", flowId: "wfl_1" };
    await flow.create(draft("spc_2", "wfl_1")).go();
    const ids = async (status: "draft" | "live") =>
      (await flow.query.byStatus({ spaceId: "spc_2", status }).go()).data.map(({ flowId }) => flowId);
    const live = async () => (await flow.query.live({ spaceId: "spc_2" }).go()).data.length;
    expect([await ids("draft"), await ids("live"), await live()]).toEqual([["wfl_1"], [], 0]);
    await flow.patch(key).set({ status: "live" }).composite({ flowId: "wfl_1" }).go();
    expect([await ids("draft"), await ids("live"), await live()]).toEqual([[], ["wfl_1"], 1]);
    await flow.patch(key).set({ status: "draft" }).composite({ flowId: "wfl_1" }).go();
    expect([await ids("draft"), await ids("live"), await live()]).toEqual([["wfl_1"], [], 0]);
    await flow.remove(key).go();
    expect([await ids("draft"), await ids("live"), await live()]).toEqual([[], [], 0]);
    await expect(flow.remove(key).go()).rejects.toThrow();
    await flow.delete(key).go();
  });

  it("pages by cursor, newest first, without repeating or missing one", async () => {
    const { flow } = model;
    const flowIds = Array.from({ length: 23 }, (_, n) => `wfl_${String(n).padStart(2, "0")}`);
    await flow.put(flowIds.map((flowId) => draft("spc_3", flowId))).go();
    for (const read of [flow.query.primary({ spaceId: "spc_3" }), flow.query.byStatus({ spaceId: "spc_3" })]) {
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const page: { data: { flowId: string }[]; cursor: string | null } = await read.go({
          cursor,
          limit: 5,
          order: "desc",
        });
        seen.push(...page.data.map(({ flowId }) => flowId));
        cursor = page.cursor;
      } while (cursor);
      expect(seen).toEqual([...flowIds].reverse());
    }
  });

  it("answers range queries by begins, between and bounds", async () => {
    const { flow } = model;
    const ids = Array.from({ length: 6 }, (_, n) => `wfl_a${n}`);
    await flow.put([...ids, "wfl_b0"].map((flowId) => draft("spc_4", flowId))).go();
    const q = () => flow.query.primary({ spaceId: "spc_4" });
    const found = async (query: { go(): Promise<{ data: { flowId: string }[] }> }) =>
      (await query.go()).data.map(({ flowId }) => flowId);
    expect(await found(q().begins({ flowId: "wfl_a" }))).toEqual(ids);
    expect(await found(q().between({ flowId: "wfl_a1" }, { flowId: "wfl_a3" }))).toEqual(ids.slice(1, 4));
    expect(await found(q().gte({ flowId: "wfl_a4" }))).toEqual(["wfl_a4", "wfl_a5", "wfl_b0"]);
    expect(await found(q().lt({ flowId: "wfl_a2" }))).toEqual(["wfl_a0", "wfl_a1"]);
  });

  it("keeps uniqueness by a constraint row in one transaction", async () => {
    const { service } = model;
    const claim = (flowId: string) =>
      service.transaction
        .write(({ flow, constraint }) => [
          flow.create(draft("spc_5", flowId)).commit(),
          constraint.create({ hash: "name-hash", owner: flowId }).commit(),
        ])
        .go();
    const results = await Promise.all(["wfl_1", "wfl_2", "wfl_3"].map(claim));
    expect(results.filter(({ canceled }) => !canceled)).toHaveLength(1);
    const lost = results.find(({ canceled }) => canceled);
    expect(lost?.data.map(({ rejected, code }) => [rejected, code])).toEqual([
      [false, "None"],
      [true, "ConditionalCheckFailed"],
    ]);
    const { data } = await model.flow.query.primary({ spaceId: "spc_5" }).go();
    expect(data).toHaveLength(1);
    const both = await service.transaction
      .get(({ flow, constraint }) => [
        flow.get({ spaceId: "spc_5", flowId: data[0]!.flowId }).commit(),
        constraint.get({ hash: "name-hash" }).commit(),
      ])
      .go();
    expect(both.data[1]?.item).toMatchObject({ owner: data[0]!.flowId });
  });

  it("counts with upsert and add under concurrency", async () => {
    const { flow } = model;
    await flow.create(draft("spc_6", "wfl_1")).go();
    const key = { spaceId: "spc_6", flowId: "wfl_1" };
    await Promise.all(Array.from({ length: 50 }, () => flow.patch(key).add({ revision: 1 }).go()));
    expect((await flow.get(key).go()).data?.revision).toBe(51);
  });
});
