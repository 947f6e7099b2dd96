import type { IncomingMessage, ServerResponse } from "node:http";
import type { WeftStack } from "../stack.ts";
import { MAX_MAIL_BYTES } from "./mail-in.ts";
import type { ServiceServer } from "./service-server.ts";

/**
 * What a bench, a person or a fault test in another process may ask of the stack, on the loopback port of the services:
 * `GET /_local/counts`, `POST /_local/kill/{function}`, and `POST /_local/mail?to={address}` with a mail as it would come
 * over SMTP (`spam` and `virus` say what a scanner found).
 */
export function addOperatorApi(services: ServiceServer, stack: WeftStack): void {
  services.addPath({
    matches: /^\/_local\//,
    handle: (req, res) => {
      void answer(stack, req).then(
        (body) => reply(res, body === undefined ? 404 : 200, body ?? {}),
        (error: unknown) => reply(res, 500, { error: String(error) }),
      );
    },
  });
}

async function answer(stack: WeftStack, req: IncomingMessage): Promise<object | undefined> {
  const url = new URL(req.url ?? "/", "http://local");
  const [, , what, name = ""] = url.pathname.split("/");
  if (what === "counts") return stack.counts();
  if (req.method !== "POST") return undefined;
  if (what === "kill" && stack.pool.has(name)) return { killed: stack.killWorker(name) };
  return what === "mail" ? takeMail(stack, url.searchParams, req) : undefined;
}

async function takeMail(stack: WeftStack, query: URLSearchParams, req: IncomingMessage): Promise<object | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_MAIL_BYTES) throw new Error(`a mail has at most ${MAX_MAIL_BYTES} bytes`);
    chunks.push(chunk);
  }
  const [spam, virus] = [query.get("spam"), query.get("virus")];
  const verdicts = { ...(spam === null ? {} : { spam }), ...(virus === null ? {} : { virus }) };
  const messageId = await stack.mailIn({ raw: Buffer.concat(chunks), recipients: query.getAll("to"), ...verdicts });
  return messageId === undefined ? undefined : { messageId };
}

function reply(res: ServerResponse, status: number, body: object): void {
  res.writeHead(status, { "content-type": "application/json" });
  res.end(JSON.stringify(body));
}
