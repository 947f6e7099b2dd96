import { createSandbox } from "@weft/adapters/sandbox/index";
import { sandboxParts } from "@weft/adapters/sandbox/parts";
import type { CodeLanguage } from "@weft/engine/code";

/** One line of the bench's table. Times are shown and never decide. */
export interface CodeRow {
  what: string;
  scenario: string;
  measured: string;
  budget: string;
  ok: boolean;
  counted: false;
}

/** Budgets of architecture §8: what a run costs over the user's own code. */
const BUDGET_MS: Readonly<Record<"javascript" | "python", number>> = { javascript: 30, python: 60 };
const PROGRAMS: Readonly<Record<"javascript" | "python", string>> = {
  javascript: "export default async (args) => ({ n: args.params.n + 1 })",
  python: "async def main(args):\n    return {'n': args.params['n'] + 1}",
};

/** What code runs cost: the median of `runs` small programs, each Python one in a child that was warm. */
export async function codeRows(runs = 15): Promise<CodeRow[]> {
  const sandbox = createSandbox(sandboxParts(import.meta.url));
  const row = async (language: "javascript" | "python"): Promise<CodeRow> => {
    const times: number[] = [];
    for (let i = 0; i <= runs; i++) {
      if (language === "python") await sandbox.warm();
      const request = { language: language as CodeLanguage, code: PROGRAMS[language], inputs: { n: i } };
      const began = performance.now();
      const { error } = await sandbox.run(request);
      if (error) throw new Error(error.message);
      // The first one starts the thread or the interpreter's image.
      if (i > 0) times.push(performance.now() - began);
    }
    const median = times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN;
    const limit = BUDGET_MS[language];
    return {
      what: "code node, over the user's code",
      scenario: `${language}, ${language === "python" ? "warm child" : "warm thread"}, median of ${runs}`,
      measured: `${median.toFixed(1)} ms`,
      budget: `≤ ${limit} ms`,
      ok: median <= limit,
      counted: false,
    };
  };
  try {
    return [await row("javascript"), await row("python")];
  } finally {
    await sandbox.close();
  }
}

if (import.meta.main) console.table(await codeRows());
