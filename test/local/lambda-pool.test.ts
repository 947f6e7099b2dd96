import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { StackClock } from "@weft/local/clock";
import { handleInvoke } from "@weft/local/lambda/invoke-api";
import { LambdaPool } from "@weft/local/lambda/pool";
import type { LambdaFunction } from "@weft/local/lambda/types";
import type { LogLine } from "@weft/local/log";
import { afterAll, describe, expect, it } from "vitest";

/** A busy machine takes its time. */
const SOON = { timeout: 20_000 };

const entry = new URL("./fixture/handlers.ts", import.meta.url).href;
const clock = new StackClock();
const lines: LogLine[] = [];
const pool = new LambdaPool({
  clock,
  log: (line) => lines.push(line),
  // Workers that end by themselves would be missing where tests count them.
  limits: { patienceMs: 20, hardPatienceMs: 100, kept: 64 },
});

function define(name: string, exportName: string, extra: Partial<LambdaFunction> = {}, to = pool): void {
  const arn = `arn:aws:lambda:us-east-1:000000000000:function:${name}`;
  to.define({
    name,
    arn,
    entry,
    exportName,
    environment: { ONLY: "this" },
    timeoutSeconds: 20,
    memoryMb: 128,
    ...extra,
  });
}

define("echo", "echo");
define("time", "time");
define("fail", "fail", { asyncRetries: 1 });
define("quick", "fail", { timeoutSeconds: 1 });
define("slow", "slow", { environment: { AWS_LAMBDA_FUNCTION_NAME: "slow" } });
define("missing", "nothing");
define("apart", "echo", { perTenant: true });
define("stream", "api");

afterAll(async () => {
  clock.close();
  await pool.close();
});

const call = async (name: string, event: unknown) => {
  const result = await pool.invoke(name, JSON.stringify(event));
  return { ...result, body: result.functionError ? JSON.parse(result.payload) : result.payload };
};

describe("a plain invocation", () => {
  it("gives the event, the function's own environment and Lambda's context", async () => {
    const result = await pool.invoke("arn:aws:lambda:us-east-1:000000000000:function:echo:$LATEST", '{"a":1}');
    const seen = JSON.parse(result.payload);
    expect(seen.event).toEqual({ a: 1 });
    expect(seen.env).toEqual({ ONLY: "this" });
    expect(seen.context).toMatchObject({
      functionName: "echo",
      awsRequestId: result.requestId,
      memoryLimitInMB: "128",
    });
    expect(seen.context.remaining).toBeLessThanOrEqual(20_000);
    expect(seen.context.remaining).toBeGreaterThan(0);
  });

  it("reuses the warm worker", async () => {
    const first = JSON.parse((await pool.invoke("echo", "{}")).payload);
    const second = JSON.parse((await pool.invoke("echo", "{}")).payload);
    expect(second.calls).toBe(first.calls + 1);
  });

  it("gives each tenant workers of its own, and refuses a call without one", async () => {
    const of = async (tenant: string) => JSON.parse((await pool.invoke("apart", "{}", tenant)).payload);
    const [first, again, other] = [await of("a"), await of("a"), await of("b")];
    expect([first.calls, again.calls, other.calls]).toEqual([1, 2, 1]);
    expect([first.context.tenantId, other.context.tenantId]).toEqual(["a", "b"]);
    await expect(pool.invoke("apart", "{}")).rejects.toThrow("TenantId is missing");
    await expect(pool.invoke("echo", "{}", "a")).rejects.toThrow("no tenant isolation");
  });

  it("handles one event at a time in a worker, and starts more workers while events wait and none ends", async () => {
    const before = pool.counts().workers;
    const all = Promise.all(Array.from({ length: 5 }, () => pool.invoke("slow", '{"ms":1500}')));
    await expect.poll(() => pool.counts().workers - before, SOON).toBeGreaterThan(2);
    expect((await all).map((result) => result.payload)).toEqual(Array(5).fill('"slow"'));
  });

  it("refuses an unknown function and a request above 6 MB", async () => {
    await expect(pool.invoke("nobody", "{}")).rejects.toMatchObject({ name: "ResourceNotFoundException" });
    const big = JSON.stringify("x".repeat(6_291_556));
    await expect(pool.invoke("echo", big)).rejects.toMatchObject({ name: "RequestTooLargeException", status: 413 });
  });
});

describe("workers with nothing to do", () => {
  const small = new LambdaPool({ clock, log: () => {}, limits: { kept: 2 } });
  afterAll(() => small.close());
  const of = async (name: string): Promise<number> => JSON.parse((await small.invoke(name, "{}")).payload).calls;

  it("end above the number that stays loaded, those that rested longest first", async () => {
    for (const name of ["first", "second", "third", "fourth"]) define(name, "echo", {}, small);
    for (const name of ["first", "second", "third", "fourth"]) expect(await of(name)).toBe(1);
    await expect.poll(() => small.counts().workers, SOON).toBe(2);
    expect([await of("third"), await of("fourth")]).toEqual([2, 2]);
    expect([await of("first"), await of("second")]).toEqual([1, 1]);
  });

  it("do not end while they work", async () => {
    const names = ["busy1", "busy2", "busy3"];
    for (const name of names) define(name, "slow", { environment: { AWS_LAMBDA_FUNCTION_NAME: name } }, small);
    const all = await Promise.all(names.map((name) => small.invoke(name, '{"ms":2500}')));
    expect(all.map(({ payload }) => JSON.parse(payload))).toEqual(names);
  });
});

