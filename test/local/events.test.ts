import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { ManualClock } from "@weft/kernel/clock";
import type { EventDelivery } from "@weft/local/aws/events";
import { checkPattern, matches } from "@weft/local/aws/patterns";
import { startAws } from "@weft/local/aws/server";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const common = { region: "us-east-1", credentials: { accessKeyId: "local", secretAccessKey: "local" }, maxAttempts: 1 };

describe("an event pattern", () => {
  const event = {
    source: "weft.workflow",
    detail: {
      status: "FAILED",
      n: 5,
      tags: ["a", "b"],
      none: null,
      list: [
        { k: "x", v: 1 },
        { k: "y", v: 2 },
      ],
      empty: [],
    },
  };
  const fits: [string, object, boolean][] = [
    ["an exact value", { source: ["weft.workflow"] }, true],
    ["another value", { source: ["weft.agent"] }, false],
    ["one of several values", { detail: { status: ["DONE", "FAILED"] } }, true],
    ["a member of a list", { detail: { tags: ["b"] } }, true],
    ["all fields", { source: ["weft.workflow"], detail: { status: ["DONE"] } }, false],
    ["null", { detail: { none: [null] } }, true],
    ["prefix", { source: [{ prefix: "weft." }] }, true],
    ["prefix without case", { source: [{ prefix: { "equals-ignore-case": "WEFT" } }] }, true],
    ["suffix", { source: [{ suffix: "flow" }] }, true],
    ["no suffix", { source: [{ suffix: "agent" }] }, false],
    ["anything but a value", { detail: { status: [{ "anything-but": "DONE" }] } }, true],
    ["anything but a list", { detail: { status: [{ "anything-but": ["DONE", "FAILED"] }] } }, false],
    ["anything but a prefix", { detail: { status: [{ "anything-but": { prefix: "FA" } }] } }, false],
    ["anything but, of what is absent", { detail: { other: [{ "anything-but": "x" }] } }, false],
    ["what exists", { detail: { status: [{ exists: true }] } }, true],
    ["what exists not", { detail: { other: [{ exists: false }] } }, true],
    ["an object in between is no leaf", { detail: [{ exists: true }] }, false],
    ["absence under what is absent", { other: { inner: [{ exists: false }] } }, true],
    ["a number in a range", { detail: { n: [{ numeric: [">", 0, "<=", 5] }] } }, true],
    ["a number out of a range", { detail: { n: [{ numeric: ["<", 5] }] } }, false],
    ["a text is no number", { detail: { status: [{ numeric: [">", 0] }] } }, false],
    ["equality without case", { detail: { status: [{ "equals-ignore-case": "failed" }] } }, true],
    ["wildcard", { source: [{ wildcard: "w*t.*flow" }] }, true],
    ["wildcard that overlaps", { source: [{ wildcard: "weft.work*workflow" }] }, false],
    ["two fields of one member", { detail: { list: { k: ["y"], v: [2] } } }, true],
    ["two fields of different members", { detail: { list: { k: ["x"], v: [2] } } }, false],
    ["either branch", { $or: [{ source: ["x"] }, { detail: { n: [5] } }] }, true],
    ["neither branch", { $or: [{ source: ["x"] }, { detail: { n: [6] } }] }, false],
  ];
  it.each(fits)("with %s", (_name, pattern, expected) => {
    checkPattern(pattern);
    expect(matches(pattern, event)).toBe(expected);
  });

  it("is refused by name when it is wrong or not supported", () => {
    const wrong = [
      {},
      { a: [] },
      { a: "x" },
      { a: [{ cidr: "10.0.0.0/8" }] },
      { a: [{ numeric: ["~", 1] }] },
      { a: [{}] },
    ];
    for (const pattern of wrong) expect(() => checkPattern(pattern), JSON.stringify(pattern)).toThrow("Event pattern");
  });
});

