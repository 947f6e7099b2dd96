const BAR_WIDTH = 32;
/** Without a terminal the bar is a line of its own, each time this much more is done. */
const PLAIN_STEP = 0.25;

const { stdout } = process;
const isTerminal = stdout.isTTY === true;
const hasColour = isTerminal && process.env.NO_COLOR === undefined && process.env.TERM !== "dumb";

type Colour = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";
const CODES: Record<Colour, number> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 };

/** The text in a colour where the output shows colours. */
export function paint(colour: Colour, text: string): string {
  return hasColour ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text;
}

/** Seconds or milliseconds, as people read them. */
export function duration(ms: number | null): string {
  if (ms === null) return "";
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(2)} s`;
}

let isBarShown = false;
let plainShare = -1;

function clearBar(): void {
  if (isBarShown) stdout.write("\r\u001b[2K");
  isBarShown = false;
}

/** Prints a line, above the bar where there is one. */
export function line(text = ""): void {
  clearBar();
  stdout.write(`${text}\n`);
}

export function heading(text: string): void {
  line();
  line(paint("bold", text));
}

/** Draws the bar anew; `share` is from 0 to 1. */
export function bar(share: number, text: string): void {
  const full = Math.round(Math.min(1, share) * BAR_WIDTH);
  const percent = `${Math.floor(Math.min(1, share) * 100)}`.padStart(3);
  const cells = isTerminal ? "█".repeat(full) + "░".repeat(BAR_WIDTH - full) : "#".repeat(full).padEnd(BAR_WIDTH, ".");
  const drawn = `  [${cells}] ${percent} %  ${text}`;
  if (isTerminal) {
    clearBar();
    // A bar that wraps could not be taken away again.
    stdout.write(paint("cyan", drawn.slice(0, stdout.columns - 1)));
    isBarShown = true;
    return;
  }
  if (share < 1 && share < plainShare + PLAIN_STEP) return;
  plainShare = share;
  line(drawn);
}

/** Takes the bar away. */
export function endBar(): void {
  clearBar();
  plainShare = -1;
}

/** A table with columns as wide as their widest cell; names of columns in `right` are set to the right. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly string[] = [],
): void {
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const render = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return right.includes(head[column] ?? "") ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd();
  line(`  ${paint("dim", render(head))}`);
  for (const row of rows) line(`  ${render(row)}`);
}
