import type { CodeIssue, CodeReport } from "@weft/core/code/code.schema";
import type { CodeLanguage } from "@weft/engine/code";

type Severity = CodeIssue["severity"];

interface Rule {
  rule: string;
  severity: Severity;
  message: string;
  languages: "python" | "javascript" | "all";
  pattern: RegExp;
}

const COST: Readonly<Record<Severity, number>> = { high: 30, medium: 15, low: 5 };
const FULL_SCORE = 100;
/** One rule counts so many times at most, and a report names no more. */
const MAX_PER_RULE = 5;
/** Longer lines are data, not code. */
const MAX_LINE = 2_000;

/** What has no business in a program of the sandbox. All of it is refused there too: this says it before the run. */
const RULES: readonly Rule[] = [
  {
    rule: "host-bridge",
    severity: "high",
    message: "reaches for the interpreter's host",
    languages: "python",
    pattern: /\b(?:pyodide_js|_pyodide_core|_pyodide|run_js|micropip)\b|\b(?:import|from)\s+(?:js|pyodide)\b/,
  },
  {
    rule: "process",
    severity: "high",
    message: "starts or signals processes",
    languages: "python",
    pattern: /\bsubprocess\b|\bos\s*\.\s*(?:system|popen|exec\w*|spawn\w*|fork|kill)\b|\bmultiprocessing\b|\bpty\b/,
  },
  {
    rule: "native-code",
    severity: "high",
    message: "calls native code",
    languages: "python",
    pattern: /\b_?ctypes\b|\bcffi\b|\b_imp\b/,
  },
  {
    rule: "dynamic-import",
    severity: "medium",
    message: "imports by a computed name",
    languages: "python",
    pattern: /\b__import__\s*\(|\bimportlib\b/,
  },
  {
    rule: "dynamic-code",
    severity: "medium",
    message: "runs text as code",
    languages: "all",
    pattern: /(?<![\w.])(?:eval|exec)\s*\(|\bnew\s+Function\b|(?<![\w.])Function\s*\(/,
  },
  {
    rule: "introspection",
    severity: "medium",
    message: "walks the interpreter's own structures",
    languages: "python",
    pattern:
      /__(?:subclasses|globals|builtins|mro|bases|code|closure)__|\bgc\s*\.\s*get_(?:objects|referrers|referents)\b/,
  },
  {
    rule: "network",
    severity: "medium",
    message: "opens connections, which the sandbox has not",
    languages: "python",
    pattern: /\b(?:import|from)\s+(?:socket|ssl|http\.client|urllib\.request|requests|httpx|aiohttp|ftplib|smtplib)\b/,
  },
  {
    rule: "system-file",
    severity: "medium",
    message: "reads files of the system",
    languages: "all",
    pattern: /["'`](?:\/etc\/|\/proc\/|\/sys\/|\/root\/|~\/\.)/,
  },
  {
    rule: "host-object",
    severity: "high",
    message: "reaches for the interpreter's host",
    languages: "javascript",
    pattern:
      /\bprocess\s*\.|\brequire\s*\(|\bgetBuiltinModule\b|\bconstructor\s*\.\s*constructor\b|\bglobalThis\s*\.\s*process\b/,
  },
  {
    rule: "prototype",
    severity: "medium",
    message: "changes what objects inherit",
    languages: "javascript",
    pattern:
      /__proto__|\b(?:Object|Array|Function|String|Promise)\s*\.\s*prototype\s*(?:\.\s*\w+|\[[^\]]*\])\s*=[^=]|\bsetPrototypeOf\b/,
  },
  {
    rule: "network",
    severity: "medium",
    message: "opens connections, which the sandbox has not",
    languages: "javascript",
    pattern: /(?<![\w.])fetch\s*\(|\bXMLHttpRequest\b|\bWebSocket\b/,
  },
  {
    rule: "environment",
    severity: "low",
    message: "reads environment variables, of which there are none",
    languages: "all",
    pattern: /\bos\s*\.\s*environ\b|\bgetenv\s*\(|\bprocess\s*\.\s*env\b/,
  },
  {
    rule: "endless-loop",
    severity: "low",
    message: "loops without a condition",
    languages: "all",
    pattern: /\bwhile\s*(?:\(\s*(?:true|1)\s*\)|(?:True|1)\s*:)|\bfor\s*\(\s*;\s*;\s*\)/,
  },
];

/** Reads a program, without running it, for what has no business in it: 100 less a price for each finding, never below 0. */
export function inspect(code: string, language: CodeLanguage): CodeReport {
  const family = language === "python" ? "python" : "javascript";
  const rules = RULES.filter(({ languages }) => languages === "all" || languages === family);
  const issues: CodeIssue[] = [];
  const counts = new Map<Rule, number>();
  for (const [at, text] of code.split("\n").entries()) {
    const line = text.slice(0, MAX_LINE);
    for (const rule of rules) {
      const count = counts.get(rule) ?? 0;
      if (count >= MAX_PER_RULE || !rule.pattern.test(line)) continue;
      counts.set(rule, count + 1);
      issues.push({ rule: rule.rule, severity: rule.severity, message: rule.message, line: at + 1 });
    }
  }
  const cost = issues.reduce((sum, { severity }) => sum + COST[severity], 0);
  return { score: Math.max(0, FULL_SCORE - cost), issues };
}
