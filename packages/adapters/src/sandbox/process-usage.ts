import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";

export interface ProcessUsage {
  memoryBytes: number;
  cpuMs: number;
}

const PAGE_BYTES = 4096;
/** Ticks of `/proc/…/stat`: 100 a second on every Linux that Lambda and Node run on. */
const TICK_MS = 10;

/** Memory and processor time of another process as the system counts them; undefined once it is gone. */
export async function processUsage(pid: number): Promise<ProcessUsage | undefined> {
  return process.platform === "linux" ? fromProc(pid) : fromPs(pid);
}

async function fromProc(pid: number): Promise<ProcessUsage | undefined> {
  try {
    const [memory, stat] = await Promise.all([
      readFile(`/proc/${pid}/statm`, "utf8"),
      readFile(`/proc/${pid}/stat`, "utf8"),
    ]);
    // The name in parentheses may hold spaces; the fields after it count from 3.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const ticks = Number(fields[11]) + Number(fields[12]);
    return { memoryBytes: Number(memory.split(" ")[1]) * PAGE_BYTES, cpuMs: ticks * TICK_MS };
  } catch {
    return undefined;
  }
}

function fromPs(pid: number): Promise<ProcessUsage | undefined> {
  return new Promise((resolve) => {
    execFile("ps", ["-o", "rss=,time=", "-p", String(pid)], (error, stdout) => {
      const [rss, time = ""] = stdout.trim().split(/\s+/);
      if (error || !rss) return resolve(undefined);
      const seconds = time.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
      resolve({ memoryBytes: Number(rss) * 1024, cpuMs: seconds * 1000 });
    });
  });
}
