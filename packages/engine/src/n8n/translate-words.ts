/** What expressions of n8n may call and read, by its name there. */

export const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
export const CALLBACKS = new Set(["map", "filter", "find", "some", "every", "reduce"]);
export const DATE_METHODS: Readonly<Record<string, readonly [call: string, isDate: boolean]>> = {
  toISO: ["date", false],
  toISOString: ["date", false],
  toJSON: ["date", false],
  toString: ["date", false] as const,
  toISODate: ["date_format", false],
  format: ["date_format", false],
  toFormat: ["date_format", false],
  minus: ["date_minus", true],
  plus: ["date_plus", true],
  startOf: ["date_start", true],
  beginningOf: ["date_start", true],
  endOf: ["date_end", true],
  toMillis: ["date_ms", false],
  getTime: ["date_ms", false],
  valueOf: ["date_ms", false] as const,
  toSeconds: ["date_seconds", false],
  toUnixInteger: ["date_seconds", false],
  toDateTime: ["date", true],
  toUTC: ["date", true],
};
export const DATE_PARTS = new Set(["year", "month", "day", "hour", "minute", "second", "millisecond", "weekday"]);
export const MATH: Readonly<Record<string, string>> = {
  floor: "floor",
  ceil: "ceil",
  abs: "abs",
  sqrt: "sqrt",
  pow: "power",
};
export const UNKNOWN: Readonly<Record<string, string>> = {
  $fromAI: "it is filled in by a model",
  $execution: "it belongs to n8n's execution",
  $env: "environment variables are not taken over",
  $vars: "only one variable at a time is taken over",
  $secrets: "secrets are not taken over",
  $runIndex: "it counts n8n's runs of the node",
  $response: "it belongs to n8n's paging of requests",
  $pageCount: "it belongs to n8n's paging of requests",
  $request: "it belongs to n8n's paging of requests",
  $parameter: "it reads the node's own settings",
  $prevNode: "it reads how n8n came here",
};
