/** One line of output of a function or a service of the stack. */
export interface LogLine {
  /** The function's name, or the service's. */
  source: string;
  level: "info" | "error";
  text: string;
}

export type Log = (line: LogLine) => void;

/** Calls `write` for every full line that `stream` brings, and for what is left at its end. */
export function eachLine(stream: NodeJS.ReadableStream, write: (line: string) => void): void {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) write(line);
  });
  stream.on("end", () => rest && write(rest));
}
