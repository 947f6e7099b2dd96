import type { ModelCall, ModelEvent, ModelReply } from "@weft/engine/model";
import { systemClock } from "@weft/kernel/clock";
import type { Ctx } from "@weft/kernel/ctx";
import type { Id } from "@weft/kernel/ids";
import { expect } from "vitest";
import { type CallResponse, callApi } from "./call.ts";
import { startKms } from "./kms.ts";
import { makePerson, makeSpace, type Person } from "./people.ts";
import { startTable } from "./table.ts";

/** Models by their real function, for an owner and a member of one space, and an administrator of the platform. */
export interface ModelWorld {
  ann: Person;
  bob: Person;
  root: Person;
  spaceId: Id<"space">;
  /** In the space, unless the path begins with `/api`. */
  call(method: string, path: string, body?: unknown, person?: Person): Promise<CallResponse>;
  /** Makes a scripted model of these rules. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read what the answer says it is
  make(rules: object[], over?: object): Promise<any>;
  /** Ann, in the space. */
  ctx: Ctx;
  close(): Promise<void>;
}

let made = 0;

export async function startModelWorld(): Promise<ModelWorld> {
  process.env.WEFT_EGRESS_LOOPBACK = "allow";
  const { handler } = await import("../../functions/model/index.ts");
  const [table, kms] = await Promise.all([startTable(), startKms()]);
  const [ann, bob, root] = [await makePerson("ann"), await makePerson("bob"), await makePerson("root", ["admin"])];
  const spaceId = await makeSpace([
    { person: ann, role: "owner" },
    { person: bob, role: "member" },
  ]);
  const call: ModelWorld["call"] = (method, path, body, person = ann) =>
    callApi(handler as never, {
      method,
      path: path.startsWith("/api") ? path : `/api/spaces/${spaceId}${path}`,
      ...(body === undefined ? {} : { body }),
      authorizer: person.authorizer,
    });
  return {
    ...{ ann, bob, root, spaceId, call },
    make: async (rules, over = {}) => {
      const body = { name: `m${++made}`, provider: "scripted", model: "script", connection: { rules }, attempts: 1 };
      const { status, json } = await call("POST", "/models", { ...body, ...over });
      expect([status, json.error]).toEqual([201, undefined]);
      return json;
    },
    ctx: {
      actor: { type: "system", reason: "test", onBehalfOf: ann.userId },
      requestId: "req-test",
      clock: systemClock,
      spaceId,
    },
    close: async () => {
      await Promise.all([table.close(), kms.close()]);
    },
  };
}

/** A call of a model with one question. */
export function asking(modelId: string, text: string, over: Partial<ModelCall> = {}): ModelCall {
  return {
    modelId,
    messages: [{ role: "user", content: text }],
    scene: { type: "workflow" },
    idempotencyKey: "exe_1:node",
    ...over,
  };
}

/** Every event, and the reply that came last. */
export async function gather(stream: AsyncIterable<ModelEvent>): Promise<{ events: ModelEvent[]; reply: ModelReply }> {
  const events: ModelEvent[] = [];
  for await (const event of stream) events.push(event);
  const last = events.at(-1);
  if (last?.type !== "done") throw new Error("the stream ended without its reply");
  return { events, reply: last.reply };
}
