import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

type Handler = (event: unknown, context: never) => Promise<unknown>;

/** Lambda's Invoke of this test file alone: each function is a handler of this process. */
export async function startInvocations(
  handlers: Readonly<Record<string, Handler>>,
): Promise<{ close(): Promise<void> }> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", async () => {
      const name = decodeURIComponent(/functions\/([^/]+)\/invocations/.exec(request.url ?? "")?.[1] ?? "");
      const context = { getRemainingTimeInMillis: () => 300_000, awsRequestId: "req-invoked" } as never;
      try {
        const handler = handlers[name];
        if (!handler) throw new Error(`there is no function ${name}`);
        const answer = await handler(JSON.parse(Buffer.concat(chunks).toString("utf8")), context);
        response.end(JSON.stringify(answer ?? null));
      } catch (thrown) {
        response.setHeader("x-amz-function-error", "Unhandled");
        response.end(JSON.stringify({ errorType: "Error", errorMessage: String(thrown) }));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  process.env.AWS_ENDPOINT_URL_LAMBDA = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
