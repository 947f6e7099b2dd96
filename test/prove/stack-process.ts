import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

const ROOT = resolve(import.meta.dirname, "../..");
/** What `npm start` gives Node: its flags bound the memory, and the entry. */
const [, ...START] = (
  JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { scripts: { start: string } }
).scripts.start.split(" ");

/** What the running stack writes beside its data. */
export interface Runtime {
  pid: number;
  endpoints: { services: string };
}

/** The local stack as `npm start` runs it, in a process of its own that can be killed. */
export class StackProcess {
  readonly dataDir: string;
  url = "";
  #child: ChildProcess | undefined;
  /** The last lines that it wrote, for the report of a failure. */
  readonly lines: string[] = [];

  constructor(dataDir: string) {
    this.dataDir = dataDir;
    mkdirSync(dataDir, { recursive: true });
  }

  /** Of the stack that runs: it has answered. */
  runtime(): Runtime {
    return JSON.parse(readFileSync(join(this.dataDir, "runtime.json"), "utf8"));
  }

  /** Starts it. `answering` resolves once it answers; a kill before that rejects it. */
  start(): { answering: Promise<void> } {
    const env = { ...process.env, PORT: "0", WEFT_DATA_DIR: this.dataDir, WEFT_EGRESS_LOOPBACK: "allow" };
    const child = spawn(process.execPath, START, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"], env });
    this.#child = child;
    const answering = new Promise<void>((resolve, reject) => {
      const note = (line: string): void => {
        this.lines.push(line);
        if (this.lines.length > 400) this.lines.shift();
        const found = /answers at (\S+)/.exec(line)?.[1];
        if (found) {
          this.url = found;
          resolve();
        }
      };
      createInterface({ input: child.stdout! }).on("line", note);
      createInterface({ input: child.stderr! }).on("line", note);
      child.once("exit", (code, signal) => reject(new Error(`the stack ended (${signal ?? code})`)));
    });
    answering.catch(() => undefined);
    return { answering };
  }

  /** SIGKILL; returns when the process is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }
}
