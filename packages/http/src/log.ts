import { Logger } from "@aws-lambda-powertools/logger";
import { isSecretKey, REDACTED, redactText } from "@weft/kernel/redact";

/** For `JSON.stringify`: takes secrets out of every line, by field name and by pattern. */
export function withoutSecrets(key: string, value: unknown): unknown {
  if (typeof value === "string") return isSecretKey(key) ? REDACTED : redactText(value);
  return isSecretKey(key) && typeof value === "object" && value !== null ? REDACTED : value;
}

/** The structured log of every function. Level by `POWERTOOLS_LOG_LEVEL`. */
export const log = new Logger({ serviceName: "weft", jsonReplacerFn: withoutSecrets });
