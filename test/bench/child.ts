import { spawn } from "node:child_process";
import { join } from "node:path";

/** Runs one of this folder's modules in a process of its own: a job in, JSON out as its last line. */
export async function inChild<Result>(module: string, job: object, env: Record<string, string> = {}): Promise<Result> {
  const child = spawn(process.execPath, [join(import.meta.dirname, module)], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, ...env },
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stdin.end(JSON.stringify(job));
  const status = await new Promise((resolve, reject) => child.once("error", reject).once("close", resolve));
  if (status !== 0) throw new Error(`${module} ended with ${status}`);
  return JSON.parse(output.trimEnd().split("\n").at(-1) ?? "") as Result;
}
