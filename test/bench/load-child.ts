import { Agent, request } from "node:http";

/**
 * The load generator, in a process of its own: `node load-child.ts` with a job as JSON on its standard input. Each
 * connection sends the next request when it has the answer to the one before. Prints one line of JSON.
 */
export interface LoadJob {
  url: string;
  headers: Record<string, string>;
  body: string;
  connections: number;
  seconds: number;
}

export interface LoadResult {
  perSecond: number;
  latencies: number[];
  failures: number;
  firstFailure?: string;
}

interface Sent {
  ok: boolean;
  text: string;
}

function send(job: LoadJob, agent: Agent): Promise<Sent> {
  return new Promise((resolve) => {
    const outgoing = request(job.url, { method: "POST", agent, headers: job.headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        resolve({ ok: response.statusCode === 200 && text.includes('"status":"succeeded"'), text });
      });
    });
    outgoing.on("error", (error) => resolve({ ok: false, text: String(error) }));
    outgoing.end(job.body);
  });
}

async function run(job: LoadJob): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: job.connections });
  const result: LoadResult = { perSecond: 0, latencies: [], failures: 0 };
  const from = performance.now();
  const until = from + job.seconds * 1000;
  const connection = async (): Promise<void> => {
    for (let now = performance.now(); now < until; now = performance.now()) {
      const { ok, text } = await send(job, agent);
      const done = performance.now();
      if (!ok) {
        result.failures += 1;
        result.firstFailure ??= text.slice(0, 300);
      }
      result.latencies.push(done - now);
    }
  };
  await Promise.all(Array.from({ length: job.connections }, connection));
  agent.destroy();
  result.perSecond = (result.latencies.length * 1000) / (performance.now() - from);
  return result;
}

let input = "";
for await (const chunk of process.stdin.setEncoding("utf8")) input += chunk;
process.stdout.write(JSON.stringify(await run(JSON.parse(input) as LoadJob)));
