import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { echo, type HookWorld, row, startHookWorld } from "../support/webhooks.ts";
import { until } from "../support/world.ts";

let world: HookWorld;
let echoing: string;
beforeAll(async () => {
  world = await startHookWorld();
  echoing = await world.publish(echo);
}, 180_000);
afterAll(() => world.close());

const call: HookWorld["call"] = (...given) => world.call(...given);
const must: HookWorld["must"] = (...given) => world.must(...given);
const hook: HookWorld["hook"] = (...given) => world.hook(...given);
const lastNode = { response: { mode: "last_node" } };
const start = (...names: string[]) => ({
  id: "start",
  type: "start",
  data: { outputs: names.map((name) => ({ name, type: "any" })) },
});
const end = (inputs: Record<string, string> = {}) => ({
  id: "end",
  type: "end",
  data: { inputs: Object.entries(inputs).map(([name, ref]) => ({ name, ref })) },
});
const execution = (id: string) => must(200, "GET", `/executions/${id}`);
const ended = (id: string) =>
  until(
    () => execution(id),
    ({ status }) => ["succeeded", "failed", "cancelled"].includes(status),
  );

describe("a webhook", () => {
  it("is made, listed by its workflow, changed, paused, deleted and brought back, at the same address", async () => {
    const workflowId = await world.publish(echo);
    const made = await hook(workflowId, {
      name: "Orders",
      routes: [{ methods: ["POST", "PUT"], path: "/orders/{id}" }],
    });
    expect(made).toMatchObject({
      isEnabled: true,
      secret: null,
      secrets: [],
      idempotency: "header",
      lastFiredAt: null,
    });
    expect(JSON.stringify(made)).not.toContain("linkKey");
    expect(
      (await must(200, "GET", `/webhooks?workflowId=${workflowId}`)).items.map(({ id }: { id: string }) => id),
    ).toEqual([made.id]);
    const { status } = await call("POST", `${made.path}/orders/1`, {});
    expect(status).toBe(202);
    const paused = await must(200, "POST", `/webhooks/${made.id}/pause`);
    expect(paused).toMatchObject({ isEnabled: false, pausedAt: expect.any(String) });
    const changed = await must(200, "PATCH", `/webhooks/${made.id}`, {
      expectedRevision: paused.revision,
      name: "Renamed",
    });
    expect(changed).toMatchObject({ name: "Renamed", isEnabled: false });
    await must(409, "PATCH", `/webhooks/${made.id}`, { expectedRevision: 1, name: "x" });
    // Another process learns of it within two seconds.
    const answers = (wanted: number) =>
      until(
        () => call("POST", `${made.path}/orders/1`, {}),
        (answer) => answer.status === wanted,
      );
    expect((await answers(503)).json.error.code).toBe("unavailable");
    await must(200, "POST", `/webhooks/${made.id}/resume`);
    await answers(202);
    await must(204, "DELETE", `/webhooks/${made.id}`);
    await must(404, "GET", `/webhooks/${made.id}`);
    expect((await answers(404)).json.error.code).toBe("not_found");
    expect((await must(200, "GET", `/webhooks?status=deleted`)).items[0].id).toBe(made.id);
    await must(200, "POST", `/webhooks/${made.id}/restore`);
    await answers(202);
  });

  it("moves to another workflow, and to a version of it", async () => {
    const other = await world.publish(row(start(), end()));
    const made = await hook(echoing, lastNode);
    await must(200, "PATCH", `/webhooks/${made.id}`, { workflowId: other, version: "v1.0.0" });
    expect((await must(200, "GET", `/webhooks?workflowId=${other}`)).items).toHaveLength(1);
    const answer = await until(
      () => call("POST", made.path, { a: 1 }),
      ({ json }) => json.method === undefined,
    );
    expect([answer.status, answer.json]).toEqual([200, {}]);
    await must(200, "PATCH", `/webhooks/${made.id}`, { version: null });
    await must(404, "PATCH", `/webhooks/${made.id}`, { version: "v9.9.9" });
    await must(404, "POST", "/webhooks", { name: "x", workflowId: "wfl_01jd0000000000000000000000" });
  });

  it("is refused where its definition makes no sense, with the field's name", async () => {
    const wrong = async (over: object) => {
      const { error } = await must(400, "POST", "/webhooks", { name: "x", workflowId: echoing, ...over });
      return error.details.issues[0].path;
    };
    expect(await wrong({ routes: [{ methods: ["POST"], path: "/-/test" }] })).toBe("routes.0.path");
    expect(await wrong({ routes: [{ methods: ["POST"], path: "/{a}/{a}" }] })).toBe("routes.0.path");
    const twice = ["/{a}", "/{b}"].map((path) => ({ methods: ["POST"], path }));
    expect(await wrong({ routes: twice })).toBe("routes.1");
    expect(await wrong({ ipAllow: ["10.0.0.0/33"] })).toBe("ipAllow.0");
    expect(await wrong({ cors: { origins: ["https://*.example.com"] } })).toBe("cors.origins.0");
    expect(await wrong({ response: { mode: "last_node", body: "x" } })).toBe("response.body");
    expect(await wrong({ response: { mode: "respond_node" } })).toBe("response.mode");
    expect(await wrong({ input: "{" })).toBe("input");
    expect(await wrong({ auth: { type: "jwt", algorithms: ["HS256", "RS256"] } })).toBe("auth.algorithms");
    expect(await wrong({ auth: { type: "jwt", algorithms: ["RS256"] } })).toBe("auth.publicKey");
  });
});

