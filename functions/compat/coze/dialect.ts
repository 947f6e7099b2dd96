import type { Dialect } from "@weft/http/respond";
import type { AppError, ErrorCode } from "@weft/kernel/errors";

/** Coze's numbers by our codes, as its published clients read them. */
const COZE_CODE: Partial<Record<ErrorCode, number>> = {
  unauthenticated: 4100,
  forbidden: 4101,
  not_found: 4200,
  rate_limited: 4013,
};
const BAD_REQUEST = 4000;
const SERVER_ERROR = 5000;

export function cozeCode({ code, status }: AppError): number {
  return COZE_CODE[code] ?? (status >= 500 ? SERVER_ERROR : BAD_REQUEST);
}

function body(error: AppError, requestId: string) {
  const { code, message, details } = error;
  return {
    code: cozeCode(error),
    msg: message,
    detail: { logid: requestId },
    error: { code, message, requestId, ...(details === undefined ? {} : { details }) },
  };
}

/** Coze's words for a failure, with ours beside them. */
export const cozeDialect: Dialect = {
  renderError: (error, requestId) => ({ status: error.status, body: body(error, requestId) }),
  errorEvent: (error, requestId) => ({ event: "error", data: body(error, requestId) }),
};
