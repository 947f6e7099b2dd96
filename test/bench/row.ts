/** One line of the table. A counted row must hold; a timed one is shown and judged by the reader. */
export interface Row {
  what: string;
  scenario: string;
  measured: number | string;
  budget: string;
  ok: boolean;
  counted: boolean;
}

/** A budget that may not be passed. */
export function atMost(what: string, scenario: string, measured: number, max: number, unit: string): Row {
  return {
    what,
    scenario,
    measured: shown(measured, unit),
    budget: `≤ ${shown(max, unit)}`,
    ok: measured <= max,
    counted: false,
  };
}

/** A budget that must be reached. */
export function atLeast(what: string, scenario: string, measured: number, min: number, unit: string): Row {
  return {
    what,
    scenario,
    measured: shown(measured, unit),
    budget: `≥ ${shown(min, unit)}`,
    ok: measured >= min,
    counted: false,
  };
}

/** A measurement without a budget of its own. */
export function shownOnly(what: string, scenario: string, measured: number, unit: string): Row {
  return { what, scenario, measured: shown(measured, unit), budget: "", ok: true, counted: false };
}

/**
 * A number of requests or transitions, which is the same on every machine. None at all is a counter that does not
 * count.
 */
export function counted(what: string, scenario: string, measured: number, max: number): Row {
  return { what, scenario, measured, budget: `≤ ${max}`, ok: measured > 0 && measured <= max, counted: true };
}

function shown(value: number, unit: string): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${Number(value.toFixed(digits))} ${unit}`;
}

/** The rows as text, one column under the other. */
export function table(rows: readonly Row[]): string {
  const head = ["what", "scenario", "measured", "budget", "ok"];
  const lines = rows.map((row) => [row.what, row.scenario, String(row.measured), row.budget, verdict(row)]);
  const widths = head.map((name, column) => Math.max(name.length, ...lines.map((line) => line[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join(" | ")
      .trimEnd();
  return [line(head), widths.map((width) => "-".repeat(width)).join("-|-"), ...lines.map(line)].join("\n");
}

function verdict({ ok, counted, budget }: Row): string {
  if (budget === "") return "";
  if (ok) return "yes";
  return counted ? "NO" : "no (time)";
}

/** The middle one of some measurements. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** The value below which this share of the measurements lies. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}
