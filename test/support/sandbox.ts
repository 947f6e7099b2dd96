import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { StackClock } from "@weft/local/clock";
import { handleInvoke } from "@weft/local/lambda/invoke-api";
import { LambdaPool } from "@weft/local/lambda/pool";

/** The sandbox's function behind Lambda's own API, of this test file alone, and the environment that leads there. */
export async function startCodeFunction(): Promise<{ close(): Promise<void> }> {
  const clock = new StackClock();
  const pool = new LambdaPool({ clock, log: () => {} });
  pool.define({
    name: "code",
    arn: "arn:aws:lambda:us-east-1:000000000000:function:code",
    entry: new URL("../../functions/code/run.ts", import.meta.url).href,
    environment: {},
    timeoutSeconds: 150,
    memoryMb: 1024,
    perTenant: true,
  });
  const server = createServer((request, response) => void handleInvoke(pool, request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  process.env.AWS_ENDPOINT_URL_LAMBDA = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  process.env.CODE_FUNCTION = "code";
  return {
    close: async () => {
      await pool.close();
      clock.close();
      server.closeAllConnections();
      server.close();
    },
  };
}
