/**
 * What a sealed secret belongs to. It is bound to the ciphertext: what was sealed for one space, owner and version opens
 * for no other. The names are those of the KMS encryption context, which the functions' rights are limited to.
 */
export interface SealContext {
  spaceId: string;
  /** The id of whatever owns the secret: a credential, a variable. */
  credentialId: string;
  version: string;
}

/** A secret as a row may hold it. Every part is base64. */
export interface Sealed {
  /** The data key, encrypted by the master key. */
  key: string;
  iv: string;
  tag: string;
  text: string;
}

/** Envelope encryption; implemented outside of the domains. */
export interface Sealer {
  /** Seals a text under a data key of its own. */
  seal(context: SealContext, plaintext: string): Promise<Sealed>;
  /** The text back. Throws `internal` where the context or the ciphertext is not the right one. */
  open(context: SealContext, sealed: Sealed): Promise<string>;
}
