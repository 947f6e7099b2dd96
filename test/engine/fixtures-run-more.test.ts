import { createSandbox } from "@weft/adapters/sandbox/index";
import { sandboxParts } from "@weft/adapters/sandbox/parts";
import { afterAll, describe, expect, it } from "vitest";
import { type Play, playFixture } from "./fixtures-play.ts";
import { hasFixtures } from "./support.ts";

const sandbox = createSandbox(sandboxParts(import.meta.url));
afterAll(() => sandbox.close());

const n8n = (prefix: string, play: Play) => playFixture("n8n-workflows", `${prefix}-`, { ...play, code: sandbox });
const json = (value: unknown) => ({ body: JSON.stringify(value) });
const one = (...items: object[]) => ({ items });
const bodyOf = ({ body }: { body?: string | Uint8Array }): string =>
  typeof body === "string" ? body : new TextDecoder().decode(body);

describe.runIf(hasFixtures())("published workflows of n8n run as they did", () => {
  it("40: a comment stands where its own change is, though others were skipped", async () => {
    const change = (old_path: string, renamed_file: boolean) => ({
      ...{ old_path, new_path: old_path, renamed_file, deleted_file: false },
      diff: "@@ -1,2 +1,3 @@\n a\n-b\n+c",
    });
    const { items, requests } = await n8n("40", {
      input: { body: { project_id: 1, merge_request: { iid: 2 }, object_attributes: { note: "+0" } } },
      answers: {
        "https://gitlab.com/api/v4/projects/1/merge_requests/2/changes": json({
          changes: [change("moved.ts", true), change("kept.ts", false)],
          diff_refs: { start_sha: "s", head_sha: "h", base_sha: "b" },
        }),
        "https://gitlab.com/api/v4/projects/1/merge_requests/2/discussions": json({ id: 7 }),
      },
      scripted: { "Basic LLM Chain1": one({ text: "fine" }) },
    });
    expect(items("Parse Last Diff Line1")).toMatchObject([{ lastOldLine: null, lastNewLine: 3 }]);
    expect(items("Code")).toEqual([
      { originalCode: "@@ -1,2 +1,3 @@\n a\n-b\n", newCode: "@@ -1,2 +1,3 @@\n a\n+c\n" },
    ]);
    const sent = requests[1] as { body: Uint8Array; headers: Record<string, string> };
    const form = await new Response(sent.body as never, {
      headers: { "content-type": sent.headers["Content-Type"] ?? "" },
    }).formData();
    expect(Object.fromEntries(form)).toEqual({
      body: "fine",
      "position[position_type]": "text",
      "position[old_path]": "kept.ts",
      "position[new_path]": "kept.ts",
      "position[start_sha]": "s",
      "position[head_sha]": "h",
      "position[base_sha]": "b",
      "position[new_line]": "3",
      "position[old_line]": "",
    });
  });

  it("42: two agents are asked", async () => {
    const { items } = await n8n("42", { scripted: { "AI Agent": one({}), "AI Agent1": one({}) } });
    expect(items("Set ChatInput")).toEqual([
      { chatInput: "Can get the latest 10 issues from https://github.com/n8n-io/n8n/issues?" },
    ]);
    expect(items("Set ChatInput1")).toEqual([
      { chatInput: "Hi! Please suggest something to do. I feel like learning something new!" },
    ]);
  });

  it("45: code adds a link to each item", async () => {
    const utmUrl =
      "https://ecconcretecoating.com/?utm_source=google&utm_medium=display&utm_campaign=summerfun&utm_term=conretecoating&utm_content=12246";
    const { items, requests } = await n8n("45", {
      answers: { "https://quickchart.io/qr": { type: "image/png", body: "png" } },
      scripted: { "Submit UTM Link To Database": one({}) },
    });
    expect(items("Create UTM Link With Parameters")).toMatchObject([{ campaign_id: "12246", utmUrl }]);
    expect(
      requests[0]?.url.startsWith("https://quickchart.io/qr?text=https://ecconcretecoating.com/?utm_source=google"),
    ).toBe(true);
  });

  it("47: a first version of set, and of if with its own defaults", async () => {
    const sentiment = (score: number, magnitude: number) => ({ documentSentiment: { score, magnitude } });
    const { items, ran } = await n8n("47", {
      scripted: {
        Twitter: one({ text: "good" }, { text: "bad" }),
        MongoDB: one({}, {}),
        "Google Cloud Natural Language": one(sentiment(0.5, 1), sentiment(-0.5, 2)),
        Postgres: one({ score: 0.5 }, { score: -0.5 }),
        Slack: one({}),
      },
    });
    expect(items("Set")).toEqual([
      { ...sentiment(0.5, 1), score: 0.5, magnitude: 1, text: "good" },
      { ...sentiment(-0.5, 2), score: -0.5, magnitude: 2, text: "bad" },
    ]);
    expect(items("IF")).toEqual([{ score: 0.5 }]);
    expect(items("NoOp")).toEqual([{ score: -0.5 }]);
    expect(ran("Slack")).toBe(true);
  });

  it("50: a challenge is answered, and a bot's own message goes no further", async () => {
    const ask = (event: object) =>
      n8n("50", {
        input: { body: { challenge: "abc", event } },
        scripted: {
          "Send Initial Message": one({}),
          "AI Agent": one({}),
          "Delete Initial Message": one({}),
          "Send Message": one({}),
        },
      });
    const person = await ask({ user: "U1" });
    expect(JSON.parse(person.responses[0] ?? "")).toEqual({ challenge: "abc" });
    expect([person.ran("Send Message"), person.ran("No Operation, do nothing")]).toEqual([true, false]);
    const bot = await ask({});
    expect([bot.ran("Send Message"), bot.ran("No Operation, do nothing")]).toEqual([false, true]);
  });

  const flux = (answer: { status?: number; body: string }) =>
    n8n("53", {
      input: { message: { text: "/flux a red fox", chat: { type: "private" } } },
      answers: {
        "https://ncmb.neurochain.io/tasks/tti": answer,
        "https://img/1.png": { type: "image/png", body: "png" },
      },
      scripted: Object.fromEntries([1, 2, 3, 4, 5, 6, 7].map((at) => [`Telegram${at}`, one({ ok: at })])),
    });

  it("53: a prompt is cleaned, sent, and its answer read", async () => {
    const { items, requests, ran } = await flux(json({ choices: [{ text: '["https://img/1.png"]' }] }));
    expect(items("Code1")).toEqual([{ cleanMessage: "a red fox" }]);
    expect(JSON.parse(bodyOf(requests[0] as never))).toMatchObject({
      prompt: "Generate an image that matches exactly this: a red fox",
    });
    expect(items("Code")).toEqual([{ imageUrl: "https://img/1.png" }]);
    expect(requests[1]?.url).toBe("https://img/1.png");
    expect(ran("Telegram6")).toBe(false);
  });

  it("53: what an error says decides what follows", async () => {
    const { ran } = await flux({ status: 400, body: '{"error":true,"msg":"Prompt string is invalid"}' });
    expect([ran("Code"), ran("Telegram6"), ran("Telegram3")]).toEqual([false, true, false]);
    const other = await flux({ status: 400, body: '{"error":true,"msg":"else"}' });
    expect([other.ran("Code"), other.ran("Telegram6"), other.ran("Telegram3")]).toEqual([false, false, true]);
  });

  it("54: code changes what stands beside the items, and one of many goes on", async () => {
    const file = { fileName: "report", mimeType: "application/octet-stream" };
    const { items, ran } = await n8n("54", {
      input: { items: [{ message: { document: { id: 1 } } }] },
      scripted: {
        "Telegram get File": one({ $binary: { data: file } }),
        "Pinecone Vector Store": one({ page: 1 }, { page: 2 }),
        "Telegram Response about Database": one({}),
      },
    });
    expect(items("Change to application/pdf")).toEqual([
      { $binary: { data: { fileName: "report.pdf", mimeType: "application/pdf" } } },
    ]);
    expect(items("Limit to 1")).toEqual([{ page: 1 }]);
    expect(ran("Question and Answer Chain")).toBe(false);
  });
});
