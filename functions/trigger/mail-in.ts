import { parseMail } from "@weft/adapters/mail/mime";
import { receiveMail } from "@weft/core/trigger/mail.receive";
import { log } from "@weft/http/log";
import { systemClock } from "@weft/kernel/clock";
import { readEnv } from "@weft/kernel/env";
import * as z from "zod";
import { eventBus } from "../bus.ts";

const Verdict = z.object({ status: z.string() }).nullish();
const SesEvent = z.object({
  Records: z.array(
    z.object({
      eventSource: z.literal("aws:ses"),
      ses: z.object({
        mail: z.object({ messageId: z.string(), timestamp: z.string() }),
        receipt: z.object({
          recipients: z.array(z.string()),
          spamVerdict: Verdict,
          virusVerdict: Verdict,
          spfVerdict: Verdict,
          dkimVerdict: Verdict,
          dmarcVerdict: Verdict,
        }),
      }),
    }),
  ),
});

/** SES has put a mail down and tells of it. What fails is thrown: Lambda tries again, then keeps the event. */
export async function handler(event: unknown): Promise<void> {
  const { INBOUND_DOMAIN: domain } = readEnv({ INBOUND_DOMAIN: z.string() });
  const deps = {
    ...{ parse: parseMail, domain, bus: eventBus(), clock: systemClock },
    log: (message: string, data: Record<string, unknown>) => log.warn(message, data),
  };
  for (const { ses } of SesEvent.parse(event).Records) {
    const { mail, receipt } = ses;
    await receiveMail(deps, {
      objectName: mail.messageId,
      recipients: receipt.recipients,
      receivedAtMs: Date.parse(mail.timestamp),
      verdicts: {
        spam: receipt.spamVerdict?.status ?? null,
        virus: receipt.virusVerdict?.status ?? null,
        spf: receipt.spfVerdict?.status ?? null,
        dkim: receipt.dkimVerdict?.status ?? null,
        dmarc: receipt.dmarcVerdict?.status ?? null,
      },
    });
  }
}
