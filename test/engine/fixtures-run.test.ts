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
    expect(items("Set Variables")).toEqual([{ directory: "/home/node/host_mount/shared_drive" }]);
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