describe("failures", () => {
  it.each([
    ["fail", "throw", "RangeError", /failed: throw/],
    ["fail", "string", "string", /plain/],
    ["fail", "exit", "Runtime.ExitError", /exit status 3/],
    ["fail", "later", "Runtime.UnhandledPromiseRejection", /unseen/],
    ["fail", "big", "Function.ResponseSizeTooLarge", /6291556/],
    ["quick", "hang", "Sandbox.Timedout", /Task timed out after 1.00 seconds/],
    ["quick", "spin", "Sandbox.Timedout", /Task timed out after 1.00 seconds/],
    ["missing", "", "Runtime.HandlerNotFound", /nothing is undefined or not exported/],
  ])("%s %s is reported as Lambda does", async (name, how, type, message) => {
    const result = await call(name, { how });
    expect(result.functionError).toBe("Unhandled");
    expect(result.body.errorType).toBe(type);
    expect(result.body.errorMessage).toMatch(message);
  });

  it("a killed worker fails its event, and the next event gets a new worker", async () => {
    const running = call("slow", { ms: 10_000 });
    await expect.poll(() => pool.active, SOON).toBeGreaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(pool.killWorker("slow")).toBe(1);
    expect((await running).body.errorType).toBe("Runtime.ExitError");
    expect((await call("slow", { ms: 1 })).body).toBe('"slow"');
  });

  it("an asynchronous invocation is retried on the clock and then given up", async () => {
    const failures: string[] = [];
    define("given-up", "fail", { asyncRetries: 1, onAsyncFailure: (failure) => failures.push(failure.payload) });
    pool.invokeEvent("given-up", '{"how":"again"}');
    const idle = async () => {
      await expect.poll(() => pool.active, SOON).toBe(0);
    };
    await idle();
    expect(failures).toEqual([]);
    await clock.advance(61_000, idle);
    await expect.poll(() => failures, SOON).toEqual(['{"how":"again"}']);
  });
});

describe("time and output", () => {
  it("workers live at the stack's time", async () => {
    const before = JSON.parse((await pool.invoke("time", "{}")).payload);
    await clock.advance(3_600_000);
    const after = JSON.parse((await pool.invoke("time", "{}")).payload);
    expect(after.now - before.now).toBeGreaterThanOrEqual(3_600_000);
    expect(after.made - before.made).toBeGreaterThanOrEqual(3_600_000);
    expect(after.isDate).toBe(true);
  });

  it("fires timers in the order of their times, those set on the way included", async () => {
    const own = new StackClock();
    const fired: string[] = [];
    const start = own.now();
    own.setTimer(start + 60_000, () => fired.push("second"));
    own.setTimer(start + 30_000, () => {
      fired.push("first");
      own.setTimer(own.now() + 10_000, () => fired.push("between"));
    });
    own.setTimer(start + 500_000, () => fired.push("never"));
    await own.advance(100_000);
    own.close();
    expect(fired).toEqual(["first", "between", "second"]);
  });

  it("output goes to the log under the function's name", async () => {
    await call("fail", { how: "log" });
    await expect.poll(() => lines, SOON).toContainEqual({ source: "fail", level: "info", text: "a line of output" });
  });
});

describe("streamed answers", () => {
  it("may be larger than 6 MB, with backpressure", async () => {
    let bytes = 0;
    let status: number | undefined;
    const result = await pool.invokeStream("stream", '{"path":"/large"}', {
      start: (prelude) => {
        status = prelude?.statusCode;
      },
      write: async (chunk) => {
        bytes += chunk.length;
        await new Promise((resolve) => setImmediate(resolve));
      },
      end: () => {},
    });
    expect(result.functionError).toBeUndefined();
    expect({ status, bytes }).toEqual({ status: 200, bytes: 160 * 65_536 });
  });
});

describe("the Invoke API", () => {
  it("answers the AWS SDK", async () => {
    const server = createServer((req, res) => void handleInvoke(pool, req, res)).listen(0, "127.0.0.1");
    await once(server, "listening");
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const credentials = { accessKeyId: "a", secretAccessKey: "b" };
    const client = new LambdaClient({ endpoint, region: "us-east-1", credentials, maxAttempts: 1 });
    const ok = await client.send(new InvokeCommand({ FunctionName: "slow", Payload: '{"ms":1}' }));
    expect([ok.StatusCode, ok.Payload?.transformToString()]).toEqual([200, '"slow"']);
    const bad = await client.send(new InvokeCommand({ FunctionName: "fail", Payload: '{"how":"x"}' }));
    expect(bad.FunctionError).toBe("Unhandled");
    const event = await client.send(
      new InvokeCommand({ FunctionName: "slow", InvocationType: "Event", Payload: '{"ms":1}' }),
    );
    expect(event.StatusCode).toBe(202);
    await expect(client.send(new InvokeCommand({ FunctionName: "none" }))).rejects.toMatchObject({
      name: "ResourceNotFoundException",
    });
    client.destroy();
    server.close();
  });
});