describe("a bus", () => {
  const clock = new ManualClock();
  let folder: string;
  let got: EventDelivery[];
  let lost: string[];
  let failing = 0;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "weft-events-"));
    got = [];
    lost = [];
    failing = 0;
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function start() {
    const server = await startAws({
      path: folder,
      clock,
      onEvent: (delivery) => {
        if (failing-- > 0) throw new Error("the target fails");
        got.push(delivery);
      },
      onDeadLetter: (_delivery, reason) => {
        lost.push(reason);
      },
    });
    const bridge = new EventBridgeClient({ ...common, endpoint: server.url });
    const put = (Detail: string, DetailType = "Status") =>
      bridge.send(new PutEventsCommand({ Entries: [{ Source: "weft", DetailType, Detail, EventBusName: "domain" }] }));
    return { server, put };
  }

  const rule = { name: "failed", bus: "domain", pattern: { detail: { status: ["FAILED"] } } };

  it("hands an event to each target of each rule that fits, as the rule makes it", async () => {
    const { server, put } = await start();
    const template = '{"id": <id>, "text": "run <id> of <n>"}';
    server.events.putRule({
      ...rule,
      targets: [
        { id: "whole", arn: "arn:a" },
        { id: "path", arn: "arn:b", inputPath: "$.detail.list[1]" },
        { id: "constant", arn: "arn:c", input: '{"x":1}' },
        { id: "made", arn: "arn:d", inputTransformer: { pathsMap: { id: "$.detail.id", n: "$.detail.n" }, template } },
      ],
    });
    server.events.putRule({ ...rule, name: "off", isEnabled: false, targets: [{ id: "t", arn: "arn:e" }] });
    server.events.putRule({ name: "elsewhere", pattern: rule.pattern, targets: [{ id: "t", arn: "arn:f" }] });
    const sent = await put('{"status":"FAILED","id":"exe \\"1\\"","n":3,"list":[1,{"k":2}]}');
    await put('{"status":"DONE"}');
    await server.events.tick();
    const inputs = Object.fromEntries(got.map(({ target, input }) => [target.id, input]));
    expect(inputs).toMatchObject({
      whole: {
        id: sent.Entries?.[0]?.EventId,
        source: "weft",
        "detail-type": "Status",
        version: "0",
        detail: { n: 3 },
      },
      path: { k: 2 },
      constant: { x: 1 },
      made: { id: 'exe "1"', text: 'run exe "1" of 3' },
    });
    expect(got).toHaveLength(4);
    await server.close();
  });

  it("refuses a wrong entry and takes the others", async () => {
    const { server } = await start();
    const bridge = new EventBridgeClient({ ...common, endpoint: server.url });
    const good = { Source: "weft", DetailType: "Status", Detail: "{}" };
    const answer = await bridge.send(new PutEventsCommand({ Entries: [good, { ...good, Detail: "no" }] }));
    expect(answer.FailedEntryCount).toBe(1);
    expect(answer.Entries?.map(({ ErrorCode }) => ErrorCode)).toEqual([undefined, "MalformedDetail"]);
    await server.close();
  });

  it("tries again, also after a restart, and gives up after the rule's retries", async () => {
    const first = await start();
    first.server.events.putRule({ ...rule, targets: [{ id: "t", arn: "arn:a", maxRetries: 2 }] });
    failing = 1;
    await first.put('{"status":"FAILED"}');
    await first.server.events.tick();
    expect(got).toHaveLength(0);
    await first.server.close();
    const second = await start();
    await second.server.events.tick();
    expect(got).toHaveLength(0);
    clock.advance(1000);
    await second.server.events.tick();
    expect(got).toHaveLength(1);
    second.server.events.putRule({ ...rule, targets: [{ id: "t", arn: "arn:a", maxRetries: 2 }] });
    failing = 3;
    await second.put('{"status":"FAILED"}');
    for (let attempt = 0; attempt < 4; attempt++) {
      await second.server.events.tick();
      clock.advance(60_000);
    }
    expect([got.length, lost]).toEqual([1, ["the target fails"]]);
    await second.server.close();
  });
});
