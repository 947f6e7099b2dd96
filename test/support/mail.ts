import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface SentMail {
  to: string;
  subject: string;
  text: string;
}

/** An SES of this test file alone, which keeps what it is given, and the environment that points the SDK to it. */
export async function startMail(): Promise<{ sent: SentMail[]; close(): Promise<void> }> {
  const sent: SentMail[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const input = JSON.parse(Buffer.concat(chunks).toString("utf8"));
      const { Subject, Body } = input.Content.Simple;
      sent.push({ to: input.Destination.ToAddresses[0], subject: Subject.Data, text: Body.Text.Data });
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ MessageId: String(sent.length) }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  process.env.AWS_ENDPOINT_URL_SESV2 = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  process.env.MAIL_FROM = "weft@example.com";
  return {
    sent,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
