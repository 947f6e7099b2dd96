import { cpus } from "node:os";

/** Processor time of this machine so far: all of it, and what was spent doing nothing. */
export interface CpuTimes {
  idle: number;
  total: number;
}

export function cpuTimes(): CpuTimes {
  let idle = 0;
  let total = 0;
  for (const { times } of cpus()) {
    idle += times.idle;
    total += times.idle + times.user + times.sys + times.nice + times.irq;
  }
  return { idle, total };
}

/** The share of the machine's processor time since `before` in which nothing ran; 0 when no time has passed. */
export function idleShare(before: CpuTimes): number {
  const now = cpuTimes();
  return now.total > before.total ? (now.idle - before.idle) / (now.total - before.total) : 0;
}
