import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** Milliseconds that each answer takes, as a service somewhere else would. */
const LATENCY_MS = 15;
/** Every so many requests for a license are refused once, so that the retry policy has something to do. */
const REFUSED_EVERY = 25;

const COPYLEFT = /^(A?GPL|LGPL|MPL|EPL|EUPL|OSL|CDDL|CPL|IPL|RPL|SPL|CECILL|MS-RL|QPL|Sleepycat)/i;

export interface License {
  id: string;
  name: string;
  url: string;
  osiApproved: boolean;
}

export interface Registry {
  url: string;
  /** Requests so far, and those answered 503 among them. */
  calls: { total: number; refused: number };
  /** What the workflow filed last. */
  report(): string;
  close(): Promise<void>;
}

/** The family of a license: its identifier up to the first dash. */
export function familyOf(id: string): string {
  return id.split("-", 1)[0] ?? id;
}

/** A small service that the demo's workflow calls: it knows licenses and their families, and takes reports. */
export async function startRegistry(licenses: readonly License[]): Promise<Registry> {
  const calls = { total: 0, refused: 0 };
  const asked = new Set<string>();
  let report = "";

  const answer = async (request: IncomingMessage): Promise<{ status: number; body: unknown }> => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
    const key = `${request.method} ${pathname}`;
    if (key === "GET /licenses") {
      const id = searchParams.get("id") ?? "";
      const isFirst = !asked.has(id);
      asked.add(id);
      if (isFirst && asked.size % REFUSED_EVERY === 0) return { status: 503, body: { error: "busy" } };
      return { status: 200, body: { family: familyOf(id), terms: COPYLEFT.test(id) ? "copyleft" : "permissive" } };
    }
    if (key === "GET /families") {
      const name = searchParams.get("name") ?? "";
      return { status: 200, body: licenses.filter(({ id }) => familyOf(id) === name).length };
    }
    if (key === "POST /reports") {
      const chunks: Buffer[] = [];
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
      report = Buffer.concat(chunks).toString("utf8");
      return { status: 200, body: { path: "/reports/1", lines: report.split("\n").length } };
    }
    if (key === "GET /reports/1") return { status: 200, body: report };
    return { status: 404, body: { error: "not found" } };
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    calls.total += 1;
    const { status, body } = await answer(request);
    if (status === 503) calls.refused += 1;
    await new Promise((resolve) => setTimeout(resolve, LATENCY_MS));
    const isText = typeof body === "string";
    response.writeHead(status, { "content-type": isText ? "text/markdown; charset=utf-8" : "application/json" });
    response.end(isText ? body : JSON.stringify(body));
  };

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    report: () => report,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
