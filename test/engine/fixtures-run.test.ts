import { createSandbox } from "@weft/adapters/sandbox/index";
import { sandboxParts } from "@weft/adapters/sandbox/parts";
import { afterAll, describe, expect, it } from "vitest";
import { type Play, playFixture } from "./fixtures-play.ts";
import { hasFixtures } from "./support.ts";

const sandbox = createSandbox(sandboxParts(import.meta.url));
afterAll(() => sandbox.close());

const n8n = (prefix: string, play: Play) => playFixture("n8n-workflows", `${prefix}-`, { ...play, code: sandbox });
const dify = (prefix: string, play: Play) => playFixture("dify-dsl", prefix, { ...play, code: sandbox });
const json = (value: unknown) => ({ body: JSON.stringify(value) });
const one = (...items: object[]) => ({ items });
const bodyOf = ({ body }: { body?: string | Uint8Array }): string =>
  typeof body === "string" ? body : new TextDecoder().decode(body);

describe.runIf(hasFixtures())("published workflows of n8n run as they did", () => {
  it("06: figures of keywords go into a request", async () => {
    const keywords = [{ keyword: "concrete", position: 3, history: { a: 5, b: 7 }, url: "" }];
    const { requests } = await n8n("06", {
      answers: { "https://myserpbear": json({ keywords }), "https://openrouter": json({ ok: true }) },
      scripted: { "Save data to Baserow": one() },
    });
    expect(requests[0]?.url).toBe("https://myserpbearinstance.com/api/keyword?id=22&domain=rumjahn.com");
    const sent = JSON.parse(bodyOf(requests[1] as never));
    expect(sent.model).toBe("meta-llama/llama-3.1-70b-instruct:free");
    const prompt = decodeURIComponent(sent.messages[0].content.split("suggestions:")[1]);
    expect(prompt).toContain(
      'Keyword: "concrete"\nCurrent Position: 3\n7-Day Average: 6\nTrend: improving\nRanking URL: not ranking',
    );
  });

  it.each([
    ["08", "Webhook Set Up in Obsidian"],
    ["44", "When called by Apple Shortcut"],
  ])("%s: a webhook is answered with what an agent said", async (prefix, trigger) => {
    const play = await n8n(prefix, { input: { trigger }, scripted: { "AI Agent": one({ output: "42 notes" }) } });
    expect(play.responses).toEqual(["42 notes"]);
  });

  it("12: a reply goes by every rule that holds", async () => {
    const reply = { text: "<b>Hi</b> there", campaignId: "c1", leadEmail: "a@b.c" };
    const { items, requests, ran } = await n8n("12", {
      input: { items: [reply] },
      answers: { "https://api.lemlist.com": json({}) },
      scripted: {
        "Categorize lemlist reply": one({ output: { category: "Interested" } }),
        "Send alert to Slack": one({}),
      },
    });
    expect(items("Merge data")).toEqual([{ ...reply, textClean: "**Hi** there", output: { category: "Interested" } }]);
    expect(ran("Send alert to Slack")).toBe(true);
    expect(ran("Lemlist - Unsubscribe")).toBe(false);
    expect(requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
      "POST https://api.lemlist.com/api/campaigns/c1/leads/a@b.c/interested",
    ]);
  });

  it("21: fields of a form become parameters", async () => {
    const form = {
      Template: "n8n Meetup Template",
      "Title of Event": "Meetup",
      "Location of Event": "Berlin",
      "Date of Event": "May 3",
      "Image Prompt": "robots",
    };
    const file = { id: "fil_01jd0000000000000000000000", fileName: "b.png", mimeType: "image/png" };
    const { items, requests } = await n8n("21", {
      input: { items: [form] },
      answers: {
        "https://api.cloudinary.com": json({ secure_url: "u" }),
        "https://img/1.jpg": { type: "image/jpeg", body: "jpg" },
      },
      scripted: {
        "Generate AI Banner Image": one({ $binary: { data: file } }),
        "Send to Bannerbear Template": one({ image_url_jpg: "https://img/1.jpg" }),
        Discord: one({}),
      },
    });
    expect(items("Set Parameters")).toEqual([
      {
        template_id: "n1MJGd52o696D7LaPV",
        title: "Meetup",
        location: "Berlin",
        date: "May 3",
        image_prompt: "robots",
      },
    ]);
    expect(requests[0]?.url).toBe(
      "https://api.cloudinary.com/v1_1/daglih2g8/image/upload?upload_preset=n8n-workflows-preset",
    );
    expect(bodyOf(requests[0] as never)).toContain(`content of ${file.id}`);
    expect(items("Download Banner")).toMatchObject([{ $binary: { data: { mimeType: "image/jpeg" } } }]);
  });

  it("22: what has no pair is left out where lists are merged by their places", async () => {
    const { items } = await n8n("22", {
      answers: { "https://i/1.png": { type: "image/png", body: "png" } },
      scripted: {
        "query entries from Notion table for today": one({ id: "p" }),
        "get all content from post page": one(
          { content: "x", image: { file: { url: "https://i/1.png" } } },
          { content: "y" },
        ),
        "Reformat Post Text": one({ text: "post" }),
        "Post on LinkedIn": one({}),
        'Set post status to "Done"': one({}),
      },
    });
    expect(items("Pull together all text blocks + image")).toEqual([{ content: ["x", "y"], url: ["https://i/1.png"] }]);
    expect(items("Combine text+image")).toMatchObject([
      { text: "post", $binary: { data: { fileName: "1.png", mimeType: "image/png", fileSize: 3 } } },
    ]);
  });

  it("29: who gives an address is told so, who gives none is asked for one", async () => {
    const ask = (chatInput: string) =>
      n8n("29", {
        input: { trigger: "Execute Workflow Trigger", items: [{ chatInput }] },
        scripted: { "Message Slack for help": one({ ok: true }) },
      });
    const given = await ask("write to ann@example.com please");
    expect(given.items("Confirm that we've messaged a human")).toEqual([
      { response: "Thank you for getting in touch. I've messaged a human to help." },
    ]);
    expect(given.ran("Prompt the user to provide an email")).toBe(false);
    const missing = await ask("why?");
    expect(missing.items("Prompt the user to provide an email")).toEqual([
      {
        response:
          "I'm sorry I don't know the answer. Please repeat your question and include your email address so I can request help.",
      },
    ]);
    expect(missing.ran("Message Slack for help")).toBe(false);
  });

  it("31: an answer that is a sound becomes a file", async () => {
    const { items, requests } = await n8n("31", {
      answers: { "https://api.openai.com/v1/audio/speech": { type: "audio/mpeg", body: "mp3" } },
    });
    const [request] = requests;
    expect(JSON.parse(bodyOf(request as never))).toEqual({
      model: "tts-1",
      input: "The quick brown fox jumped over the lazy dog.",
      voice: "alloy",
    });
    expect(items("Send HTTP Request to OpenAI's TTS Endpoint")).toMatchObject([
      { $binary: { data: { mimeType: "audio/mpeg", fileSize: 3 } } },
    ]);
  });

  it("32: each sentence is checked against the facts, and those that do not hold are kept", async () => {
    const { items } = await n8n("32", {
      input: { trigger: "When Executed by Another Workflow", facts: "f", text: "Alpha is one. Beta is two." },
      scripted: {
        "Basic LLM Chain4": one({ text: "Yes" }, { text: "No" }),
        "Basic LLM Chain": one({ text: "summary" }),
      },
    });
    expect(items("Merge1")).toEqual([
      { facts: "f", text: "Alpha is one. Beta is two.", sentences: ["Alpha is one.", "Beta is two."] },
    ]);
    expect(items("Split Out1")).toEqual([{ claim: "Alpha is one." }, { claim: "Beta is two." }]);
    expect(items("Aggregate")).toEqual([{ data: [{ claim: "Beta is two.", text: "No" }] }]);
  });

  it.each(["Neon Fauvism", "AI Dystopia"])(
    "33: the page names the style of the item that was routed: %s",
    async (Style) => {
      const { items, responses, requests, ran } = await n8n("33", {
        input: { items: [{ Style, "Prompt to flux": "a cat" }] },
        answers: { "https://api-inference.huggingface.co": { type: "image/jpeg", body: "jpg" } },
        scripted: { "Upload image to S3": one({ success: true }) },
      });
      expect(items(Style)).toMatchObject([{ Style, "Prompt to flux": "a cat" }]);
      expect(JSON.parse(bodyOf(requests[0] as never)).inputs).toMatch(/^Depict a cat\n\nStyle: .*golden ratio/);
      expect(responses).toHaveLength(1);
      expect(responses[0]).toContain(Style);
      expect(responses[0]).not.toContain(Style === "AI Dystopia" ? "Neon Fauvism" : "AI Dystopia");
      expect(ran("Vivid Pop Explosion")).toBe(false);
      expect(ran("Respond with error")).toBe(false);
    },
  );

  it("33: a request that fails goes by the output for errors", async () => {
    const { responses, ran } = await n8n("33", {
      input: { items: [{ Style: "Neon Fauvism", "Prompt to flux": "a cat" }] },
      answers: { "https://api-inference.huggingface.co": { status: 503, body: "busy" } },
      scripted: { "Upload image to S3": one({}) },
    });
    expect(JSON.parse(responses[0] ?? "")).toEqual({
      formSubmittedText: "Flux API failed. It does this ~10% of the time. Refresh and try again.",
    });
    expect(ran("Serve webpage")).toBe(false);
  });

  it("35: the output of a command becomes lists", async () => {
    const { items, ran } = await n8n("35", {
      scripted: {
        "Get Files and Folders": one({ stdout: "a.txt\nb.Zone.Identifier\n===docs\npics\n" }),
        "AI File Manager": one({
          output: [
            { folder: "docs", files: ["a.txt"] },
            { folder: "pics", files: [] },
          ],
        }),
        "Move Files into Folders": one({}),
      },
    });
    expect(items("Set Variables")).toEqual([{ directory: expect.stringMatching(/host_mount\/shared_drive$/) }]);
    expect(items("Files and Folders to Array")).toEqual([{ files: ["a.txt"], folders: ["docs", "pics"] }]);
    expect(items("Get Suggestions to List")).toEqual([
      { folder: "docs", files: ["a.txt"] },
      { folder: "pics", files: [] },
    ]);
    expect(ran("Move Files into Folders")).toBe(true);
  });

  it("38: two lists are read, cut and joined by their users", async () => {
    const base = "https://raw.githubusercontent.com/teds-tech-talks/n8n-community-leaderboard/refs/heads/main/";
    const creator = (username: string, week: number) => ({
      user: { name: username, username, bio: "-" },
      sum_unique_weekly_inserters: week,
    });
    const workflow = (username: string, url: string, week: number) => ({
      template_url: url,
      user: { name: username, username },
      unique_weekly_inserters: week,
    });
    const text = (value: unknown) => ({ type: "text/plain; charset=utf-8", body: JSON.stringify(value) });
    const { items, requests } = await n8n("38", {
      input: { trigger: "When Executed by Another Workflow", items: [{ query: { username: "bo" } }] },
      answers: {
        [`${base}stats_aggregate_creators.json`]: text([creator("ann", 1), creator("bo", 9)]),
        [`${base}stats_aggregate_workflows.json`]: text([
          workflow("bo", "u1", 2),
          workflow("ann", "u2", 3),
          workflow("bo", "u3", 5),
        ]),
      },
    });
    expect(requests).toHaveLength(2);
    expect(items("Sort By Top Weekly Creator Inserts")).toMatchObject([
      { sum_unique_weekly_inserters: 9 },
      { sum_unique_weekly_inserters: 1 },
    ]);
    const joined = items("Filter By Creator Username") as { username: string; template_url: string }[];
    expect(joined.map(({ username, template_url: url }) => [username, url])).toEqual([
      ["bo", "u3"],
      ["bo", "u1"],
    ]);
    expect(items("Aggregate")).toEqual([{ data: joined }]);
  });

  it("39: items go by their sentiment", async () => {
    const { items, ran } = await n8n("39", {
      scripted: { "AWS Comprehend": one({ Sentiment: "NEGATIVE" }, { Sentiment: "POSITIVE" }), Mattermost: one({}) },
    });
    expect(items("IF")).toEqual([{ Sentiment: "NEGATIVE" }]);
    expect(items("NoOp")).toEqual([{ Sentiment: "POSITIVE" }]);
    expect(ran("Mattermost")).toBe(true);
  });
});

