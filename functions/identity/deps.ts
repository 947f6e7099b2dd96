import { sesMailer } from "@weft/adapters/mail/ses";
import type { IdentityDeps } from "@weft/core/identity/mailer";

/** What identity uses of the world. WEFT_ADMIN_EMAIL names who becomes administrator on confirming that address. */
export const deps: IdentityDeps = {
  mailer: sesMailer(),
  get adminEmail() {
    return process.env.WEFT_ADMIN_EMAIL;
  },
};
