import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { egress } from "@weft/adapters/egress/http";
import { modelProviders } from "@weft/adapters/models/providers";
import type { ProviderCall, ProviderEvent } from "@weft/core/model/model.provider";
import type { ModelProviderName } from "@weft/core/model/model.schema";
import { systemClock } from "@weft/kernel/clock";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

type Serve = (request: IncomingMessage, response: ServerResponse, body: Record<string, unknown>) => void;
let serve: Serve = () => undefined;
let server: Server;
let url = "";
const never = new AbortController().signal;
const providers = modelProviders({ web: egress({ allowLoopback: true }), clock: systemClock });

beforeAll(async () => {
  server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += String(chunk);
    serve(request, response, text === "" ? {} : JSON.parse(text));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const capability = {
  ...{ tools: true, json: "schema" as const, images: true, files: true, audio: false, video: false, reasoning: true },
  ...{ contextTokens: null, maxOutputTokens: null, dimensions: null },
};

const callOf = (provider: ModelProviderName, over: Partial<ProviderCall> = {}): ProviderCall => ({
  ...{ provider, model: "the-model", capability, timeoutMs: 10_000, params: {}, idempotencyKey: "exe_1:ask" },
  connection: { baseUrl: `${url}/v1`, apiKey: "key-1" },
  messages: [{ role: "user", content: "hi" }],
  ...over,
});

async function said(call: ProviderCall, signal = never): Promise<ProviderEvent[]> {
  const events: ProviderEvent[] = [];
  for await (const event of providers.stream(call, signal)) events.push(event);
  return events;
}

/** One reply in each provider's own frames: reasoning, two pieces of text, a call of a tool, what was metered. */
const FRAMES: Record<string, string[]> = {
  openai_compatible: [
    { choices: [{ index: 0, delta: { role: "assistant", reasoning_content: "Hm." } }] },
    { choices: [{ index: 0, delta: { content: "Hel" } }] },
    { choices: [{ index: 0, delta: { content: "lo" } }] },
    {
      choices: [
        {
          ...{ index: 0, finish_reason: null },
          delta: {
            tool_calls: [{ index: 0, id: "c1", type: "function", function: { name: "find", arguments: '{"q":' } }],
          },
        },
      ],
    },
    { choices: [{ index: 0, delta: { tool_calls: [{ index: 0, function: { arguments: '"x"}' } }] } }] },
    { choices: [{ index: 0, delta: {}, finish_reason: "tool_calls" }] },
    { choices: [], usage: { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 } },
  ]
    .map((frame) => `data: ${JSON.stringify({ id: "r", created: 1, model: "m", ...frame })}\n\n`)
    .concat("data: [DONE]\n\n"),
  anthropic: [
    {
      type: "message_start",
      message: {
        id: "m",
        type: "message",
        role: "assistant",
        model: "m",
        content: [],
        usage: { input_tokens: 11, output_tokens: 1 },
      },
    },
    { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "", signature: "" } },
    { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "Hm." } },
    { type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "signed" } },
    { type: "content_block_stop", index: 0 },
    { type: "content_block_start", index: 1, content_block: { type: "text", text: "" } },
    { type: "content_block_delta", index: 1, delta: { type: "text_delta", text: "Hel" } },
    { type: "content_block_delta", index: 1, delta: { type: "text_delta", text: "lo" } },
    { type: "content_block_stop", index: 1 },
    { type: "content_block_start", index: 2, content_block: { type: "tool_use", id: "c1", name: "find", input: {} } },
    { type: "content_block_delta", index: 2, delta: { type: "input_json_delta", partial_json: '{"q":"x"}' } },
    { type: "content_block_stop", index: 2 },
    { type: "message_delta", delta: { stop_reason: "tool_use" }, usage: { output_tokens: 7 } },
    { type: "message_stop" },
  ].map((frame) => `event: ${frame.type}\ndata: ${JSON.stringify(frame)}\n\n`),
  google: [
    { candidates: [{ content: { role: "model", parts: [{ text: "Hm.", thought: true }] } }] },
    { candidates: [{ content: { role: "model", parts: [{ text: "Hel" }] } }] },
    { candidates: [{ content: { role: "model", parts: [{ text: "lo" }] } }] },
    {
      candidates: [
        {
          content: { role: "model", parts: [{ functionCall: { name: "find", args: { q: "x" } } }] },
          finishReason: "STOP",
        },
      ],
      usageMetadata: { promptTokenCount: 11, candidatesTokenCount: 7, totalTokenCount: 18 },
    },
  ].map((frame) => `data: ${JSON.stringify(frame)}\n\n`),
};

