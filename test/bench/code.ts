import { createSandbox } from "@weft/adapters/sandbox/index";
import { sandboxParts } from "@weft/adapters/sandbox/parts";
import type { CodeLanguage } from "@weft/engine/code";
import { atMost, median, type Row } from "./row.ts";

/** Budgets of architecture §8: what a run costs over the user's own code. */
const BUDGET_MS: Readonly<Record<"javascript" | "python", number>> = { javascript: 30, python: 60 };
const PROGRAMS: Readonly<Record<"javascript" | "python", string>> = {
  javascript: "export default async (args) => ({ n: args.params.n + 1 })",
  python: "async def main(args):\n    return {'n': args.params['n'] + 1}",
};

/** What code runs cost: the median of some small programs, each Python one in a child that was warm. */
export async function codeRows(isQuick: boolean): Promise<Row[]> {
  const runs = isQuick ? 5 : 15;
  const sandbox = createSandbox(sandboxParts(import.meta.url));
  const row = async (language: "javascript" | "python"): Promise<Row> => {
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
    const scenario = `${language}, ${language === "python" ? "warm child" : "warm thread"}, median of ${runs}`;
    return atMost("code node, over the user's code", scenario, median(times), BUDGET_MS[language], "ms");
  };
  try {
    return [await row("javascript"), await row("python")];
  } finally {
    await sandbox.close();
  }
}
