/** Why an expression could not be translated. */
export class Untranslatable extends Error {
  override readonly name = "Untranslatable";
}

/** The part of JavaScript that expressions of n8n are read as; anything else is refused by name. */
export type Script =
  | { kind: "literal"; value: string | number | boolean | null | undefined }
  | { kind: "regex"; pattern: string; flags: string }
  | { kind: "name"; name: string }
  | { kind: "member"; target: Script; key: Script; isOptional: boolean }
  | { kind: "call"; callee: Script; args: Script[]; isNew: boolean; isOptional: boolean }
  | { kind: "unary"; operator: string; value: Script }
  | { kind: "binary"; operator: string; left: Script; right: Script }
  | { kind: "conditional"; test: Script; yes: Script; no: Script }
  | { kind: "list"; items: Script[] }
  | { kind: "object"; members: { key: Script; value: Script; isSpread: boolean }[] }
  | { kind: "spread"; value: Script }
  | { kind: "template"; parts: Script[] }
  | { kind: "arrow"; parameters: string[]; body: Script };
