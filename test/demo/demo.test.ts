import { spawn } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";

/** Far more than a slow machine needs: synthesis, the run, and the end. */
const LIMIT_MS = 300_000;

function runDemo(): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const { AWS_ENDPOINT_URL_SESV2: _, ...env } = process.env;
    const child = spawn(process.execPath, [join(import.meta.dirname, "main.ts"), "--exit"], { env });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
    }
    child.once("error", reject).once("close", (code) => resolve({ code, output }));
  });
}

it("goes from sign-up to trace, ends 0 and writes no colours where there is no terminal", {
  timeout: LIMIT_MS,
}, async () => {
  const { code, output } = await runDemo();
  expect(output).toContain("all went well");
  expect(code).toBe(0);
  expect(output).not.toContain("\u001b[");
  for (const node of ["Read the file", "Review each license", "Count the families", "Have the report written", "End"]) {
    expect(output).toMatch(new RegExp(`✓ +${node} +succeeded`));
  }
  expect(output).toMatch(/- Say that it is too little +skipped/);
  expect(output).toMatch(/\[#{32}\] 100 %/);
  expect(output).toMatch(/review\.\d+\/ask +http_request +succeeded/);
  const trace = output.slice(output.indexOf("The same run's trace"));
  const paths = [...trace.matchAll(/^ {2}([\w./]+) +\w+ +(?:succeeded|skipped)/gm)].map(([, path = ""]) => path);
  const inOrder = ["start", "read", "review", "enough", "pack", "report", "written", "news", "say", "end"];
  expect(paths.filter((path) => inOrder.includes(path))).toEqual(inOrder);
  // 149 approved licenses and 6 families, the report, and one more for each refusal.
  const [, calls, refused] = /HTTP calls +(\d+)\n +answered 503 and tried again +(\d+)/.exec(output) ?? [];
  expect(Number(calls) - Number(refused)).toBe(149 + 6 + 1);
  expect(Number(refused)).toBe(5);
});
