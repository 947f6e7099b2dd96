/** One message to one person, as plain text. */
export interface Mail {
  to: string;
  subject: string;
  text: string;
}

/** Sends mail; implemented outside of the domains. Throws `unavailable` when the service refuses. */
export interface Mailer {
  send(mail: Mail): Promise<void>;
}

/** What identity needs of the world beside the table. */
export interface IdentityDeps {
  mailer: Mailer;
  /** Whoever proves to own this address is made platform administrator. */
  adminEmail?: string | undefined;
}

export const FOOTER = "\n\nIf you did not ask for this, nothing needs to be done.\n";

export const mails = {
  verify: (to: string, token: string): Mail => ({
    to,
    subject: "Confirm your e-mail address",
    text: `Confirm your address with this code:\n\n${token}\n\nIt is good for 24 hours.${FOOTER}`,
  }),
  alreadyRegistered: (to: string): Mail => ({
    to,
    subject: "You already have an account",
    text: `Someone asked for an account with this address, which has one. Sign in, or ask for a new password.${FOOTER}`,
  }),
  reset: (to: string, token: string): Mail => ({
    to,
    subject: "Set a new password",
    text: `Set a new password with this code:\n\n${token}\n\nIt is good for 1 hour, once.${FOOTER}`,
  }),
  passwordChanged: (to: string): Mail => ({
    to,
    subject: "Your password was changed",
    text: "The password of your account was changed. If that was not you, ask for a new password at once.\n",
  }),
  invite: (to: string, spaceName: string, token: string): Mail => ({
    to,
    subject: "You are invited to a space",
    text: `You are invited to the space "${oneLine(spaceName)}". Accept with this code:\n\n${token}\n\nIt is good for 7 days.${FOOTER}`,
  }),
};

/** A name that someone chose, kept from looking like a part of the message. */
export function oneLine(name: string): string {
  return name.replace(/\s+/gu, " ").slice(0, 100);
}
