import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../..");

export interface TestCounts {
  passed: number;
  failed: number;
  /** The failures' texts, the first lines of each. */
  problems: string[];
  /** What the tests wrote. */
  written: string;
}

interface JsonReport {
  success: boolean;
  testResults: {
    name: string;
    message?: string;
    assertionResults: { status: string; fullName: string; failureMessages?: string[] }[];
  }[];
}

/** Runs test files in a process of their own, with variables that make a sample whole. */
export async function runTests(files: readonly string[], env: Record<string, string> = {}): Promise<TestCounts> {
  const folder = await mkdtemp(join(tmpdir(), "weft-prove-"));
  const report = join(folder, "report.json");
  const cli = join(ROOT, "node_modules/vitest/vitest.mjs");
  const options = [
    "run",
    "--config",
    "test/vitest.config.ts",
    "--reporter=json",
    `--outputFile=${report}`,
    "--testTimeout=1800000",
  ];
  try {
    const child = spawn(process.execPath, [cli, ...options, ...files], {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let written = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (written += chunk));
    await once(child, "close");
    const text = await readFile(report, "utf8").catch(() => undefined);
    if (text === undefined) return { passed: 0, failed: 1, problems: [written.slice(-2000)], written };
    return { ...countsOf(JSON.parse(text)), written };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function countsOf(report: JsonReport): Omit<TestCounts, "written"> {
  const problems: string[] = [];
  let passed = 0;
  for (const file of report.testResults) {
    for (const test of file.assertionResults) {
      if (test.status === "passed") passed += 1;
      else if (test.status === "failed")
        problems.push(`${test.fullName}: ${test.failureMessages?.[0]?.slice(0, 1500)}`);
    }
    if (file.message) problems.push(`${file.name}: ${file.message.slice(0, 1500)}`);
  }
  if (!report.success && problems.length === 0) problems.push("the tests failed without saying why");
  return { passed, failed: problems.length, problems };
}
