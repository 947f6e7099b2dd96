import { once } from "node:events";
import { openSse } from "@weft/http/sse";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { callApi } from "../support/call.ts";
import { handler, services, spaceId, userAuth } from "./fixture.ts";

const path = `/api/spaces/${spaceId}/stream`;
const call = (body: unknown) => callApi(handler, { method: "POST", path, body, authorizer: userAuth });

describe("streamed answers", () => {
  it("sends each event as it comes, framed, and one audit row at the end", async () => {
    services.rows.length = 0;
    const answer = await call({});
    expect(answer.headers["content-type"]).toBe("text/event-stream; charset=utf-8");
    expect(answer.text).toBe('id: 1\nevent: started\ndata: {"text":"a\\nb"}\n\ndata: line1\ndata: line2\n\n');
    expect(answer.chunks.length).toBeGreaterThan(1);
    expect(services.rows.map((row) => [row.operation, row.status])).toEqual([["streamThings", 200]]);
  });

  it("ends with an error event when the work fails after the answer began", async () => {
    const answer = await call({ fail: true });
    expect(answer.status).toBe(200);
    const last = answer.text.trimEnd().split("\n\n").at(-1) ?? "";
    expect(last.startsWith("event: error\ndata: ")).toBe(true);
    expect(JSON.parse(last.slice("event: error\ndata: ".length)).error).toMatchObject({
      code: "conflict",
      message: "lost",
    });
  });

  it("lets the same route answer plainly", async () => {
    expect((await call({ plain: true })).json).toEqual({ plain: true });
  });

  it("fails a bad request before the stream begins", async () => {
    const answer = await call({ nonsense: 1 });
    expect([answer.status, answer.json.error.code]).toEqual([400, "invalid_input"]);
  });
});

describe("openSse", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("sends a comment each 15 seconds and none after the end", async () => {
    let finish = (): void => undefined;
    const { stream, done } = openSse(() => new Promise<void>((resolve) => (finish = resolve)));
    const seen: string[] = [];
    stream.on("data", (chunk: Buffer) => seen.push(chunk.toString()));
    await vi.advanceTimersByTimeAsync(14_999);
    expect(seen).toEqual([]);
    await vi.advanceTimersByTimeAsync(15_001);
    expect(seen).toEqual([": heartbeat\n\n", ": heartbeat\n\n"]);
    finish();
    await done;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(seen).toHaveLength(2);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("notices a client that left, and lets the work go on without effect", async () => {
    let step = 0;
    const left = Promise.withResolvers<void>();
    const { stream, done } = openSse(async (sse) => {
      await sse.send({ data: "first" });
      sse.signal.addEventListener("abort", () => left.resolve());
      await left.promise;
      await sse.send({ data: "second" });
      step = 2;
    });
    await once(stream, "readable");
    stream.destroy();
    await done;
    expect(step).toBe(2);
  });

  it("waits for a client that reads slowly, and stops waiting when it leaves", async () => {
    let sent = 0;
    const { stream, done } = openSse(async (sse) => {
      for (let i = 0; i < 50; i++) {
        await sse.send({ data: "x".repeat(10_000) });
        sent++;
      }
    });
    await vi.advanceTimersByTimeAsync(1);
    const held = sent;
    expect(held).toBeLessThan(50);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent).toBe(held);
    stream.destroy();
    await done;
    expect(sent).toBe(50);
  });

  it("does not let a value forge fields", async () => {
    const { stream, done } = openSse(async (sse) => {
      await sse.send({ id: "1\nevent: evil", event: "a\rb", data: "x\r\ny\rz" });
      await sse.comment("a\n\ndata: evil");
    });
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    await done;
    await vi.advanceTimersByTimeAsync(1);
    expect(Buffer.concat(chunks).toString()).toBe(
      "id: 1 event: evil\nevent: a b\ndata: x\ndata: y\ndata: z\n\n: a data: evil\n\n",
    );
  });
});
