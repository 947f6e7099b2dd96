import { sesMailer } from "@weft/adapters/mail/ses";
import { open } from "@weft/core/approval/approval.open";
import type { ExecutionDeps } from "@weft/core/execution/deps";

/** Opens what nodes ask people for, with mails to who is asked. */
export function askPeople({ machine, clock, log }: ExecutionDeps): NonNullable<ExecutionDeps["asked"]> {
  const publicUrl = process.env.WEFT_PUBLIC_URL;
  const deps = { machine, clock, log, mailer: sesMailer(), ...(publicUrl ? { publicUrl } : {}) };
  return (execution, event) => open(deps, execution, event);
}