describe("a call", () => {
  it("answers at once with where to ask, and whoever has the link sees the output and nothing else", async () => {
    const { path, id } = await hook(echoing);
    const { status, json, headers } = await call("POST", path, { a: 1 });
    expect([status, json]).toEqual([
      202,
      { executionId: expect.stringMatching(/^exe_/), status: "accepted", statusUrl: expect.any(String) },
    ]);
    expect(headers.get("access-control-allow-origin")).toBeNull();
    expect(await ended(json.executionId)).toMatchObject({
      status: "succeeded",
      trigger: { type: "webhook", id },
      mode: "async",
    });
    const run = await call("GET", json.statusUrl);
    expect(run.json).toMatchObject({
      executionId: json.executionId,
      status: "succeeded",
      isDone: true,
      output: { body: { a: 1 } },
    });
    expect(Object.keys(run.json)).toEqual(["executionId", "status", "isDone", "output", "error"]);
    const other = (await call("POST", path, {})).json.statusUrl.split("token=")[1];
    for (const url of [json.statusUrl.split("?")[0], json.statusUrl.replace(/token=.*/, `token=${other}`)]) {
      expect((await call("GET", url)).status).toBe(404);
    }
    const shown = await until(
      () => must(200, "GET", `/webhooks/${id}`),
      ({ lastFiredAt }) => lastFiredAt !== null,
    );
    expect(shown).toMatchObject({ lastError: null, lastExecutionId: expect.stringMatching(/^exe_/) });
  });

  it("brings method, path, parameters, query and headers, without what it is let in by", async () => {
    const { path } = await hook(echoing, {
      ...lastNode,
      routes: [
        { methods: ["GET", "PUT"], path: "/orders/{id}/items/{item}" },
        { methods: ["PUT"], path: "/orders/new/items/{item}" },
      ],
      auth: { type: "api_key", in: "query", name: "key", secret: "canary-key-in-a-query" },
    });
    const { json } = await call(
      "PUT",
      `${path}/orders/a%2Fb%20c/items/7?key=canary-key-in-a-query&x=1&y=2&y=3`,
      { z: 1 },
      { "X-Own": "here", Cookie: "a=b" },
    );
    expect(json).toMatchObject({
      method: "PUT",
      path: "/orders/a%2Fb%20c/items/7",
      params: { id: "a/b c", item: "7" },
      query: { x: "1", y: ["2", "3"] },
      headers: { "x-own": "here", "content-type": "application/json" },
      body: { z: 1 },
      files: [],
    });
    expect(json.headers.cookie).toBeUndefined();
    expect(JSON.stringify(json)).not.toContain("canary");
    const fixed = await call("PUT", `${path}/orders/new/items/7?key=canary-key-in-a-query`, {});
    expect(fixed.json.params).toEqual({ item: "7" });
  });

  it("is told which methods there are, and starts nothing by asking", async () => {
    const { path, id } = await hook(echoing, {
      routes: [{ methods: ["POST"], path: "/a" }],
      cors: { origins: ["https://app.example.com"] },
    });
    expect((await call("GET", `${path}/a`)).headers.get("allow")).toBe("HEAD, OPTIONS, POST");
    expect((await call("GET", `${path}/a`)).status).toBe(405);
    expect((await call("HEAD", `${path}/a`)).status).toBe(200);
    expect((await call("HEAD", `${path}/b`)).status).toBe(404);
    const preflight = (origin: string) =>
      call("OPTIONS", `${path}/a`, undefined, { origin, "access-control-request-method": "POST" });
    const allowed = await preflight("https://app.example.com");
    expect([allowed.status, allowed.headers.get("access-control-allow-origin")]).toEqual([
      204,
      "https://app.example.com",
    ]);
    expect(allowed.headers.get("access-control-allow-methods")).toBe("POST");
    expect(allowed.headers.get("access-control-allow-credentials")).toBeNull();
    const refused = await preflight("https://evil.example.com");
    expect([refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([204, null]);
    expect((await must(200, "GET", `/webhooks/${id}/deliveries`)).items).toEqual([]);
    const called = await call("POST", `${path}/a`, {}, { origin: "https://app.example.com" });
    expect([called.status, called.headers.get("access-control-allow-origin")]).toEqual([
      202,
      "https://app.example.com",
    ]);
  });

  it("starts the run with what a mapping makes of it, or with the members of its body", async () => {
    const workflowId = await world.publish(
      row(start("order", "id", "who"), end({ order: "start.order", id: "start.id", who: "start.who" })),
    );
    const route = { routes: [{ methods: ["POST", "GET"], path: "/{id}" }] };
    const mapped = await hook(workflowId, {
      ...lastNode,
      ...route,
      input: '{ "order": body.order * 2, "who": headers.`x-who` }',
    });
    expect((await call("POST", `${mapped.path}/7`, { order: 4 }, { "X-Who": "ada" })).json).toEqual({
      order: 8,
      id: null,
      who: "ada",
    });
    const plain = await hook(workflowId, { ...lastNode, ...route });
    expect((await call("POST", `${plain.path}/7`, { order: 4, who: "bob" })).json).toEqual({
      order: 4,
      id: "7",
      who: "bob",
    });
    expect((await call("GET", `${plain.path}/7?who=eve`)).json).toEqual({ order: null, id: "7", who: "eve" });
    const failing = await call("POST", `${mapped.path}/7`, { order: "x" });
    expect([failing.status, failing.json.error.code]).toEqual([422, "unprocessable"]);
    expect((await must(200, "GET", `/webhooks/${mapped.id}/deliveries`)).items[0]).toMatchObject({
      outcome: "failed",
      error: { code: "unprocessable" },
    });
  });

  it("is put off or refused by the webhook's policy", async () => {
    const limited = await hook(echoing, { policy: { rateLimit: { limit: 1, windowSeconds: 60 } } });
    expect((await call("POST", limited.path, {})).status).toBe(202);
    const refused = await call("POST", limited.path, {});
    expect([refused.status, Number(refused.headers.get("retry-after")) > 0]).toEqual([429, true]);
    const gathered = await hook(echoing, { policy: { debounce: { periodSeconds: 3_600 } } });
    const [first, second] = [await call("POST", gathered.path, { n: 1 }), await call("POST", gathered.path, { n: 2 })];
    expect([first.status, first.json.status, second.json]).toEqual([202, "deferred", first.json]);
    expect((await call("GET", first.json.statusUrl)).json).toMatchObject({ status: "pending", isDone: false });
    expect((await must(200, "GET", `/webhooks/${gathered.id}/firings`)).items).toMatchObject([
      { status: "pending", events: 2 },
    ]);
    await must(200, "POST", `/webhooks/${gathered.id}/pause`);
    expect((await call("GET", first.json.statusUrl)).json).toMatchObject({ status: "cancelled", isDone: true });
  });
});

describe("bodies", () => {
  const sent = async (body: string | Uint8Array<ArrayBuffer> | FormData, type?: string) =>
    call("POST", (await shared()).path, body, type === undefined ? {} : { "content-type": type });
  let made: Promise<{ path: string }> | undefined;
  const shared = () => {
    made ??= hook(echoing, lastNode);
    return made;
  };
  const file = async (id: string) => {
    const link = await must(200, "GET", `/files/${id}/download`);
    return Buffer.from(await (await fetch(link.url)).arrayBuffer());
  };

  it("are read by what they are declared to be", async () => {
    expect((await sent('{"a":[1,{"b":null}]}', "application/vnd.own+json")).json.body).toEqual({ a: [1, { b: null }] });
    expect((await sent("a=1&b=%C3%A4&a=2", "application/x-www-form-urlencoded")).json.body).toEqual({
      a: ["1", "2"],
      b: "ä",
    });
    const latin = Buffer.from("gr\u00fc\u00df", "latin1");
    expect((await sent(latin, "text/plain; charset=iso-8859-1")).json.body).toBe("grüß");
    expect((await sent("<a b='1'><c>x</c><c>y</c></a>", "text/xml")).json.body).toEqual({
      a: { "@b": "1", c: ["x", "y"] },
    });
    expect((await call("POST", (await shared()).path)).json.body).toBeNull();
  });

  it("that are no text become files, byte for byte", async () => {
    const bytes = Buffer.from(Array.from({ length: 5_000 }, (_, index) => (index * 31) % 256));
    const { json } = await sent(bytes, "application/octet-stream");
    expect(json.body).toMatchObject({
      id: expect.stringMatching(/^fil_/),
      contentType: "application/octet-stream",
      size: 5_000,
    });
    expect(json.files).toEqual([json.body]);
    expect((await file(json.body.id)).equals(bytes)).toBe(true);
    expect(await must(200, "GET", `/files/${json.body.id}`)).toMatchObject({ source: "webhook" });
  });

  it("with forms bring fields and files", async () => {
    const form = new FormData();
    form.append("note", "hello");
    form.append("docs", new File(["one"], "../a.txt", { type: "text/plain" }));
    form.append("docs", new File([Buffer.from("%PDF-1.4 x")], "b.pdf", { type: "application/pdf" }));
    const { json } = await sent(form);
    expect(json.body).toMatchObject({
      note: "hello",
      docs: [
        { name: "a.txt", size: 3 },
        { name: "b.pdf", contentType: "application/pdf" },
      ],
    });
    expect(json.files).toHaveLength(2);
    expect((await file(json.body.docs[0].id)).toString()).toBe("one");
    const lying = new FormData();
    lying.append("pic", new File(["no picture"], "a.png", { type: "image/png" }));
    expect((await sent(lying)).status).toBe(415);
  });

  it("in JSON never hold a file, whatever they say", async () => {
    const files = [{ filepath: "/etc/passwd", path: "/etc/passwd", id: "fil_01jd0000000000000000000000" }];
    const { json } = await sent(JSON.stringify({ files, body: 1, __proto__x: 1 }), "application/json");
    expect([json.files, json.body.files]).toEqual([[], files]);
    const own = (await sent(Buffer.from([0, 1, 2]), "application/octet-stream")).json.body.id;
    const takes = await world.publish(
      row(
        { id: "start", type: "start", data: { outputs: [{ name: "doc", type: { type: "string", assist: "file" } }] } },
        end({ doc: "start.doc" }),
      ),
    );
    const { path } = await hook(takes, lastNode);
    const stolen = await call("POST", path, { doc: own });
    expect([stolen.status, stolen.json.error.details.issues[0].path]).toEqual([400, "input.doc"]);
    const form = new FormData();
    form.append("doc", new File(["mine"], "mine.txt"));
    expect((await call("POST", path, form)).status).toBe(200);
  });

  it("are refused where they are not what they are declared to be", async () => {
    const refused = async (...given: Parameters<typeof sent>) => (await sent(...given)).status;
    expect(await refused("{", "application/json")).toBe(400);
    expect(await refused("[".repeat(600), "application/json")).toBe(400);
    expect(await refused(Buffer.from([0xff, 0xfe, 0x7b]), "application/json")).toBe(400);
    expect(await refused("<a>", "application/xml")).toBe(400);
    expect(await refused('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "application/xml")).toBe(400);
    expect(await refused("x", "multipart/form-data; boundary=y")).toBe(400);
    expect(await refused("x", "text/plain; charset=klingon")).toBe(415);
    expect(await refused("x", "rubbish")).toBe(415);
  });

  it("of four megabytes arrive, larger ones are handed an upload, and an upload arrives as it was", async () => {
    const counting = await world.publish(row(start("body"), end({ body: "start.body" })));
    const { path, id } = await hook(counting, {
      ...lastNode,
      auth: { type: "bearer", secret: "a-secret-of-the-caller" },
    });
    const proof = { authorization: "Bearer a-secret-of-the-caller" };
    const text = "ä".repeat(2 * 1024 * 1024);
    const whole = await call("POST", path, text, { ...proof, "content-type": "text/plain" });
    expect([whole.status, whole.json.body === text]).toEqual([200, true]);
    const slightly = await call("POST", path, `${text}x`, { ...proof, "content-type": "text/plain" });
    expect([slightly.status, slightly.json.error.details.upload.request.method]).toEqual([413, "PUT"]);
    const larger = await call("POST", path, "x".repeat(5 * 1024 * 1024), { ...proof, "content-type": "text/plain" });
    expect([larger.status, larger.json.error.code]).toEqual([413, "too_large"]);
    const announce = larger.json.error.details.webhook.path.replace("{webhookId}", id);
    const bytes = Buffer.alloc(6 * 1024 * 1024, "0123456789abcde");
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const body = { contentType: "application/octet-stream", size: bytes.byteLength, sha256 };
    expect((await call("POST", announce, body)).status).toBe(401);
    const { status, json: upload } = await call("POST", announce, body, proof);
    expect(status).toBe(201);
    const put = await fetch(upload.request.url, { method: "PUT", headers: upload.request.headers, body: bytes });
    expect(put.status).toBe(200);
    const done = await call("POST", path, undefined, upload.finish.headers);
    expect(done.json.body).toMatchObject({ size: bytes.byteLength });
    expect((await must(200, "GET", `/files/${done.json.body.id}`)).sha256).toBe(sha256);
    expect((await call("POST", path, undefined, upload.finish.headers)).json).toEqual(done.json);
    const forged = { "x-weft-upload": `${upload.uploadId}.${"a".repeat(32)}` };
    expect((await call("POST", path, undefined, forged)).status).toBe(401);
  });
});