const NAMES = Object.keys(FRAMES) as ModelProviderName[];
const tools = [
  { name: "find", description: "Finds", parameters: { type: "object", properties: { q: { type: "string" } } } },
];

function answering(frames: readonly string[]): Serve {
  return (_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.end(frames.join(""));
  };
}

describe.each(NAMES)("%s", (provider) => {
  const frames = FRAMES[provider] ?? [];

  it("streams reasoning, text, calls of tools and what was metered", async () => {
    let asked: { headers: IncomingMessage["headers"]; body: Record<string, unknown> } | undefined;
    serve = (request, response, body) => {
      asked = { headers: request.headers, body };
      answering(frames)(request, response, body);
    };
    const events = await said(callOf(provider, { tools }));
    expect(events.map(({ type }) => type)).toEqual(["reasoning", "text", "text", "tool_call", "done"]);
    expect(events[3]).toMatchObject({ call: { name: "find", input: { q: "x" } } });
    expect(events.at(-1)).toMatchObject({ finishReason: "tool_calls", tokens: { inputTokens: 11, outputTokens: 7 } });
    expect(JSON.stringify(asked?.headers)).toContain("key-1");
    expect(JSON.stringify(asked?.body)).toContain("Finds");
  });

  it("asks for a JSON Schema in the provider's own way", async () => {
    let asked = "";
    serve = (request, response, body) => {
      asked = JSON.stringify(body);
      answering(frames)(request, response, body);
    };
    const schema = { type: "object", properties: { thePrice: { type: "number" } }, required: ["thePrice"] };
    await said(callOf(provider, { format: { type: "json", schema } }));
    expect(asked).toContain("thePrice");
  });

  it("says what a refusal was, and whether it may pass", async () => {
    const refusals: [number, object][] = [
      [401, { code: "model_failed", retryable: false, details: { reason: "unauthorized", status: 401 } }],
      [400, { code: "model_failed", retryable: false, details: { reason: "invalid_request", status: 400 } }],
      [429, { code: "rate_limited", retryable: true, retryAfterMs: 3_000 }],
      [503, { code: "model_failed", retryable: true, details: { reason: "unavailable", status: 503 } }],
    ];
    for (const [status, failure] of refusals) {
      serve = (_request, response) => {
        response.writeHead(status, { "content-type": "application/json", "retry-after": "3" });
        response.end(JSON.stringify({ type: "error", error: { type: "e", code: status, status: "E", message: "no" } }));
      };
      await expect(said(callOf(provider))).rejects.toMatchObject(failure);
    }
  });

  it("takes no reply for whole that was cut off or cannot be read", async () => {
    serve = answering(frames.slice(0, 2));
    await expect(said(callOf(provider))).rejects.toMatchObject({ code: "model_failed", retryable: true });
    serve = answering([...frames.slice(0, 2), "data: {not json\n\n", ...frames.slice(2)]);
    await expect(said(callOf(provider))).rejects.toMatchObject({ code: "model_failed" });
    serve = (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(frames.slice(0, 3).join(""), () => response.destroy());
    };
    await expect(said(callOf(provider))).rejects.toMatchObject({ code: "model_failed", retryable: true });
  });

  it("ends the provider's request with its own signal, and when it is left", async () => {
    for (const way of ["abort", "leave"]) {
      const closed = Promise.withResolvers<void>();
      serve = (_request, response) => {
        response.on("close", closed.resolve);
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write(frames.slice(0, 9).join(""));
      };
      const stop = new AbortController();
      const run = (async () => {
        for await (const event of providers.stream(callOf(provider), stop.signal)) {
          if (event.type !== "text") continue;
          if (way === "leave") return;
          stop.abort(new Error("stopped"));
        }
      })();
      await (way === "leave" ? run : expect(run).rejects.toThrow("stopped"));
      await closed.promise;
    }
  });
});

