import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StackClock } from "@weft/local/clock";
import { startWeft, type WeftStack } from "@weft/local/stack";
import { STAY_LOADED } from "./workers.ts";

/** A person of the product as a stranger to its code sees them: an address, a token and a space of their own. */
export interface Resident {
  email: string;
  userId: string;
  token: string;
  spaceId: string;
}

export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests read answers of every shape
  json: any;
}

/** The whole product on this machine, over HTTP alone. */
export interface StackWorld {
  stack: WeftStack;
  call(
    method: string,
    path: string,
    options?: { token?: string; body?: unknown; headers?: Record<string, string> },
  ): Promise<Answer>;
  signUp(): Promise<Resident>;
  /** Texts of the mails to somebody, in no order. */
  mailsTo(email: string): string[];
  close(): Promise<void>;
}

const PASSWORD = "correct horse battery staple";

/** Starts the product with a data folder of its own. */
export async function startWorld(options: { env?: Record<string, string> } = {}): Promise<StackWorld> {
  const dataDir = await mkdtemp(join(tmpdir(), "weft-"));
  const stack = await startWeft({
    dataDir,
    clock: new StackClock(),
    env: { WEFT_EGRESS_LOOPBACK: "allow", ...options.env },
    limits: STAY_LOADED,
  });
  let people = 0;
  const call: StackWorld["call"] = async (method, path, { token, body, headers } = {}) => {
    const response = await fetch(`${stack.url}${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, json: text === "" ? undefined : JSON.parse(text) };
  };
  const mailsTo = (email: string): string[] => {
    const folder = join(dataDir, "mail");
    const mails = readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8"));
    return mails.filter((mail) => mail.includes(email));
  };
  const mailCode = (email: string): string | undefined => mailsTo(email)[0]?.match(/mt_[a-z0-9]+_[\w-]+/)?.[0];
  const signUp = async (): Promise<Resident> => {
    people += 1;
    const email = `person${people}@example.com`;
    const userName = `person${people}`;
    await call("POST", "/api/auth/register", { body: { email, password: PASSWORD, userName } });
    for (let tries = 0; mailCode(email) === undefined && tries < 100; tries += 1) await stack.idle();
    await call("POST", "/api/auth/verify-email", { body: { token: mailCode(email) } });
    const { token } = (await call("POST", "/api/auth/login", { body: { email, password: PASSWORD } })).json;
    const me = (await call("GET", "/api/me", { token })).json;
    const spaceId = (await call("GET", "/api/spaces", { token })).json.items[0].id;
    return { email, token, spaceId, userId: me.id };
  };
  return {
    stack,
    call,
    signUp,
    mailsTo,
    close: async () => {
      await stack.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Reads until it is as wished. A thing that never becomes so fails by the test's own limit. */
export async function until<T>(read: () => Promise<T>, isDone: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await read();
    if (isDone(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
