import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atMost, type Row, shownOnly } from "./row.ts";

const BUDGET_SECONDS = 15;
const LIMIT_MS = 120_000;
const MAIN = join(import.meta.dirname, "../../packages/local/src/main.ts");

/** Seconds from the start of the process to an answer that took a function, and the store, to give. */
async function firstAnswer(dataDir: string): Promise<number> {
  const started = performance.now();
  const env = { ...process.env, WEFT_DATA_DIR: dataDir, PORT: "0" };
  const child = spawn(process.execPath, [MAIN], { env, stdio: ["ignore", "pipe", "pipe"] });
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
  try {
    const url = await addressOf(child.stdout, closed);
    const body = JSON.stringify({ email: "nobody@example.com", password: "not the password" });
    const headers = { "content-type": "application/json" };
    const { status } = await fetch(`${url}/api/auth/login`, { method: "POST", headers, body });
    if (status !== 401) throw new Error(`the first answer was ${status}`);
    return (performance.now() - started) / 1000;
  } finally {
    clearTimeout(timer);
    child.kill("SIGTERM");
    await closed;
  }
}

function addressOf(output: NodeJS.ReadableStream, closed: Promise<void>): Promise<string> {
  let text = "";
  return new Promise((resolve, reject) => {
    output.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      const found = /Weft answers at (\S+)/.exec(text)?.[1];
      if (found) resolve(found);
    });
    void closed.then(() => reject(new Error(`npm start ended early:\n${text}`)));
  });
}

/** `npm start` in a new folder, which has to synthesize, and again in the same. */
export async function startRows(): Promise<Row[]> {
  const dataDir = await mkdtemp(join(tmpdir(), "weft-bench-start-"));
  try {
    const fresh = await firstAnswer(dataDir);
    const again = await firstAnswer(dataDir);
    return [
      atMost("npm start: first answer", "with the synth cache", again, BUDGET_SECONDS, "s"),
      shownOnly("npm start: first answer", "without the synth cache", fresh, "s"),
    ];
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}
