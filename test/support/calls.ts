import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One request that the outside world got, in the order of arrival. */
export interface OutsideCall {
  /** The path's first part: which node asked. */
  step: string;
  /** `Idempotency-Key`: execution and node path. */
  key: string;
  body: string;
  /** Place in the order of everything that was noted: arrivals, answers, marks. */
  at: number;
  /** When it was answered, in the same order; undefined while it is open. */
  answeredAt?: number;
  /** How often the stack had been killed by then. */
  generation: number;
}

/** A server outside the stack that counts what nodes ask of it. Nothing that happens to the stack touches it. */
export interface OutsideServer {
  url: string;
  calls: OutsideCall[];
  /** Counted into each call from now on. */
  generation: number;
  /** Puts a moment into the order of calls. */
  mark(): number;
  of(step: string): OutsideCall[];
  /** Calls of this step are not answered until `open` is called. Resolves `arrived` at the next call. */
  hold(step: string): { arrived: Promise<OutsideCall>; open(): void };
  /** Answers calls of this step by this instead. */
  answer(step: string, by: (call: OutsideCall) => { status: number; text: string }): void;
  close(): Promise<void>;
}

interface Gate {
  opened: Promise<void>;
  open(): void;
  arrived(call: OutsideCall): void;
}

/**
 * `POST /{step}?delay=ms` answers `step(body)` after the delay, so that a result tells which steps made it from what.
 */
export async function startOutside(): Promise<OutsideServer> {
  const calls: OutsideCall[] = [];
  const gates = new Map<string, Gate>();
  const answers = new Map<string, (call: OutsideCall) => { status: number; text: string }>();
  let order = 0;
  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? "/", "http://outside");
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const call: OutsideCall = {
      step: url.pathname.slice(1),
      key: String(request.headers["idempotency-key"] ?? ""),
      body: Buffer.concat(chunks).toString("utf8"),
      at: ++order,
      generation: outside.generation,
    };
    calls.push(call);
    const gate = gates.get(call.step);
    gate?.arrived(call);
    await gate?.opened;
    const delay = Number(url.searchParams.get("delay") ?? 0);
    if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
    const { status, text } = answers.get(call.step)?.(call) ?? { status: 200, text: `${call.step}(${call.body})` };
    call.answeredAt = ++order;
    response.writeHead(status, { "content-type": "text/plain" });
    response.end(text);
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const outside: OutsideServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    generation: 0,
    mark: () => ++order,
    of: (step) => calls.filter((call) => call.step === step),
    hold: (step) => {
      const opened = Promise.withResolvers<void>();
      const arrived = Promise.withResolvers<OutsideCall>();
      gates.set(step, { opened: opened.promise, open: opened.resolve, arrived: arrived.resolve });
      return {
        arrived: arrived.promise,
        open: () => {
          gates.delete(step);
          opened.resolve();
        },
      };
    },
    answer: (step, by) => void answers.set(step, by),
    close: async () => {
      for (const gate of gates.values()) gate.open();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return outside;
}