describe.runIf(hasFixtures())("published apps of Dify run as they did", () => {
  it("01: an answer says what a model said", async () => {
    const { output } = await dify("01", { input: { query: "hi" }, scripted: { LLM: { text: "hello" } } });
    expect(output).toEqual({ answer: "hello" });
  });

  it.each([
    ["done: InformationCollectionCompleted", "a plan"],
    ["where do you live?", "where do you live?"],
  ])("02: a case decides who answers: %s", async (text, answer) => {
    const { output } = await dify("02", {
      input: { query: "hi" },
      scripted: { Agent: { text }, LLM: { text: "a plan" } },
    });
    expect(output).toEqual({ answer });
  });

  it("03: an end gives what a model said", async () => {
    const { output } = await dify("03", {
      input: { content: "hola" },
      scripted: { "DuckDuckGo 翻译": { text: "hello" }, LLM: { text: "polished" } },
    });
    expect(output).toEqual({ output: "polished" });
  });

  it("10: a long text is cut by Python, worked on part by part, and joined", async () => {
    const scripted = Object.fromEntries(
      ["识别专有名词", "直接翻译", "识别问题", "意译"].map((name) => [name, { text: name }]),
    );
    // 8,000 letters a part, 100 of which are in both.
    const { output, records } = await dify("10", { input: { input_text: "x".repeat(8_100) }, scripted });
    expect(output).toEqual({ final: "意译 意译" });
    const cut = records.find(({ type }) => type === "code")?.output as { chunks: string[] };
    expect(cut.chunks.map(({ length }) => length)).toEqual([8_000, 200]);
  });

  it("14: Python makes a list of lines", async () => {
    const { output } = await dify("14", {
      input: { subject: "s", description: "d" },
      scripted: { 爆款标题创作: { text: "One\\nTwo\nThree" } },
    });
    expect(output).toEqual({ title_list: ["One", "Two", "Three"] });
  });
});