describe("what goes to a provider", () => {
  it("are files of the messages, fetched where the provider cannot", async () => {
    let asked = "";
    serve = (request, response, body) => {
      if (request.url === "/a.png") {
        response.writeHead(200, { "content-type": "image/png" });
        response.end("png-bytes");
        return;
      }
      asked = JSON.stringify(body);
      answering(FRAMES.anthropic ?? [])(request, response, body);
    };
    const content = [{ type: "image" as const, url: `${url}/a.png` }];
    await said(callOf("anthropic", { messages: [{ role: "user", content }] }));
    expect(asked).toContain(Buffer.from("png-bytes").toString("base64"));
  });

  it("is the reasoning that it signed, in the turn that goes on", async () => {
    serve = answering(FRAMES.anthropic ?? []);
    const done = (await said(callOf("anthropic", { tools }))).at(-1);
    const continuation = done?.type === "done" ? done.continuation : undefined;
    let asked = "";
    serve = (request, response, body) => {
      asked = JSON.stringify(body);
      answering(FRAMES.anthropic ?? [])(request, response, body);
    };
    const toolCalls = [{ id: "c1", name: "find", input: { q: "x" } }];
    const messages = [
      { role: "user" as const, content: "hi" },
      { role: "assistant" as const, content: "Hello", toolCalls, continuation },
      { role: "tool" as const, toolCallId: "c1", name: "find", content: "three" },
    ];
    await said(callOf("anthropic", { tools, messages }));
    expect(asked).toContain('"signature":"signed"');
  });

  it("goes to no address that is not public, and by redirect to no other host", async () => {
    const closed = modelProviders({ web: egress(), clock: systemClock });
    const run = async () => {
      for await (const _ of closed.stream(callOf("openai_compatible"), never));
    };
    await expect(run()).rejects.toMatchObject({ code: "model_failed", details: { reason: "address_refused" } });
    serve = (_request, response) => {
      response.writeHead(307, { location: "http://localhost:1/elsewhere" });
      response.end();
    };
    await expect(said(callOf("openai_compatible"))).rejects.toMatchObject({ details: { reason: "host_not_allowed" } });
  });

  it("is signed with the connection's keys for Amazon Bedrock", async () => {
    let authorization = "";
    serve = (request, response) => {
      authorization = String(request.headers.authorization);
      response.writeHead(403, { "content-type": "application/json" });
      response.end(JSON.stringify({ message: "not yours" }));
    };
    const connection = {
      baseUrl: url,
      region: "eu-west-1",
      auth: "keys",
      accessKeyId: "AKIAEXAMPLEEXAMPLE00",
      secretAccessKey: "s",
    };
    await expect(said(callOf("bedrock", { connection }))).rejects.toMatchObject({
      details: { reason: "unauthorized" },
    });
    expect(authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=AKIAEXAMPLEEXAMPLE00\/\d+\/eu-west-1\/bedrock\//);
  });

  it("are texts, for their vectors", async () => {
    serve = (_request, response, body) => {
      const data = (body.input as string[]).map((text, index) => ({
        object: "embedding",
        index,
        embedding: [text.length, 1],
      }));
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ object: "list", data, model: "m", usage: { prompt_tokens: 4, total_tokens: 4 } }));
    };
    const embedded = await providers.embed(callOf("openai_compatible"), ["a", "bb"], never);
    expect(embedded).toEqual({
      vectors: [
        [1, 1],
        [2, 1],
      ],
      tokens: 4,
    });
    await expect(providers.embed(callOf("anthropic"), ["a"], never)).rejects.toMatchObject({
      details: { reason: "unsupported" },
    });
  });
});
