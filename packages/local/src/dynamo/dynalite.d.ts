/** The parts of dynalite that stand without its server: it ships no types of its own. */
declare module "dynalite/db/index.js" {
  import type { Item, KeySchema, Table } from "@weft/local/dynamo/types";

  interface Db {
    createKey(item: Item, table: Table, keySchema?: KeySchema): string;
    createIndexKey(item: Item, table: Table, keySchema: KeySchema): string;
    validateKey(key: Item, table: Table): Error | null | undefined;
    validateItem(item: Item, table: Table): Error | null | undefined;
    validationError(message: string): Error;
  }
  const db: Db;
  export default db;
}

declare module "dynalite/validations/index.js" {
  interface Validations {
    checkTypes(data: object, types: object): Record<string, unknown>;
    checkValidations(data: object, types: object, custom: unknown, store: unknown): void;
  }
  const validations: Validations;
  export default validations;
}
